//! Memory that somebody else made, and may still write, cut short or take away.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt;

use rustix::fs::{FileType, SealFlags};

/// Another program's memory file. It is never mapped here: what is read of it is copied, and a file that
/// was cut short answers with an error.
#[derive(Debug)]
pub struct Foreign {
    file: File,
    len: u64,
    sealed: bool,
    device: Option<Device>,
}

/// How a picture lies in the memory of a device (a dma-buf).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Device {
    /// The order of its pixels: a `DRM_FORMAT_MOD_*` of drm/drm_fourcc.h.
    pub modifier: u64,
    /// The lowest row comes first.
    pub bottom_up: bool,
}

impl Device {
    /// `DRM_FORMAT_MOD_LINEAR`: row behind row.
    pub const LINEAR: u64 = 0;
    /// `DRM_FORMAT_MOD_INVALID`: only the device knows.
    pub const UNKNOWN: u64 = 0x00ff_ffff_ffff_ffff;
}

impl Foreign {
    /// Takes a descriptor that came from its owner, and seals it against shrinking where it can be.
    ///
    /// # Errors
    /// When it is no file, or an empty one.
    pub fn new(fd: OwnedFd) -> io::Result<Self> {
        let stat = rustix::fs::fstat(&fd)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no memory"));
        }
        let len = u64::try_from(stat.st_size).ok().filter(|len| *len > 0);
        let len = len.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "it is empty"))?;
        // Who does not want seals has said so, and files on disks know none.
        let _ = rustix::fs::fcntl_add_seals(&fd, SealFlags::SHRINK);
        let seals = rustix::fs::fcntl_get_seals(&fd).unwrap_or(SealFlags::empty());
        // It may have been cut short between the first look and the seal.
        let now = u64::try_from(rustix::fs::fstat(&fd)?.st_size).unwrap_or(0);
        let sealed = seals.contains(SealFlags::SHRINK) && now >= len;
        Ok(Self { file: File::from(fd), len, sealed, device: None })
    }

    /// Takes memory of a device, to be handed on: nobody here can read it.
    ///
    /// # Errors
    /// When it is no memory, or an empty one.
    pub fn of_device(fd: OwnedFd, device: Device) -> io::Result<Self> {
        let stat = rustix::fs::fstat(&fd)?;
        // A dma-buf has no type of file in older kernels.
        let kind = FileType::from_raw_mode(stat.st_mode);
        if !matches!(kind, FileType::RegularFile | FileType::Unknown) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no memory"));
        }
        let len = u64::try_from(stat.st_size).ok().filter(|len| *len > 0);
        let len = len.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "it is empty"))?;
        Ok(Self { file: File::from(fd), len, sealed: false, device: Some(device) })
    }

    /// How the picture lies in it, where it is memory of a device.
    #[must_use]
    pub const fn device(&self) -> Option<Device> {
        self.device
    }

    /// Whether both are one memory. It is no other one's as long as either is held.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        let which = |memory: &Self| {
            let stat = rustix::fs::fstat(&memory.file).ok()?;
            Some((stat.st_dev, stat.st_ino))
        };
        self.device == other.device && which(self).is_some_and(|one| Some(one) == which(other))
    }

    /// Whether it cannot become shorter, so that others may map it.
    #[must_use]
    pub const fn is_sealed(&self) -> bool {
        self.sealed
    }

    /// Bytes that it had when it came; never zero.
    #[expect(clippy::len_without_is_empty, reason = "it is never empty")]
    #[must_use]
    pub const fn len(&self) -> u64 {
        self.len
    }

    /// The descriptor to hand on.
    #[must_use]
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    /// Copies the bytes at `offset` out of the memory.
    ///
    /// # Errors
    /// When not all of `into` can be filled.
    pub fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(into, offset)
    }
}

#[cfg(test)]
mod tests {
    use rustix::fs::{MemfdFlags, ftruncate, memfd_create};

    use super::*;

    fn memfd(flags: MemfdFlags, len: u64) -> OwnedFd {
        let fd = memfd_create("theirs", flags | MemfdFlags::CLOEXEC).unwrap();
        ftruncate(&fd, len).unwrap();
        fd
    }

    #[test]
    fn what_can_be_sealed_is_sealed() {
        let fd = memfd(MemfdFlags::ALLOW_SEALING, 4096);
        let theirs = fd.try_clone().unwrap();
        let memory = Foreign::new(fd).unwrap();
        assert_eq!((memory.is_sealed(), memory.len()), (true, 4096));
        ftruncate(&theirs, 0).unwrap_err();
        let memory = Foreign::new(memfd(MemfdFlags::empty(), 4096)).unwrap();
        assert!(!memory.is_sealed());
    }

    #[test]
    fn memory_that_was_cut_short_is_an_error() {
        let fd = memfd(MemfdFlags::empty(), 4096);
        let theirs = fd.try_clone().unwrap();
        let memory = Foreign::new(fd).unwrap();
        let mut bytes = [1; 16];
        memory.read_at(4080, &mut bytes).unwrap();
        assert_eq!(bytes, [0; 16]);
        ftruncate(&theirs, 100).unwrap();
        memory.read_at(4080, &mut bytes).unwrap_err();
    }

    #[test]
    fn memory_of_a_device_is_known_again() {
        let device = Device { modifier: 0, bottom_up: false };
        let (one, two) = (memfd(MemfdFlags::empty(), 8192), memfd(MemfdFlags::empty(), 8192));
        let take =
            |fd: &OwnedFd, device| Foreign::of_device(fd.try_clone().unwrap(), device).unwrap();
        let first = take(&one, device);
        assert_eq!((first.len(), first.is_sealed(), first.device()), (8192, false, Some(device)));
        assert!(first.is_same(&take(&one, device)));
        assert!(!first.is_same(&take(&two, device)));
        assert!(!first.is_same(&take(&one, Device { bottom_up: true, ..device })));
        Foreign::of_device(memfd(MemfdFlags::empty(), 0), device).unwrap_err();
        let (socket, _) = std::os::unix::net::UnixStream::pair().unwrap();
        Foreign::of_device(socket.into(), device).unwrap_err();
    }

    #[test]
    fn what_is_no_memory_is_refused() {
        Foreign::new(memfd(MemfdFlags::empty(), 0)).unwrap_err();
        let (socket, _) = std::os::unix::net::UnixStream::pair().unwrap();
        Foreign::new(socket.into()).unwrap_err();
        Foreign::new(File::open("/").unwrap().into()).unwrap_err();
    }
}
