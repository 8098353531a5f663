//! A process beside this one that opens what this one gave up to open.
//!
//! A filter of system calls cannot see the path that a socket is connected to, so a process that may
//! connect again to its compositor may connect to every other socket as well. Therefore it may not
//! connect at all: a process that was forked while this one was new does it, to the one place that it
//! was told then. It reads single bytes from this process and nothing from anybody else.

use std::ffi::CStr;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use nix::unistd::{ForkResult, fork};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recv, recvmsg, send, sendmsg,
    socketpair,
};

use crate::sandbox::{Calls, Sandbox};

/// The process's end; the process ends when this is dropped or its owner dies.
#[derive(Debug)]
pub struct Connector {
    /// Held from a question to its answer.
    socket: Mutex<OwnedFd>,
    /// The process was found to be gone, and the log says so.
    gone: AtomicBool,
}

impl Connector {
    /// Starts the process. It answers each request with what `serve` makes of it, which may connect
    /// Unix sockets and watch folders and do nothing else. All descriptors but standard error are
    /// closed in it.
    ///
    /// Call it while this process has one thread: of others the copy would have the locks only.
    ///
    /// # Errors
    /// When the system has no process or descriptor left.
    pub fn start(serve: impl FnMut(u8) -> io::Result<OwnedFd>) -> io::Result<Self> {
        let allowed = Sandbox::new().calls(Calls::Sockets).calls(Calls::Connect);
        Self::with(allowed.connecting(), serve)
    }

    /// The same for a `serve` that connects to one TCP port instead.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_tcp(port: u16, serve: impl FnMut(u8) -> io::Result<OwnedFd>) -> io::Result<Self> {
        let allowed = Sandbox::new().calls(Calls::Sockets).calls(Calls::ConnectTcp);
        Self::with(allowed.connecting_to(port), serve)
    }

    fn with(allowed: Sandbox, serve: impl FnMut(u8) -> io::Result<OwnedFd>) -> io::Result<Self> {
        let work = move |socket: &OwnedFd| answer(socket, serve);
        let socket = beside(c"connector", allowed.descriptors(64), &[], work)?;
        Ok(Self { socket: Mutex::new(socket), gone: AtomicBool::new(false) })
    }

    /// Asks for a descriptor.
    ///
    /// # Errors
    /// What the process met, or that it is gone.
    pub fn ask(&self, request: u8) -> io::Result<OwnedFd> {
        let socket = self.socket.lock().unwrap_or_else(PoisonError::into_inner);
        if send(&*socket, &[request], SendFlags::NOSIGNAL).is_err() {
            return Err(self.gone());
        }
        let mut number = [0; 4];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let parts = &mut [IoSliceMut::new(&mut number)];
        let length = loop {
            match recvmsg(&*socket, parts, &mut control, RecvFlags::CMSG_CLOEXEC) {
                Err(Errno::INTR) => {}
                received => break received?.bytes,
            }
        };
        if length != number.len() {
            return Err(self.gone());
        }
        let received = control.drain().find_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut fds) => fds.next(),
            _ => None,
        });
        received.ok_or_else(|| io::Error::from_raw_os_error(i32::from_ne_bytes(number)))
    }

    /// Somebody has ended the process; who gave up its rights cannot start another one.
    fn gone(&self) -> io::Error {
        if !self.gone.swap(true, Ordering::Relaxed) {
            tracing::error!(
                "the process that connects for this one is gone: only a new start of this program connects it again"
            );
        }
        io::Error::new(io::ErrorKind::BrokenPipe, "the connector is gone")
    }
}

/// Starts a process beside this one that may do no more than it is allowed, and returns the other end of
/// its socket, on which messages stay whole. All descriptors but standard error and those that are kept
/// are closed in it. It does its work, which ends when the socket does, and ends.
///
/// Call it while this process has one thread: of others the copy would have the locks only.
///
/// # Errors
/// When the system has no process or descriptor left.
pub fn beside(
    name: &CStr,
    allowed: Sandbox,
    kept: &[BorrowedFd<'_>],
    work: impl FnOnce(&OwnedFd),
) -> io::Result<OwnedFd> {
    let confined = |socket: &OwnedFd| {
        allowed.apply();
        work(socket);
    };
    beside_free(name, kept, confined)
}

/// The same for a process that gives up nothing: one that starts programs, which would inherit it.
///
/// Call it while this process has one thread, as [`beside`].
///
/// # Errors
/// As [`beside`].
pub fn beside_free(
    name: &CStr,
    kept: &[BorrowedFd<'_>],
    work: impl FnOnce(&OwnedFd),
) -> io::Result<OwnedFd> {
    let (ours, theirs) =
        socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
    // SAFETY: This process has one thread (see above), so that the copy may go on as if it were
    // this process; it leaves through `end` and never returns into its caller.
    match unsafe { fork() }.map_err(io::Error::from)? {
        ForkResult::Parent { .. } => Ok(ours),
        ForkResult::Child => {
            let _ = rustix::thread::set_name(name);
            let kept = kept.iter().map(AsRawFd::as_raw_fd).chain([2, theirs.as_raw_fd()]);
            close_all_but(kept.collect());
            work(&theirs);
            end()
        }
    }
}

/// Answers until the other side is gone.
fn answer(socket: &OwnedFd, mut serve: impl FnMut(u8) -> io::Result<OwnedFd>) {
    let mut request = [0];
    loop {
        match recv(socket, &mut request[..], RecvFlags::empty()) {
            Ok((_, 1)) => {}
            Err(Errno::INTR) => continue,
            _ => return,
        }
        let served = serve(request[0]);
        let error = served.as_ref().err();
        let number = error.map_or(0, |e| e.raw_os_error().unwrap_or(libc::EIO)).to_ne_bytes();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        let fds: Vec<_> = served.iter().map(std::os::fd::AsFd::as_fd).collect();
        if !fds.is_empty() {
            control.push(SendAncillaryMessage::ScmRights(&fds));
        }
        let parts = [IoSlice::new(&number)];
        if sendmsg(socket, &parts, &mut control, SendFlags::NOSIGNAL).is_err() {
            return;
        }
    }
}

/// What was inherited belongs to the other process: a socket that stays open here would not be seen to
/// close.
fn close_all_but(mut kept: Vec<RawFd>) {
    kept.sort_unstable();
    let mut next = 0;
    for fd in kept {
        close_range(next, fd - 1);
        next = fd + 1;
    }
    close_range(next, RawFd::MAX);
}

fn close_range(first: RawFd, last: RawFd) {
    if first <= last {
        // SAFETY: The owners of these descriptors are in the memory of this copy, but none of them runs
        // again: the process ends without dropping them.
        let _ = unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) };
    }
}

/// Ends the process without what a program does at its end: that is for the other process to do.
fn end() -> ! {
    // SAFETY: Has no conditions.
    unsafe { libc::_exit(0) }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::net::{UnixListener, UnixStream};

    use super::*;

    #[test]
    fn it_connects_and_says_why_it_cannot() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let place = path.clone();
        let connector = Connector::start(move |request| match request {
            b'c' => UnixStream::connect(&place).map(OwnedFd::from),
            // Whatever is asked of it, it has no right to do more.
            _ => std::fs::File::open("/etc/passwd").map(OwnedFd::from),
        })
        .unwrap();
        let absent = connector.ask(b'c').unwrap_err();
        assert_eq!(absent.kind(), io::ErrorKind::NotFound);
        let listener = UnixListener::bind(&path).unwrap();
        let connected = connector.ask(b'c').unwrap();
        let (accepted, _) = listener.accept().unwrap();
        drop(accepted);
        let mut rest = Vec::new();
        UnixStream::from(connected).read_to_end(&mut rest).unwrap();
        let refused = connector.ask(b'f').unwrap_err();
        assert_eq!(refused.raw_os_error(), Some(libc::ENOSYS));
    }

    #[test]
    fn one_port_is_all_that_it_reaches() {
        use std::net::{TcpListener, TcpStream};

        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let other = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, elsewhere) = (listener.local_addr().unwrap(), other.local_addr().unwrap());
        let connector = Connector::start_tcp(address.port(), move |request| match request {
            b'c' => TcpStream::connect(address).map(OwnedFd::from),
            b'e' => TcpStream::connect(elsewhere).map(OwnedFd::from),
            b'u' => std::net::UdpSocket::bind("127.0.0.1:0").map(OwnedFd::from),
            _ => UnixStream::connect("/run/any").map(OwnedFd::from),
        })
        .unwrap();
        connector.ask(b'c').unwrap();
        let held = |request| connector.ask(request).unwrap_err().raw_os_error();
        // Kernels before 6.7 have no rules about ports; everything else is a matter of system calls.
        if crate::sandbox::has_rules_about_ports() {
            assert_eq!(held(b'e'), Some(libc::EACCES));
        }
        assert_eq!(held(b'x'), Some(libc::ENOSYS));
        assert_eq!(held(b'u'), Some(libc::ENOSYS));
    }
}
