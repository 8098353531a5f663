//! Hearing of a parent when it comes, instead of looking again and again.

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
        let fd = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        for folder in path.ancestors().skip(1) {
            match inotify::add_watch(&fd, folder, FOLDER) {
                Ok(_) => return Ok(Self(fd)),
                Err(rustix::io::Errno::NOENT) => {}
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
