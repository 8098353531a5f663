//! Descriptors that a parent (libvirt, systemd, a shell) left open for this process.
//!
//! The only unsafe file of this room: a number becomes an owner.

use std::collections::BTreeSet;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::sync::{Mutex, PoisonError};

use rustix::io::{FdFlags, fcntl_getfd, fcntl_setfd};
use thiserror::Error;

/// Why an inherited descriptor cannot be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum InheritError {
    /// A standard stream, or a negative number.
    #[error("descriptor {0} is a standard stream or no descriptor; use 3 or more")]
    Reserved(RawFd),
    /// Nothing is open under this number.
    #[error("descriptor {0} is not open; check what the parent process passes on")]
    Closed(RawFd),
    /// The number was given for two purposes.
    #[error("descriptor {0} is named twice; each purpose needs its own")]
    Twice(RawFd),
}

/// Numbers that have an owner already.
static TAKEN: Mutex<BTreeSet<RawFd>> = Mutex::new(BTreeSet::new());

/// Takes over an inherited descriptor. Call it while the program starts, before it opens
/// anything: a number given by mistake could otherwise name something of our own.
///
/// # Errors
/// When the number is reserved, not open, or taken before.
pub fn inherit(fd: RawFd) -> Result<OwnedFd, InheritError> {
    if fd < 3 {
        return Err(InheritError::Reserved(fd));
    }
    let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
    if taken.contains(&fd) {
        return Err(InheritError::Twice(fd));
    }
    {
        // SAFETY: The borrow lives for this block only and is used for fcntl alone, which
        // reports a number that is not open as EBADF and touches nothing else.
        let borrowed = unsafe { BorrowedFd::borrow_raw(fd) };
        let flags = fcntl_getfd(borrowed).map_err(|_| InheritError::Closed(fd))?;
        // A descriptor that stays open across an exec would keep the peer waiting.
        fcntl_setfd(borrowed, flags | FdFlags::CLOEXEC).map_err(|_| InheritError::Closed(fd))?;
    }
    taken.insert(fd);
    // SAFETY: The descriptor is open (checked above), was passed to this process by its parent
    // under this number, and `TAKEN` makes sure that it gets one owner only.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Takes over the descriptor of `--ready-fd`. Standard output and error may be named too; they are
/// copied and stay open for their other uses.
///
/// # Errors
/// As [`inherit`].
pub fn ready_fd(fd: RawFd) -> Result<OwnedFd, InheritError> {
    let copied = match fd {
        1 => io::stdout().as_fd().try_clone_to_owned(),
        2 => io::stderr().as_fd().try_clone_to_owned(),
        _ => return inherit(fd),
    };
    copied.map_err(|_| InheritError::Closed(fd))
}

#[cfg(test)]
mod tests {
    use std::os::fd::IntoRawFd;

    use super::*;

    #[test]
    fn one_owner_only() {
        assert_eq!(inherit(1).unwrap_err(), InheritError::Reserved(1));
        assert_eq!(inherit(9999).unwrap_err(), InheritError::Closed(9999));
        let (ours, _peer) = std::os::unix::net::UnixStream::pair().unwrap();
        let number = ours.into_raw_fd();
        let owned = inherit(number).unwrap();
        assert_eq!(inherit(number).unwrap_err(), InheritError::Twice(number));
        drop(owned);
    }
}
