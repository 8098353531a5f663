//! Reading a peer's messages and their descriptors from its socket.

use std::error::Error;
use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use porthole_framing::{DecodeError, Decoder, Head, MAX_FDS, Message};
use rustix::io::Errno;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};

use crate::watch::Watch;

/// What a read brought.
#[derive(Debug)]
pub enum Received<H> {
    /// A whole message.
    Message(Message<H, OwnedFd>),
    /// Nothing for now.
    Empty,
    /// The peer closed the socket.
    Closed,
}

/// Why nothing more can be read.
#[derive(Debug, thiserror::Error)]
pub enum ReceiveError<E: Error + 'static> {
    /// What came is no message.
    #[error(transparent)]
    Stream(#[from] DecodeError<E>),
    /// The connection was lost inside a message.
    #[error("the stream ends inside a message")]
    CutShort,
    /// The system call failed, which has no reason to.
    #[error("recvmsg failed")]
    System(#[source] io::Error),
}

/// A connected socket that is read `READ` bytes at a time; what is longer takes several reads.
#[derive(Debug)]
pub struct Receiver<H, const READ: usize> {
    socket: Watch,
    decoder: Decoder<H, OwnedFd>,
}

impl<H: Head, const READ: usize> Receiver<H, READ> {
    /// Reads from this socket.
    #[must_use]
    pub fn new(socket: Watch) -> Self {
        Self { socket, decoder: Decoder::default() }
    }

    /// Reads until a message is whole or the socket is empty. Never waits.
    ///
    /// # Errors
    /// When the connection cannot go on.
    pub fn read(&mut self) -> Result<Received<H>, ReceiveError<H::Error>> {
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
                Err(Errno::AGAIN) => return Ok(Received::Empty),
                Err(Errno::INTR) => continue,
                Err(Errno::CONNRESET) => 0,
                Err(error) => return Err(ReceiveError::System(error.into())),
            };
            let fds = control.drain().filter_map(|message| match message {
                RecvAncillaryMessage::ScmRights(fds) => Some(fds),
                _ => None,
            });
            if count == 0 {
                let inside = self.decoder.is_inside();
                return if inside { Err(ReceiveError::CutShort) } else { Ok(Received::Closed) };
            }
            let bytes = bytes.get(..count).unwrap_or_default();
            if let Some(message) = self.decoder.feed(bytes, fds.flatten())? {
                return Ok(Received::Message(message));
            }
        }
    }
}

impl<H, const READ: usize> AsFd for Receiver<H, READ> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
