//! The client's socket: messages with descriptors in, replies with descriptors out.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use porthole_vfio_user::{Header, MAX_MESSAGE};
use porthole_virtio_device::{Received, Receiver, Watch};
use rustix::io::Errno;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};

use crate::fault::Fault;

/// Bytes read at a time; a longer body takes several reads.
const READ: usize = 16 << 10;
/// Bytes that may wait to be sent: two of the longest replies. Who asks for more has to read.
const UNSENT: usize = 2 * MAX_MESSAGE as usize;

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
    receiver: Receiver<Header, READ>,
    unsent: VecDeque<Unsent>,
    /// Bytes of all of them.
    waiting: usize,
    /// Set while something waits to be sent.
    room: Option<Watch>,
}

impl Connection {
    pub(crate) fn new(socket: Watch) -> Self {
        let receiver = Receiver::new(socket);
        Self { receiver, unsent: VecDeque::new(), waiting: 0, room: None }
    }

    /// Whether replies wait, so that no more requests should be taken.
    pub(crate) fn is_full(&self) -> bool {
        !self.unsent.is_empty()
    }

    /// Reads until a message is whole or the socket is empty.
    pub(crate) fn read(&mut self) -> Result<Received<Header>, Fault> {
        Ok(self.receiver.read()?)
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
            match send_part(self.receiver.as_fd(), next) {
                Ok(()) if next.sent < next.bytes.len() => {}
                Ok(()) => {
                    self.waiting = self.waiting.saturating_sub(next.bytes.len());
                    self.unsent.pop_front();
                }
                Err(Errno::AGAIN) => {
                    if self.room.is_none() {
                        let other = self.receiver.as_fd().try_clone_to_owned();
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
