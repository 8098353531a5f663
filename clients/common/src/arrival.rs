//! Hearing of a compositor's socket when it comes, instead of looking again and again.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::errand;

/// A descriptor that becomes readable when somebody may listen at this path: something new is in its
/// folder (in the nearest one that there is), or what is at the path was replaced. It can do so for
/// nothing.
///
/// Whoever finds nobody listening calls this, then tries once more, because somebody may have come
/// between the two; then waits for the descriptor, drops it, and begins again.
///
/// # Errors
/// When neither the folder nor the file may be watched, or the system has no watches left: only looking
/// again helps then.
pub fn watch(path: &Path) -> io::Result<OwnedFd> {
    errand::watch(path)
}

/// Waits between attempts.
const FIRST_WAIT: Duration = Duration::from_millis(5);
const LAST_WAIT: Duration = Duration::from_secs(2);
/// Who has made a socket listens at it soon.
const SOON: Duration = Duration::from_millis(640);

/// Pauses between attempts where there is nothing to wait for but time, each twice as long as the one
/// before, from 5 ms to 2 s.
#[derive(Debug)]
pub struct Pauses(Duration);

impl Default for Pauses {
    fn default() -> Self {
        Self(FIRST_WAIT)
    }
}

impl Pauses {
    /// Makes one.
    pub fn pause(&mut self) {
        sleep(&mut [], Some(self.0));
        self.0 = (self.0 * 2).min(LAST_WAIT);
    }
}

/// Whether something happened before the time was over.
fn sleep(fds: &mut [PollFd<'_>], time: Option<Duration>) -> bool {
    let time = time.and_then(|time| Timespec::try_from(time).ok());
    poll(fds, time.as_ref()).is_ok_and(|count| count > 0)
}

/// Nobody listens.
#[derive(Debug, Default)]
pub(crate) struct Absence {
    watch: Option<OwnedFd>,
    /// How long the next wait lasts at most, after something has happened.
    soon: Option<Duration>,
}

impl Absence {
    /// Waits until another attempt makes sense; false where that cannot be seen.
    pub(crate) fn wait(&mut self, path: &Path) -> bool {
        if let Some(watch) = &self.watch {
            if !sleep(&mut [PollFd::new(watch, PollFlags::IN)], self.soon) {
                self.soon = self.soon.map(|soon| soon * 2).filter(|soon| *soon <= SOON);
                return true;
            }
            self.soon = Some(FIRST_WAIT);
        }
        // Somebody may have come just before: the next attempt follows at once.
        self.watch = watch(path).ok();
        self.watch.is_some()
    }
}
