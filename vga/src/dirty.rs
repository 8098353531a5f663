//! Which pieces of video memory were written since the picture was last looked at.

use std::ops::Range;

use crate::access::at;

/// Bytes of a piece. A planar line of 640 pixels has 320 bytes, so a write touches two lines at most.
const PIECE: u32 = 256;
const BITS: u32 = u64::BITS;

/// One bit for each piece.
#[derive(Debug)]
pub(crate) struct Dirty {
    words: Vec<u64>,
    any: bool,
    /// Plane 2, where fonts are, was written.
    fonts: bool,
    /// It may have been: of ranges it is not known which planes.
    perhaps_fonts: bool,
}

impl Dirty {
    pub(crate) fn new(bytes: u32) -> Self {
        let words = bytes.div_ceil(PIECE * BITS);
        Self {
            words: (0..words).map(|_| u64::MAX).collect(),
            any: true,
            fonts: true,
            perhaps_fonts: false,
        }
    }

    /// Four bytes were written, of these planes.
    #[inline]
    pub(crate) fn mark_cell(&mut self, byte: u32, planes: u8) {
        self.any = true;
        self.fonts |= planes & 4 != 0;
        let piece = byte / PIECE;
        if let Some(word) = usize::try_from(piece / BITS).ok().and_then(|i| self.words.get_mut(i)) {
            *word |= 1 << (piece % BITS);
        }
    }

    /// A range of bytes was written.
    pub(crate) fn mark(&mut self, bytes: Range<u32>) {
        if bytes.is_empty() {
            return;
        }
        (self.any, self.perhaps_fonts) = (true, true);
        let (first, last) = (bytes.start / PIECE, (bytes.end - 1) / PIECE);
        let words = usize::try_from(first / BITS).ok().and_then(|from| self.words.get_mut(from..));
        for (index, word) in (first / BITS..=last / BITS).zip(words.unwrap_or_default()) {
            *word |= bits(index, first, last);
        }
    }

    /// Whether any byte of a range was written.
    pub(crate) fn touches(&self, bytes: Range<u32>) -> bool {
        if !self.any || bytes.is_empty() {
            return false;
        }
        let (first, last) = (bytes.start / PIECE, (bytes.end - 1) / PIECE);
        (first / BITS..=last / BITS).any(|index| {
            let word = usize::try_from(index).map_or(0, |i| at(&self.words, i));
            word & bits(index, first, last) != 0
        })
    }

    /// Whether anything at all was written.
    pub(crate) fn any(&self) -> bool {
        self.any
    }

    /// Whether plane 2 was written.
    pub(crate) fn fonts(&self) -> bool {
        self.fonts
    }

    /// Whether plane 2 may have been written: what is there must be compared.
    pub(crate) fn perhaps_fonts(&self) -> bool {
        self.perhaps_fonts
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        if self.any {
            self.words.fill(0);
        }
        (self.any, self.fonts, self.perhaps_fonts) = (false, false, false);
    }
}

/// The bits of word `index` that stand for the pieces `first` to `last`.
fn bits(index: u32, first: u32, last: u32) -> u64 {
    let (from, to) = (u64::from(index) * u64::from(BITS), u64::from(index + 1) * u64::from(BITS));
    let (first, last) = (u64::from(first).max(from), (u64::from(last) + 1).min(to));
    if first >= last {
        return 0;
    }
    u64::MAX >> (u64::from(BITS) - (last - first)) << (first - from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_seen_in_its_pieces_only() {
        let mut dirty = Dirty::new(1 << 20);
        dirty.clear();
        dirty.mark(300..20_000);
        assert!(dirty.touches(256..257) && dirty.touches(0..257) && dirty.touches(19_999..20_300));
        assert!(!dirty.touches(0..256) && !dirty.touches(20_224..1 << 20));
        assert!(dirty.perhaps_fonts() && !dirty.fonts());
        dirty.clear();
        dirty.mark_cell(65_536, 4);
        assert!(!dirty.perhaps_fonts());
        assert!(dirty.fonts() && dirty.touches(65_000..65_537) && !dirty.touches(0..65_536));
    }
}
