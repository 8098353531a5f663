//! Video memory: a sealed memory file that the guest has mapped, and that is the compositor's picture.

use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use porthole_memory::{Mapped, Memory};
use porthole_vga_device::Vram;

/// Bytes of a word.
const WORD: u64 = 8;

/// Video memory as the VGA sees it.
#[derive(Clone, Debug)]
pub(crate) struct Video {
    live: Arc<Mapped>,
    still: Arc<Still>,
}

/// What was seen of it last, where that is kept: what goes into a trace is what the picture is made of,
/// whatever the guest writes meanwhile.
#[derive(Debug, Default)]
struct Still {
    memory: OnceLock<Mapped>,
    /// It is what is read.
    read: AtomicBool,
}

impl Video {
    /// So many bytes of zeros.
    pub(crate) fn new(len: u32) -> io::Result<Self> {
        let memory = Memory::create("porthole-vram", len.into())?;
        let live = Arc::new(Mapped::new(Arc::new(memory))?);
        Ok(Self { live, still: Arc::default() })
    }

    /// To look for changes, and to hand it out.
    pub(crate) fn shared(&self) -> &Arc<Mapped> {
        &self.live
    }

    /// Keeps what is seen of it from now on.
    pub(crate) fn keep(&self) -> io::Result<()> {
        let memory = Memory::create("porthole-still", self.live.len())?;
        // Twice is once.
        let _ = self.still.memory.set(Mapped::new(Arc::new(memory))?);
        Ok(())
    }

    /// Up to [`Self::go_on`], nothing is read that was not seen.
    pub(crate) fn hold(&self) {
        self.still.read.store(true, Ordering::Relaxed);
    }

    /// Sees what is at whole words.
    pub(crate) fn see(&self, bytes: &Range<u64>) {
        let Some(still) = self.still.memory.get() else { return };
        let word = |at: u64| usize::try_from(at / WORD).unwrap_or(usize::MAX);
        let range = word(bytes.start)..word(bytes.end.saturating_add(WORD - 1));
        let words = self.live.words().get(range.clone()).unwrap_or_default();
        for (to, from) in still.words().get(range).unwrap_or_default().iter().zip(words) {
            to.store(from.load(Ordering::Relaxed), Ordering::Relaxed);
        }
    }

    /// Reads what there is again.
    pub(crate) fn go_on(&self) {
        self.still.read.store(false, Ordering::Relaxed);
    }

    /// Writes what somebody has seen.
    pub(crate) fn write(&self, at: u64, bytes: &[u8]) {
        let mut at = at;
        let mut rest = bytes;
        while let Some((first, tail)) = rest.split_first() {
            match (rest.split_first_chunk(), usize::try_from(at / WORD)) {
                (Some((word, tail)), Ok(index)) if at.is_multiple_of(WORD) => {
                    if let Some(place) = self.live.words().get(index) {
                        place.store(u64::from_le_bytes(*word), Ordering::Relaxed);
                    }
                    (at, rest) = (at.saturating_add(WORD), tail);
                }
                _ => {
                    self.live.store(at, *first);
                    (at, rest) = (at.saturating_add(1), tail);
                }
            }
        }
    }

    /// What is read.
    fn view(&self) -> &Mapped {
        match self.still.memory.get() {
            Some(still) if self.still.read.load(Ordering::Relaxed) => still,
            _ => &self.live,
        }
    }
}

impl Vram for Video {
    fn len(&self) -> u32 {
        u32::try_from(self.live.len()).unwrap_or(u32::MAX)
    }

    fn load(&self, at: u32) -> u8 {
        self.view().load(at.into())
    }

    fn store(&self, at: u32, value: u8) {
        self.live.store(at.into(), value);
    }

    fn load_cell(&self, cell: u32) -> u32 {
        let index = usize::try_from(cell / 2).unwrap_or(usize::MAX);
        let word = self.view().words().get(index).map_or(0, |word| word.load(Ordering::Relaxed));
        let [a, b, c, d, e, f, g, h] = word.to_le_bytes();
        u32::from_le_bytes(if cell.is_multiple_of(2) { [a, b, c, d] } else { [e, f, g, h] })
    }

    fn store_cell(&self, cell: u32, value: u32) {
        self.live.store_four(u64::from(cell) * 4, value);
    }

    fn copy_out(&self, at: u32, into: &mut [u8]) {
        self.view().copy_out(at.into(), into);
    }

    fn copy_cells(&self, cell: u32, keep: u32, into: &mut [u32]) {
        let mut rest = into;
        let mut cell = cell;
        if !cell.is_multiple_of(2) {
            let Some((first, tail)) = rest.split_first_mut() else { return };
            *first = self.load_cell(cell) & keep;
            (cell, rest) = (cell.saturating_add(1), tail);
        }
        let first = usize::try_from(cell / 2).unwrap_or(usize::MAX);
        let words = self.view().words().get(first..).unwrap_or_default();
        let (pairs, last) = rest.as_chunks_mut::<2>();
        for (pair, word) in pairs.iter_mut().zip(words) {
            let [a, b, c, d, e, f, g, h] = word.load(Ordering::Relaxed).to_le_bytes();
            *pair = [[a, b, c, d], [e, f, g, h]].map(|half| u32::from_le_bytes(half) & keep);
        }
        if let ([last], Some(word)) = (last, words.get(pairs.len())) {
            let [a, b, c, d, ..] = word.load(Ordering::Relaxed).to_le_bytes();
            *last = u32::from_le_bytes([a, b, c, d]) & keep;
        }
    }

    fn clear(&self, at: u32, len: u32) {
        let end = at.saturating_add(len).min(Vram::len(self));
        let words = self.live.words();
        let mut at = at;
        while at < end {
            let word = usize::try_from(at / 8).ok().and_then(|word| words.get(word));
            match word {
                Some(word) if at.is_multiple_of(8) && end - at >= 8 => {
                    word.store(0, Ordering::Relaxed);
                    at += 8;
                }
                _ => {
                    self.live.store(at.into(), 0);
                    at += 1;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_copied_from_anywhere() {
        let video = Video::new(4096).unwrap();
        (0..1024).for_each(|cell| video.store_cell(cell, 0xff00_0000 | (cell * 0x1_0203)));
        for (first, count) in [(0, 64), (1, 64), (7, 1), (8, 1), (3, 2), (1022, 2), (1023, 3)] {
            let mut cells = vec![7; count];
            video.copy_cells(first, 0x00ff_ffff, &mut cells);
            let known = (first..).zip(0..count).map(|(cell, _)| match cell {
                0..1024 => video.load_cell(cell) & 0x00ff_ffff,
                // Nothing is there.
                _ => 7,
            });
            assert_eq!(cells, known.collect::<Vec<_>>(), "{count} from {first}");
        }
    }
}
