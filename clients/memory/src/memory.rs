//! The mapping itself: the one file of this crate with `unsafe`.

use std::io;
use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::fs::{MemfdFlags, SealFlags};
use rustix::mm::{MapFlags, ProtFlags};

/// An access that does not lie inside the memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{length} bytes at {offset} do not lie within {size} bytes of memory")]
pub struct OutOfRange {
    /// First byte asked for.
    pub offset: u64,
    /// Bytes asked for.
    pub length: u64,
    /// Bytes that there are.
    pub size: u64,
}

/// Where the rows of a rectangle lie in a memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rows {
    /// Byte offset of the first row's first byte.
    pub offset: u64,
    /// Bytes from the start of a row to the start of the next.
    pub stride: u64,
}

impl Rows {
    /// The bytes of row `index` of `length` bytes, or nothing if they do not lie inside `size`.
    fn range(self, index: u64, length: u64, size: u64) -> Result<Range<usize>, OutOfRange> {
        let outside = OutOfRange { offset: self.offset, length, size };
        let start = self.stride.checked_mul(index).and_then(|skip| skip.checked_add(self.offset));
        range(start.ok_or(outside)?, length, size)
    }
}

/// Checks an access and turns it into indices.
fn range(offset: u64, length: u64, size: u64) -> Result<Range<usize>, OutOfRange> {
    let outside = OutOfRange { offset, length, size };
    let end = offset.checked_add(length).ok_or(outside)?;
    if end > size {
        return Err(outside);
    }
    let start = usize::try_from(offset).map_err(|_| outside)?;
    let end = usize::try_from(end).map_err(|_| outside)?;
    Ok(start..end)
}

/// Anonymous shared memory of a fixed size, readable and writable here and readable by whoever
/// gets its file descriptor.
///
/// The size is sealed: it can neither shrink nor grow, and the seals cannot change. Pages that
/// nobody has written cost nothing. All methods may be called from any thread; two accesses in
/// this process exclude each other.
///
/// The peer that gets the descriptor reads it while we write (it is told which buffer is whose by
/// `wl_buffer.release`); it is trusted not to write, as every compositor is with a client's pool.
#[derive(Debug)]
pub struct Memory {
    fd: OwnedFd,
    len: u64,
    inode: u64,
    mapping: Mutex<Mapping>,
}

impl Memory {
    /// Makes `len` bytes of zeroed memory; `name` appears in `/proc/PID/maps` and helps only the
    /// reader of that.
    ///
    /// # Errors
    /// The system's error when a descriptor, the size or the address space cannot be had, and
    /// `InvalidInput` for a length of zero.
    pub fn create(name: &str, len: u64) -> io::Result<Self> {
        let size =
            usize::try_from(len).ok().filter(|size| *size > 0 && isize::try_from(*size).is_ok());
        let Some(size) = size else {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "length of memory"));
        };
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let fd = rustix::fs::memfd_create(name, flags)?;
        rustix::fs::ftruncate(&fd, len)?;
        let seals = SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL;
        rustix::fs::fcntl_add_seals(&fd, seals)?;
        let inode = rustix::fs::fstat(&fd)?.st_ino;
        let mapping = Mutex::new(Mapping::new(&fd, size)?);
        Ok(Self { fd, len, inode, mapping })
    }

    /// The descriptor to hand to a peer, for example as a `wl_shm` pool.
    #[must_use]
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// Size in bytes; never zero.
    #[expect(clippy::len_without_is_empty, reason = "a memory is never empty")]
    #[must_use]
    pub const fn len(&self) -> u64 {
        self.len
    }

    /// The inode number, which is the same in every process that maps this memory.
    #[must_use]
    pub const fn inode(&self) -> u64 {
        self.inode
    }

    /// Copies the bytes at `offset` out of the memory.
    ///
    /// # Errors
    /// [`OutOfRange`] when not all of `into` can be filled; then nothing is copied.
    pub fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<(), OutOfRange> {
        let range = self.range(offset, into.len())?;
        let guard = self.lock();
        if let Some(bytes) = guard.bytes().get(range) {
            into.copy_from_slice(bytes);
        }
        Ok(())
    }

    /// Copies `from` to `offset`.
    ///
    /// # Errors
    /// [`OutOfRange`] when not all of `from` fits; then nothing is copied.
    pub fn write_at(&self, offset: u64, from: &[u8]) -> Result<(), OutOfRange> {
        self.with_bytes_mut(offset, from.len(), |bytes| bytes.copy_from_slice(from))
    }

    /// Lends the whole memory to `look`. Other accesses from this process wait meanwhile, so `look`
    /// must not block and must not use this memory.
    pub fn with_bytes<R>(&self, look: impl FnOnce(&[u8]) -> R) -> R {
        look(self.lock().bytes())
    }

    /// Lends `length` bytes at `offset` to `change`, which must not block and must not use this
    /// memory.
    ///
    /// # Errors
    /// [`OutOfRange`] when those bytes do not lie inside; then `change` is not called.
    pub fn with_bytes_mut<R>(
        &self,
        offset: u64,
        length: usize,
        change: impl FnOnce(&mut [u8]) -> R,
    ) -> Result<R, OutOfRange> {
        let range = self.range(offset, length)?;
        let mut guard = self.lock();
        guard.bytes_mut().get_mut(range).map(change).ok_or(self.outside(offset, length))
    }

    /// Copies a rectangle of `rows` rows of `row_bytes` bytes each to another memory and returns the
    /// number of bytes copied.
    ///
    /// # Errors
    /// [`OutOfRange`] when the rectangle does not lie inside both memories, or when `to` is this
    /// memory itself; then nothing is copied.
    pub fn copy_rows(
        &self,
        from: Rows,
        to: &Self,
        at: Rows,
        row_bytes: u64,
        rows: u64,
    ) -> Result<u64, OutOfRange> {
        let Some(last) = rows.checked_sub(1) else { return Ok(0) };
        // The last row lies furthest, so if it is inside all rows are.
        from.range(last, row_bytes, self.len)?;
        at.range(last, row_bytes, to.len)?;
        if std::ptr::eq(self, to) {
            return Err(OutOfRange { offset: from.offset, length: row_bytes, size: self.len });
        }
        // Two threads that copy in opposite directions must not wait for each other.
        let (source, mut target) = if self.inode < to.inode {
            let source = self.lock();
            (source, to.lock())
        } else {
            let target = to.lock();
            (self.lock(), target)
        };
        for row in 0..rows {
            let source = source.bytes().get(from.range(row, row_bytes, self.len)?);
            let target = target.bytes_mut().get_mut(at.range(row, row_bytes, to.len)?);
            if let (Some(source), Some(target)) = (source, target) {
                target.copy_from_slice(source);
            }
        }
        Ok(row_bytes.saturating_mul(rows))
    }

    fn range(&self, offset: u64, length: usize) -> Result<Range<usize>, OutOfRange> {
        range(offset, u64::try_from(length).unwrap_or(u64::MAX), self.len)
    }

    fn outside(&self, offset: u64, length: usize) -> OutOfRange {
        let length = u64::try_from(length).unwrap_or(u64::MAX);
        OutOfRange { offset, length, size: self.len }
    }

    fn lock(&self) -> MutexGuard<'_, Mapping> {
        // A panic in a lent closure leaves pixels half drawn, nothing worse.
        self.mapping.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Address and size of a mapping that this value owns.
#[derive(Debug)]
struct Mapping {
    start: NonNull<u8>,
    size: usize,
}

// SAFETY: the mapping belongs to no thread; whoever owns the value may use and unmap it.
unsafe impl Send for Mapping {}

impl Mapping {
    /// `size` is not zero, fits `isize` and is the sealed size of the file.
    fn new(fd: &OwnedFd, size: usize) -> io::Result<Self> {
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a null hint lets the kernel choose an address that nothing else uses.
        let start = unsafe {
            rustix::mm::mmap(std::ptr::null_mut(), size, access, MapFlags::SHARED, fd, 0)
        }?;
        let start = NonNull::new(start.cast::<u8>());
        let start = start.ok_or_else(|| io::Error::other("mapping at address zero"))?;
        Ok(Self { start, size })
    }

    fn bytes(&self) -> &[u8] {
        // SAFETY: `start` points to `size` mapped bytes until this value drops; the size seals keep
        // every page present; this process writes only through `&mut self`, and the peer that holds
        // the descriptor only reads.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.size) }
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as for `bytes`, and `&mut self` excludes every other reference in this process.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.size) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: this value made the mapping, and no reference into it can outlive the value.
        let result = unsafe { rustix::mm::munmap(self.start.as_ptr().cast(), self.size) };
        debug_assert!(result.is_ok(), "a mapping that we made can be unmapped");
    }
}
