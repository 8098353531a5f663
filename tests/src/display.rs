//! A stand-in for QEMU's D-Bus display, which shows what a test wants, true or not.

use std::collections::VecDeque;
use std::io::{IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::Command;

use porthole_dbus::{Call, Inbox, Kind, MAX_DESCRIPTORS, Refusal, Reply, Signal, Welcome, Writer};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};

use crate::failure::{Failure, OrFail, Result};
use crate::process::{Process, built};
use crate::service::Service;
use crate::wait::SHORT;

/// Pixman's code of words of unused, red, green and blue.
pub const XRGB: u32 = 0x2002_0888;
const LISTENER: &str = "org.qemu.Display1.Listener";

/// One connection.
#[derive(Debug)]
struct Line {
    stream: UnixStream,
    inbox: Inbox,
    descriptors: VecDeque<OwnedFd>,
    serial: u32,
}

/// What came, as far as a test looks at it.
#[derive(Debug)]
struct Came {
    kind: Kind,
    serial: u32,
    reply_to: u32,
    /// Interface and member, or the error in words.
    what: String,
    path: String,
    numbers: Vec<i64>,
    text: String,
    descriptors: Vec<OwnedFd>,
}

impl Line {
    /// Goes through the handshake as the side that is spoken to.
    fn new(mut stream: UnixStream) -> Result<Self> {
        stream.set_read_timeout(Some(SHORT))?;
        stream.set_write_timeout(Some(SHORT))?;
        let mut welcome = Welcome::default();
        let mut inbox = Inbox::new(1 << 20);
        while !welcome.is_done() {
            let mut said = [0; 256];
            let count = stream.read(&mut said).or_fail("a handshake")?;
            if count == 0 {
                return Err(Failure::new("the bridge went during the handshake"));
            }
            let said = said.get(..count).unwrap_or_default();
            let (taken, answer) = welcome.take(said).or_fail("a handshake")?;
            stream.write_all(&answer)?;
            inbox.put(said.get(taken..).unwrap_or_default()).or_fail("a message")?;
        }
        Ok(Self { stream, inbox, descriptors: VecDeque::new(), serial: 0 })
    }

    fn next_serial(&mut self) -> u32 {
        self.serial += 1;
        self.serial
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.stream.write_all(bytes).or_fail("write to the bridge")
    }

    /// Waits for the next message.
    fn read(&mut self) -> Result<Came> {
        loop {
            if let Some(message) = self.inbox.pop().or_fail("a message")? {
                let count = message.descriptors as usize;
                let mut came = Came {
                    kind: message.kind,
                    serial: message.serial,
                    reply_to: message.reply_to,
                    what: format!("{}.{}", last(message.interface), message.member),
                    path: message.path.to_owned(),
                    numbers: Vec::new(),
                    text: String::new(),
                    descriptors: Vec::new(),
                };
                if message.kind == Kind::Error {
                    message.words().clone_into(&mut came.what);
                }
                numbers(&message, &mut came);
                came.descriptors = self.descriptors.drain(..count).collect();
                return Ok(came);
            }
            let mut room = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
            let mut control = RecvAncillaryBuffer::new(&mut room);
            let space = self.inbox.space().or_fail("a message")?;
            let parts = &mut [IoSliceMut::new(space)];
            let received = recvmsg(&self.stream, parts, &mut control, RecvFlags::CMSG_CLOEXEC)
                .or_fail("hear the bridge")?;
            for message in control.drain() {
                if let RecvAncillaryMessage::ScmRights(fds) = message {
                    self.descriptors.extend(fds);
                }
            }
            if received.bytes == 0 {
                return Err(Failure::new("the bridge has closed its connection"));
            }
            self.inbox.filled(received.bytes);
        }
    }

    fn reply(&mut self, to: u32, body: &Writer) -> Result<()> {
        let serial = self.next_serial();
        self.write(&Reply { destination: None, to }.bytes(serial, body))
    }
}

fn last(interface: &str) -> &str {
    interface.rsplit('.').next().unwrap_or_default()
}

/// The numbers and the first text of a message's arguments.
fn numbers(message: &porthole_dbus::Message<'_>, came: &mut Came) {
    for types in ["u", "uu", "ii", "utdd", "qqiiuu", "s", "ss"] {
        let Ok(mut from) = message.arguments(types) else { continue };
        for kind in types.chars() {
            let number = match kind {
                'u' => from.u32().ok().map(i64::from),
                'i' => from.i32().ok().map(i64::from),
                'q' => from.u16().ok().map(i64::from),
                't' => from.u64().ok().and_then(|number| i64::try_from(number).ok()),
                #[expect(clippy::cast_possible_truncation, reason = "a place on a screen")]
                'd' => from.f64().ok().map(|number| number as i64),
                _ => {
                    came.text = from.text().unwrap_or_default().to_owned();
                    None
                }
            };
            came.numbers.extend(number);
        }
    }
}

/// What the VM is.
#[derive(Clone, Debug)]
pub struct Machine {
    /// Consoles, and whether each is a text console.
    pub consoles: Vec<bool>,
    /// Whether its pointer is told places.
    pub absolute: bool,
    /// What RegisterListener answers, where it fails.
    pub busy: Option<&'static str>,
}

impl Default for Machine {
    fn default() -> Self {
        Self { consoles: vec![false], absolute: true, busy: None }
    }
}

/// A VM's display with the bridge at its other end.
#[derive(Debug)]
pub struct Display {
    control: Line,
    listeners: Vec<Line>,
    /// The bridge.
    pub bridge: Process,
}

/// Where bridges of a test find the display.
#[derive(Debug)]
pub struct Place {
    listener: UnixListener,
    path: PathBuf,
}

impl Place {
    /// A place in a folder.
    ///
    /// # Errors
    /// When there can be none.
    pub fn new(folder: &Path) -> Result<Self> {
        let path = folder.join("display.sock");
        let listener = UnixListener::bind(&path)?;
        Ok(Self { listener, path })
    }

    /// Starts a bridge that is to come here; it has not been heard yet.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn bridge(&self, service: &Service, more: &[&str]) -> Result<Process> {
        let mut command = Command::new(built("porthole-qemu")?);
        command.args(["--guest", "ivi", "--peer"]).arg(&self.path);
        command.arg("--wayland").arg(service.socket("ivi")?).args(more);
        Process::start("porthole-qemu", service.folder(), &mut command)
    }

    /// The bridge's connection, before anything was said.
    ///
    /// # Errors
    /// When none comes.
    pub fn accept(&self) -> Result<UnixStream> {
        let (stream, _) = self.listener.accept()?;
        stream.set_read_timeout(Some(SHORT))?;
        stream.set_write_timeout(Some(SHORT))?;
        Ok(stream)
    }
}

impl Display {
    /// Starts a bridge for a service's guest `ivi` and goes on until it listens to all consoles.
    ///
    /// # Errors
    /// When it does not come so far.
    pub fn start(service: &Service, machine: &Machine, more: &[&str]) -> Result<Self> {
        let place = Place::new(service.folder())?;
        let bridge = place.bridge(service, more)?;
        let control = Line::new(place.accept()?)?;
        let mut display = Self { control, listeners: Vec::new(), bridge };
        let shown = machine.consoles.iter().filter(|text| !**text).count();
        while display.listeners.len() < shown {
            let came = display.control.read()?;
            display.answer(machine, came)?;
        }
        Ok(display)
    }

    /// Answers a question of the bridge's.
    fn answer(&mut self, machine: &Machine, came: Came) -> Result<()> {
        let console = came.path.rsplit('_').next().and_then(|id| id.parse::<usize>().ok());
        let text = console.and_then(|id| machine.consoles.get(id)).copied().unwrap_or_default();
        let ids: Vec<u32> = (0..).take(machine.consoles.len()).collect();
        let list = match (came.what.as_str(), last(&came.text)) {
            ("Properties.GetAll", "VM") => vec![
                ("Name", Writer::new().text("stand-in")),
                ("UUID", Writer::new().text("00000000-0000-0000-0000-000000000001")),
                ("ConsoleIDs", Writer::new().u32s(&ids)),
            ],
            ("Properties.GetAll", "Console") => vec![
                ("Label", Writer::new().text("VGA")),
                ("Type", Writer::new().text(if text { "Text" } else { "Graphic" })),
                ("Head", Writer::new().u32(0)),
                ("Width", Writer::new().u32(64)),
                ("Height", Writer::new().u32(48)),
                ("Interfaces", Writer::new().texts(&["org.qemu.Display1.MultiTouch"])),
            ],
            ("Properties.GetAll", "Mouse") => {
                vec![("IsAbsolute", Writer::new().bool(machine.absolute))]
            }
            ("Properties.GetAll", "Keyboard") => vec![("Modifiers", Writer::new().u32(0))],
            ("Console.RegisterListener", _) => {
                if let Some(words) = machine.busy {
                    let error = "org.qemu.Display1.Error.Failed";
                    let refusal = Refusal { destination: None, to: came.serial, error, words };
                    let serial = self.control.next_serial();
                    return self.control.write(&refusal.bytes(serial));
                }
                self.control.reply(came.serial, &Writer::new())?;
                let socket = came.descriptors.into_iter().next();
                let socket = socket.ok_or_else(|| Failure::new("a listener without a socket"))?;
                let stream = UnixStream::from(socket);
                stream.set_nonblocking(false)?;
                self.listeners.push(Line::new(stream)?);
                return Ok(());
            }
            // The layer's size, at any time.
            ("Console.SetUIInfo", _) => return self.control.reply(came.serial, &Writer::new()),
            (other, _) => return Err(Failure::new(format!("the bridge asks {other}"))),
        };
        self.control.reply(came.serial, &Writer::new().properties(list))
    }

    /// Says no to the listener of a machine that is busy.
    ///
    /// # Errors
    /// When the bridge does not ask so far.
    pub fn refuse(place: &Place, bridge: Process, machine: &Machine) -> Result<Process> {
        let control = Line::new(place.accept()?)?;
        let mut display = Self { control, listeners: Vec::new(), bridge };
        while let Ok(came) = display.control.read() {
            display.answer(machine, came)?;
        }
        Ok(display.bridge)
    }

    /// Calls a method of a console's listener; `Err` in the answer is what it says against it.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn call(
        &mut self,
        console: usize,
        (interface, member): (&str, &str),
        body: &Writer,
        with: &[BorrowedFd<'_>],
    ) -> Result<std::result::Result<(), String>> {
        let wanted = self.send(console, (interface, member), body, with)?;
        let line = self.line(console)?;
        loop {
            let came = line.read()?;
            if came.reply_to == wanted {
                return Ok(if came.kind == Kind::Error { Err(came.what) } else { Ok(()) });
            }
        }
    }

    fn line(&mut self, console: usize) -> Result<&mut Line> {
        self.listeners.get_mut(console).ok_or_else(|| Failure::new("no such listener"))
    }

    /// Calls and does not wait; the call's number.
    ///
    /// # Errors
    /// When the bridge does not take it.
    pub fn send(
        &mut self,
        console: usize,
        (interface, member): (&str, &str),
        body: &Writer,
        with: &[BorrowedFd<'_>],
    ) -> Result<u32> {
        let line = self.line(console)?;
        let serial = line.next_serial();
        let interface = format!("{LISTENER}{interface}");
        let (path, interface) = ("/org/qemu/Display1/Listener", interface.as_str());
        let descriptors = u32::try_from(with.len()).unwrap_or_default();
        let call = Call { destination: None, path, interface, member, descriptors };
        let bytes = call.bytes(serial, body);
        let (first, rest) = bytes.split_at_checked(1).unwrap_or_default();
        let mut room = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
        let mut control = SendAncillaryBuffer::new(&mut room);
        if !with.is_empty() {
            control.push(SendAncillaryMessage::ScmRights(with));
        }
        sendmsg(&line.stream, &[IoSlice::new(first)], &mut control, SendFlags::NOSIGNAL)
            .or_fail("write to the bridge")?;
        line.write(rest)?;
        Ok(serial)
    }

    /// Sends bytes to a console's listener, whatever they are.
    ///
    /// # Errors
    /// When the bridge does not take them.
    pub fn raw(&mut self, console: usize, bytes: &[u8]) -> Result<()> {
        self.line(console)?.write(bytes)
    }

    /// Shows a whole picture of 64 x 48 pixels; must be taken.
    ///
    /// # Errors
    /// When it is refused.
    pub fn scanout(&mut self, console: usize, word: impl Fn(u32, u32) -> u32) -> Result<()> {
        let data = words(64, 48, word);
        let body = Writer::new().u32(64).u32(48).u32(256).u32(XRGB).byte_array(&data);
        self.call(console, ("", "Scanout"), &body, &[])?.map_err(Failure::new)
    }

    /// Says that a property of console 0 has changed.
    ///
    /// # Errors
    /// When the bridge does not take it.
    pub fn changed(&mut self, interface: &str, name: &str, value: Writer) -> Result<()> {
        let (path, properties) =
            ("/org/qemu/Display1/Console_0", "org.freedesktop.DBus.Properties");
        let signal = Signal { path, interface: properties, member: "PropertiesChanged" };
        let interface = format!("org.qemu.Display1.{interface}");
        let body = Writer::new().text(&interface).properties(vec![(name, value)]).texts(&[]);
        let serial = self.control.next_serial();
        self.control.write(&signal.bytes(serial, &body))
    }

    /// Waits for what the bridge does to the guest next, in the words `Interface.Member numbers`, and
    /// answers it.
    ///
    /// # Errors
    /// When nothing comes.
    pub fn done(&mut self) -> Result<String> {
        loop {
            let came = self.control.read()?;
            if came.kind != Kind::Call {
                continue;
            }
            self.control.reply(came.serial, &Writer::new())?;
            // How large the window is depends on the port.
            if came.what != "Console.SetUIInfo" {
                let numbers: Vec<String> = came.numbers.iter().map(i64::to_string).collect();
                return Ok(format!("{} {}", came.what, numbers.join(" ")));
            }
        }
    }

    /// The VM ends.
    #[must_use]
    pub fn end(self) -> Process {
        self.bridge
    }
}

/// The bytes of a picture.
#[must_use]
pub fn words(width: u32, height: u32, word: impl Fn(u32, u32) -> u32) -> Vec<u8> {
    let rows = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    rows.flat_map(|(x, y)| word(x, y).to_le_bytes()).collect()
}

/// Borrows a descriptor.
#[must_use]
pub fn fd(memory: &impl AsFd) -> BorrowedFd<'_> {
    memory.as_fd()
}
