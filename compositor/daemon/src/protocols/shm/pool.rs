//! A client's pool of memory, and the two ways to its bytes.
//!
//! A memfd that is sealed against shrinking is mapped: any thread may then read it freely. Any other
//! file is read with `pread` and written with `pwrite`, which answer a file that was cut short with
//! fewer bytes where a mapping would answer with SIGBUS. So no signal handler is needed at all.
//! A dma-buf keeps its size for life and is mapped as well, but read by address only where its exporter
//! pins its pages ([`device`](super::device)).

use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    sync::{Arc, Mutex, Once, PoisonError},
    time::Duration,
};

use porthole_core::account::Counter;
use porthole_pixel::{Layout, Rect};
use rustix::fs::{FileType, SealFlags};

use super::{
    account::{Account, Charge, Kind, OverLimit},
    device::{self, Exporter, Turn},
    mapping::{Access, Mapping, bytes_of},
};

/// The largest picture that is copied out of an unsealed pool, in bytes: one at 8192 x 8192.
pub(crate) const MAX_COPY: u64 = 256 << 20;

/// `TMPFS_MAGIC` of linux/magic.h. Only there does "sealed" mean that every page can be had:
/// a file of huge pages has seals too, but may run out of them.
const TMPFS_MAGIC: u64 = 0x0102_1994;
/// `DMA_BUF_MAGIC` of linux/magic.h.
const DMA_BUF_MAGIC: u64 = 0x444d_4142;

/// A pool as the client made it.
#[derive(Debug)]
pub(crate) struct Pool {
    fd: OwnedFd,
    memory: Memory,
    maps: Mutex<Maps>,
    told: Once,
}

/// What a pool's file is.
#[derive(Debug)]
enum Memory {
    /// Every page of a mapping stays there.
    Sealed,
    /// A dma-buf.
    Device(Exporter),
    /// It may be cut short.
    Other,
    /// No file, such as a device, to read which may be to wait.
    None,
}

#[derive(Debug)]
struct Maps {
    len: u64,
    charge: Charge,
    read: Option<Arc<Mapping>>,
    write: Option<Arc<Mapping>>,
}

/// Why a pool cannot have another size.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum GrowError {
    #[error("resize to {len} bytes; a pool of {from} can only grow")]
    Shrinks { len: u64, from: u64 },
    #[error("{0}")]
    Over(#[from] OverLimit),
}

impl AsFd for Pool {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Pool {
    /// Takes a pool of `len` bytes.
    pub(crate) fn new(fd: OwnedFd, len: u64, account: &Arc<Account>) -> Result<Self, OverLimit> {
        let charge = Charge::new(account, Kind::Pool, len)?;
        let kind = rustix::fs::fstatfs(&fd).ok().and_then(|fs| u64::try_from(fs.f_type).ok());
        let sealed = || {
            rustix::fs::fcntl_get_seals(&fd).is_ok_and(|seals| seals.contains(SealFlags::SHRINK))
        };
        let is_file = || {
            rustix::fs::fstat(&fd).is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode).is_file())
        };
        let memory = match kind {
            Some(DMA_BUF_MAGIC) => Memory::Device(Exporter::of(&fd)),
            Some(TMPFS_MAGIC) if sealed() => Memory::Sealed,
            _ if is_file() => Memory::Other,
            _ => Memory::None,
        };
        let maps = Mutex::new(Maps { len, charge, read: None, write: None });
        Ok(Self { fd, memory, maps, told: Once::new() })
    }

    /// Writes into the log why it cannot be read, once.
    pub(super) fn tell_once(&self, error: &io::Error) {
        self.told.call_once(|| {
            let account = self.account();
            let socket = account.socket_name();
            tracing::warn!(socket, "a picture in memory of a device cannot be read: {error}");
        });
    }

    /// Who made it, if it is a dma-buf.
    pub(crate) const fn exporter(&self) -> Option<&Exporter> {
        match &self.memory {
            Memory::Device(exporter) => Some(exporter),
            Memory::Sealed | Memory::Other | Memory::None => None,
        }
    }

    /// Writes into the log that its device takes too long, once.
    pub(crate) fn tell_late(&self, limit: Duration) {
        self.told.call_once(|| {
            let account = self.account();
            let socket = account.socket_name();
            tracing::warn!(
                socket,
                "a picture that its device has not finished after {limit:?} is shown as it is"
            );
        });
    }

    /// Whether it is a dma-buf that a device still writes.
    pub(super) fn is_written(&self) -> bool {
        self.exporter().is_some() && !device::is_ready(&self.fd, Access::Read)
    }

    /// Whether each page of a mapping is there for as long as the mapping.
    pub(super) fn is_steady(&self) -> bool {
        match &self.memory {
            Memory::Sealed => true,
            Memory::Device(exporter) => exporter.is_steady(),
            Memory::Other | Memory::None => false,
        }
    }

    /// Bytes that the client gave to the pool.
    pub(crate) fn len(&self) -> u64 {
        self.maps.lock().unwrap_or_else(PoisonError::into_inner).len
    }

    /// Grows the pool.
    pub(crate) fn grow(&self, len: u64) -> Result<(), GrowError> {
        let mut maps = self.maps.lock().unwrap_or_else(PoisonError::into_inner);
        if len < maps.len {
            return Err(GrowError::Shrinks { len, from: maps.len });
        }
        maps.charge.grow(len)?;
        maps.len = len;
        // Buffers in use keep the old mapping alive; it stays valid, as the file cannot shrink.
        (maps.read, maps.write) = (None, None);
        Ok(())
    }

    /// Where the client's memory is counted.
    pub(super) fn account(&self) -> Arc<Account> {
        self.maps.lock().unwrap_or_else(PoisonError::into_inner).charge.account().clone()
    }

    /// Whether it can be written by address, and no device takes turns at it.
    pub(crate) const fn is_plain(&self) -> bool {
        matches!(self.memory, Memory::Sealed)
    }

    /// The mapping, or nothing for a pool that must be copied.
    pub(crate) fn mapping(&self, access: Access) -> io::Result<Option<Arc<Mapping>>> {
        match self.memory {
            Memory::Sealed | Memory::Device(_) => {}
            Memory::Other => return Ok(None),
            Memory::None => return Err(io::Error::other("the pool is neither memory nor a file")),
        }
        let mut maps = self.maps.lock().unwrap_or_else(PoisonError::into_inner);
        let len = maps.len;
        let slot = match access {
            Access::Read => &mut maps.read,
            Access::Write => &mut maps.write,
        };
        if let Some(map) = slot {
            return Ok(Some(map.clone()));
        }
        let size = u64::try_from(rustix::fs::fstat(&self.fd)?.st_size).unwrap_or(0);
        if size < len {
            return Err(io::Error::other(format!(
                "the pool was said to have {len} bytes, but its file has only {size}"
            )));
        }
        let len = usize::try_from(len).map_err(io::Error::other)?;
        let map = Arc::new(Mapping::new(&self.fd, len, access)?);
        *slot = Some(map.clone());
        Ok(Some(map))
    }

    /// Copies the picture out, row behind row without gaps, as words of four bytes.
    ///
    /// The kernel copies it right to where it stays, so the state thread can wait for that: what is shown
    /// is what was there at the commit, the client has its buffer back at once, and a file that is too
    /// short is told as an error of that very commit.
    pub(crate) fn copy_out(&self, layout: &Layout) -> io::Result<(Vec<u32>, Charge)> {
        let row_bytes = layout.row_bytes() as usize;
        let row_words = row_bytes.div_ceil(4);
        let total = row_words as u64 * 4 * u64::from(layout.size().height);
        if total > MAX_COPY {
            return Err(io::Error::other(format!(
                "a picture of {total} bytes in an unsealed pool; at most {MAX_COPY} are copied: \
                 seal the memfd with F_SEAL_SHRINK"
            )));
        }
        let account = self.account();
        let charge = Charge::new(&account, Kind::Copy, total).map_err(io::Error::other)?;
        let mut words = vec![0; usize::try_from(total / 4).map_err(io::Error::other)?];
        if layout.stride() as usize == row_words * 4 && row_bytes == row_words * 4 {
            self.read(layout.offset(), bytes_of(&mut words))?;
        } else {
            for (y, row) in (0..layout.size().height).zip(words.chunks_mut(row_words)) {
                let Some(offset) = layout.row_offset(y) else { break };
                let Some(bytes) = bytes_of(row).get_mut(..row_bytes) else { break };
                self.read(offset, bytes)?;
            }
        }
        account.count(Counter::CopiedBytes, total);
        Ok((words, charge))
    }

    fn read(&self, mut offset: u64, mut into: &mut [u8]) -> io::Result<()> {
        while !into.is_empty() {
            let n = rustix::io::pread(&self.fd, &mut *into, offset)?;
            if n == 0 {
                return Err(io::Error::other(format!(
                    "the pool's file ends before byte {offset}, inside a picture"
                )));
            }
            into = into.get_mut(n..).unwrap_or_default();
            offset += n as u64;
        }
        Ok(())
    }

    /// Writes a picture given as rows of `from_stride` bytes into `rect` of the client's buffer, as
    /// far as that is inside. Both have four bytes for each pixel. Returns the bytes written.
    pub(crate) fn copy_in(
        self: &Arc<Self>,
        layout: &Layout,
        rect: Rect,
        from: &[u8],
        from_stride: usize,
    ) -> io::Result<u64> {
        let Some(inside) = rect.intersect(Rect::from_size(layout.size())) else { return Ok(0) };
        let mut _turn = None;
        if self.exporter().is_some() {
            if !self.is_steady() {
                return Err(io::Error::other("captures are not written to memory of this device"));
            }
            _turn = Turn::begin(self, Access::Write);
        }
        let map = self.mapping(Access::Write)?;
        let (left, width) = (inside.x.unsigned_abs(), inside.size().width);
        let column = inside.x.abs_diff(rect.x);
        let mut written = 0;
        for y in inside.y.unsigned_abs()..inside.bottom().unsigned_abs() {
            let line = usize::try_from(i64::from(y) - i64::from(rect.y)).unwrap_or(0);
            let start = line * from_stride + column as usize * 4;
            let row = from.get(start..start + width as usize * 4);
            let to = layout.row_offset(y).map(|o| o + u64::from(left) * 4);
            let (Some(row), Some(to)) = (row, to) else {
                return Err(io::Error::other("the buffer is larger than the picture"));
            };
            match &map {
                Some(map) if map.write(to, row) => {}
                Some(_) => return Err(io::Error::other("the buffer lies outside of its pool")),
                None => self.write_row(to, row)?,
            }
            written += row.len() as u64;
        }
        Ok(written)
    }

    fn write_row(&self, mut offset: u64, mut row: &[u8]) -> io::Result<()> {
        while !row.is_empty() {
            let n = rustix::io::pwrite(&self.fd, row, offset)?;
            if n == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            row = row.get(n..).unwrap_or_default();
            offset += n as u64;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use porthole_pixel::{Format, Size};
    use rustix::fs::MemfdFlags;

    use super::*;

    fn pool(fd: OwnedFd, len: u64) -> Arc<Pool> {
        Arc::new(Pool::new(fd, len, &Arc::new(Account::new(1 << 20, 1 << 20, None))).unwrap())
    }

    fn memfd(len: u64, seals: SealFlags) -> OwnedFd {
        let fd =
            rustix::fs::memfd_create("pool-test", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)
                .unwrap();
        rustix::fs::ftruncate(&fd, len).unwrap();
        rustix::fs::fcntl_add_seals(&fd, seals).unwrap();
        fd
    }

    fn layout() -> Layout {
        Layout::new(Format::Xrgb8888, Size::new(3, 2), 20, 4, 64).unwrap()
    }

    #[test]
    fn sealed_pools_are_mapped_and_others_are_not() {
        let sealed = pool(memfd(64, SealFlags::SHRINK), 64);
        assert!(sealed.mapping(Access::Read).unwrap().is_some());
        let open = pool(memfd(64, SealFlags::empty()), 64);
        assert!(open.mapping(Access::Read).unwrap().is_none());
    }

    #[test]
    fn what_is_no_file_is_never_read() {
        let (read, _write) = rustix::pipe::pipe().unwrap();
        let device = std::fs::File::open("/dev/zero").unwrap();
        for fd in [read, device.into()] {
            let pool = pool(fd, 64);
            let error = pool.mapping(Access::Read).unwrap_err().to_string();
            assert!(error.contains("neither memory nor a file"), "{error}");
        }
    }

    #[test]
    fn a_pool_longer_than_its_file_is_refused() {
        let pool = pool(memfd(63, SealFlags::SHRINK), 64);
        let error = pool.mapping(Access::Read).unwrap_err().to_string();
        assert!(error.contains("has only 63"), "{error}");
    }

    #[test]
    fn a_file_cut_short_is_an_error_not_a_signal() {
        let fd = memfd(64, SealFlags::empty());
        let pool = pool(fd.try_clone().unwrap(), 64);
        assert_eq!(pool.copy_out(&layout()).unwrap().0.len(), 6);
        rustix::fs::ftruncate(&fd, 30).unwrap();
        let error = pool.copy_out(&layout()).unwrap_err().to_string();
        assert!(error.contains("ends before byte 30"), "{error}");
    }

    #[test]
    fn pictures_are_copied_out_whatever_their_rows_are() {
        let fd = memfd(4096, SealFlags::empty());
        let bytes: Vec<u8> = (0..4096_u32).map(|n| (n * 7 % 251).to_le_bytes()[0]).collect();
        rustix::io::pwrite(&fd, &bytes, 0).unwrap();
        let pool = pool(fd, 4096);
        let (words, halves) = (Format::Xrgb8888, Format::from_fourcc(0x3631_4752).unwrap());
        assert_eq!(halves.bytes_per_pixel(), 2);
        // Without gaps, with gaps, at odd places, and with rows that are no whole words.
        let cases = [
            (words, 7, 28, 0),
            (words, 7, 28, 64),
            (words, 7, 40, 4),
            (words, 7, 31, 3),
            (halves, 6, 12, 2),
            (halves, 7, 14, 0),
            (halves, 7, 16, 1),
        ];
        for (format, width, stride, offset) in cases {
            let layout = Layout::new(format, Size::new(width, 9), stride, offset, 4096).unwrap();
            let (copy, charge) = pool.copy_out(&layout).unwrap();
            let row_bytes = layout.row_bytes() as usize;
            let copied: Vec<u8> = copy.iter().flat_map(|word| word.to_ne_bytes()).collect();
            assert_eq!(copied.len(), row_bytes.next_multiple_of(4) * 9);
            for (y, row) in copied.chunks(row_bytes.next_multiple_of(4)).enumerate() {
                let from = usize::try_from(offset).unwrap() + y * stride as usize;
                let (row, rest) = row.split_at(row_bytes);
                assert_eq!(row, &bytes[from..from + row_bytes], "{width} {stride} {offset} {y}");
                assert!(rest.iter().all(|byte| *byte == 0));
            }
            drop(charge);
        }
    }

    #[test]
    fn captures_reach_the_file_both_ways() {
        for seals in [SealFlags::SHRINK, SealFlags::empty()] {
            let fd = memfd(64, seals);
            let pool = pool(fd.try_clone().unwrap(), 64);
            let from: Vec<u8> = (0..24).collect();
            let n = pool.copy_in(&layout(), Rect::new(1, -1, 5, 3), &from, 8).unwrap();
            assert_eq!(n, 16);
            let mut file = [0_u8; 64];
            rustix::io::pread(&fd, &mut file, 0).unwrap();
            assert_eq!(&file[8..16], &from[8..16]);
            assert_eq!(&file[28..36], &from[16..24]);
            assert_eq!(&file[..8], &[0; 8]);
            assert_eq!(&file[36..], &[0; 28]);
        }
    }

    #[test]
    fn writing_needs_a_writable_file() {
        let fd = memfd(64, SealFlags::SHRINK | SealFlags::WRITE);
        let pool = pool(fd, 64);
        pool.copy_in(&layout(), Rect::new(0, 0, 3, 2), &[0; 24], 12).unwrap_err();
    }
}
