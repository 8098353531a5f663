//! The talk with one VM's display: what there is, who listens, what changes.

mod setup;

use std::collections::{BTreeMap, VecDeque};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Instant;

use porthole_client::present::{Display, Guest, GuestState, Lamps, Show, Told};
use porthole_client::program::fits_name;

use crate::calls::{About, BusCalls, Calls, Vm};
use crate::cli::Cli;
use crate::clipboard::{Asked, Clipboard};
use crate::connection::{Connection, Fault};
use crate::console::Console;
use crate::failure::Failure;
use crate::input::{Inputs, Target};
use crate::source::Kind;
use crate::statistics::Statistics;

/// Consoles that are shown at most, as many as a guest has displays anywhere else.
pub(crate) const MAX_CONSOLES: usize = 16;
/// Consoles that are looked at.
const MAX_LISTED: usize = 64;
/// VMs on a bus that are looked at.
const MAX_VMS: usize = 64;
/// Arguments of one answer or signal on the main connection.
const MAX_ANSWER: usize = 1 << 20;

/// A call whose answer is waited for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Pending {
    Hello,
    Rule,
    Owners,
    Vm,
    About(u32),
    Mouse(usize),
    Keyboard(usize),
    Listen(usize),
    Size(usize),
    Resize(usize),
    Clipboard(Asked),
}

/// How far it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Phase {
    /// No VM is there yet.
    Waiting,
    /// It is asked what it has.
    Asking,
    /// Its consoles are known.
    Known,
    /// They are listened to.
    Listening,
}

/// What a pointer and a keyboard of the VM are like.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Devices {
    absolute: bool,
    lamps: Option<Lamps>,
}

/// See the module's text.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) guest: String,
    named: bool,
    place: String,
    kind: Kind,
    wait: bool,
    text_consoles: bool,
    uuid: Option<String>,
    most: u64,
    pub(crate) phase: Phase,
    pub(crate) control: Connection,
    /// The VM's own name on the bus.
    owner: Option<String>,
    candidates: VecDeque<String>,
    pending: BTreeMap<u32, Pending>,
    abouts: BTreeMap<u32, Option<About>>,
    pub(crate) consoles: Vec<Console>,
    devices: Vec<Devices>,
    inputs: Inputs,
    clipboard: Clipboard,
    /// Sockets for listeners: ours, and the one for QEMU.
    sockets: Vec<(OwnedFd, OwnedFd)>,
    pub(crate) statistics: Statistics,
}

impl Session {
    /// Begins to talk over a socket.
    pub(crate) fn new(
        cli: &Cli,
        (kind, socket, place): (Kind, OwnedFd, String),
        sockets: Vec<(OwnedFd, OwnedFd)>,
    ) -> Self {
        let mut session = Self {
            guest: cli.guest.clone().unwrap_or_else(|| "guest".to_owned()),
            named: cli.guest.is_some(),
            place,
            kind,
            wait: cli.wait,
            text_consoles: cli.text_consoles,
            uuid: cli.uuid.clone(),
            most: u64::from(cli.max_memory) << 20,
            phase: Phase::Asking,
            control: if cli.ways().any() {
                Connection::new(socket, MAX_ANSWER).with_texts(MAX_ANSWER)
            } else {
                Connection::new(socket, MAX_ANSWER)
            },
            owner: None,
            candidates: VecDeque::new(),
            pending: BTreeMap::new(),
            abouts: BTreeMap::new(),
            consoles: Vec::new(),
            devices: Vec::new(),
            inputs: Inputs::default(),
            clipboard: Clipboard::new(cli.ways()),
            sockets,
            statistics: Statistics::default(),
        };
        if kind == Kind::Bus {
            let hello = session.bus().hello();
            session.pending.insert(hello, Pending::Hello);
        } else {
            session.ask_vm();
        }
        session
    }

    fn bus(&mut self) -> BusCalls<'_> {
        BusCalls(&mut self.control.output)
    }

    fn calls(&mut self) -> Calls<'_> {
        Calls { output: &mut self.control.output, destination: self.owner.as_deref() }
    }

    /// Whether a bus has not answered the first word.
    fn is_greeting(&self) -> bool {
        self.pending.values().any(|pending| *pending == Pending::Hello)
    }

    /// The VM has ended, or what speaks there is none.
    fn over(&self, why: Fault) -> Result<(), Failure> {
        match why {
            Fault::Closed if self.phase == Phase::Listening => Ok(()),
            Fault::Closed if self.control.is_open() && self.is_greeting() => {
                let user = rustix::process::geteuid().as_raw();
                Err(Failure::Stranger { place: self.place.clone(), user })
            }
            Fault::Closed => Err(Failure::Silent(self.place.clone())),
            Fault::Unread => Err(Failure::Unread(self.guest.clone())),
            Fault::Handshake(source) => {
                Err(Failure::Handshake { place: self.place.clone(), source })
            }
            Fault::Malformed(source) => {
                Err(Failure::Malformed { guest: self.guest.clone(), source })
            }
        }
    }

    /// Takes what came on the main connection. Something when the VM is over.
    pub(crate) fn turn(&mut self) -> Option<Result<(), Failure>> {
        let received = self.control.receive();
        match self.answers() {
            Ok(Some(end)) => return Some(Err(end)),
            Ok(None) => {}
            Err(why) => return Some(self.over(why)),
        }
        let sent = self.control.send();
        received.and(sent).err().map(|why| self.over(why))
    }

    fn answers(&mut self) -> Result<Option<Failure>, Fault> {
        // Messages lie in what came, which is taken out for as long as they are looked at.
        let mut input = std::mem::take(&mut self.control.input);
        while let Some((message, _)) = input.pop()? {
            if let Some(end) = self.heard(&message)? {
                return Ok(Some(end));
            }
            // An answer can be far longer than what it answers.
            if self.control.has_much_to_send() {
                self.control.send()?;
            }
        }
        self.control.input = input;
        Ok(None)
    }

    /// Takes what came for a console. Something when the VM is over.
    pub(crate) fn turn_console(&mut self, index: usize) -> Option<Result<(), Failure>> {
        let room = self.room(index);
        let console = self.consoles.get_mut(index)?;
        match console.turn(&self.guest, room, &mut self.statistics) {
            Ok(_) => {
                if console.screen.is_unsure() && !std::mem::replace(&mut console.asked, true) {
                    let id = console.id;
                    let call = self.calls().console(id);
                    self.pending.insert(call, Pending::Size(index));
                }
                None
            }
            Err(Fault::Closed) => {
                console.gone();
                if self.consoles.iter().any(|console| console.listener.is_some()) {
                    tracing::info!(socket = self.guest, "console {index} is gone");
                    return None;
                }
                Some(self.over(Fault::Closed))
            }
            Err(why) => Some(self.over(why)),
        }
    }

    /// What a console may take for its picture, in bytes.
    fn room(&self, index: usize) -> u64 {
        let others = self.consoles.iter().filter(|console| console.index != index);
        self.most.saturating_sub(others.map(|console| console.screen.bytes()).sum())
    }

    /// A console is so large; one side where only one has changed.
    fn sized(&mut self, index: usize, size: (Option<u32>, Option<u32>)) {
        let room = self.room(index);
        if let Some(console) = self.consoles.get_mut(index) {
            console.sized(size, (&self.guest, room), &mut self.statistics);
        }
    }

    /// Sends what waits on a connection: of a console, or the main one.
    pub(crate) fn send(&mut self, index: Option<usize>) -> Result<bool, Option<Failure>> {
        let connection = match index {
            None => Some(&mut self.control),
            Some(index) => self.consoles.get_mut(index).and_then(|c| c.listener.as_mut()),
        };
        match connection.map_or(Ok(true), Connection::send) {
            Ok(done) => Ok(done),
            // Who reads from it will find out.
            Err(Fault::Closed) => Ok(true),
            Err(why) => Err(self.over(why).err()),
        }
    }

    /// Somebody did something at a layer.
    pub(crate) fn told(&mut self, told: Told) {
        let scanout = match told {
            Told::Copied(text) => {
                self.copied(text);
                return;
            }
            Told::Released { scanout, buffer, serial } => {
                if let Some(console) = self.consoles.get_mut(scanout) {
                    console.screen.released(buffer, serial);
                }
                return;
            }
            Told::Presented { scanout, serial, .. } | Told::Discarded { scanout, serial } => {
                if let Some(console) = self.consoles.get_mut(scanout) {
                    console.screen.settled(serial);
                }
                return;
            }
            Told::Key { scanout, .. }
            | Told::Pointer { scanout, .. }
            | Told::Motion { scanout, .. }
            | Told::Wheel { scanout, .. }
            | Told::Touch { scanout, .. } => scanout,
            _ => return,
        };
        let Some(target) = target(&self.consoles, &self.devices, scanout) else { return };
        let Self { inputs, control, owner, .. } = self;
        let mut calls = Calls { output: &mut control.output, destination: owner.as_deref() };
        inputs.told(&told, target, &mut calls);
    }

    /// A person has copied something.
    fn copied(&mut self, text: Option<Arc<str>>) {
        let Self { clipboard, control, owner, pending, .. } = self;
        let mut calls = Calls { output: &mut control.output, destination: owner.as_deref() };
        let call = clipboard.set(text, &mut calls);
        pending.extend(call.map(|call| (call, Pending::Clipboard(Asked::Nothing))));
    }

    /// Lets go of everything that is pressed.
    pub(crate) fn release_all(&mut self) {
        let Self { inputs, control, owner, consoles, devices, .. } = self;
        let mut calls = Calls { output: &mut control.output, destination: owner.as_deref() };
        inputs.release_all(|scanout| target(consoles, devices, scanout), &mut calls);
    }

    /// Asks the guest to use another display. QEMU takes a card's first head for plugged in always.
    pub(crate) fn resize(&mut self, scanout: usize, display: Display) {
        let Some(console) = self.consoles.get(scanout) else { return };
        let (id, head) = (console.id, console.about.head);
        let size = match display.size {
            _ if !display.connected && head == 0 => return,
            _ if !display.connected => (0, 0),
            Some(size) => (size.width, size.height),
            None => return,
        };
        let side = |length: u32| u16::try_from(length).unwrap_or(u16::MAX);
        let millimetres = (side(display.millimetres.0), side(display.millimetres.1));
        let call = self.calls().resize(id, millimetres, size);
        self.pending.insert(call, Pending::Resize(scanout));
    }

    /// What there is to show since the last time.
    pub(crate) fn news(&mut self, now: Instant) -> Vec<Show> {
        let Self { consoles, guest, statistics, inputs, control, owner, devices, .. } = self;
        let mut news: Vec<Show> =
            consoles.iter_mut().flat_map(|console| console.news(guest, now, statistics)).collect();
        let mut calls = Calls { output: &mut control.output, destination: owner.as_deref() };
        inputs.settle(|scanout| target(consoles, devices, scanout), &mut calls);
        news.extend(self.clipboard.take_copied().map(Show::Copied));
        news
    }

    /// When something is to be shown though nothing comes; none where no frame waits for another one.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.consoles.iter().filter_map(|console| console.screen.deadline()).min()
    }

    /// How the guest is.
    pub(crate) fn guest(&self) -> Guest {
        let shows = self.consoles.iter().any(|console| console.screen.size().is_some());
        let first = self.devices.first().copied().unwrap_or_default();
        Guest {
            state: if shows { GuestState::Running } else { GuestState::Off },
            lamps: first.lamps,
            relative: self.phase == Phase::Listening && !first.absolute,
            pens: false,
            rate_mhz: 0,
        }
    }

    /// What is not answered in time, where something is.
    pub(crate) fn silent(&self) -> Option<Failure> {
        let asking = matches!(self.phase, Phase::Asking | Phase::Known);
        asking.then(|| Failure::Silent(self.place.clone()))
    }
}

fn target(consoles: &[Console], devices: &[Devices], scanout: usize) -> Option<Target> {
    let console = consoles.get(scanout)?;
    let absolute = devices.get(scanout)?.absolute;
    Some(Target {
        id: console.id,
        size: console.screen.size(),
        absolute,
        touch: console.about.has_touch(),
    })
}

/// What is left of a VM's name as a guest's.
fn name_of(vm: &Vm) -> Option<String> {
    let fine = |c: char| if fits_name(c) { c } else { '-' };
    let name: String = vm.name.chars().take(64).map(fine).collect();
    Some(name).filter(|name| !name.is_empty())
}
