//! A descriptor that is in the server's epoll set exactly as long as it lives.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::rc::Rc;

use rustix::event::epoll;

/// A descriptor with its place in an epoll set.
///
/// Closing a descriptor does not take it out of the set while the front-end holds a copy of
/// the same eventfd or socket, so this does it by hand.
#[derive(Debug)]
pub(crate) struct Watch {
    epoll: Rc<OwnedFd>,
    fd: OwnedFd,
}

impl Watch {
    /// Watches `fd` for reading; its events come with `key`.
    pub(crate) fn new(epoll: &Rc<OwnedFd>, fd: OwnedFd, key: u64) -> io::Result<Self> {
        Self::with(epoll, fd, key, epoll::EventFlags::IN)
    }

    /// Watches `fd` for room to write.
    pub(crate) fn for_writing(epoll: &Rc<OwnedFd>, fd: OwnedFd, key: u64) -> io::Result<Self> {
        Self::with(epoll, fd, key, epoll::EventFlags::OUT)
    }

    fn with(
        epoll: &Rc<OwnedFd>,
        fd: OwnedFd,
        key: u64,
        what: epoll::EventFlags,
    ) -> io::Result<Self> {
        epoll::add(epoll, &fd, epoll::EventData::new_u64(key), what)?;
        Ok(Self { epoll: Rc::clone(epoll), fd })
    }
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
