//! What the kernel says of graphics cards: a card came or went, a screen was plugged in or out.
//!
//! The kernel tells everybody who listens, and udev only tells it on; so that the service needs no udev.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use rustix::net::{
    AddressFamily, RecvFlags, SocketFlags, SocketType, bind, netlink::KOBJECT_UEVENT,
    netlink::SocketAddrNetlink, recvfrom, socket_with,
};

/// The group of the kernel's own messages; udev's are in another.
const KERNEL: u32 = 1;
/// The kernel's messages are two pages at most.
const LONGEST: usize = 8192;

/// The kernel's messages about devices.
#[derive(Debug)]
pub(crate) struct Uevents(OwnedFd);

impl AsFd for Uevents {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Uevents {
    /// Listens from now on.
    ///
    /// # Errors
    /// When sockets of this kind are forbidden, as a container or a unit may do.
    pub(crate) fn listen() -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let (family, kind) = (AddressFamily::NETLINK, SocketType::DGRAM);
        let socket = socket_with(family, kind, flags, Some(KOBJECT_UEVENT))?;
        bind(&socket, &SocketAddrNetlink::new(0, KERNEL))?;
        Ok(Self(socket))
    }

    /// Takes all messages that came; whether any was about graphics cards.
    pub(crate) fn take(&self) -> bool {
        let mut about_cards = false;
        let mut message = vec![0; LONGEST];
        loop {
            match recvfrom(&self.0, message.as_mut_slice(), RecvFlags::DONTWAIT) {
                Ok((length, _, from)) => {
                    // Privileged processes may write to the group too; the kernel is number 0.
                    let from = from.and_then(|from| SocketAddrNetlink::try_from(from).ok());
                    let is_kernel = from.is_some_and(|from| from.pid() == 0);
                    let message = message.get(..length).unwrap_or_default();
                    about_cards |= is_kernel && is_about_cards(message);
                }
                Err(rustix::io::Errno::INTR) => {}
                // More came than was kept: it may have been about cards.
                Err(rustix::io::Errno::NOBUFS) => about_cards = true,
                Err(_) => return about_cards,
            }
        }
    }
}

/// Messages are texts that end with zeros: what happened to whom, then variables.
fn is_about_cards(message: &[u8]) -> bool {
    message.split(|byte| *byte == 0).any(|text| text == b"SUBSYSTEM=drm")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_about_cards_are_told_from_others() {
        let about = |subsystem: &str| {
            let text =
                format!("change@/devices/x\0ACTION=change\0SUBSYSTEM={subsystem}\0SEQNUM=7\0");
            is_about_cards(text.as_bytes())
        };
        assert!(about("drm"));
        assert!(!about("drm_dp_aux_dev") && !about("block") && !is_about_cards(b""));
    }
}
