//! Hearing that a device file was closed by somebody who could write to it.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::Path,
};

use rustix::fs::inotify::{self, CreateFlags, WatchFlags};

/// Readable when somebody closed the file.
#[derive(Debug)]
pub(crate) struct Closing(OwnedFd);

impl Closing {
    /// Listens to the kernel.
    ///
    /// # Errors
    /// When the file is gone, or the kernel has too many listeners.
    pub(crate) fn of(path: &Path) -> io::Result<Self> {
        let fd = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        inotify::add_watch(&fd, path, WatchFlags::CLOSE_WRITE)?;
        Ok(Self(fd))
    }

    /// Takes what was heard.
    pub(crate) fn take(&self) {
        let mut messages = [0; 4096];
        while rustix::io::read(&self.0, &mut messages).is_ok_and(|length| length > 0) {}
    }
}

impl AsFd for Closing {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_only_reads_is_not_heard() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let closing = Closing::of(file.path()).unwrap();
        drop(std::fs::File::open(file.path()).unwrap());
        let mut message = [0; 64];
        let nothing = rustix::io::read(&closing, &mut message).unwrap_err();
        assert_eq!(nothing, rustix::io::Errno::AGAIN);
        drop(std::fs::OpenOptions::new().write(true).open(file.path()).unwrap());
        assert!(rustix::io::read(&closing, &mut message).unwrap() > 0);
        closing.take();
        Closing::of(Path::new("/nonexistent/card")).unwrap_err();
    }
}
