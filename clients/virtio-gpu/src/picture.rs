//! Pictures in shared memory that the device may change while the compositor shows them.
//!
//! A picture has one to three buffers. One of them, the current one, holds the newest pixels.
//! Drawing goes into the current buffer as long as the compositor does not hold it. When it does,
//! another buffer becomes current; it is first made equal to the old one. Each buffer knows which
//! pixels it has `missing`, so only those are copied, less what the drawing will overwrite anyway.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use porthole_memory::{Copies, Memory, Rows};
use porthole_pixel::{Format, Layout, LayoutError, Rect, Region, Size};

/// Buffers that one picture may have: one shown, one on its way, one to draw into.
const MAX_BUFFERS: usize = 3;
/// Rectangles that a list of missing pixels may have; a guest chooses them, so they must be few.
const MAX_RECTS: usize = 16;
/// Every format of virtio-gpu has four bytes a pixel.
pub(crate) const PIXEL_BYTES: u32 = 4;

/// Names a buffer for as long as this process lives; never used again for another one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct BufferId(u64);

impl BufferId {
    fn fresh() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }

    /// The number, unique in this process.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

/// Which buffers the compositor holds, by scanout, with the serial of the frame that gave each.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Holds(BTreeMap<(BufferId, usize), u64>);

impl Holds {
    /// Gives a buffer to the compositor with a frame. Returns the frame that gave it before, if it
    /// is still held.
    pub(crate) fn hold(&mut self, buffer: BufferId, scanout: usize, serial: u64) -> Option<u64> {
        self.0.insert((buffer, scanout), serial)
    }

    /// Undoes [`Self::hold`] of a frame that the compositor never got.
    pub(crate) fn undo(&mut self, buffer: BufferId, scanout: usize, before: Option<u64>) {
        match before {
            Some(serial) => self.0.insert((buffer, scanout), serial),
            None => self.0.remove(&(buffer, scanout)),
        };
    }

    /// Takes a buffer back. A release that was sent before the latest frame arrived says nothing
    /// about that frame.
    pub(crate) fn release(&mut self, buffer: BufferId, scanout: usize, serial: u64) {
        if self.0.get(&(buffer, scanout)).is_some_and(|held| *held <= serial) {
            self.0.remove(&(buffer, scanout));
        }
    }

    /// Forgets a buffer that no longer exists.
    pub(crate) fn forget(&mut self, buffer: BufferId) {
        self.0.retain(|(held, _), _| *held != buffer);
    }

    pub(crate) fn any(&self, buffer: BufferId) -> bool {
        self.0.range((buffer, 0)..=(buffer, usize::MAX)).next().is_some()
    }
}

/// One piece of shared memory that holds the whole picture.
#[derive(Clone, Debug)]
pub(crate) struct Buffer {
    pub(crate) id: BufferId,
    pub(crate) memory: Arc<Memory>,
    /// Pixels that are older than those of the current buffer.
    missing: Region,
}

/// A picture and its buffers.
#[derive(Debug)]
pub(crate) struct Picture {
    format: Format,
    size: Size,
    buffers: Vec<Buffer>,
    /// INVARIANT: an index of `buffers`, unless that is empty.
    current: usize,
    /// Whether anything was drawn.
    drawn: bool,
}

/// What drawing into a picture needs to know and count.
#[derive(Debug)]
pub(crate) struct Ledger<'a> {
    pub(crate) holds: &'a Holds,
    pub(crate) copies: &'a mut Copies,
    /// Times that a buffer was changed although the compositor held it, because there was no other.
    pub(crate) overdrawn: &'a mut u64,
}

impl Picture {
    /// A black picture that takes no memory until it is drawn or shown.
    pub(crate) const fn new(format: Format, size: Size) -> Self {
        Self { format, size, buffers: Vec::new(), current: 0, drawn: false }
    }

    pub(crate) const fn format(&self) -> Format {
        self.format
    }

    pub(crate) const fn size(&self) -> Size {
        self.size
    }

    /// Whether anything was drawn yet.
    pub(crate) const fn drawn(&self) -> bool {
        self.drawn
    }

    /// Bytes from row to row, if they can be counted.
    pub(crate) const fn stride(&self) -> u32 {
        self.size.width.saturating_mul(PIXEL_BYTES)
    }

    /// Bytes of one buffer of a picture of this size; nothing when they cannot be counted.
    pub(crate) fn bytes(size: Size) -> Option<u64> {
        let stride = size.width.checked_mul(PIXEL_BYTES)?;
        u64::from(stride).checked_mul(u64::from(size.height))
    }

    /// How a part of the picture lies in each buffer.
    pub(crate) fn layout(&self, part: Rect) -> Result<Layout, LayoutError> {
        let length = Self::bytes(self.size).unwrap_or(0);
        Layout::new(self.format, part.size(), self.stride(), self.offset(part), length)
    }

    /// The byte of a rectangle's first pixel.
    fn offset(&self, part: Rect) -> u64 {
        let (x, y) = (u64::from(part.x.unsigned_abs()), u64::from(part.y.unsigned_abs()));
        y * u64::from(self.stride()) + x * u64::from(PIXEL_BYTES)
    }

    /// The buffer with the newest pixels; made now if there is none.
    pub(crate) fn current(&mut self) -> io::Result<&Buffer> {
        if self.buffers.is_empty() {
            self.add(Region::new())?;
            self.current = 0;
        }
        self.buffers.get(self.current).ok_or_else(|| io::Error::other("no current buffer"))
    }

    /// All buffers, to be forgotten with the picture.
    pub(crate) fn ids(&self) -> impl Iterator<Item = BufferId> {
        self.buffers.iter().map(|buffer| buffer.id)
    }

    /// The newest pixels, packed; nothing if no buffer was ever made.
    pub(crate) fn content(&self) -> Option<Vec<u8>> {
        self.buffers.get(self.current).map(|buffer| buffer.memory.with_bytes(<[u8]>::to_vec))
    }

    /// Lends the rows of `part` in a buffer that may be written: from the first byte of its first
    /// pixel to the last byte of its last. When `whole` is set, `draw` will write every pixel of
    /// `part`; else what it leaves out keeps its value.
    ///
    /// `part` is not empty and lies inside the picture.
    pub(crate) fn draw<R>(
        &mut self,
        part: Rect,
        whole: bool,
        mut ledger: Ledger<'_>,
        draw: impl FnOnce(&mut [u8]) -> R,
    ) -> io::Result<R> {
        self.make_writable(part, whole, &mut ledger)?;
        let (start, size) = (self.offset(part), part.size());
        let rows = u64::from(size.height.saturating_sub(1)) * u64::from(self.stride());
        let length = rows + u64::from(size.width) * u64::from(PIXEL_BYTES);
        let length = usize::try_from(length).map_err(io::Error::other)?;
        self.drawn = true;
        for (index, buffer) in self.buffers.iter_mut().enumerate() {
            if index != self.current {
                buffer.missing.add(part);
                buffer.missing.simplify(MAX_RECTS);
            }
        }
        let buffer = self.current()?;
        buffer.memory.with_bytes_mut(start, length, draw).map_err(io::Error::other)
    }

    /// Makes a buffer current that the compositor does not hold.
    fn make_writable(
        &mut self,
        part: Rect,
        whole: bool,
        ledger: &mut Ledger<'_>,
    ) -> io::Result<()> {
        let old = self.current()?.clone();
        if !ledger.holds.any(old.id) {
            return Ok(());
        }
        let free = self.buffers.iter().position(|buffer| !ledger.holds.any(buffer.id));
        let next = match free {
            Some(index) => index,
            None if self.buffers.len() < MAX_BUFFERS => {
                self.add(Region::from_rect(Rect::from_size(self.size)))?;
                self.buffers.len() - 1
            }
            None => {
                // The compositor keeps all of them: better a torn picture than a stopped guest.
                *ledger.overdrawn += 1;
                return Ok(());
            }
        };
        let stride = u64::from(self.stride());
        let Some(mut repair) = self.buffers.get_mut(next).map(|b| std::mem::take(&mut b.missing))
        else {
            return Err(io::Error::other("no such buffer"));
        };
        if whole {
            repair.subtract(part);
        }
        let target = self.buffers.get(next).map(|buffer| Arc::clone(&buffer.memory));
        let target = target.ok_or_else(|| io::Error::other("no such buffer"))?;
        for rect in repair.rects() {
            let rows = Rows { offset: self.offset(*rect), stride };
            let size = rect.size();
            let row_bytes = u64::from(size.width) * u64::from(PIXEL_BYTES);
            let copied = old
                .memory
                .copy_rows(rows, &target, rows, row_bytes, u64::from(size.height))
                .map_err(io::Error::other)?;
            *ledger.copies += Copies { transfer: 0, repair: copied };
        }
        self.current = next;
        Ok(())
    }

    fn add(&mut self, missing: Region) -> io::Result<()> {
        let bytes = Self::bytes(self.size).ok_or(io::ErrorKind::OutOfMemory)?;
        let memory = Arc::new(Memory::create("porthole-scanout", bytes)?);
        self.buffers.push(Buffer { id: BufferId::fresh(), memory, missing });
        Ok(())
    }
}
