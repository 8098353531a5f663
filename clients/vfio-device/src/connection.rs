//! The client's socket: messages with descriptors in, replies with descriptors out.

use std::collections::VecDeque;
use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use porthole_vfio_user::{Decoder, MAX_FDS, MAX_MESSAGE, Message, SessionError};
use porthole_virtio_device::Watch;
use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};

use crate::fault::Fault;

/// Bytes read at a time; a longer body takes several reads.
const READ: usize = 16 << 10;
/// Bytes that may wait to be sent: two of the longest replies. Who asks for more has to read.
const UNSENT: usize = 2 * MAX_MESSAGE as usize;

/// What a read brought.
#[derive(Debug)]
pub(crate) enum Read {
    /// A whole message.
    Message(Message<OwnedFd>),
    /// Nothing for now.
    Empty,
    /// The client closed the socket.
    Closed,
}

/// A reply on its way.
#[derive(Debug)]
struct Unsent {
    bytes: Vec<u8>,
    sent: usize,
    file: Option<OwnedFd>,
}

/// An established connection.
#[derive(Debug)]
pub(crate) struct Connection {
    socket: Watch,
    decoder: Decoder<OwnedFd>,
    unsent: VecDeque<Unsent>,
    /// Bytes of all of them.
    waiting: usize,
    /// Set while something waits to be sent.
    room: Option<Watch>,
}

impl Connection {
    pub(crate) fn new(socket: Watch) -> Self {
        let (decoder, unsent) = (Decoder::default(), VecDeque::new());
        Self { socket, decoder, unsent, waiting: 0, room: None }
    }

    /// Whether replies wait, so that no more requests should be taken.
    pub(crate) fn is_full(&self) -> bool {
        !self.unsent.is_empty()
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
                Err(Errno::AGAIN) => return Ok(Read::Empty),
                Err(Errno::INTR) => continue,
                Err(Errno::CONNRESET) => 0,
                Err(error) => return Err(Fault::System("recvmsg", error.into())),
            };
            let fds = control.drain().filter_map(|message| match message {
                RecvAncillaryMessage::ScmRights(fds) => Some(fds),
                _ => None,
            });
            if count == 0 {
                let inside = self.decoder.is_inside();
                return if inside { Err(Fault::CutShort) } else { Ok(Read::Closed) };
            }
            let bytes = bytes.get(..count).unwrap_or_default();
            match self.decoder.feed(bytes, fds.flatten()) {
                Ok(Some(message)) => return Ok(Read::Message(message)),
                Ok(None) => {}
                Err(error) => return Err(Fault::Protocol(SessionError::Stream(error))),
            }
        }
    }

    /// Sends a reply, or keeps it until there is room.
    pub(crate) fn send(&mut self, bytes: Vec<u8>, file: Option<OwnedFd>) -> Result<(), Fault> {
        self.waiting = self.waiting.saturating_add(bytes.len());
        if self.waiting > UNSENT {
            return Err(Fault::Deaf);
        }
        self.unsent.push_back(Unsent { bytes, sent: 0, file });
        Ok(())
    }

    /// Sends what waits, as far as there is room.
    pub(crate) fn flush(&mut self, epoll: &Arc<OwnedFd>, key: u64) -> Result<(), Fault> {
        while let Some(next) = self.unsent.front_mut() {
            match send_part(self.socket.as_fd(), next) {
                Ok(()) if next.sent < next.bytes.len() => {}
                Ok(()) => {
                    self.waiting = self.waiting.saturating_sub(next.bytes.len());
                    self.unsent.pop_front();
                }
                Err(Errno::AGAIN) => {
                    if self.room.is_none() {
                        let other = self.socket.as_fd().try_clone_to_owned();
                        let watch = other.and_then(|fd| Watch::for_writing(epoll, fd, key));
                        self.room = Some(watch.map_err(|error| Fault::System("epoll", error))?);
                    }
                    return Ok(());
                }
                Err(Errno::INTR) => {}
                // The end of the stream is told by the next read.
                Err(Errno::PIPE | Errno::CONNRESET) => {
                    self.unsent.clear();
                    self.waiting = 0;
                }
                Err(error) => return Err(Fault::System("sendmsg", error.into())),
            }
        }
        self.room = None;
        Ok(())
    }
}

fn send_part(socket: BorrowedFd<'_>, reply: &mut Unsent) -> rustix::io::Result<()> {
    let rest = reply.bytes.get(reply.sent..).unwrap_or_default();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    // A descriptor goes with the first byte.
    let file = reply.file.as_ref().filter(|_| reply.sent == 0).map(AsFd::as_fd);
    let fds: Vec<BorrowedFd<'_>> = file.into_iter().collect();
    if !fds.is_empty() && !control.push(SendAncillaryMessage::ScmRights(&fds)) {
        return Err(Errno::NOBUFS);
    }
    let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
    let sent = sendmsg(socket, &[IoSlice::new(rest)], &mut control, flags)?;
    reply.sent = reply.sent.saturating_add(sent);
    Ok(())
}
