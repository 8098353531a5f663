//! Reaching the compositor's socket, by ourselves or by another process.
//!
//! A process that is confined may neither connect nor look at files. Before it gives that up it names
//! somebody who does it in its place: another process that connects to one path ([`delegate`]). As what
//! a process may do is one thing for all of it, so is this.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use porthole_program::Connector;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, socket_with};

use crate::inotify;

/// Asks for a connection.
pub const CONNECT: u8 = b'c';
/// Asks for a descriptor that tells of a new socket.
pub const WATCH: u8 = b'w';

type Agent = Box<dyn Fn(u8) -> io::Result<OwnedFd> + Send + Sync>;

static AGENT: OnceLock<Agent> = OnceLock::new();

/// Has another process do all errands of this one, for the socket at a path, from now on.
///
/// # Errors
/// When that process cannot be started.
pub fn delegate(path: PathBuf) -> io::Result<()> {
    let connector = Connector::start(move |what| errand(&path, what))?;
    send(move |what| connector.ask(what));
    Ok(())
}

/// Has somebody else do all errands of this process from now on. The first one stays.
pub fn send(agent: impl Fn(u8) -> io::Result<OwnedFd> + Send + Sync + 'static) {
    if AGENT.set(Box::new(agent)).is_err() {
        tracing::debug!("errands have somebody who does them already");
    }
}

/// Does an errand for the socket at a path: this is for who was sent.
///
/// # Errors
/// What the system says; that the compositor is not there, usually.
pub fn errand(path: &Path, what: u8) -> io::Result<OwnedFd> {
    match what {
        CONNECT => connect_here(path),
        WATCH => inotify::watch(path),
        _ => Err(io::ErrorKind::InvalidInput.into()),
    }
}

/// Connects without waiting: a compositor that is stopped must not stop whoever connects.
pub(crate) fn connect(path: &Path) -> io::Result<UnixStream> {
    let connected = match AGENT.get() {
        Some(agent) => agent(CONNECT),
        None => connect_here(path),
    };
    connected.map(UnixStream::from)
}

/// Hears of the socket when it comes; see [`crate::arrival::watch`].
pub(crate) fn watch(path: &Path) -> io::Result<OwnedFd> {
    match AGENT.get() {
        Some(agent) => agent(WATCH),
        None => inotify::watch(path),
    }
}

fn connect_here(path: &Path) -> io::Result<OwnedFd> {
    let address = SocketAddrUnix::new(path)?;
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    rustix::net::connect(&socket, &address)?;
    Ok(socket)
}
