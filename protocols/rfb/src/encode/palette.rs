//! The colours of one tile in order of appearance, up to 127 of them, and each pixel's index.
#![expect(clippy::indexing_slicing, reason = "slots are masked to the table's length")]

/// More colours than this have no palette form in ZRLE.
pub(super) const MAX_COLOURS: usize = 127;

const SLOTS: usize = 256;

/// Scratch that is used for tile after tile.
#[derive(Debug)]
pub(super) struct Palette {
    colours: Vec<u32>,
    indices: Vec<u8>,
    /// An open-addressed table from colour to index + 1; 0 is a free slot. At most half of the
    /// slots are in use, so every search ends.
    slots: [u8; SLOTS],
}

impl Palette {
    pub(super) const fn new() -> Self {
        Self { colours: Vec::new(), indices: Vec::new(), slots: [0; SLOTS] }
    }

    /// Collects the colours of `values`; false where there are more than [`MAX_COLOURS`], which
    /// leaves nothing of use here.
    pub(super) fn collect(&mut self, values: &[u32]) -> bool {
        self.colours.clear();
        self.indices.clear();
        self.slots = [0; SLOTS];
        let mut run = None;
        for value in values {
            let index = match run {
                Some((colour, index)) if colour == *value => index,
                _ => match self.add(*value) {
                    Some(index) => index,
                    None => return false,
                },
            };
            run = Some((*value, index));
            self.indices.push(index);
        }
        true
    }

    pub(super) fn colours(&self) -> &[u32] {
        &self.colours
    }

    /// The index of each pixel's colour.
    pub(super) fn indices(&self) -> &[u8] {
        &self.indices
    }

    /// The colour's index, a new one if need be; `None` where no room is left.
    fn add(&mut self, colour: u32) -> Option<u8> {
        // Fibonacci hashing: the product's upper bits depend on all bits of the colour.
        let mut slot = (colour.wrapping_mul(0x9e37_79b1) >> 24) as usize;
        loop {
            match self.slots[slot] {
                0 => break,
                entry if self.colours[usize::from(entry) - 1] == colour => return Some(entry - 1),
                _ => slot = (slot + 1) % SLOTS,
            }
        }
        if self.colours.len() == MAX_COLOURS {
            return None;
        }
        self.colours.push(colour);
        let entry = u8::try_from(self.colours.len()).ok()?;
        self.slots[slot] = entry;
        Some(entry - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_keep_their_order_and_their_limit() {
        let mut palette = Palette::new();
        assert!(palette.collect(&[5, 5, 9, 5, 0, 9]));
        assert_eq!(palette.colours(), [5, 9, 0]);
        assert_eq!(palette.indices(), [0, 0, 1, 0, 2, 1]);
        let many: Vec<u32> = (0..127).map(|n| n * 0x0101_0101).collect();
        assert!(palette.collect(&many));
        assert_eq!(palette.colours(), many);
        assert!(palette.indices().iter().copied().eq(0..127));
        assert!(!palette.collect(&(0..128).collect::<Vec<_>>()));
        assert!(palette.collect(&[3]));
        assert_eq!((palette.colours(), palette.indices()), (&[3][..], &[0][..]));
    }
}
