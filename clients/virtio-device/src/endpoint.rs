//! A place where one front-end connects, once.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use porthole_program::{InheritError, inherit};
use rustix::fs::{CWD, FlockOperation, Mode, OFlags, flock, openat, unlink};
use rustix::net::sockopt::{socket_acceptconn, socket_domain, socket_type};
use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, accept_with, bind, listen, socket_with,
};
use thiserror::Error;

use crate::address::Address;

/// Why a device cannot wait at its address.
#[derive(Debug, Error)]
pub enum EndpointError {
    /// The inherited descriptor is of no use.
    #[error(transparent)]
    Inherited(#[from] InheritError),
    /// The inherited descriptor is something else than a Unix stream socket.
    #[error("descriptor {0} is not a Unix stream socket")]
    Kind(i32),
    /// Another process waits there.
    #[error("{0} is in use by another device process; give each device its own path")]
    Busy(PathBuf),
    /// Something that is no socket lies there.
    #[error("{0} exists and is not a socket; remove it or choose another path")]
    Occupied(PathBuf),
    /// The path cannot be made.
    #[error("cannot listen at {0}; check that its directory exists and is writable")]
    Listen(PathBuf, #[source] io::Error),
}

/// An open endpoint.
#[derive(Debug)]
pub struct Endpoint {
    /// How it is.
    pub state: State,
}

/// How an endpoint is.
#[derive(Debug)]
pub enum State {
    /// Waiting for the front-end.
    Listening(OwnedFd, Option<Claim>),
    /// The socket came connected.
    Connected(OwnedFd),
}

impl Endpoint {
    /// Opens an address: binds a path, or takes over a descriptor.
    ///
    /// # Errors
    /// When nobody could connect there; the message says what to do.
    pub fn open(address: &Address) -> Result<Self, EndpointError> {
        match address {
            Address::Path(path) => Self::bind(path),
            Address::Fd(fd) => Self::from_socket(inherit(*fd)?, *fd),
        }
    }

    /// An endpoint on one end of a socket pair.
    #[must_use]
    pub fn connected(socket: OwnedFd) -> Self {
        Self { state: State::Connected(socket) }
    }

    fn from_socket(fd: OwnedFd, number: i32) -> Result<Self, EndpointError> {
        let is_unix_stream = socket_domain(&fd) == Ok(AddressFamily::UNIX)
            && socket_type(&fd) == Ok(SocketType::STREAM);
        if !is_unix_stream {
            return Err(EndpointError::Kind(number));
        }
        let state = if socket_acceptconn(&fd) == Ok(true) {
            State::Listening(fd, None)
        } else {
            State::Connected(fd)
        };
        Ok(Self { state })
    }

    fn bind(path: &Path) -> Result<Self, EndpointError> {
        let failed = |error: rustix::io::Errno| EndpointError::Listen(path.into(), error.into());
        let mut claim = Claim::take(path)?;
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket =
            socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None).map_err(failed)?;
        let address = SocketAddrUnix::new(path).map_err(failed)?;
        bind(&socket, &address).map_err(failed)?;
        claim.bound = true;
        // One front-end, once.
        listen(&socket, 1).map_err(failed)?;
        Ok(Self { state: State::Listening(socket, Some(claim)) })
    }
}

/// Accepts the front-end; `None` when nobody is there yet.
///
/// # Errors
/// When the socket is of no use any more.
pub fn accept(listener: impl AsFd) -> io::Result<Option<OwnedFd>> {
    match accept_with(listener, SocketFlags::CLOEXEC) {
        Ok(socket) => Ok(Some(socket)),
        Err(
            rustix::io::Errno::AGAIN | rustix::io::Errno::INTR | rustix::io::Errno::CONNABORTED,
        ) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The right to a path, held by a lock file beside it. Without it a second device could
/// take a living socket for a stale one and steal the guest.
#[derive(Debug)]
pub struct Claim {
    path: PathBuf,
    /// The socket at the path is ours to remove.
    bound: bool,
    lock_path: PathBuf,
    _lock: OwnedFd,
}

impl Claim {
    fn take(path: &Path) -> Result<Self, EndpointError> {
        let failed = |error: rustix::io::Errno| EndpointError::Listen(path.into(), error.into());
        let mut lock_path = path.as_os_str().to_owned();
        lock_path.push(".lock");
        let lock_path = PathBuf::from(lock_path);
        let flags = OFlags::CREATE | OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let mode = Mode::RUSR | Mode::WUSR;
        let lock = openat(CWD, &lock_path, flags, mode).map_err(failed)?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive)
            .map_err(|_| EndpointError::Busy(path.into()))?;
        let claim = Self { path: path.into(), bound: false, lock_path, _lock: lock };
        remove_stale(path)?;
        Ok(claim)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        // The front-end has connected or never will; a path that stays would only mislead.
        if self.bound {
            let _ = unlink(&self.path);
        }
        let _ = unlink(&self.lock_path);
    }
}

/// Removes a socket that a dead process left; nothing else is ever removed.
fn remove_stale(path: &Path) -> Result<(), EndpointError> {
    use std::os::unix::fs::FileTypeExt;
    match std::fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => {
            unlink(path).map_err(|error| EndpointError::Listen(path.into(), error.into()))
        }
        Ok(_) => Err(EndpointError::Occupied(path.into())),
        Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn a_path_has_one_owner_and_is_cleaned_up() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("gpu.sock");
        let address = Address::Path(path.clone());
        let first = Endpoint::open(&address).unwrap();
        assert!(matches!(Endpoint::open(&address), Err(EndpointError::Busy(_))));
        let State::Listening(listener, _) = &first.state else {
            panic!("not listening");
        };
        assert!(accept(listener).unwrap().is_none());
        let _peer = UnixStream::connect(&path).unwrap();
        assert!(accept(listener).unwrap().is_some());
        drop(first);
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_stale_socket_gives_way_and_a_file_does_not() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("gpu.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        drop(Endpoint::open(&Address::Path(path.clone())).unwrap());
        std::fs::write(&path, "precious").unwrap();
        let refused = Endpoint::open(&Address::Path(path.clone()));
        assert!(matches!(refused, Err(EndpointError::Occupied(_))));
        assert_eq!(std::fs::read(&path).unwrap(), b"precious");
    }

    #[test]
    fn missing_directory() {
        let refused = Endpoint::open(&Address::Path("/nonexistent/gpu.sock".into()));
        assert!(matches!(refused, Err(EndpointError::Listen(..))));
    }
}
