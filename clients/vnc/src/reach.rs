//! Finding the service and its port, however long that takes, on a thread of its own: viewers are served
//! meanwhile.

use std::{
    io,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    time::Duration,
};

use calloop::channel::Sender;
use porthole_client::{
    arrival,
    capture::{Pointers, PortView, ViewError},
    connection::{ConnectError, connect, socket_path},
};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use wayland_client::{Connection, EventQueue};

use crate::failure::Failure;

/// Waits between attempts, each twice as long as the one before.
const FIRST_WAIT: Duration = Duration::from_millis(5);
const LAST_WAIT: Duration = Duration::from_secs(2);
/// Who has made a socket listens at it soon.
const SOON: Duration = Duration::from_millis(640);

/// What is looked for.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) wayland: Option<PathBuf>,
    pub(crate) port: String,
    pub(crate) pointers: Pointers,
}

/// A port that can be seen.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) connection: Connection,
    pub(crate) view: PortView,
    pub(crate) queue: EventQueue<PortView>,
}

/// Looks for the port; tells once what came of it.
pub(crate) fn start(target: Target, tell: Sender<Result<Found, Failure>>) -> io::Result<()> {
    let thread = std::thread::Builder::new().name("reach".to_owned());
    let thread = thread.spawn(move || {
        // If nobody listens any more the program is ending.
        let _ = tell.send(reach(&target));
    });
    thread.map(drop)
}

fn reach(target: &Target) -> Result<Found, Failure> {
    let path = socket_path(target.wayland.as_deref())?;
    let mut wait = FIRST_WAIT;
    let mut absence = Absence::default();
    loop {
        match connect(Some(&path)) {
            Ok(connection) => match PortView::open(&connection, &target.port, target.pointers) {
                Ok((view, queue)) => return Ok(Found { connection, view, queue }),
                // It went again meanwhile, or threw us out.
                Err(ViewError::Globals(_) | ViewError::Dispatch(_)) => pause(&mut wait),
                Err(source) => return Err(Failure::View { port: target.port.clone(), source }),
            },
            // One that is there and takes nobody makes no noise when it does.
            Err(error) if error.is_absence() => {
                if is_full(&error) || !absence.wait(&path) {
                    pause(&mut wait);
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Whether somebody listens, who is stopped or just starts.
fn is_full(error: &ConnectError) -> bool {
    let ConnectError::Socket { source, .. } = error else { return false };
    source.kind() == io::ErrorKind::WouldBlock
}

/// Waits where there is nothing to wait for but time.
fn pause(wait: &mut Duration) {
    sleep(&mut [], Some(*wait));
    *wait = (*wait * 2).min(LAST_WAIT);
}

fn sleep(fds: &mut [PollFd<'_>], time: Option<Duration>) -> bool {
    let time = time.and_then(|time| Timespec::try_from(time).ok());
    poll(fds, time.as_ref()).is_ok_and(|count| count > 0)
}

/// Nobody listens.
#[derive(Debug, Default)]
struct Absence {
    told: bool,
    watch: Option<OwnedFd>,
    /// How long the next wait lasts at most, after something has happened.
    soon: Option<Duration>,
}

impl Absence {
    /// Waits until another attempt makes sense; false where that cannot be seen.
    fn wait(&mut self, path: &Path) -> bool {
        if !std::mem::replace(&mut self.told, true) {
            tracing::info!("waiting for the display service at {}", path.display());
        }
        if let Some(watch) = &self.watch {
            let happened = sleep(&mut [PollFd::new(watch, PollFlags::IN)], self.soon);
            if !happened {
                self.soon = self.soon.map(|soon| soon * 2).filter(|soon| *soon <= SOON);
                return true;
            }
            self.soon = Some(FIRST_WAIT);
        }
        // Somebody may have come just before: the next attempt follows at once.
        self.watch = arrival::watch(path).ok();
        self.watch.is_some()
    }
}
