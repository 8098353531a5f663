//! From the command line to the event loop: what must be there is found, waited for or refused.

use std::{path::Path, time::Duration};

use calloop::{
    EventLoop,
    signals::{Signal, Signals},
    timer::{TimeoutAction, Timer},
};
use porthole_client::{
    capture::{Pointers, PortView},
    connection::{ConnectError, connect, socket_path},
};
use wayland_client::Connection;

use crate::{
    cli::Cli,
    confine,
    failure::Failure,
    listener::Listener,
    password,
    service::{Options, Service},
};

/// How long after a failed attempt the next one comes: from the first to the last of these.
const FIRST_WAIT: Duration = Duration::from_millis(50);
const LAST_WAIT: Duration = Duration::from_secs(2);

/// Runs until a signal ends it.
///
/// # Errors
/// [`Failure`] where the port cannot be shown (any more).
pub fn run(cli: &Cli) -> Result<(), Failure> {
    let ready = cli.ready_fd.map(porthole_program::ready_fd).transpose()?;
    let password = cli.password_file.as_deref().map(password::read).transpose()?;
    // Before any waiting: a wrong address should be told at once.
    let listener = Listener::bind(&cli.listen)?;
    let held = confine::confine(cli).map_err(Failure::Connector)?;
    let Some(connection) = wait_for_compositor(cli.wayland.as_deref())? else { return Ok(()) };
    let fail = |source| Failure::View { port: cli.port.clone(), source };
    // Who only looks has no pointer, and sees those of the others.
    let pointers = if cli.view_only { Pointers::Painted } else { Pointers::Apart };
    let (view, queue) = PortView::open(&connection, &cli.port, pointers).map_err(fail)?;
    let options = Options {
        port: cli.port.clone(),
        name: cli.name.clone().unwrap_or_else(|| cli.port.clone()),
        password,
        max_viewers: usize::from(cli.max_viewers),
        view_only: cli.view_only,
    };
    Service::run(options, listener, ready.map(|fd| (fd, held)), view, (connection, queue))
}

/// What the waiting loop works on.
struct Waiting<'a> {
    path: Option<&'a Path>,
    wait: Duration,
    told: bool,
    end: Option<Result<Option<Connection>, ConnectError>>,
}

impl Waiting<'_> {
    /// One attempt; when to try again.
    fn attempt(&mut self) -> Option<Duration> {
        match connect(self.path) {
            Err(error) if error.is_absence() => {
                if !std::mem::replace(&mut self.told, true) {
                    let path = socket_path(self.path).unwrap_or_default();
                    tracing::info!("waiting for the compositor's socket {}", path.display());
                }
                let wait = self.wait;
                self.wait = (self.wait * 2).min(LAST_WAIT);
                Some(wait)
            }
            end => {
                self.end = Some(end.map(Some));
                None
            }
        }
    }
}

/// Connects to the compositor, once it is there. `None` where a signal came first.
fn wait_for_compositor(path: Option<&Path>) -> Result<Option<Connection>, Failure> {
    let mut waiting = Waiting { path, wait: FIRST_WAIT, told: false, end: None };
    let Some(wait) = waiting.attempt() else {
        return Ok(waiting.end.transpose()?.flatten());
    };
    let mut event_loop: EventLoop<'_, Waiting<'_>> = EventLoop::try_new().map_err(Failure::Loop)?;
    let handle = event_loop.handle();
    let signals = Signals::new(&[Signal::SIGTERM, Signal::SIGINT]).map_err(Failure::Loop)?;
    handle
        .insert_source(signals, |_, (), waiting| waiting.end = Some(Ok(None)))
        .map_err(|error| Failure::Loop(error.error))?;
    handle
        .insert_source(Timer::from_duration(wait), |_, (), waiting| {
            waiting.attempt().map_or(TimeoutAction::Drop, TimeoutAction::ToDuration)
        })
        .map_err(|error| Failure::Loop(error.error))?;
    loop {
        event_loop.dispatch(None, &mut waiting).map_err(Failure::Loop)?;
        if let Some(end) = waiting.end.take() {
            return Ok(end?);
        }
    }
}
