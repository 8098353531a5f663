//! A client's buffer that another compositor is to read: which can be handed on, and what is said of it.
//!
//! What is wrong with a buffer is the mistake of whoever hands it over, and ends that one's connection. So
//! all that the other compositor may check is checked here first, and must be true for good.

use std::os::fd::{AsFd, BorrowedFd};

use porthole_pixel::Format;
use rustix::fs::{OFlags, SealFlags};
use smithay::reexports::wayland_server::{Resource, Weak, protocol::wl_buffer::WlBuffer};

use super::{Exporter, Pool, ShmBuffer, pixels::BufferUse};

/// What is said of a buffer's memory.
#[derive(Debug)]
pub(crate) struct Shared<'a> {
    pool: &'a Pool,
    pub(crate) memory: SharedMemory,
    /// Where the first pixel is.
    pub(crate) offset: u32,
    /// Bytes from row to row.
    pub(crate) stride: u32,
    /// Whole rows up to the last one, offset and all, in bytes; the memory has so many.
    pub(crate) len: u32,
}

/// What the memory is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum SharedMemory {
    /// A file for `wl_shm`.
    File,
    /// A dma-buf whose rows lie one behind another, as its client says.
    Device,
    /// The same, and its exporter knows no other way.
    LinearDevice,
}

impl AsFd for Shared<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pool.as_fd()
    }
}

impl BufferUse {
    /// The client's buffer, and whether it is still there.
    pub(crate) fn buffer(&self) -> Weak<WlBuffer> {
        self.buffer.downgrade()
    }

    /// What another compositor is told of the buffer; none where it may not have it.
    pub(crate) fn share(&self) -> Option<Shared<'_>> {
        ShmBuffer::of(&self.buffer)?.share()
    }
}

impl ShmBuffer {
    fn share(&self) -> Option<Shared<'_>> {
        let (layout, pool) = (&self.layout, &*self.pool);
        let height = u64::from(layout.size().height);
        // The row below the last pixel counts, though nobody reads it.
        let len = layout.offset() + u64::from(layout.stride()) * height;
        let four = matches!(layout.format(), Format::Argb8888 | Format::Xrgb8888);
        let aligned = layout.stride().is_multiple_of(4) && layout.offset().is_multiple_of(4);
        let len = u32::try_from(len).ok().filter(|len| i32::try_from(*len).is_ok())?;
        let memory = pool.shared_memory().filter(|_| four && aligned)?;
        (u64::from(len) <= pool.file_len()).then_some(Shared {
            pool,
            memory,
            offset: u32::try_from(layout.offset()).ok()?,
            stride: layout.stride(),
            len,
        })
    }
}

impl Pool {
    fn file_len(&self) -> u64 {
        rustix::fs::fstat(self).map_or(0, |stat| u64::try_from(stat.st_size).unwrap_or(0))
    }

    /// What its memory is for another compositor.
    fn shared_memory(&self) -> Option<SharedMemory> {
        if let Some(exporter) = self.exporter() {
            let linear = Exporter::is_linear(exporter);
            return Some(if linear { SharedMemory::LinearDevice } else { SharedMemory::Device });
        }
        // Compositors map pools for writing too, and a client could forbid that at any time, unless it has
        // said that its seals are the last ones.
        let seals = rustix::fs::fcntl_get_seals(self).ok()?;
        let final_ones = self.is_plain() && seals.contains(SealFlags::SEAL);
        let writable = !seals.intersects(SealFlags::WRITE | SealFlags::FUTURE_WRITE)
            && rustix::fs::fcntl_getfl(self).ok()? & OFlags::RWMODE == OFlags::RDWR;
        (final_ones && writable).then_some(SharedMemory::File)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        os::fd::OwnedFd,
        sync::{Arc, Mutex},
    };

    use porthole_pixel::{Layout, Size};
    use rustix::fs::MemfdFlags;

    use super::*;
    use crate::protocols::shm::Account;

    const LAST: SealFlags = SealFlags::SHRINK.union(SealFlags::SEAL);

    fn memfd(len: u64, seals: SealFlags) -> OwnedFd {
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let fd = rustix::fs::memfd_create("share-test", flags).unwrap();
        rustix::fs::ftruncate(&fd, len).unwrap();
        rustix::fs::fcntl_add_seals(&fd, seals).unwrap();
        fd
    }

    fn buffer(fd: OwnedFd, format: Format, offset: u64, len: u64) -> ShmBuffer {
        let account = Arc::new(Account::new(1 << 40, 0, None));
        let pool = Arc::new(Pool::new(fd, len, &account).unwrap());
        let layout = Layout::new(format, Size::new(3, 2), 20, offset, len).unwrap();
        ShmBuffer { pool, layout, in_use: Mutex::default() }
    }

    #[test]
    fn memory_is_handed_on_that_stays_as_it_is() {
        let shared = buffer(memfd(44, LAST), Format::Argb8888, 4, 44);
        let shared = shared.share().unwrap();
        let told = (shared.memory, shared.offset, shared.stride, shared.len);
        assert_eq!(told, (SharedMemory::File, 4, 20, 44));
    }

    #[test]
    fn what_a_client_could_change_stays_here() {
        let xrgb = Format::Xrgb8888;
        let refused = |fd, format, offset, len| {
            assert!(buffer(fd, format, offset, len).share().is_none());
        };
        refused(memfd(44, SealFlags::SHRINK), xrgb, 4, 44);
        refused(memfd(44, SealFlags::SEAL), xrgb, 4, 44);
        for write in [SealFlags::WRITE, SealFlags::FUTURE_WRITE] {
            refused(memfd(44, LAST | write), xrgb, 4, 44);
        }
        // For reading only.
        let fd = memfd(44, LAST);
        let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&fd));
        refused(std::fs::File::open(path).unwrap().into(), xrgb, 4, 44);
        // No file that has seals.
        refused(tempfile::tempfile().unwrap().into(), xrgb, 4, 44);
    }

    #[test]
    fn a_picture_that_others_would_refuse_stays_here() {
        // The last row ends with its last pixel, or before the file is as long as it was said to be.
        assert!(buffer(memfd(43, LAST), Format::Xrgb8888, 4, 43).share().is_none());
        assert!(buffer(memfd(43, LAST), Format::Xrgb8888, 4, 44).share().is_none());
        assert!(buffer(memfd(44, LAST), Format::Xrgb8888, 2, 44).share().is_none());
        assert!(buffer(memfd(44, LAST), Format::Rgb565, 4, 44).share().is_none());
        // More bytes than Wayland can say.
        let far = 1 << 31;
        assert!(buffer(memfd(far + 64, LAST), Format::Xrgb8888, far, far + 64).share().is_none());
        assert!(buffer(memfd(far + 64, LAST), Format::Xrgb8888, 4, far + 64).share().is_some());
    }
}
