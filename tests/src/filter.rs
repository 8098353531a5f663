//! A compositor that lacks something: what stands between a real one and its clients leaves it out.

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use tempfile::TempDir;

use crate::failure::{OrFail, Result};

const MAX_DESCRIPTORS: usize = 28;
/// The object of a client's first request, which asks for the list of globals.
const REGISTRY: u32 = 2;

/// The name by which a [`Without`] keeps back that buffers are free again.
pub const RELEASE: &str = "wl_buffer.release";

/// The name by which a [`Without`] has the parent's screen refresh every so many nanoseconds, whatever it does:
/// every picture is late on one of 1.
pub const REFRESH: &str = "wp_presentation_feedback.presented.refresh";

/// The name by which a [`Without`] keeps back that fingers are lifted (and keyboards that come without keys).
pub const LIFT: &str = "wl_touch.up";

/// The name by which a [`Without`] has every dma-buf refused that was asked for.
pub const MADE: &str = "zwp_linux_buffer_params_v1.created";
/// The first object that a compositor makes by itself.
const FIRST_OWN: u32 = 0xff00_0000;

/// What a client is told of a global.
#[derive(Clone, Debug)]
pub struct Without {
    /// The global's interface.
    pub interface: String,
    /// The newest version that is left; none at all where there is none.
    pub version: Option<u32>,
}

/// A socket at which a compositor answers, but for some globals.
#[derive(Debug)]
pub struct Filter {
    socket: PathBuf,
    /// Ends with this value.
    _folder: TempDir,
}

impl Filter {
    /// Listens for clients of the compositor at `real`.
    ///
    /// # Errors
    /// When there is no room for a socket.
    pub fn start(real: &Path, without: &[Without]) -> Result<Filter> {
        let folder = tempfile::Builder::new().prefix("filter-").tempdir()?;
        let socket = folder.path().join("wayland-0");
        let listener = UnixListener::bind(&socket).or_fail("listen")?;
        let (real, without) = (real.to_owned(), Arc::new(without.to_vec()));
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if let Ok(real) = UnixStream::connect(&real) {
                    carry(&client, &real, None);
                    carry(&real, &client, Some(without.clone()));
                }
            }
        });
        Ok(Filter { socket, _folder: folder })
    }

    /// Where clients connect.
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.socket
    }
}

/// Takes what one says to the other, in a thread of its own, until one of them is gone.
fn carry(from: &UnixStream, to: &UnixStream, without: Option<Arc<Vec<Without>>>) {
    let (Ok(from), Ok(to)) = (from.try_clone(), to.try_clone()) else { return };
    thread::spawn(move || {
        let (mut bytes, mut descriptors) = (Vec::new(), Vec::new());
        while receive(&from, &mut bytes, &mut descriptors) {
            let said = match &without {
                None => std::mem::take(&mut bytes),
                Some(without) => filtered(&mut bytes, without),
            };
            if !said.is_empty() && !send(&to, &said, &std::mem::take(&mut descriptors)) {
                break;
            }
        }
        // The other one may be gone already.
        let _ = from.shutdown(Shutdown::Both);
        let _ = to.shutdown(Shutdown::Both);
    });
}

fn receive(from: &UnixStream, bytes: &mut Vec<u8>, descriptors: &mut Vec<OwnedFd>) -> bool {
    let mut piece = [0; 4096];
    let mut room = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
    let mut control = RecvAncillaryBuffer::new(&mut room);
    let parts = &mut [IoSliceMut::new(&mut piece)];
    let Ok(received) = recvmsg(from, parts, &mut control, RecvFlags::CMSG_CLOEXEC) else {
        return false;
    };
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(fds) = message {
            descriptors.extend(fds);
        }
    }
    bytes.extend(piece.get(..received.bytes).unwrap_or_default());
    received.bytes > 0
}

fn send(to: &UnixStream, bytes: &[u8], descriptors: &[OwnedFd]) -> bool {
    let with: Vec<BorrowedFd<'_>> = descriptors.iter().map(AsFd::as_fd).collect();
    let mut room = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
    let mut control = SendAncillaryBuffer::new(&mut room);
    if !with.is_empty() {
        control.push(SendAncillaryMessage::ScmRights(&with));
    }
    let Ok(sent) = sendmsg(to, &[IoSlice::new(bytes)], &mut control, SendFlags::NOSIGNAL) else {
        return false;
    };
    std::io::Write::write_all(&mut &*to, bytes.get(sent..).unwrap_or_default()).is_ok()
}

/// The whole messages of a compositor, without what is left out. What is not whole stays.
fn filtered(bytes: &mut Vec<u8>, without: &[Without]) -> Vec<u8> {
    let mut said = Vec::new();
    while let Some((message, rest)) = whole(bytes) {
        said.extend(kept(message, without));
        *bytes = rest.to_vec();
    }
    said
}

fn word(bytes: &[u8], index: usize) -> Option<u32> {
    bytes.as_chunks::<4>().0.get(index).map(|word| u32::from_ne_bytes(*word))
}

fn whole(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = usize::try_from(word(bytes, 1)? >> 16).ok()?;
    bytes.split_at_checked(length.max(8))
}

/// A message as it is passed on: `wl_registry.global` has a number, an interface and a version.
fn kept(message: &[u8], without: &[Without]) -> Vec<u8> {
    // The only first event without anything in it that windows are told.
    let is_release = message.len() == 8 && word(message, 1) == Some(8 << 16);
    if is_release && without.iter().any(|without| without.interface == RELEASE) {
        return Vec::new();
    }
    // The only second event of seven numbers.
    let is_presented = message.len() == 36 && word(message, 1) == Some(36 << 16 | 1);
    let refresh = without.iter().find(|without| without.interface == REFRESH && is_presented);
    if let Some(refresh) = refresh.and_then(|refresh| refresh.version) {
        let mut message = message.to_vec();
        message.splice(20..24, refresh.to_ne_bytes());
        return message;
    }
    // The only first event of one object, which the compositor makes, that windows are told without a
    // clipboard.
    let is_made = word(message, 1) == Some(12 << 16) && word(message, 2) >= Some(FIRST_OWN);
    if is_made && without.iter().any(|without| without.interface == MADE) {
        // The second event, without the object.
        let object = message.get(..4).unwrap_or_default();
        return [object, &(8_u32 << 16 | 1).to_ne_bytes()].concat();
    }
    let is_lift = message.len() == 20 && word(message, 1) == Some(20 << 16 | 1);
    if is_lift && without.iter().any(|without| without.interface == LIFT) {
        return Vec::new();
    }
    let is_global = word(message, 0) == Some(REGISTRY)
        && word(message, 1).is_some_and(|word| word & 0xffff == 0);
    let named = || {
        let length = usize::try_from(word(message, 3)?).ok()?;
        std::str::from_utf8(message.get(16..(15 + length))?).ok()
    };
    let found = named().filter(|_| is_global);
    let found = found.and_then(|name| without.iter().find(|without| without.interface == name));
    match found {
        None => message.to_vec(),
        Some(Without { version: None, .. }) => Vec::new(),
        Some(Without { version: Some(version), .. }) => {
            let (start, _) = message.split_at(message.len().saturating_sub(4));
            [start, &version.to_ne_bytes()].concat()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn global(interface: &str, version: u32) -> Vec<u8> {
        let mut text = interface.as_bytes().to_vec();
        text.push(0);
        let length = u32::try_from(text.len()).unwrap();
        text.resize(text.len().next_multiple_of(4), 0);
        let size = u32::try_from(16 + text.len() + 4).unwrap();
        let words = [REGISTRY, size << 16, 7, length].map(u32::to_ne_bytes).concat();
        [words, text, version.to_ne_bytes().to_vec()].concat()
    }

    #[test]
    fn a_screen_has_another_rate() {
        let mut presented = [7, 36 << 16 | 1, 0, 10, 20, 16_666_666, 0, 4, 7_u32];
        let bytes = |words: [u32; 9]| words.map(u32::to_ne_bytes).concat();
        let without = [Without { interface: REFRESH.to_owned(), version: Some(1) }];
        let said = filtered(&mut bytes(presented), &without);
        presented[5] = 1;
        assert_eq!(said, bytes(presented));
    }

    #[test]
    fn what_was_made_is_refused() {
        let bytes = |words: &[u32]| words.iter().flat_map(|word| word.to_ne_bytes()).collect();
        let without = [Without { interface: MADE.to_owned(), version: None }];
        let mut made: Vec<u8> = bytes(&[9, 12 << 16, FIRST_OWN]);
        assert_eq!(filtered(&mut made, &without), bytes(&[9, 8 << 16 | 1]));
        let other: Vec<u8> = bytes(&[9, 12 << 16, 5]);
        assert_eq!(filtered(&mut other.clone(), &without), other);
    }

    #[test]
    fn globals_are_left_out_or_old() {
        let other = [[9_u32, 8 << 16].map(u32::to_ne_bytes).concat()].concat();
        let all = [global("wl_shm", 2), other.clone(), global("wl_compositor", 6)].concat();
        let without = [
            Without { interface: "wl_shm".to_owned(), version: None },
            Without { interface: "wl_compositor".to_owned(), version: Some(3) },
        ];
        // In any pieces.
        for cut in 0..all.len() {
            let (mut bytes, mut said) = (Vec::new(), Vec::new());
            for piece in [&all[..cut], &all[cut..]] {
                bytes.extend(piece);
                said.extend(filtered(&mut bytes, &without));
            }
            assert_eq!(said, [other.clone(), global("wl_compositor", 3)].concat());
        }
    }
}
