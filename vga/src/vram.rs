//! Video memory, which belongs to the owner of the device.

use std::cell::Cell;

/// Granularity of everything in video memory: one byte of each of the four planes.
pub(crate) const CELL: u32 = 4;
/// Cells that are copied together.
const GROUP: usize = 32;

/// A view of video memory that the guest may have mapped and write at any time.
///
/// Every method takes `&self`, because nobody owns such memory alone: what is read is what was there
/// at some time during the call. Addresses are bytes; byte `4 * n + p` is byte `n` of plane `p`. The
/// device never passes an address outside [`len`](Vram::len); an implementation must stay inside of
/// its memory all the same, and may then return zeros.
pub trait Vram {
    /// Bytes that there are.
    fn len(&self) -> u32;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// One byte.
    fn load(&self, at: u32) -> u8;

    /// Sets one byte.
    fn store(&self, at: u32, value: u8);

    /// The four bytes from `4 * cell` on, the first as the lowest.
    fn load_cell(&self, cell: u32) -> u32;

    /// Sets the four bytes from `4 * cell` on.
    fn store_cell(&self, cell: u32, value: u32);

    /// Copies bytes from `at` on.
    fn copy_out(&self, at: u32, into: &mut [u8]);

    /// Copies cells from `cell` on, of each the bits in `keep`.
    fn copy_cells(&self, cell: u32, keep: u32, into: &mut [u32]) {
        for (into, cell) in into.iter_mut().zip(cell..) {
            *into = self.load_cell(cell) & keep;
        }
    }

    /// Sets `len` bytes from `at` on to zero.
    fn clear(&self, at: u32, len: u32);
}

impl<V: Vram + ?Sized> Vram for &V {
    fn len(&self) -> u32 {
        (**self).len()
    }

    fn load(&self, at: u32) -> u8 {
        (**self).load(at)
    }

    fn store(&self, at: u32, value: u8) {
        (**self).store(at, value);
    }

    fn load_cell(&self, cell: u32) -> u32 {
        (**self).load_cell(cell)
    }

    fn store_cell(&self, cell: u32, value: u32) {
        (**self).store_cell(cell, value);
    }

    fn copy_out(&self, at: u32, into: &mut [u8]) {
        (**self).copy_out(at, into);
    }

    fn copy_cells(&self, cell: u32, keep: u32, into: &mut [u32]) {
        (**self).copy_cells(cell, keep, into);
    }

    fn clear(&self, at: u32, len: u32) {
        (**self).clear(at, len);
    }
}

/// Video memory of this process, for tests and for machines that trap every access: nobody else writes
/// it, so its words are plain ones, which are copied as fast as the machine can.
pub struct Memory {
    cells: Vec<Cell<u32>>,
}

impl std::fmt::Debug for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Memory").field("len", &self.len()).finish_non_exhaustive()
    }
}

impl Memory {
    /// So many bytes, all zero; rounded down to four.
    #[must_use]
    pub fn new(bytes: u32) -> Self {
        Self { cells: (0..bytes / CELL).map(|_| Cell::new(0)).collect() }
    }

    fn cell(&self, cell: u32) -> Option<&Cell<u32>> {
        self.cells.get(usize::try_from(cell).ok()?)
    }
}

impl Vram for Memory {
    fn len(&self) -> u32 {
        u32::try_from(self.cells.len()).map_or(0, |cells| cells * CELL)
    }

    fn load(&self, at: u32) -> u8 {
        let [low, ..] = (self.load_cell(at / CELL) >> (8 * (at % CELL))).to_le_bytes();
        low
    }

    fn store(&self, at: u32, value: u8) {
        let Some(cell) = self.cell(at / CELL) else { return };
        let shift = 8 * (at % CELL);
        let kept = cell.get() & !(0xff << shift);
        cell.set(kept | u32::from(value) << shift);
    }

    fn load_cell(&self, cell: u32) -> u32 {
        self.cell(cell).map_or(0, Cell::get)
    }

    fn store_cell(&self, cell: u32, value: u32) {
        if let Some(cell) = self.cell(cell) {
            cell.set(value);
        }
    }

    fn copy_out(&self, at: u32, into: &mut [u8]) {
        let mut at = at;
        let mut rest = into;
        while !at.is_multiple_of(CELL) || rest.len() < CELL as usize {
            let Some((first, tail)) = std::mem::take(&mut rest).split_first_mut() else { return };
            *first = self.load(at);
            (at, rest) = (at + 1, tail);
        }
        let start = usize::try_from(at / CELL).unwrap_or(usize::MAX);
        let cells = self.cells.get(start..).unwrap_or_default();
        let (words, tail) = rest.as_chunks_mut::<4>();
        let mut last = at;
        for (word, cell) in words.iter_mut().zip(cells) {
            *word = cell.get().to_le_bytes();
            last += CELL;
        }
        for byte in tail {
            *byte = self.load(last);
            last += 1;
        }
    }

    fn copy_cells(&self, cell: u32, keep: u32, into: &mut [u32]) {
        let start = usize::try_from(cell).unwrap_or(usize::MAX);
        let cells = self.cells.get(start..).unwrap_or_default();
        let whole = into.len().min(cells.len()) / GROUP * GROUP;
        let (groups, rest) = into.split_at_mut(whole);
        let (from, last) = cells.split_at(whole);
        let pairs = groups.as_chunks_mut::<GROUP>().0.iter_mut().zip(from.as_chunks::<GROUP>().0);
        for (group, cells) in pairs {
            // All read before any is written: as fast as a plain copy.
            let mut kept = [0; GROUP];
            kept.iter_mut().zip(cells).for_each(|(kept, cell)| *kept = cell.get() & keep);
            *group = kept;
        }
        for (into, cell) in rest.iter_mut().zip(last) {
            *into = cell.get() & keep;
        }
    }

    fn clear(&self, at: u32, len: u32) {
        let end = at.saturating_add(len).min(self.len());
        let mut at = at;
        while at < end {
            if at.is_multiple_of(CELL) && end - at >= CELL {
                self.store_cell(at / CELL, 0);
                at += CELL;
            } else {
                self.store(at, 0);
                at += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_copied_from_anywhere() {
        let memory = Memory::new(4096);
        (0..1024).for_each(|cell| memory.store_cell(cell, 0xff00_0000 | (cell * 0x1_0203)));
        for (first, count) in [(0, 64), (1, 100), (7, 31), (3, 2), (992, 32), (1000, 40), (2000, 1)]
        {
            let mut cells = vec![7; count];
            memory.copy_cells(first, 0x00ff_ffff, &mut cells);
            let known = (first..).zip(0..count).map(|(cell, _)| match cell {
                0..1024 => memory.load_cell(cell) & 0x00ff_ffff,
                // Nothing is there.
                _ => 7,
            });
            assert_eq!(cells, known.collect::<Vec<_>>(), "{count} from {first}");
        }
    }
}
