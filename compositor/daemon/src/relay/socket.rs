//! Bytes and descriptors over a Unix socket, without waiting.

use std::{
    io::{self, IoSlice, IoSliceMut},
    mem::MaybeUninit,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::net::UnixStream,
    },
};

use rustix::{
    io::retry_on_intr,
    net::{
        RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
        SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
    },
};

/// The most descriptors in one message; every Wayland library sends at most so many.
pub(super) const MOST_DESCRIPTORS: usize = 28;

/// What came in one call.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) bytes: usize,
    /// There were more descriptors than are taken at once, or than this process may have.
    pub(super) lost: bool,
}

/// Receives into `buffer` and adds the descriptors to `descriptors`. No bytes means the end.
pub(super) fn receive(
    socket: &UnixStream,
    buffer: &mut [u8],
    descriptors: &mut impl Extend<OwnedFd>,
) -> io::Result<Received> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let flags = RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
    let message =
        retry_on_intr(|| recvmsg(socket, &mut [IoSliceMut::new(buffer)], &mut control, flags))?;
    for item in control.drain() {
        if let RecvAncillaryMessage::ScmRights(found) = item {
            descriptors.extend(found);
        }
    }
    Ok(Received { bytes: message.bytes, lost: message.flags.contains(ReturnFlags::CTRUNC) })
}

/// Sends bytes and, with the first of them, up to [`MOST_DESCRIPTORS`] descriptors. Returns how many
/// bytes were taken.
pub(super) fn send<'a>(
    socket: &UnixStream,
    bytes: &[u8],
    descriptors: impl Iterator<Item = &'a OwnedFd>,
) -> io::Result<usize> {
    let borrowed: Vec<BorrowedFd<'_>> =
        descriptors.take(MOST_DESCRIPTORS).map(AsFd::as_fd).collect();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !borrowed.is_empty() {
        control.push(SendAncillaryMessage::ScmRights(&borrowed));
    }
    let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
    Ok(retry_on_intr(|| sendmsg(socket, &[IoSlice::new(bytes)], &mut control, flags))?)
}
