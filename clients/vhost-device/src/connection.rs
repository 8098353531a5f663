//! The front-end's socket: messages with descriptors in, replies out.

use std::io;

use porthole_vhost_user::Header;
use porthole_virtio_device::{Received, Receiver, Watch};
use rustix::net::{RecvFlags, SendFlags, send};

use crate::fault::Fault;

/// Bytes read at a time; a longer payload takes several reads.
const READ: usize = 512;

/// An established connection.
#[derive(Debug)]
pub(crate) struct Connection(Receiver<Header, READ>);

impl Connection {
    pub(crate) fn new(socket: Watch) -> Self {
        Self(Receiver::new(socket))
    }

    /// Reads until a message is whole or the socket is empty.
    pub(crate) fn read(&mut self) -> Result<Received<Header>, Fault> {
        Ok(self.0.read()?)
    }

    /// Sends a reply. Replies are a few hundred bytes and the front-end waits for each, so a
    /// full socket means that it does not keep to the protocol.
    pub(crate) fn send(&self, bytes: &[u8]) -> Result<(), Fault> {
        match send(&self.0, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
            Ok(sent) if sent == bytes.len() => Ok(()),
            Ok(_) => Err(Fault::Deaf),
            // The end of the stream is told by the next read.
            Err(rustix::io::Errno::PIPE | rustix::io::Errno::CONNRESET) => Ok(()),
            Err(error) => Err(Fault::System("send", error.into())),
        }
    }
}

/// Reads and drops what is on a socket that must stay open but whose contents nobody
/// needs. `Ok(false)` at its end.
pub(crate) fn drain(socket: &Watch) -> io::Result<bool> {
    let mut bytes = [0; READ];
    // A bounded number of reads: the loop is level-triggered and comes back.
    for _ in 0..8 {
        match rustix::net::recv(socket, &mut bytes[..], RecvFlags::DONTWAIT) {
            Ok((0, _)) => return Ok(false),
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(rustix::io::Errno::AGAIN) => return Ok(true),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(true)
}
