//! A keymap to be handed on: text that nobody here understands.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use rustix::fs::{FileType, MemfdFlags, SealFlags, fcntl_add_seals, fstat, memfd_create};

/// A larger one is none; those that are compiled from all of a desktop's layouts have 64 KiB.
const MAX_BYTES: u32 = 1 << 20;

/// The text and a copy of it that no client can change.
#[derive(Debug)]
pub(crate) struct DeviceKeymap {
    text: Vec<u8>,
    file: OwnedFd,
    size: u32,
}

impl DeviceKeymap {
    /// Copies a keymap out of a client's file. `None` when there is no text in it.
    pub(super) fn read(file: &OwnedFd, size: u32) -> io::Result<Option<Self>> {
        if size > MAX_BYTES {
            return Err(io::Error::other("a keymap of more than a mebibyte"));
        }
        // To read a device may be to wait.
        if !FileType::from_raw_mode(fstat(file)?.st_mode).is_file() {
            return Err(io::Error::other("a keymap in something that is no file"));
        }
        let mut text = vec![0; size as usize];
        let mut filled = 0;
        while let Some(rest) = text.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match rustix::io::pread(file, rest, filled as u64)? {
                0 => break,
                n => filled += n,
            }
        }
        text.truncate(text.iter().position(|byte| *byte == 0).unwrap_or(filled));
        if text.is_empty() {
            return Ok(None);
        }
        Self::keep(text).map(Some)
    }

    /// Keeps a text of ours, or a copy of a client's.
    pub(crate) fn keep(text: Vec<u8>) -> io::Result<Self> {
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let file = memfd_create("porthole-keymap", flags)?;
        let mut whole = text.clone();
        // Clients read it up to its end.
        whole.push(0);
        let mut written = 0;
        while let Some(rest) = whole.get(written..).filter(|rest| !rest.is_empty()) {
            written += rustix::io::pwrite(&file, rest, written as u64)?;
        }
        let seals = SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE | SealFlags::SEAL;
        fcntl_add_seals(&file, seals)?;
        let size = u32::try_from(whole.len()).map_err(io::Error::other)?;
        Ok(Self { text, file, size })
    }

    /// The text, without the zero at its end.
    pub(crate) fn text(&self) -> &[u8] {
        &self.text
    }

    /// A file to hand on, and how much of it there is.
    pub(crate) fn file(&self) -> (BorrowedFd<'_>, u32) {
        (self.file.as_fd(), self.size)
    }
}
