//! Which pieces of a memory have changed that somebody else writes, where nobody tells.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::mapped::Mapped;

/// Bytes of a piece: 64 pixels of 32 bits.
pub const PIECE: u64 = 256;
const PIECE_WORDS: usize = 32;

/// What each piece of a memory was when it was last looked at, as a number of 64 bits. Two contents have
/// the same number once in 2^64 times, unless somebody looks for them; who does deceives nobody but the
/// viewer of his own picture.
#[derive(Debug, Default)]
pub struct Changes {
    seen: Vec<u64>,
}

impl Changes {
    /// Looks at a range, rounded up to whole pieces, and tells of each run of pieces that differ from what
    /// was there at the last look. Reads each byte once and writes none.
    pub fn look(
        &mut self,
        memory: &Mapped,
        range: Range<u64>,
        mut changed: impl FnMut(Range<u64>),
    ) {
        let end = range.end.min(memory.len()).div_ceil(PIECE);
        let (first, last) = (range.start / PIECE, end);
        let (Ok(first), Ok(last)) = (usize::try_from(first), usize::try_from(last)) else { return };
        if first >= last {
            return;
        }
        if self.seen.len() < last {
            self.seen.resize(last, 0);
        }
        let words = memory.words().chunks(PIECE_WORDS).skip(first);
        let seen = self.seen.get_mut(first..last).unwrap_or_default();
        let mut run: Option<Range<u64>> = None;
        for ((piece, seen), at) in words.zip(seen).zip((range.start / PIECE)..) {
            let now = digest(piece);
            if std::mem::replace(seen, now) == now {
                continue;
            }
            let (start, end) = (at * PIECE, (at + 1) * PIECE);
            match &mut run {
                Some(run) if run.end == start => run.end = end,
                _ => run.replace(start..end).into_iter().for_each(&mut changed),
            }
        }
        run.into_iter().for_each(changed);
    }
}

/// Four chains, so that the processor has something to do while it multiplies.
fn digest(piece: &[AtomicU64]) -> u64 {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut chains = [1_u64, 2, 3, 4];
    for words in piece.chunks(4) {
        for (chain, word) in chains.iter_mut().zip(words) {
            *chain = (*chain ^ word.load(Ordering::Relaxed)).wrapping_mul(FACTOR).rotate_left(29);
        }
    }
    let [a, b, c, d] = chains;
    let mixed = (a ^ b.rotate_left(16)).wrapping_mul(FACTOR) ^ (c ^ d.rotate_left(16));
    // Never the number of a piece that was not looked at.
    (mixed ^ mixed >> 32).wrapping_mul(FACTOR).max(1)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::Memory;

    fn runs(changes: &mut Changes, memory: &Mapped, range: Range<u64>) -> Vec<(u64, u64)> {
        let mut runs = Vec::new();
        changes.look(memory, range, |run| runs.push((run.start, run.end)));
        runs
    }

    #[test]
    fn each_change_is_told_once() {
        let memory = Arc::new(Memory::create("test", 0x4000).unwrap());
        let shared = Mapped::new(memory).unwrap();
        let mut changes = Changes::default();
        assert_eq!(runs(&mut changes, &shared, 0..0x4000), [(0, 0x4000)]);
        assert_eq!(runs(&mut changes, &shared, 0..0x4000), []);
        // Every bit of a piece counts, where it is as well as what it is.
        for bit in 0..PIECE * 8 {
            let (at, value) = (0x1000 + bit / 8, 1 << (bit % 8));
            shared.store(at, value);
            assert_eq!(runs(&mut changes, &shared, 0..0x4000), [(0x1000, 0x1100)], "{bit}");
            shared.store(at, 0);
            assert_eq!(runs(&mut changes, &shared, 0..0x4000), [(0x1000, 0x1100)], "{bit}");
        }
        shared.store(0x1fff, 1);
        shared.store(0x2000, 1);
        shared.store(0x3fff, 1);
        assert_eq!(runs(&mut changes, &shared, 0x1f01..0x3000), [(0x1f00, 0x2100)]);
        assert_eq!(runs(&mut changes, &shared, 0..u64::MAX), [(0x3f00, 0x4000)]);
        assert_eq!(runs(&mut changes, &shared, 0x9000..0xa000), []);
    }

    #[test]
    fn bytes_are_where_they_were_put() {
        let memory = Arc::new(Memory::create("test", 64).unwrap());
        let shared = Mapped::new(Arc::clone(&memory)).unwrap();
        (0_u8..64).for_each(|at| shared.store(at.into(), at));
        let mut bytes = [0; 64];
        memory.read_at(0, &mut bytes).unwrap();
        assert!(bytes.iter().zip(0..).all(|(byte, at)| *byte == at));
        for start in 0..16 {
            for len in 0..32 {
                let mut out = vec![0xff; len];
                shared.copy_out(start, &mut out);
                assert!(out.iter().zip(u8::try_from(start).unwrap()..).all(|(b, at)| *b == at));
            }
        }
        shared.store_four(12, 0x0403_0201);
        assert_eq!(
            (shared.load(11), shared.load(12), shared.load(15), shared.load(16)),
            (11, 1, 4, 16)
        );
        shared.store(64, 1);
        assert_eq!(shared.load(64), 0);
        let mut out = [7; 16];
        shared.copy_out(60, &mut out);
        assert_eq!(out[..6], [60, 61, 62, 63, 7, 7]);
    }
}
