//! Seats and outputs by name. The compositor has one seat for each port, named like it; under
//! other compositors the first seat serves.

use std::os::fd::{AsFd, OwnedFd};

use wayland_client::protocol::{wl_output::WlOutput, wl_seat::WlSeat};

/// Larger keymaps are refused; real ones are about 64 KiB.
const MAX_KEYMAP: u32 = 1 << 20;

/// An output with the name that it told.
#[derive(Debug)]
pub(crate) struct NamedOutput {
    pub(crate) proxy: WlOutput,
    pub(crate) name: Option<String>,
}

/// A seat with the name that it told.
#[derive(Debug)]
pub(crate) struct NamedSeat {
    pub(crate) proxy: WlSeat,
    pub(crate) name: Option<String>,
    /// The number of its global.
    pub(crate) global: u32,
}

/// Everything with a name that the compositor has.
#[derive(Debug, Default)]
pub(crate) struct Names {
    pub(crate) outputs: Vec<NamedOutput>,
    pub(crate) seats: Vec<NamedSeat>,
}

impl Names {
    /// The output of this name.
    pub(crate) fn output(&self, name: &str) -> Option<&WlOutput> {
        position(self.outputs.iter().map(|output| output.name.as_deref()), name)
            .and_then(|index| self.outputs.get(index))
            .map(|output| &output.proxy)
    }

    /// The global of the seat of this name, or of the first one.
    pub(crate) fn seat(&self, name: &str) -> Option<u32> {
        let index = position(self.seats.iter().map(|seat| seat.name.as_deref()), name);
        self.seats.get(index.unwrap_or(0)).map(|seat| seat.global)
    }

    /// The names of all outputs, for messages.
    pub(crate) fn output_names(&self) -> Vec<String> {
        self.outputs.iter().filter_map(|output| output.name.clone()).collect()
    }
}

fn position<'a>(mut names: impl Iterator<Item = Option<&'a str>>, wanted: &str) -> Option<usize> {
    names.position(|name| name == Some(wanted))
}

/// The keymap of a seat, as the compositor gave it: its own file descriptor can be sent back.
#[derive(Debug)]
pub struct Keymap {
    fd: OwnedFd,
    size: u32,
    text: String,
}

impl Keymap {
    /// Reads an XKB keymap; `None` where the memory does not hold `size` bytes of text.
    pub(crate) fn read(fd: OwnedFd, size: u32) -> Option<Self> {
        if size > MAX_KEYMAP {
            return None;
        }
        let mut bytes = vec![0; size as usize];
        let mut filled = 0;
        while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match rustix::io::pread(&fd, rest, filled as u64) {
                Ok(0) => return None,
                Ok(count) => filled += count,
                Err(rustix::io::Errno::INTR) => {}
                Err(_) => return None,
            }
        }
        // The text ends with a zero byte, which counts as part of its size.
        let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
        bytes.truncate(end);
        Some(Self { fd, size, text: String::from_utf8(bytes).ok()? })
    }

    /// The keymap in XKB's text format, version 1.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The memory and its size, to be sent on.
    pub(crate) fn memory(&self) -> (impl AsFd + '_, u32) {
        (self.fd.as_fd(), self.size)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn memory(bytes: &[u8]) -> OwnedFd {
        let fd = rustix::fs::memfd_create("keymap", rustix::fs::MemfdFlags::CLOEXEC).unwrap();
        let mut file = std::fs::File::from(fd);
        file.write_all(bytes).unwrap();
        file.into()
    }

    #[test]
    fn names_are_matched_whole() {
        let names = [None, Some("main"), Some("main2")];
        assert_eq!(position(names.into_iter(), "main"), Some(1));
        assert_eq!(position(names.into_iter(), "mai"), None);
    }

    #[test]
    fn a_keymap_is_read_from_its_start_and_lies_are_refused() {
        let keymap = Keymap::read(memory(b"xkb_keymap {};\0"), 15).unwrap();
        assert_eq!(keymap.text(), "xkb_keymap {};");
        assert!(Keymap::read(memory(b"short"), 6).is_none());
        assert!(Keymap::read(memory(&[0xff, 0xfe]), 2).is_none());
        assert!(Keymap::read(memory(b""), u32::MAX).is_none());
    }
}
