//! Memory that a program shares with the service.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{MemfdFlags, SealFlags};

use crate::failure::{Failure, OrFail, Result};

/// A memfd.
#[derive(Debug)]
pub struct PoolMemory {
    fd: OwnedFd,
    len: u64,
}

impl PoolMemory {
    /// `len` bytes, sealed against shrinking or not.
    ///
    /// # Errors
    /// When memory is short.
    pub fn new(len: u64, sealed: bool) -> Result<Self> {
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let fd = rustix::fs::memfd_create("program", flags).or_fail("make a memfd")?;
        rustix::fs::ftruncate(&fd, len).or_fail("size a memfd")?;
        if sealed {
            rustix::fs::fcntl_add_seals(&fd, SealFlags::SHRINK).or_fail("seal a memfd")?;
        }
        Ok(Self { fd, len })
    }

    /// The descriptor.
    #[must_use]
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// Bytes at the start.
    #[must_use]
    pub const fn len(&self) -> u64 {
        self.len
    }

    /// True when it was made with no bytes.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Cuts the file short behind the service's back.
    ///
    /// # Errors
    /// When it is sealed.
    pub fn truncate(&self, len: u64) -> Result<()> {
        rustix::fs::ftruncate(&self.fd, len).or_fail("truncate")
    }

    /// Seals it against shrinking, and the seals against any more of them.
    ///
    /// # Errors
    /// When that was done already.
    pub fn seal_for_good(&self) -> Result<()> {
        let seals = SealFlags::SHRINK | SealFlags::SEAL;
        rustix::fs::fcntl_add_seals(&self.fd, seals).or_fail("seal a memfd for good")
    }

    /// Writes from the start.
    ///
    /// # Errors
    /// When the memory cannot be written.
    pub fn write(&self, mut bytes: &[u8]) -> Result<()> {
        let mut offset = 0;
        while !bytes.is_empty() {
            let n = rustix::io::pwrite(&self.fd, bytes, offset).or_fail("write pixels")?;
            bytes = bytes.get(n..).unwrap_or_default();
            offset += n as u64;
        }
        Ok(())
    }

    pub(super) fn read(&self) -> Result<Vec<u8>> {
        let len = usize::try_from(self.len).or_fail("size")?;
        let mut bytes = vec![0; len];
        let n = rustix::io::pread(&self.fd, &mut bytes, 0).or_fail("read pixels")?;
        if n == len { Ok(bytes) } else { Err(Failure::new("the memory was cut short")) }
    }
}
