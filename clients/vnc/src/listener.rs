//! The socket that viewers come to.

use std::{
    fs, io,
    net::{TcpListener, TcpStream},
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::{
            fs::FileTypeExt,
            net::{UnixListener, UnixStream},
        },
    },
    path::Path,
};

use rustix::fs::Mode;

use crate::{address::Address, failure::Failure};

/// A listening socket; a Unix socket's file goes with it.
#[derive(Debug)]
pub(crate) struct Listener {
    socket: Socket,
    address: Address,
}

#[derive(Debug)]
enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Listener {
    /// Listens at the address.
    pub(crate) fn bind(address: &Address) -> Result<Self, Failure> {
        let opened = match address {
            Address::Tcp(tcp) => TcpListener::bind(tcp).and_then(|socket| {
                socket.set_nonblocking(true)?;
                Ok((Address::Tcp(socket.local_addr()?), Socket::Tcp(socket)))
            }),
            Address::Unix(path) => bind_unix(path).and_then(|socket| {
                socket.set_nonblocking(true)?;
                Ok((address.clone(), Socket::Unix(socket)))
            }),
        };
        match opened {
            Ok((address, socket)) => Ok(Self { socket, address }),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                Err(Failure::Busy(address.clone()))
            }
            Err(error) => Err(Failure::Listen(address.clone(), error)),
        }
    }

    /// The address with the port that was really taken.
    pub(crate) const fn address(&self) -> &Address {
        &self.address
    }

    /// One viewer that waits, without blocking.
    pub(crate) fn accept(&self) -> io::Result<OwnedFd> {
        match &self.socket {
            Socket::Tcp(listener) => prepare_tcp(listener.accept()?.0),
            Socket::Unix(listener) => {
                let (stream, _) = listener.accept()?;
                stream.set_nonblocking(true)?;
                Ok(stream.into())
            }
        }
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.socket {
            Socket::Tcp(listener) => listener.as_fd(),
            Socket::Unix(listener) => listener.as_fd(),
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Address::Unix(path) = &self.address
            && let Err(error) = fs::remove_file(path)
        {
            tracing::debug!(%error, "the socket's file stays");
        }
    }
}

fn prepare_tcp(stream: TcpStream) -> io::Result<OwnedFd> {
    stream.set_nonblocking(true)?;
    // Updates are written whole; waiting for more would only add delay.
    stream.set_nodelay(true)?;
    rustix::net::sockopt::set_socket_keepalive(&stream, true)?;
    Ok(stream.into())
}

/// Makes a socket that only this user reaches. A file that a dead server left is replaced.
fn bind_unix(path: &Path) -> io::Result<UnixListener> {
    let before = rustix::process::umask(Mode::RWXG | Mode::RWXO);
    let bound = match UnixListener::bind(path) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse && is_dead(path) => {
            fs::remove_file(path).and_then(|()| UnixListener::bind(path))
        }
        bound => bound,
    };
    rustix::process::umask(before);
    bound
}

/// True for a socket that nobody listens at.
fn is_dead(path: &Path) -> bool {
    let socket = fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket());
    let refused = |error: io::Error| error.kind() == io::ErrorKind::ConnectionRefused;
    socket && UnixStream::connect(path).err().is_some_and(refused)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_free_port_is_taken_and_then_busy() {
        let listener = Listener::bind(&"127.0.0.1:0".parse().unwrap()).unwrap();
        let Address::Tcp(address) = listener.address() else { panic!("not TCP") };
        assert_ne!(address.port(), 0);
        let again = Listener::bind(listener.address());
        assert!(matches!(again, Err(Failure::Busy(_))));
    }

    #[test]
    fn a_unix_socket_is_private_and_replaces_only_dead_ones() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vnc");
        let address = Address::Unix(path.clone());
        let listener = Listener::bind(&address).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o077, 0);
        assert!(matches!(Listener::bind(&address), Err(Failure::Busy(_))));
        drop(listener);
        assert!(!path.exists());

        drop(UnixListener::bind(&path).unwrap());
        assert!(path.exists(), "a dead server's file");
        drop(Listener::bind(&address).unwrap());

        fs::write(&path, "a file").unwrap();
        assert!(matches!(Listener::bind(&address), Err(Failure::Busy(_))));
    }
}
