//! Hearing of who listens at a socket when it comes, instead of looking again and again: a window's parent, or
//! who hands out screens and keyboards.

use std::{io, os::fd::AsFd, os::fd::BorrowedFd, os::fd::OwnedFd, path::Path, time::Duration};

use rustix::fs::inotify::{self, CreateFlags, WatchFlags};

/// What happens to a folder when something new is in it.
const FOLDER: WatchFlags = WatchFlags::CREATE
    .union(WatchFlags::MOVED_TO)
    .union(WatchFlags::ATTRIB)
    .union(WatchFlags::DELETE_SELF)
    .union(WatchFlags::MOVE_SELF)
    .union(WatchFlags::ONLYDIR);

/// Readable when somebody may listen at a path: something new is in its folder, or in the nearest one
/// that there is. It can be so for nothing.
#[derive(Debug)]
pub(crate) struct Arrival(OwnedFd);

impl Arrival {
    /// Listens to the kernel.
    ///
    /// # Errors
    /// When no folder above the path may be watched.
    pub(crate) fn watch(path: &Path) -> io::Result<Self> {
        Self::watch_after(path, |_| ())
    }

    /// The same; `is_missing` is told of each folder that is not there, before the next one is tried.
    fn watch_after(path: &Path, mut is_missing: impl FnMut(&Path)) -> io::Result<Self> {
        let fd = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        let mut missing = Vec::new();
        for folder in path.ancestors().skip(1) {
            match inotify::add_watch(&fd, folder, FOLDER) {
                Ok(_) => {
                    // Those that were made meanwhile are watched too: nobody has told of them. The first that
                    // is not there yet will be told of.
                    for folder in missing.into_iter().rev() {
                        if inotify::add_watch(&fd, folder, FOLDER).is_err() {
                            break;
                        }
                    }
                    return Ok(Self(fd));
                }
                Err(rustix::io::Errno::NOENT) => {
                    is_missing(folder);
                    missing.push(folder);
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(io::ErrorKind::NotFound.into())
    }
}

impl AsFd for Arrival {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// The times between attempts after something has happened: who makes a socket listens at it soon.
#[derive(Debug)]
pub(crate) struct Pauses(Duration);

impl Default for Pauses {
    fn default() -> Self {
        Self(Duration::from_millis(5))
    }
}

impl Iterator for Pauses {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let pause = self.0;
        self.0 *= 2;
        (pause < Duration::from_secs(3)).then_some(pause)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    use super::*;

    fn is_heard(arrival: &Arrival) -> bool {
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        let mut polled = [PollFd::new(arrival, PollFlags::IN)];
        poll(&mut polled, Some(&at_once)).expect("a poll") > 0
    }

    #[test]
    fn a_folder_that_comes_while_it_is_looked_for_is_watched() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a/b/socket");
        fs::create_dir(folder.path().join("a")).expect("the first");
        let arrival = Arrival::watch_after(&path, |missing| {
            fs::create_dir_all(missing).expect("the second");
        });
        let arrival = arrival.expect("a watch");
        fs::write(&path, b"").expect("a file");
        assert!(is_heard(&arrival));
        assert!(!is_heard(&Arrival::watch(&path).expect("a watch")), "nothing has come since");
    }
}
