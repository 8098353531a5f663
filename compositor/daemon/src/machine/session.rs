//! Who opens screens and input devices: a session, which shares them with the machine's other consoles, or
//! the service itself.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    env, io,
    os::fd::{AsRawFd, OwnedFd, RawFd},
    path::{Path, PathBuf},
};

use porthole_core::config::{Seat as Wanted, SeatBackend};
use rustix::fs::{Mode, OFlags};

use super::{
    MachineError, console, libinput,
    libseat::{Change, Seat},
    seatd,
};

/// How often the first session is asked whether it is the one on the screen, and for how long each time, in
/// milliseconds.
const ASKED: (u32, i32) = (10, 100);
/// The same of one that comes later, for which nobody waits.
const ASKED_LATER: (u32, i32) = (1, 0);
/// What a program has in its environment that was started in a session, or for a seat manager.
const VARIABLES: [&str; 3] = ["XDG_SESSION_ID", "SEATD_SOCK", "LIBSEAT_BACKEND"];
/// The kernel's number for consoles, and for their highest one.
const CONSOLES: (u32, u32) = (4, 63);

/// Opens devices, and knows whether they are ours just now.
#[derive(Debug, Default)]
pub(crate) struct Session {
    who: Who,
    /// The console that was shown when the first one began. seatd gives a session on whichever is shown: on
    /// another one it would take the screen from whoever works there.
    console: Option<String>,
    /// Why the last device could not be opened: libinput says only that it was not.
    failure: RefCell<Option<MachineError>>,
}

#[derive(Debug, Default)]
enum Who {
    /// The service itself; everything is always ours.
    #[default]
    Direct,
    Seat {
        seat: Seat,
        active: Cell<bool>,
        /// Who gave it is gone.
        over: Cell<bool>,
        of_seatd: bool,
        /// The numbers of input devices that are open, by their descriptors.
        inputs: RefCell<BTreeMap<RawFd, i32>>,
        /// Those of cards.
        cards: RefCell<BTreeMap<PathBuf, i32>>,
    },
    /// There should be a session, and there is none.
    Nobody { why: String, may_pass: bool },
}

impl Session {
    /// Begins what the configuration wants. Call it before threads are started and rights given up: libseat
    /// may start a process.
    pub(crate) fn begin(wanted: Option<&Wanted>) -> Self {
        let Some(wanted) = wanted else { return Self::default() };
        if wanted.backend == SeatBackend::Direct
            || wanted.backend == SeatBackend::Auto && !is_on_console()
        {
            return Self::default();
        }
        Self::of_anybody().unwrap_or_else(|error| {
            if wanted.backend == SeatBackend::Auto {
                tracing::warn!("no session: {error}; the service opens devices itself");
                return Self::default();
            }
            tracing::error!(
                "no session: {error}; no card and no input device is opened before there is one"
            );
            // seatd may come later, or let us in.
            let may_pass = seatd::is_asked() && !matches!(error, MachineError::NoLibseat(_));
            let who = Who::Nobody { why: error.to_string(), may_pass };
            Self { who, console: console::shown(), ..Self::default() }
        })
    }

    /// Begins one, whoever gives it and wherever the service was started.
    ///
    /// # Errors
    /// When nobody gives one.
    pub(crate) fn of_anybody() -> Result<Self, MachineError> {
        let console = console::shown();
        Ok(Self { who: Who::begun(Seat::open()?, ASKED)?, console, ..Self::default() })
    }

    /// Begins another one in the place of this one, of which nobody is left.
    ///
    /// # Errors
    /// When nobody gives one.
    pub(crate) fn again(&self) -> Result<Self, MachineError> {
        let who = Who::begun(Seat::open()?, ASKED_LATER)?;
        Ok(Self { who, console: self.console.clone(), ..Self::default() })
    }

    /// Whether another one may begin once seatd is there.
    pub(crate) fn awaits_seatd(&self) -> bool {
        match &self.who {
            Who::Direct => false,
            Who::Seat { over, of_seatd, .. } => over.get() && *of_seatd,
            Who::Nobody { may_pass, .. } => *may_pass,
        }
    }

    /// Whether the console is shown on which the first one began.
    pub(crate) fn is_on_its_console(&self) -> bool {
        self.console.is_none() || console::shown() == self.console
    }

    /// Whether who gave it is gone.
    pub(crate) fn is_over(&self) -> bool {
        matches!(&self.who, Who::Seat { over, .. } if over.get())
    }

    /// Whether screens and keyboards are ours just now.
    pub(crate) fn is_active(&self) -> bool {
        match &self.who {
            Who::Direct => true,
            Who::Seat { active, .. } => active.get(),
            Who::Nobody { .. } => false,
        }
    }

    /// Whether others may have them at other times.
    pub(crate) const fn is_shared(&self) -> bool {
        matches!(self.who, Who::Seat { .. })
    }

    /// What the seat is called that the session is on.
    pub(crate) fn seat(&self) -> Option<String> {
        match &self.who {
            Who::Seat { seat, .. } => Some(seat.name()),
            Who::Direct | Who::Nobody { .. } => None,
        }
    }

    /// Why nothing can be opened just now.
    pub(crate) fn obstacle(&self) -> Option<String> {
        match &self.who {
            Who::Nobody { why, .. } => Some(why.clone()),
            _ if self.is_active() => None,
            _ if self.is_over() => Some(format!("the session is gone: {}", self.remedy())),
            _ => Some("another console has the screen".to_owned()),
        }
    }

    /// What becomes of one that is over.
    pub(crate) fn remedy(&self) -> &'static str {
        if self.awaits_seatd() {
            "screens and keyboards are taken again once seatd is back"
        } else {
            "start the service again once its seat manager runs"
        }
    }

    /// Readable when [`Self::take`] has something.
    pub(crate) fn poll(&self) -> Option<io::Result<OwnedFd>> {
        match &self.who {
            Who::Seat { seat, .. } => Some(seat.poll()),
            Who::Direct | Who::Nobody { .. } => None,
        }
    }

    /// Takes what became of the session.
    ///
    /// # Errors
    /// When who gave it to us is gone, once.
    pub(crate) fn take(&self) -> io::Result<Vec<Change>> {
        let Who::Seat { seat, active, over, .. } = &self.who else { return Ok(Vec::new()) };
        if over.get() {
            return Ok(Vec::new());
        }
        // Nobody has devices for us any more.
        let told = seat.take(0).inspect_err(|_| {
            active.set(false);
            over.set(true);
        })?;
        if let Some(last) = told.last() {
            active.set(*last == Change::Ours);
        }
        Ok(told)
    }

    /// Lets others have screens and keyboards, who wait for that.
    pub(crate) fn release(&self) {
        if let Who::Seat { seat, .. } = &self.who {
            seat.release();
        }
    }

    /// Asks for another console.
    ///
    /// # Errors
    /// When there is none of this number.
    pub(crate) fn switch(&self, console: u32) -> io::Result<()> {
        match &self.who {
            Who::Seat { seat, .. } => seat.switch(console),
            Who::Direct | Who::Nobody { .. } => Ok(()),
        }
    }

    /// Opens a graphics card, of which the session makes us master; `None` where the service does that
    /// itself.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub(crate) fn open_card(&self, path: &Path) -> io::Result<Option<OwnedFd>> {
        let Who::Seat { seat, cards, .. } = &self.who else { return Ok(None) };
        // A card that was plugged out is still open there.
        if let Some(id) = cards.borrow_mut().remove(path) {
            seat.close_device(id);
        }
        let (fd, id) = seat.open_device(path)?;
        cards.borrow_mut().insert(path.to_owned(), id);
        Ok(Some(fd))
    }

    /// Opens an input device, for nobody else to hear meanwhile.
    pub(super) fn open(&self, path: &Path) -> Result<OwnedFd, io::Error> {
        let opened = match &self.who {
            Who::Direct => open_direct(path),
            Who::Seat { seat, inputs, .. } => seat.open_device(path).map(|(fd, id)| {
                inputs.borrow_mut().insert(fd.as_raw_fd(), id);
                fd
            }),
            Who::Nobody { why, .. } => Err(io::Error::other(why.clone())),
        };
        opened.inspect_err(|error| {
            let remedy = match error.raw_os_error() {
                Some(libc::EACCES | libc::EPERM) => {
                    "add the service's user to the group of the device file, mostly input"
                }
                Some(libc::EBUSY) => "end the program that keeps it, mostly another display server",
                _ => "plug it in again",
            };
            let source = io::Error::from(error.kind());
            let source = error.raw_os_error().map_or(source, io::Error::from_raw_os_error);
            let path = path.display().to_string();
            *self.failure.borrow_mut() = Some(MachineError::Open { path, source, remedy });
        })
    }

    /// Lets go of an input device.
    pub(super) fn close(&self, fd: OwnedFd) {
        if let Who::Seat { seat, inputs, .. } = &self.who
            && let Some(id) = inputs.borrow_mut().remove(&fd.as_raw_fd())
        {
            seat.close_device(id);
        }
        drop(fd);
    }

    /// Why the last device was not opened.
    pub(super) fn take_failure(&self, path: &Path) -> MachineError {
        let failure = self.failure.borrow_mut().take();
        failure.unwrap_or_else(|| MachineError::Unknown(path.display().to_string()))
    }
}

impl Who {
    /// Waits a moment for a new session to be the one on the screen.
    ///
    /// # Errors
    /// When it can never be.
    fn begun(seat: Seat, asked: (u32, i32)) -> Result<Self, MachineError> {
        let mut active = false;
        for _ in 0..asked.0 {
            match seat.take(asked.1) {
                Ok(told) => active = told.last().map_or(active, |last| *last == Change::Ours),
                Err(error) => {
                    tracing::warn!("the session says nothing: {error}");
                    break;
                }
            }
            if active {
                break;
            }
        }
        // libseat's last resort is a process with our own rights, for whoever we are. If these do not suffice
        // for the console, nothing will ever come of it.
        if !active && seat.is_of_its_own() {
            return Err(seatd::why_not(io::ErrorKind::PermissionDenied.into()));
        }
        tracing::info!(seat = seat.name(), active, "a session opens screens and input devices");
        Ok(Self::Seat {
            of_seatd: seat.is_of_seatd(),
            seat,
            active: Cell::new(active),
            over: Cell::new(false),
            inputs: RefCell::default(),
            cards: RefCell::default(),
        })
    }
}

/// Whether the service was started where people log in: in a session, or with a console as its input.
fn is_on_console() -> bool {
    let (consoles, last) = CONSOLES;
    VARIABLES.into_iter().any(|name| env::var_os(name).is_some())
        || rustix::fs::fstat(io::stdin()).is_ok_and(|stat| {
            let (major, minor) = (rustix::fs::major(stat.st_rdev), rustix::fs::minor(stat.st_rdev));
            rustix::fs::FileType::from_raw_mode(stat.st_mode).is_char_device()
                && major == consoles
                && (1..=last).contains(&minor)
        })
}

fn open_direct(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOCTTY | OFlags::NONBLOCK;
    let fd = rustix::fs::open(path, flags, Mode::empty())?;
    // Or else the kernel's console hears every key too.
    libinput::grab(&fd)?;
    Ok(fd)
}
