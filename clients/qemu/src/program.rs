//! The event loop.

mod events;

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use calloop::channel::Sender;
use porthole_client::present::{Guest, Options as PresenterOptions, Presenter, Show, Told};
use porthole_client::program::{Events, Program, tell_ready};
use porthole_client::resizes::Resizes;
use porthole_program::sandbox::Held;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

use crate::cli::Cli;
use crate::confine;
use crate::failure::Failure;
use crate::qmp::Talk;
use crate::session::{MAX_CONSOLES, Phase, Session};
use crate::source::{self, Kind, Source};

/// How long QEMU may take to answer before there is a picture. A machine that is busy starting VMs is slow.
const PATIENCE: Duration = Duration::from_secs(30);

/// Sends to nobody, or to the presenter.
#[derive(Debug)]
enum Stage {
    /// There are no pictures yet.
    Dark,
    /// Nowhere: every buffer comes back at once.
    Null,
    Wayland(Presenter),
}

/// A connection that the loop watches.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Which {
    Monitor,
    Control,
    Console(usize),
}

/// What is done before there is a session: a monitor is asked for one.
#[derive(Debug)]
struct Before {
    talk: Talk,
    monitor: OwnedFd,
    /// Our end of the connection, and the one for QEMU.
    ours: Option<OwnedFd>,
    theirs: Option<OwnedFd>,
}

/// What the loop works on.
struct State {
    cli: Cli,
    before: Option<Before>,
    session: Option<Session>,
    sockets: Vec<(OwnedFd, OwnedFd)>,
    stage: Stage,
    /// Until the presenter has it: when that ends there is no other.
    tell: Option<Sender<Told>>,
    resizes: Resizes,
    guest: Guest,
    ready: Option<(OwnedFd, Option<Held>)>,
    /// How it ends.
    end: Option<Result<(), Failure>>,
    /// Until when QEMU must have answered.
    patience: Option<Instant>,
    watched: events::Watched,
}

/// Shows a VM until it ends.
///
/// # Errors
/// When there is no way to its display.
pub fn run(cli: &Cli) -> Result<(), Failure> {
    // Inherited descriptors are taken over before anything else is opened.
    let ready = cli.common.take_ready_fd().map_err(Failure::ReadyFd)?;
    let source = source::open(cli)?;
    // There is no making of sockets later.
    let pair = |_| {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        socketpair(AddressFamily::UNIX, SocketType::STREAM, flags, None)
    };
    let sockets: Result<Vec<_>, _> = (0..=MAX_CONSOLES).map(pair).collect();
    let sockets = sockets.map_err(|error| Failure::System("socketpair", error.into()))?;
    let (events, tell) = Events::new()?;
    let held =
        confine::confine(cli).map_err(|error| Failure::System("starting the connector", error))?;
    let watched = events::Watched::new(events.handle());
    let mut state = State::new(cli.clone(), source, sockets, tell, watched);
    state.ready = ready.map(|fd| (fd, held));
    events.run(&mut state)
}

impl State {
    fn new(
        cli: Cli,
        source: Source,
        mut sockets: Vec<(OwnedFd, OwnedFd)>,
        tell: Sender<Told>,
        mut watched: events::Watched,
    ) -> Self {
        let Source { kind, socket, place } = source;
        let mut before = None;
        let mut session = None;
        if kind == Kind::Monitor {
            let (ours, theirs) = sockets.pop().unzip();
            before =
                Some(Before { talk: Talk::new(place, cli.wait), monitor: socket, ours, theirs });
            watched.add(Which::Monitor);
        } else {
            let sockets = std::mem::take(&mut sockets);
            session = Some(Session::new(&cli, (kind, socket, place), sockets));
            watched.add(Which::Control);
        }
        Self {
            cli,
            before,
            session,
            sockets,
            stage: Stage::Dark,
            tell: Some(tell),
            resizes: Resizes::new(MAX_CONSOLES),
            guest: Guest::default(),
            ready: None,
            end: None,
            patience: Some(Instant::now() + PATIENCE),
            watched,
        }
    }

    /// Something came.
    fn turn(&mut self, which: Which) {
        self.news_of_frames();
        let end = match which {
            Which::Monitor => self.monitor().err().map(Err),
            Which::Control => self.session.as_mut().and_then(Session::turn),
            Which::Console(index) => {
                self.session.as_mut().and_then(|session| session.turn_console(index))
            }
        };
        if let Some(end) = end {
            self.over(end);
        }
    }

    fn over(&mut self, end: Result<(), Failure>) {
        // Several connections may close in one turn.
        if let (Ok(()), Some(session), None) = (&end, &self.session, &self.end) {
            let line = session.statistics.json();
            tracing::info!(socket = session.guest, "the VM has ended {line}");
        }
        self.end.get_or_insert(end);
    }

    /// Talks with the monitor; when that is done the session begins.
    fn monitor(&mut self) -> Result<(), Failure> {
        let Some(before) = &mut self.before else { return Ok(()) };
        let done = before.turn()?;
        if before.talk.is_waiting() {
            self.patience = None;
            return Ok(());
        }
        self.patience.get_or_insert_with(|| Instant::now() + PATIENCE);
        if !done {
            return Ok(());
        }
        let place =
            self.cli.qmp.as_ref().map(|path| path.display().to_string()).unwrap_or_default();
        let ours = before.ours.take();
        // Nobody holds the monitor any more.
        self.before = None;
        if let Some(ours) = ours {
            let sockets = std::mem::take(&mut self.sockets);
            self.session = Some(Session::new(&self.cli, (Kind::Peer, ours, place), sockets));
            self.watched.add(Which::Control);
        }
        Ok(())
    }

    /// Buffers that are free again; nobody was woken up for them.
    fn news_of_frames(&mut self) {
        if let Stage::Wayland(presenter) = &self.stage {
            for told in presenter.news() {
                self.told(told);
            }
        }
    }

    /// What is due goes to QEMU and to the presenter.
    fn bring(&mut self) -> Result<(), Failure> {
        let now = Instant::now();
        let Some(session) = &mut self.session else { return Ok(()) };
        if session.phase == Phase::Known && matches!(self.stage, Stage::Dark) {
            let consoles = session.consoles.len();
            let options = self.cli.common.presenter(&session.guest, consoles);
            self.stage = match options.zip(self.tell.take()) {
                Some((options, tell)) => present(&self.cli, options, tell)?,
                None => Stage::Null,
            };
            session.listen();
            (0..consoles).map(Which::Console).for_each(|which| self.watched.add(which));
        }
        if session.phase == Phase::Waiting {
            self.patience = None;
        } else if session.phase == Phase::Listening {
            self.patience = None;
            if let Some((fd, held)) = self.ready.take() {
                let consoles = session.consoles.len().into();
                let facts = [("guest", session.guest.clone().into()), ("consoles", consoles)];
                tell_ready(fd, held, facts)
                    .map_err(|error| Failure::System("writing to the ready descriptor", error))?;
            }
        } else if self.patience.is_none() {
            self.patience = Some(now + PATIENCE);
        }
        for (scanout, display) in self.resizes.take_due(now) {
            session.resize(scanout, display);
        }
        self.show(now);
        if let Stage::Wayland(presenter) = &self.stage
            && let Some(session) = &self.session
        {
            // Where a frame waits for the one before, that one's news wake us up.
            let waits = session.deadline().is_some();
            presenter.set_patient(!waits);
            if waits {
                // What came before it was said.
                self.news_of_frames();
                self.show(now);
            }
        }
        let Some(session) = &self.session else { return Ok(()) };
        let guest = session.guest();
        if std::mem::replace(&mut self.guest, guest) != guest
            && let Stage::Wayland(presenter) = &self.stage
        {
            presenter.show(Show::Guest(guest));
        }
        Ok(())
    }

    /// Gives what there is to show to the presenter.
    fn show(&mut self, now: Instant) {
        let Some(session) = &mut self.session else { return };
        for show in session.news(now) {
            match (&self.stage, show) {
                (Stage::Dark, _) => {}
                (Stage::Null, Show::Frame(frame)) => {
                    let (scanout, buffer, serial) = (frame.scanout, frame.buffer, frame.serial);
                    session.told(Told::Released { scanout, buffer, serial });
                    session.told(Told::Discarded { scanout, serial });
                }
                (Stage::Null, _) => {}
                (Stage::Wayland(presenter), show) => presenter.show(show),
            }
        }
    }

    /// Somebody has waited for long enough.
    fn expire(&mut self) {
        if self.patience.is_none_or(|until| until > Instant::now()) {
            return;
        }
        self.patience = None;
        let failure = match (&self.before, &self.session) {
            (Some(before), _) => Some(before.silent()),
            (None, Some(session)) => session.silent(),
            (None, None) => None,
        };
        if let Some(failure) = failure {
            self.end.get_or_insert(Err(failure));
        }
    }
}

impl Program for State {
    type Failure = Failure;

    fn told(&mut self, told: Told) {
        match told {
            Told::Display { scanout, display } => self.resizes.want(scanout, display),
            Told::Closed { scanout } => {
                tracing::info!(scanout, "the window was closed; the guest goes on without");
            }
            other => {
                if let Some(session) = &mut self.session {
                    session.told(other);
                }
            }
        }
    }

    fn unseen(&mut self) {
        if let Some(session) = &mut self.session {
            session.release_all();
        }
    }

    fn statistics(&mut self) -> Option<serde_json::Value> {
        self.session.as_ref().map(|session| session.statistics.json())
    }

    fn end(&mut self) -> &mut Option<Result<(), Failure>> {
        &mut self.end
    }

    fn settle(&mut self) -> Result<(), Failure> {
        self.expire();
        self.bring()?;
        self.watch_all()?;
        self.send()
    }

    fn deadline(&self) -> Option<Instant> {
        let frame = self.session.as_ref().and_then(Session::deadline);
        self.resizes.deadline().into_iter().chain(self.patience).chain(frame).min()
    }
}

/// Starts showing frames.
fn present(cli: &Cli, options: PresenterOptions, tell: Sender<Told>) -> Result<Stage, Failure> {
    let options = PresenterOptions { clipboard: cli.ways(), ..options };
    let presenter = Presenter::spawn(options, tell)
        .map_err(|error| Failure::System("starting the presenter", error))?;
    // Nothing waits for a frame: what becomes of it is asked for when the next one comes.
    presenter.set_patient(true);
    Ok(Stage::Wayland(presenter))
}

impl Before {
    /// Takes what the monitor says. True when the display has our connection.
    fn turn(&mut self) -> Result<bool, Failure> {
        let mut bytes = [0; 4096];
        loop {
            let count = match rustix::io::read(&self.monitor, &mut bytes) {
                Ok(0) | Err(rustix::io::Errno::CONNRESET) => {
                    return Err(Failure::Silent(self.talk.place().to_owned()));
                }
                Ok(count) => count,
                Err(rustix::io::Errno::INTR) => continue,
                Err(rustix::io::Errno::AGAIN) => return Ok(false),
                Err(error) => return Err(Failure::System("reading the monitor", error.into())),
            };
            for say in self.talk.take(bytes.get(..count).unwrap_or_default())? {
                let descriptor = if say.with_descriptor { self.theirs.take() } else { None };
                crate::connection::say(&self.monitor, say.line.as_bytes(), descriptor.as_ref())
                    .map_err(|error| Failure::System("writing to the monitor", error))?;
            }
            if self.talk.is_done() {
                return Ok(true);
            }
        }
    }

    fn silent(&self) -> Failure {
        let place = self.talk.place().to_owned();
        if self.talk.is_silent() { Failure::BusyMonitor(place) } else { Failure::Silent(place) }
    }
}
