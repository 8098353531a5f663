//! A process beside this one that types and points by QEMU's monitor.
//!
//! Whoever talks to a monitor commands all of QEMU, and this process is the one that a guest can attack. So
//! the monitor is in the hands of a process that reads records of six bytes and nothing else, and makes keys
//! and pointers of them. When QEMU does not listen nothing is read, and what does not fit into the socket
//! in between is lost.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use porthole_program::beside;
use porthole_program::sandbox::{Calls, Sandbox};
use porthole_virtio_device::{Claim, Endpoint, State as EndpointState, accept};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};

use crate::qmp::{Act, Record, Said, Talk, ask_mice};

/// Bytes that may wait for QEMU. Behind that no record is read.
const WAITING: usize = 16 << 10;
/// How often it is asked what the guest is pointed at with, while somebody points.
const ASK: Duration = Duration::from_secs(1);

/// What the process tells.
pub(crate) const RELATIVE: u8 = 0;
pub(crate) const ABSOLUTE: u8 = 1;
pub(crate) const ABSENT: u8 = 2;

/// Starts the process; what it is to do goes into the socket. The path where it listens is removed when the
/// claim is dropped.
///
/// # Errors
/// When the system has no process or descriptor left.
pub(crate) fn start(endpoint: Endpoint) -> io::Result<(OwnedFd, Option<Claim>)> {
    let allowed = Sandbox::new().calls(Calls::Sockets).calls(Calls::Accept).descriptors(64);
    match endpoint.state {
        EndpointState::Listening(listener, claim) => {
            let socket = beside(c"typist", allowed, &[listener.as_fd()], |socket| {
                Typist::default().run(socket, Some(&listener));
            });
            Ok((socket?, claim))
        }
        EndpointState::Connected(monitor) => {
            let socket = beside(c"typist", allowed, &[monitor.as_fd()], |socket| {
                let monitor = monitor.as_fd().try_clone_to_owned().ok();
                Typist { monitor, ..Typist::default() }.run(socket, None);
            });
            Ok((socket?, None))
        }
    }
}

#[derive(Debug, Default)]
struct Typist {
    monitor: Option<OwnedFd>,
    talk: Talk,
    waiting: Vec<u8>,
    asked: Option<Instant>,
    told: Option<u8>,
    refused: bool,
}

impl Typist {
    fn run(mut self, socket: &OwnedFd, listener: Option<&OwnedFd>) {
        while self.turn(socket.as_fd(), listener).is_ok() {}
    }

    /// Waits for something and does it; an error when the other process is gone.
    fn turn(&mut self, socket: BorrowedFd<'_>, listener: Option<&OwnedFd>) -> Result<(), Errno> {
        let listens = self.waiting.len() < WAITING;
        let waits =
            if self.waiting.is_empty() { PollFlags::IN } else { PollFlags::IN | PollFlags::OUT };
        let mut fds = vec![PollFd::from_borrowed_fd(
            socket,
            if listens { PollFlags::IN } else { PollFlags::empty() },
        )];
        let other = self.monitor.as_ref().map(|monitor| (monitor.as_fd(), waits));
        let other = other.or(listener.map(|listener| (listener.as_fd(), PollFlags::IN)));
        fds.extend(other.map(|(fd, flags)| PollFd::from_borrowed_fd(fd, flags)));
        match poll(&mut fds, None) {
            Err(Errno::INTR) => return Ok(()),
            ready => drop(ready?),
        }
        let ready: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
        drop(fds);
        if ready.first() == Some(&true) {
            self.take(socket)?;
        }
        if ready.get(1) == Some(&true) {
            match listener.filter(|_| self.monitor.is_none()) {
                Some(listener) => self.meet(listener),
                None => self.attend(socket)?,
            }
        }
        Ok(())
    }

    fn meet(&mut self, listener: &OwnedFd) {
        if let Ok(Some(monitor)) = accept(listener) {
            *self = Self { monitor: Some(monitor), ..Self::default() };
        }
    }

    /// A record, or the end.
    fn take(&mut self, socket: BorrowedFd<'_>) -> Result<(), Errno> {
        let mut record: Record = [0; 6];
        let (_, len) = recv(socket, &mut record[..], RecvFlags::DONTWAIT)?;
        if len == 0 {
            return Err(Errno::PIPE);
        }
        let act = Act::of(record).filter(|_| len == record.len() && self.talk.is_ready());
        let Some(act) = act else { return Ok(()) };
        let now = Instant::now();
        let points = matches!(act, Act::To { .. } | Act::By { .. });
        if points && self.asked.is_none_or(|asked| now.saturating_duration_since(asked) >= ASK) {
            self.asked = Some(now);
            self.waiting.extend(ask_mice().into_bytes());
        }
        self.waiting.extend(act.line().into_bytes());
        self.send();
        Ok(())
    }

    /// QEMU has said something, or takes more.
    fn attend(&mut self, socket: BorrowedFd<'_>) -> Result<(), Errno> {
        self.send();
        let Some(monitor) = &self.monitor else { return self.tell(socket, ABSENT) };
        let mut bytes = [0; 4096];
        let said = match recv(monitor, &mut bytes[..], RecvFlags::DONTWAIT) {
            Err(Errno::AGAIN | Errno::INTR) => return Ok(()),
            Ok((_, len)) if len > 0 => self.talk.take(bytes.get(..len).unwrap_or_default()).ok(),
            _ => None,
        };
        let Some(said) = said else {
            tracing::info!("the machine's monitor is gone, or is none");
            *self = Self::default();
            return self.tell(socket, ABSENT);
        };
        for said in said {
            match said {
                Said::Greets(answer) => self.waiting.extend(answer.into_bytes()),
                Said::Points { absolute } => {
                    self.tell(socket, if absolute { ABSOLUTE } else { RELATIVE })?;
                }
                Said::Refuses(why) if !std::mem::replace(&mut self.refused, true) => {
                    tracing::warn!("the machine's monitor refuses input: {why}");
                }
                Said::Refuses(_) => {}
            }
        }
        self.send();
        Ok(())
    }

    fn send(&mut self) {
        let Some(monitor) = &self.monitor else { return self.waiting.clear() };
        match send(monitor, &self.waiting, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
            Ok(sent) => drop(self.waiting.drain(..sent.min(self.waiting.len()))),
            Err(Errno::AGAIN | Errno::INTR) => {}
            // What is read next tells that it is gone.
            Err(_) => self.waiting.clear(),
        }
    }

    /// Tells the other process what is news to it; what is full is told again by the next answer.
    fn tell(&mut self, socket: BorrowedFd<'_>, what: u8) -> Result<(), Errno> {
        if self.told == Some(what) {
            return Ok(());
        }
        match send(socket, &[what], SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
            Ok(_) => self.told = Some(what),
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::os::unix::net::UnixStream;

    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

    use super::*;

    #[test]
    fn a_monitor_that_does_not_read_is_not_written_to() {
        let (mut monitor, theirs) = UnixStream::pair().unwrap();
        let flags = SocketFlags::CLOEXEC;
        let (owner, socket) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).unwrap();
        let typist = std::thread::spawn(move || {
            let monitor = Some(OwnedFd::from(theirs));
            Typist { monitor, ..Typist::default() }.run(&socket, None);
        });
        monitor.write_all(b"{\"QMP\": {}}\n").unwrap();
        // The greeting is answered before the first record is taken.
        let mut byte = [0];
        monitor.read_exact(&mut byte).unwrap();
        let record = Act::Key { code: 30, down: true }.record();
        let (mut sent, mut full) = (0_u32, 0_u32);
        // Full for so many looks in a row means that nobody reads any more.
        while full < 1000 {
            match send(&owner, &record, SendFlags::DONTWAIT) {
                Ok(_) => (sent, full) = (sent + 1, 0),
                Err(_) => {
                    full += 1;
                    std::thread::yield_now();
                }
            }
            assert!(sent < 100_000, "everything is taken");
        }
        drop(owner);
        typist.join().unwrap();
        let mut all = Vec::new();
        monitor.read_to_end(&mut all).unwrap();
        let lines = all.iter().filter(|byte| **byte == b'\n').count();
        assert!(lines > 10, "{lines} lines of {sent} acts");
    }
}
