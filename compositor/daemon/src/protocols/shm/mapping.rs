//! The mapped memory of a sealed pool: the only place where client memory is touched by address.

use std::{
    io,
    os::fd::{AsFd, AsRawFd},
    ptr::NonNull,
};

use rustix::{
    ioctl::{Opcode, Setter, ioctl, opcode},
    mm::{MapFlags, ProtFlags},
};

/// What the mapping is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Access {
    /// The client's picture is read.
    Read,
    /// A capture is written for the client.
    Write,
}

/// A whole pool, mapped.
///
/// INVARIANT: the file behind it is sealed against shrinking, or a dma-buf, which has one size for
/// life, or a graphics card's buffer, which is ours alone, and was at least `len` long when that was
/// seen: every byte stays backed and no access raises SIGBUS. Of dma-bufs this holds for exporters that
/// are steady (see `Pool`); memory of any other one may be taken away, and only
/// [`Mapping::copy_to`] touches it.
#[derive(Debug)]
pub(crate) struct Mapping {
    start: NonNull<u8>,
    len: usize,
    access: Access,
}

// SAFETY: the mapping is plain memory of the process, valid until it is dropped, and every access is
// by raw pointer: nothing here ever makes a reference to bytes that the client may change meanwhile.
unsafe impl Send for Mapping {}
// SAFETY: see above; concurrent reads and writes of pixels may tear, as hardware does, and no more.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps the first `len` bytes. The caller has checked the seal and the file's length.
    pub(crate) fn new(fd: impl AsFd, len: usize, access: Access) -> io::Result<Self> {
        Self::at(fd, 0, len, access)
    }

    /// The same for `len` bytes from an offset, a multiple of the page's size. Graphics cards know their
    /// buffers by offsets.
    pub(crate) fn at(fd: impl AsFd, offset: u64, len: usize, access: Access) -> io::Result<Self> {
        let prot = match access {
            Access::Read => ProtFlags::READ,
            Access::Write => ProtFlags::READ | ProtFlags::WRITE,
        };
        let (anywhere, flags) = (std::ptr::null_mut(), MapFlags::SHARED);
        // SAFETY: a fresh mapping at an address of the kernel's choice replaces nothing.
        let start = unsafe { rustix::mm::mmap(anywhere, len, prot, flags, fd, offset) }?;
        let start = NonNull::new(start.cast::<u8>())
            .ok_or_else(|| io::Error::other("the kernel mapped the pool at address 0"))?;
        Ok(Self { start, len, access })
    }

    /// The address of `len` bytes from `offset`, when they lie inside.
    pub(crate) fn range(&self, offset: u64, len: u64) -> Option<*const u8> {
        let offset = usize::try_from(offset).ok()?;
        let end = offset.checked_add(usize::try_from(len).ok()?)?;
        if end > self.len {
            return None;
        }
        // SAFETY: the offset was just checked to lie inside the mapping.
        Some(unsafe { self.start.as_ptr().add(offset) }.cast_const())
    }

    /// Copies `len` bytes from `offset` on to the beginning of a file. The kernel reads the memory: what
    /// cannot be had is an error, where an access by address would raise SIGBUS.
    pub(crate) fn copy_to(&self, file: impl AsFd, offset: u64, len: u64) -> io::Result<()> {
        let (file, mut done) = (file.as_fd().as_raw_fd(), 0);
        while done < len {
            let from = self.range(offset.saturating_add(done), len - done);
            let from = from.ok_or_else(|| io::Error::other("the picture lies outside"))?;
            let (rest, at) = (usize::try_from(len - done), libc::off_t::try_from(done));
            let (rest, at) = (rest.map_err(io::Error::other)?, at.map_err(io::Error::other)?);
            // SAFETY: so many bytes are mapped from this address on, and only the kernel reads them.
            let copied = unsafe { libc::pwrite(file, from.cast(), rest, at) };
            match u64::try_from(copied) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(copied) => done += copied,
                Err(_) => {
                    let error = io::Error::last_os_error();
                    if error.kind() != io::ErrorKind::Interrupted {
                        return Err(error);
                    }
                }
            }
        }
        Ok(())
    }

    /// Writes `bytes` from `offset`; false when they do not fit or the mapping is for reading.
    pub(crate) fn write(&self, offset: u64, bytes: &[u8]) -> bool {
        if self.access != Access::Write {
            return false;
        }
        let Some(to) = self.range(offset, bytes.len() as u64) else { return false };
        // SAFETY: the range was checked, the pages are mapped for writing, and `bytes` is ours, so
        // the two cannot overlap.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), to.cast_mut(), bytes.len()) };
        true
    }
}

/// Words as bytes, to be read into.
pub(super) const fn bytes_of(words: &mut [u32]) -> &mut [u8] {
    let len = size_of_val(words);
    // SAFETY: it is the words' own memory, lent for as long as they are, and any bytes make words.
    unsafe { std::slice::from_raw_parts_mut(words.as_mut_ptr().cast(), len) }
}

/// Begins or ends a turn of the CPU at a dma-buf, by `DMA_BUF_SYNC_*` of linux/dma-buf.h.
pub(super) fn sync(fd: impl AsFd, flags: u64) -> io::Result<()> {
    const SYNC: Opcode = opcode::write::<u64>(b'b', 0);
    // SAFETY: `DMA_BUF_IOCTL_SYNC` reads one number of 64 bits, which this is.
    let call = unsafe { Setter::<SYNC, u64>::new(flags) };
    // SAFETY: It reads that number and writes nothing; on other files it fails.
    Ok(unsafe { ioctl(fd, call) }?)
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the range was mapped by `new` and nothing can use it any more.
        let unmapped = unsafe { rustix::mm::munmap(self.start.as_ptr().cast(), self.len) };
        if let Err(error) = unmapped {
            tracing::error!("a pool could not be unmapped: {error}");
        }
    }
}
