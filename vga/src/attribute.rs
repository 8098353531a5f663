//! The attribute controller: the palette of 16, blinking, panning, and whether there is a picture.
//!
//! | register | bits |
//! |---|---|
//! | 00–0F palette | 5–0 colour |
//! | 10 mode | 0 graphics, 1 mono, 2 nine-dot line graphics, 3 blink, 5 panning ends at the split, 7 colour select gives bits 5–4 |
//! | 11 overscan | |
//! | 12 plane enable | 3–0 |
//! | 13 panning | 3–0 pixels |
//! | 14 colour select | 3–2 colour bits 7–6, 1–0 bits 5–4 |

use crate::access::{at, put};
use crate::snapshot::{Bad, Reader, Writer};

/// The bits of each register that exist.
pub(crate) const MASKS: [u8; 32] = [
    0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f,
    0xef, 0xff, 0x3f, 0x0f, 0x0f, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
];

const MODE: u8 = 0x10;
const PLANES: u8 = 0x12;
const PANNING: u8 = 0x13;
const SELECT: u8 = 0x14;

const MONO: u8 = 0x02;
const LINE_GRAPHICS: u8 = 0x04;
const BLINK: u8 = 0x08;
const PAN_TO_SPLIT: u8 = 0x20;
const SELECT_5_4: u8 = 0x80;
/// Bit of the index: the palette is the screen's, not the processor's.
const SHOWN: u8 = 0x20;

#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Attribute {
    index: u8,
    /// The next write is data, not an index.
    data_next: bool,
    registers: [u8; 32],
}

impl Attribute {
    pub(crate) fn read_index(&self) -> u8 {
        if self.data_next { 0 } else { self.index }
    }

    pub(crate) fn read(&self) -> u8 {
        at(&self.registers, self.index & 0x1f)
    }

    pub(crate) fn write(&mut self, value: u8) {
        if self.data_next {
            let index = self.index & 0x1f;
            put(&mut self.registers, index, value & at(&MASKS, index));
        } else {
            self.index = value & 0x3f;
        }
        self.data_next = !self.data_next;
    }

    /// The next write is an index again.
    pub(crate) fn reset_order(&mut self) {
        self.data_next = false;
    }

    /// Whether there is a picture.
    pub(crate) fn shown(&self) -> bool {
        self.index & SHOWN != 0
    }

    /// The colour in the DAC of one of 16.
    pub(crate) fn colour(&self, index: u8) -> u8 {
        let (colour, select) = (at(&self.registers, index & 0x0f), at(&self.registers, SELECT));
        if at(&self.registers, MODE) & SELECT_5_4 != 0 {
            select << 4 | colour & 0x0f
        } else {
            (select & 0x0c) << 4 | colour
        }
    }

    pub(crate) fn mono(&self) -> bool {
        at(&self.registers, MODE) & MONO != 0
    }

    pub(crate) fn line_graphics(&self) -> bool {
        at(&self.registers, MODE) & LINE_GRAPHICS != 0
    }

    pub(crate) fn blinks(&self) -> bool {
        at(&self.registers, MODE) & BLINK != 0
    }

    pub(crate) fn pans_to_split(&self) -> bool {
        at(&self.registers, MODE) & PAN_TO_SPLIT != 0
    }

    pub(crate) fn planes(&self) -> u8 {
        at(&self.registers, PLANES) & 0x0f
    }

    pub(crate) fn panning(&self) -> u8 {
        at(&self.registers, PANNING)
    }

    pub(crate) fn save(&self, to: &mut Writer) {
        to.byte(self.index);
        to.flag(self.data_next);
        to.bytes(&self.registers);
    }

    pub(crate) fn load(from: &mut Reader<'_>) -> Result<Self, Bad> {
        Ok(Self {
            index: from.masked("attribute index", 0x3f)?,
            data_next: from.flag("attribute controller")?,
            registers: from.table("attribute controller", &MASKS)?,
        })
    }
}
