//! A stand-in for QEMU's D-Bus display, which shows what a test wants, true or not.

mod clipboard;
mod line;

use std::collections::{BTreeSet, VecDeque};
use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::Command;

use porthole_dbus::{Call, Kind, MAX_DESCRIPTORS, Refusal, Signal, Writer};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};

use self::line::{Came, Line, last};
use crate::failure::{Failure, OrFail, Result};
use crate::process::{Process, built};
use crate::service::Service;
use crate::wait::{SHORT, somebody_connects};

/// Pixman's code of words of unused, red, green and blue.
pub const XRGB: u32 = 0x2002_0888;
const LISTENER: &str = "org.qemu.Display1.Listener";

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
    /// What the bridge has asked while something else was waited for.
    questions: VecDeque<Came>,
    /// What is pressed: who releases anything else is not told of, as QEMU does not tell its guest.
    pressed: BTreeSet<String>,
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
        somebody_connects(&self.listener)?;
        let (stream, _) = self.listener.accept()?;
        stream.set_read_timeout(Some(SHORT))?;
        stream.set_write_timeout(Some(SHORT))?;
        Ok(stream)
    }
}

impl Display {
    const fn new(control: Line, bridge: Process) -> Self {
        let pressed = BTreeSet::new();
        Self { control, listeners: Vec::new(), questions: VecDeque::new(), pressed, bridge }
    }

    /// Starts a bridge for a service's guest `ivi` and goes on until it listens to all consoles.
    ///
    /// # Errors
    /// When it does not come so far.
    pub fn start(service: &Service, machine: &Machine, more: &[&str]) -> Result<Self> {
        let place = Place::new(service.folder())?;
        let bridge = place.bridge(service, more)?;
        let control = Line::new(place.accept()?)?;
        let mut display = Self::new(control, bridge);
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
            // The layer's size, at any time; and what may have been left down.
            ("Console.SetUIInfo" | "Mouse.Release" | "MultiTouch.SendEvent", _) => {
                return self.control.reply(came.serial, &Writer::new());
            }
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
        let mut display = Self::new(control, bridge);
        // Who has heard the answer hangs up, whatever else it has asked.
        while let Ok(came) = display.control.read() {
            if display.answer(machine, came).is_err() {
                break;
            }
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

    /// The bytes of a call with so many descriptors, and its number.
    ///
    /// # Errors
    /// When there is no such console.
    pub fn bytes(
        &mut self,
        console: usize,
        (interface, member): (&str, &str),
        body: &Writer,
        descriptors: usize,
    ) -> Result<(u32, Vec<u8>)> {
        let serial = self.line(console)?.next_serial();
        let interface = format!("{LISTENER}{interface}");
        let (path, interface) = ("/org/qemu/Display1/Listener", interface.as_str());
        let descriptors = u32::try_from(descriptors).unwrap_or_default();
        let call = Call { destination: None, path, interface, member, descriptors };
        Ok((serial, call.bytes(serial, body)))
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
        let (serial, bytes) = self.bytes(console, (interface, member), body, with.len())?;
        let line = self.line(console)?;
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
        let (what, question) = self.asked()?;
        self.control.reply(question, &Writer::new())?;
        Ok(what)
    }

    /// The same where the bridge may have done nothing.
    ///
    /// # Errors
    /// When the bridge has gone.
    pub fn done_by_now(&mut self) -> Result<Option<String>> {
        while !(self.questions.is_empty() && self.control.is_quiet()) {
            if let Some((what, question)) = self.next()? {
                self.control.reply(question, &Writer::new())?;
                return Ok(Some(what));
            }
        }
        Ok(None)
    }

    /// Waits for what the bridge does next, and gives its number instead of an answer.
    ///
    /// # Errors
    /// When nothing comes.
    pub fn asked(&mut self) -> Result<(String, u32)> {
        loop {
            if let Some(asked) = self.next()? {
                return Ok(asked);
            }
        }
    }

    /// The next message, where it does something to the guest.
    fn next(&mut self) -> Result<Option<(String, u32)>> {
        let came = match self.questions.pop_front() {
            Some(came) => came,
            None => self.control.read()?,
        };
        if came.kind != Kind::Call {
            return Ok(None);
        }
        let numbers: Vec<String> = came.numbers.iter().map(i64::to_string).collect();
        let what = format!("{} {}", came.what, numbers.join(" "));
        // How large the window is depends on the port.
        if came.what == "Console.SetUIInfo" || self.is_up_already(&what) {
            self.control.reply(came.serial, &Writer::new())?;
            return Ok(None);
        }
        Ok(Some((what, came.serial)))
    }

    /// Whether something is released that is not pressed; remembers what is.
    fn is_up_already(&mut self, what: &str) -> bool {
        if let Some(ended) = what.strip_prefix("MultiTouch.SendEvent ") {
            let (kind, rest) = ended.split_once(' ').unwrap_or_default();
            let finger = format!("finger {}", rest.split(' ').next().unwrap_or_default());
            return match kind {
                "2" => !self.pressed.remove(&finger),
                _ => {
                    self.pressed.insert(finger);
                    false
                }
            };
        }
        if let Some((device, number)) = what.split_once(".Press ") {
            self.pressed.insert(format!("{device} {number}"));
        }
        what.split_once(".Release ")
            .is_some_and(|(device, number)| !self.pressed.remove(&format!("{device} {number}")))
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
