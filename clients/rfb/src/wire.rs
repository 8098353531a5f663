//! Bytes in and out of a connection that never blocks.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::buffer::spare_capacity;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send, sockopt};

/// Bytes that may wait for a server that does not read; it has a fault then.
const MAX_WAITING: usize = 1 << 20;

/// See the module's text.
#[derive(Debug)]
pub(crate) struct Wire {
    fd: OwnedFd,
    waiting: Vec<u8>,
    sent: usize,
    received: u64,
}

impl Wire {
    pub(crate) const fn new(fd: OwnedFd) -> Self {
        Self { fd, waiting: Vec::new(), sent: 0, received: 0 }
    }

    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// How many bytes have come.
    pub(crate) const fn received(&self) -> u64 {
        self.received
    }

    /// What became of a connection that was on its way.
    pub(crate) fn made(&self) -> io::Result<()> {
        match sockopt::socket_error(&self.fd)? {
            Ok(()) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Takes so many bytes at most, behind those that are there; `None` where none have come. No bytes are
    /// the end.
    pub(crate) fn read(&mut self, most: usize, into: &mut Vec<u8>) -> io::Result<Option<usize>> {
        into.reserve(most);
        loop {
            match recv(&self.fd, spare_capacity(into), RecvFlags::DONTWAIT) {
                Ok((count, _)) => {
                    self.received = self.received.saturating_add(count as u64);
                    return Ok(Some(count));
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return Ok(None),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Sends what there is, with what waits; true when nothing waits any more.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<bool> {
        self.waiting.extend_from_slice(bytes);
        loop {
            let rest = self.waiting.get(self.sent..).unwrap_or_default();
            if rest.is_empty() {
                self.waiting.clear();
                self.sent = 0;
                return Ok(true);
            }
            match send(&self.fd, rest, SendFlags::NOSIGNAL | SendFlags::DONTWAIT) {
                Ok(count) => self.sent += count,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) if rest.len() <= MAX_WAITING => return Ok(false),
                Err(Errno::AGAIN) => return Err(io::ErrorKind::WriteZero.into()),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn a_server_that_reads_nothing_is_left() {
        let (mut server, ours) = UnixStream::pair().unwrap();
        let mut wire = Wire::new(ours.into());
        assert!(wire.send(b"abc").unwrap());
        let mut told = 3;
        let end = loop {
            match wire.send(&[7; 65536]) {
                Ok(_) => told += 65536,
                Err(error) => break error,
            }
            assert!(told < 8 << 20, "it is kept without end");
        };
        assert_eq!(end.kind(), io::ErrorKind::WriteZero);
        let mut first = [0; 3];
        server.read_exact(&mut first).unwrap();
        assert_eq!(&first, b"abc");
    }
}
