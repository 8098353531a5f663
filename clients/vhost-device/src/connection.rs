//! The front-end's socket: messages with descriptors in, replies out.

use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;

use porthole_vhost_user::{DecodeError, Decoder, MAX_FDS, Message};
use porthole_virtio_device::Watch;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendFlags, recvmsg, send};

use crate::fault::Fault;

/// Bytes read at a time; a longer payload takes several reads.
const READ: usize = 512;

/// What a read brought.
#[derive(Debug)]
pub(crate) enum Read {
    /// A whole message.
    Message(Message<OwnedFd>),
    /// Nothing for now.
    Empty,
    /// The front-end closed the socket.
    Closed,
}

/// An established connection.
#[derive(Debug)]
pub(crate) struct Connection {
    socket: Watch,
    decoder: Decoder<OwnedFd>,
}

impl Connection {
    pub(crate) fn new(socket: Watch) -> Self {
        Self { socket, decoder: Decoder::default() }
    }

    /// Reads until a message is whole or the socket is empty.
    pub(crate) fn read(&mut self) -> Result<Read, Fault> {
        loop {
            let mut bytes = [0; READ];
            let wanted = self.decoder.wanted().min(READ);
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS))];
            let mut control = RecvAncillaryBuffer::new(&mut space);
            let (into, _) = bytes.split_at_mut(wanted);
            let received = recvmsg(
                &self.socket,
                &mut [IoSliceMut::new(into)],
                &mut control,
                RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC,
            );
            let count = match received {
                Ok(message) => message.bytes,
                Err(rustix::io::Errno::AGAIN) => return Ok(Read::Empty),
                Err(rustix::io::Errno::INTR) => continue,
                Err(rustix::io::Errno::CONNRESET) => 0,
                Err(error) => return Err(Fault::System("recvmsg", error.into())),
            };
            let fds = control.drain().filter_map(|message| match message {
                RecvAncillaryMessage::ScmRights(fds) => Some(fds),
                _ => None,
            });
            if count == 0 {
                return if self.decoder.is_inside() {
                    Err(Fault::CutShort)
                } else {
                    Ok(Read::Closed)
                };
            }
            let bytes = bytes.get(..count).unwrap_or_default();
            match self.decoder.feed(bytes, fds.flatten()) {
                Ok(Some(message)) => return Ok(Read::Message(message)),
                Ok(None) => {}
                Err(error) => return Err(Fault::Protocol(error)),
            }
        }
    }

    /// Sends a reply. Replies are a few hundred bytes and the front-end waits for each, so a
    /// full socket means that it does not keep to the protocol.
    pub(crate) fn send(&self, bytes: &[u8]) -> Result<(), Fault> {
        match send(&self.socket, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
            Ok(sent) if sent == bytes.len() => Ok(()),
            Ok(_) => Err(Fault::Protocol(DecodeError::Overrun)),
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
