//! The colours of one tile, in order of appearance, up to 127 of them.
#![expect(clippy::indexing_slicing, reason = "slots are masked to the table's length")]

/// More colours than this have no palette form in ZRLE.
pub(super) const MAX_COLOURS: usize = 127;

const SLOTS: usize = 256;

/// An open-addressed table from colour to index.
#[derive(Debug)]
pub(super) struct Palette {
    colours: Vec<u32>,
    /// Index + 1 into `colours`; 0 is a free slot. At most half of the slots are in use.
    slots: [u8; SLOTS],
}

impl Palette {
    /// Collects the colours of `values`; `None` where there are more than [`MAX_COLOURS`].
    pub(super) fn of(values: &[u32]) -> Option<Self> {
        let mut palette = Self { colours: Vec::with_capacity(16), slots: [0; SLOTS] };
        let mut last = None;
        for value in values {
            if last != Some(*value) {
                palette.add(*value)?;
                last = Some(*value);
            }
        }
        Some(palette)
    }

    pub(super) fn colours(&self) -> &[u32] {
        &self.colours
    }

    /// The colour's index; 0 for a colour that is not here.
    pub(super) fn index(&self, colour: u32) -> u8 {
        match self.slots[self.slot(colour)] {
            0 => 0,
            entry => entry - 1,
        }
    }

    fn add(&mut self, colour: u32) -> Option<()> {
        let slot = self.slot(colour);
        if self.slots[slot] == 0 {
            if self.colours.len() == MAX_COLOURS {
                return None;
            }
            self.colours.push(colour);
            self.slots[slot] = u8::try_from(self.colours.len()).ok()?;
        }
        Some(())
    }

    /// The slot that holds the colour, or the free one where it belongs.
    fn slot(&self, colour: u32) -> usize {
        // Fibonacci hashing: the product's upper bits depend on all bits of the colour.
        let mut slot = (colour.wrapping_mul(0x9e37_79b1) >> 24) as usize;
        loop {
            match self.slots[slot] {
                0 => return slot,
                entry if self.colours[usize::from(entry) - 1] == colour => return slot,
                _ => slot = (slot + 1) % SLOTS,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_keep_their_order_and_their_limit() {
        let palette = Palette::of(&[5, 5, 9, 5, 0, 9]).unwrap();
        assert_eq!(palette.colours(), [5, 9, 0]);
        assert_eq!([5, 9, 0].map(|colour| palette.index(colour)), [0, 1, 2]);
        let many: Vec<u32> = (0..127).map(|n| n * 0x0101_0101).collect();
        let palette = Palette::of(&many).unwrap();
        for (index, colour) in many.iter().enumerate() {
            assert_eq!(usize::from(palette.index(*colour)), index);
        }
        assert!(Palette::of(&(0..128).collect::<Vec<_>>()).is_none());
    }
}
