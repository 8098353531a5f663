//! A picture and its buffers.

use std::io;
use std::sync::Arc;

use porthole_memory::{Copies, Memory, Rows};
use porthole_pixel::{Format, Layout, LayoutError, Rect, Region, Size};

use crate::{BufferId, Holds};

/// Buffers that one picture may have: one shown, one on its way, one to draw into.
const MAX_BUFFERS: usize = 3;
/// Rectangles that a list of missing pixels may have; a guest chooses them, so they must be few.
const MAX_RECTS: usize = 16;
/// Bytes of a pixel, in every format that a picture may have.
pub const PIXEL_BYTES: u32 = 4;

/// One piece of shared memory that holds the whole picture.
#[derive(Clone, Debug)]
pub struct Buffer {
    /// Its name.
    pub id: BufferId,
    /// The pixels, to be given on as a `wl_shm` pool.
    pub memory: Arc<Memory>,
    /// Pixels that are older than those of the current buffer.
    missing: Region,
}

/// A picture and its buffers.
#[derive(Debug)]
pub struct Picture {
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
pub struct Ledger<'a> {
    /// What the compositor holds.
    pub holds: &'a Holds,
    /// Bytes that were copied to make buffers equal.
    pub copies: &'a mut Copies,
    /// Times that a buffer was changed although the compositor held it, because there was no other.
    pub overdrawn: &'a mut u64,
}

impl Picture {
    /// A black picture that takes no memory until it is drawn or shown.
    #[must_use]
    pub const fn new(format: Format, size: Size) -> Self {
        Self { format, size, buffers: Vec::new(), current: 0, drawn: false }
    }

    /// The format of its pixels; one of four bytes.
    #[must_use]
    pub const fn format(&self) -> Format {
        self.format
    }

    /// Width and height in pixels.
    #[must_use]
    pub const fn size(&self) -> Size {
        self.size
    }

    /// Whether anything was drawn yet.
    #[must_use]
    pub const fn drawn(&self) -> bool {
        self.drawn
    }

    /// Bytes from row to row, if they can be counted.
    #[must_use]
    pub const fn stride(&self) -> u32 {
        self.size.width.saturating_mul(PIXEL_BYTES)
    }

    /// Bytes of one buffer of a picture of this size; nothing when they cannot be counted.
    #[must_use]
    pub fn bytes(size: Size) -> Option<u64> {
        let stride = size.width.checked_mul(PIXEL_BYTES)?;
        u64::from(stride).checked_mul(u64::from(size.height))
    }

    /// How a part of the picture lies in each buffer.
    ///
    /// # Errors
    /// Where no memory could hold the picture, or the part does not lie in it.
    pub fn layout(&self, part: Rect) -> Result<Layout, LayoutError> {
        let length = Self::bytes(self.size).unwrap_or(0);
        Layout::new(self.format, part.size(), self.stride(), self.offset(part), length)
    }

    /// The byte of a rectangle's first pixel.
    fn offset(&self, part: Rect) -> u64 {
        let (x, y) = (u64::from(part.x.unsigned_abs()), u64::from(part.y.unsigned_abs()));
        y * u64::from(self.stride()) + x * u64::from(PIXEL_BYTES)
    }

    /// The buffer with the newest pixels; made now if there is none.
    ///
    /// # Errors
    /// When the system has no memory or descriptor left.
    pub fn current(&mut self) -> io::Result<&Buffer> {
        if self.buffers.is_empty() {
            self.add(Region::new())?;
            self.current = 0;
        }
        self.buffers.get(self.current).ok_or_else(|| io::Error::other("no current buffer"))
    }

    /// All buffers, to be forgotten with the picture.
    pub fn ids(&self) -> impl Iterator<Item = BufferId> {
        self.buffers.iter().map(|buffer| buffer.id)
    }

    /// The newest pixels, packed; nothing if no buffer was ever made.
    #[must_use]
    pub fn content(&self) -> Option<Vec<u8>> {
        self.buffers.get(self.current).map(|buffer| buffer.memory.with_bytes(<[u8]>::to_vec))
    }

    /// Lends the rows of `part` in a buffer that may be written: from the first byte of its first
    /// pixel to the last byte of its last. When `whole` is set, `draw` will write every pixel of
    /// `part`; else what it leaves out keeps its value.
    ///
    /// `part` is not empty and lies inside the picture.
    ///
    /// # Errors
    /// When the system has no memory or descriptor left.
    pub fn draw<R>(
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
