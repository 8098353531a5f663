//! A descriptor that is in the server's epoll set exactly as long as it lives.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use rustix::event::epoll;
use rustix::fs::fstat;

/// The bits of a mode that tell the file's type.
const S_IFMT: u32 = 0o170_000;

/// A descriptor with its place in an epoll set.
///
/// Closing a descriptor does not take it out of the set while the front-end holds a copy of
/// the same eventfd or socket, so this does it by hand.
#[derive(Debug)]
pub struct Watch {
    epoll: Arc<OwnedFd>,
    fd: OwnedFd,
}

impl Watch {
    /// Watches `fd` for reading; its events come with `key`.
    ///
    /// # Errors
    /// The system's, when it cannot be watched.
    pub fn new(epoll: &Arc<OwnedFd>, fd: OwnedFd, key: u64) -> io::Result<Self> {
        Self::with(epoll, fd, key, epoll::EventFlags::IN)
    }

    /// Watches `fd` for room to write.
    ///
    /// # Errors
    /// The system's, when it cannot be watched.
    pub fn for_writing(epoll: &Arc<OwnedFd>, fd: OwnedFd, key: u64) -> io::Result<Self> {
        Self::with(epoll, fd, key, epoll::EventFlags::OUT)
    }

    fn with(
        epoll: &Arc<OwnedFd>,
        fd: OwnedFd,
        key: u64,
        what: epoll::EventFlags,
    ) -> io::Result<Self> {
        epoll::add(epoll, &fd, epoll::EventData::new_u64(key), what)?;
        Ok(Self { epoll: Arc::clone(epoll), fd })
    }
}

/// Whether a descriptor can be an eventfd. Sockets and pipes that have ended are ready for ever, and
/// reading or writing a file of somebody's file system may never come back; none of them is one.
#[must_use]
pub fn is_event(fd: &OwnedFd) -> bool {
    // An anonymous inode is of no type.
    fstat(fd).is_ok_and(|stat| stat.st_mode & S_IFMT == 0)
}

impl AsFd for Watch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // Cannot fail for a descriptor that was added; nothing could be done if it did.
        let _ = epoll::delete(&self.epoll, &self.fd);
    }
}
