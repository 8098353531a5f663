//! The memory of a screen, and how a port's finished picture gets there.
//!
//! A screen's memory is written only, row by row: that of many graphics cards is read very slowly. What
//! captures copy, and what is blended over, is the port's own picture.

use std::{io, os::fd::AsFd, sync::Arc};

use porthole_pixel::{Rect, Region, Size};

use super::{
    copy::{Pointer, ROWS, reached, with_pointers},
    picture::View,
};
use crate::protocols::shm::{Access, Mapping};

/// Memory that a screen shows: words as of `Xrgb8888`.
#[derive(Debug)]
pub(crate) struct ScreenMemory {
    mapping: Mapping,
    size: Size,
    /// Bytes from row to row.
    stride: usize,
}

impl ScreenMemory {
    /// Maps the memory behind a descriptor: a graphics card's buffer by its offset, or a file that is
    /// sealed against shrinking.
    ///
    /// # Errors
    /// What the kernel says, and when rows are too short for the size.
    pub(crate) fn map(fd: impl AsFd, offset: u64, size: Size, stride: usize) -> io::Result<Self> {
        let row = usize::try_from(u64::from(size.width) * 4).unwrap_or(usize::MAX);
        let len = usize::try_from(size.height).ok().and_then(|rows| stride.checked_mul(rows));
        let len = len.filter(|len| stride >= row && *len > 0);
        let len = len.ok_or_else(|| io::Error::other("the screen's memory has no such size"))?;
        let mapping = Mapping::at(fd, offset, len, Access::Write)?;
        Ok(Self { mapping, size, stride })
    }

    /// In pixels.
    pub(crate) const fn size(&self) -> Size {
        self.size
    }

    /// Makes all of it black.
    pub(crate) fn blacken(&self) {
        let row = vec![0; self.stride];
        for y in 0..self.size.height as usize {
            self.mapping.write((y * self.stride) as u64, &row);
        }
    }

    /// Writes a rectangle, which lies inside, from rows with `stride` bytes from one to the next.
    pub(crate) fn write(&self, rect: Rect, from: &[u8], stride: usize) -> u64 {
        let length = rect.width.unsigned_abs() as usize * 4;
        let left = rect.x.unsigned_abs() as usize * 4;
        let mut written = 0;
        for (y, row) in (rect.y..rect.bottom()).zip(from.chunks(stride.max(1))) {
            let Some(row) = row.get(..length) else { break };
            let start = y.unsigned_abs() as usize * self.stride + left;
            if self.mapping.write(start as u64, row) {
                written += length as u64;
            }
        }
        written
    }
}

/// What of a finished picture goes into a screen's memory.
#[derive(Debug)]
pub(crate) struct ScreenTarget {
    pub(crate) memory: Arc<ScreenMemory>,
    /// All that the memory lacks, in pixels of the picture.
    pub(crate) region: Region,
    /// Pointers to paint over it.
    pub(crate) pointers: Vec<Pointer>,
}

impl ScreenTarget {
    /// How much work it is, in pixels that are copied.
    pub(super) fn work(&self) -> u64 {
        self.region.area()
    }

    /// Copies it; returns the bytes written. What is outside of either is left out.
    pub(super) fn show(&self, picture: View<'_>) -> u64 {
        let both = Rect::from_size(self.memory.size).intersect(Rect::from_size(picture.size()));
        let Some(both) = both else { return 0 };
        let mut written = 0;
        for rect in self.region.rects().iter().filter_map(|rect| rect.intersect(both)) {
            for top in (rect.y..rect.bottom()).step_by(ROWS.into()) {
                let bottom = rect.bottom().min(top.saturating_add(ROWS.into()));
                let strip = Rect::from_edges(rect.left(), top, rect.right(), bottom);
                let (part, origin) = picture.part(strip);
                let skip =
                    ((strip.x - origin.0).unsigned_abs(), (strip.y - origin.1).unsigned_abs());
                let start = skip.1 as usize * part.stride() + skip.0 as usize * 4;
                let from = part.bytes().get(start..).unwrap_or_default();
                written += self.memory.write(strip, from, part.stride());
            }
        }
        let painted: Region = reached(&self.pointers)
            .flat_map(|rect| self.region.intersect(rect).intersect(both).rects().to_vec())
            .collect();
        for rect in painted.rects() {
            let patch = with_pointers(picture, &self.pointers, *rect);
            written += self.memory.write(*rect, patch.bytes(), patch.stride());
        }
        written
    }
}

#[cfg(test)]
mod tests {
    use porthole_core::Color;
    use porthole_pixel::Format;
    use rustix::fs::{MemfdFlags, ftruncate, memfd_create};

    use super::*;
    use crate::{protocols::shm::Pixels, render::Canvas};

    const RED: Color = Color { red: 255, green: 0, blue: 0 };

    /// A file that stands for a card, and 4 x 3 pixels of it from the second page on.
    fn memory() -> (std::os::fd::OwnedFd, Arc<ScreenMemory>) {
        let file = memfd_create("screen", MemfdFlags::CLOEXEC).unwrap();
        ftruncate(&file, 8192).unwrap();
        let memory = ScreenMemory::map(&file, 4096, Size::new(4, 3), 24).unwrap();
        (file, Arc::new(memory))
    }

    fn words(file: &std::os::fd::OwnedFd) -> Vec<u32> {
        let mut bytes = [0; 72];
        rustix::io::pread(file, &mut bytes, 4096).unwrap();
        bytes.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word)).collect()
    }

    #[test]
    fn what_the_memory_lacks_is_copied_and_nothing_else() {
        let (file, memory) = memory();
        let picture = Canvas::new(Size::new(4, 3), RED);
        let region = [Rect::new(1, 0, 2, 2), Rect::new(3, 2, 9, 9)].into_iter().collect();
        let target = ScreenTarget { memory, region, pointers: Vec::new() };
        assert_eq!(target.show(View::Canvas(&picture)), 5 * 4);
        let red = RED.argb();
        let rows = [[0, red, red, 0, 0, 0], [0, red, red, 0, 0, 0], [0, 0, 0, red, 0, 0]];
        assert_eq!(words(&file), rows.concat());
    }

    #[test]
    fn pointers_are_painted_over_it() {
        let (file, memory) = memory();
        let picture = Canvas::new(Size::new(4, 3), RED);
        let arrow = Pixels::owned(Format::Argb8888, Size::new(1, 1), vec![0xff00_00ff]).unwrap();
        let region = Region::from_rect(Rect::new(0, 0, 4, 3));
        let pointers = vec![(Arc::new(arrow), 2, 1)];
        ScreenTarget { memory, region, pointers }.show(View::Canvas(&picture));
        let words = words(&file);
        assert_eq!((words[6 + 2], words[6 + 3]), (0xff00_00ff, RED.argb()));
    }

    #[test]
    fn rows_that_are_too_short_are_refused() {
        let (file, _) = memory();
        ScreenMemory::map(&file, 0, Size::new(4, 3), 15).unwrap_err();
        ScreenMemory::map(&file, 0, Size::new(0, 0), 0).unwrap_err();
    }
}
