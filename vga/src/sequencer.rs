//! The sequencer: clocking, which planes are written, fonts, and how memory is addressed.
//!
//! | register | bits |
//! |---|---|
//! | 0 reset | 0 asynchronous, 1 synchronous (stored, without effect) |
//! | 1 clocking mode | 0: 8 dots a character, 3: half the dot clock, 5: screen off |
//! | 2 map mask | planes that writes reach |
//! | 3 character map | 4, 1, 0: font of attribute bit 3 = 0; 5, 3, 2: of attribute bit 3 = 1 |
//! | 4 memory mode | 2: no odd/even, 3: chain 4 |

use crate::access::{at, put};
use crate::snapshot::{Bad, Reader, Writer};

/// The bits of each register that exist.
pub(crate) const MASKS: [u8; 8] = [0x03, 0x3d, 0x0f, 0x3f, 0x0e, 0x00, 0x00, 0xff];

const CLOCKING: u8 = 1;
const MAP_MASK: u8 = 2;
const FONTS: u8 = 3;
const MEMORY_MODE: u8 = 4;

const EIGHT_DOTS: u8 = 0x01;
const HALF_CLOCK: u8 = 0x08;
const SCREEN_OFF: u8 = 0x20;
const ALL_PLANES: u8 = 0x0f;
const NO_ODD_EVEN: u8 = 0x04;
const CHAIN_4: u8 = 0x08;

/// Index and registers. While a bochs mode is on, a second set decides: guests change the first as
/// they like (Windows' installer does) without hurting the mode.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Sequencer {
    index: u8,
    registers: [u8; 8],
    bochs: [u8; 8],
    bochs_on: bool,
}

impl Sequencer {
    pub(crate) fn index(&self) -> u8 {
        self.index
    }

    pub(crate) fn set_index(&mut self, value: u8) {
        self.index = value & 7;
    }

    pub(crate) fn read(&self) -> u8 {
        at(&self.registers, self.index)
    }

    pub(crate) fn write(&mut self, value: u8) {
        put(&mut self.registers, self.index, value & at(&MASKS, self.index));
    }

    /// A bochs mode is on, of planes or of whole pixels.
    pub(crate) fn force(&mut self, planar: bool) {
        self.bochs_on = true;
        let mut change = |register: u8, clear: u8, set: u8| {
            let value = at(&self.bochs, register) & !clear | set;
            put(&mut self.bochs, register, value);
        };
        if planar {
            change(CLOCKING, HALF_CLOCK, 0);
        } else {
            change(MEMORY_MODE, 0, CHAIN_4);
            change(MAP_MASK, 0, ALL_PLANES);
        }
    }

    /// No bochs mode is on.
    pub(crate) fn release(&mut self) {
        self.bochs_on = false;
    }

    fn active(&self, register: u8) -> u8 {
        at(if self.bochs_on { &self.bochs } else { &self.registers }, register)
    }

    pub(crate) fn eight_dots(&self) -> bool {
        self.active(CLOCKING) & EIGHT_DOTS != 0
    }

    pub(crate) fn half_clock(&self) -> bool {
        self.active(CLOCKING) & HALF_CLOCK != 0
    }

    pub(crate) fn screen_off(&self) -> bool {
        self.active(CLOCKING) & SCREEN_OFF != 0
    }

    pub(crate) fn map_mask(&self) -> u8 {
        self.active(MAP_MASK)
    }

    pub(crate) fn odd_even(&self) -> bool {
        self.active(MEMORY_MODE) & NO_ODD_EVEN == 0
    }

    pub(crate) fn chain_4(&self) -> bool {
        self.active(MEMORY_MODE) & CHAIN_4 != 0
    }

    /// What the guest wrote for chain 4, whatever a bochs mode makes of it.
    pub(crate) fn wrote_chain_4(&self) -> bool {
        at(&self.registers, MEMORY_MODE) & CHAIN_4 != 0
    }

    /// The two fonts, in steps of 8 KiB of plane 2: for attribute bit 3 clear, and set.
    pub(crate) fn fonts(&self) -> [u8; 2] {
        let map = self.active(FONTS);
        [(map >> 4 & 1) | (map << 1 & 6), (map >> 5 & 1) | (map >> 1 & 6)]
    }

    pub(crate) fn save(&self, to: &mut Writer) {
        to.byte(self.index);
        to.bytes(&self.registers);
        to.bytes(&self.bochs);
        to.flag(self.bochs_on);
    }

    pub(crate) fn load(from: &mut Reader<'_>) -> Result<Self, Bad> {
        Ok(Self {
            index: from.masked("sequencer index", 7)?,
            registers: from.table("sequencer", &MASKS)?,
            bochs: from.table("sequencer of bochs modes", &MASKS)?,
            bochs_on: from.flag("sequencer")?,
        })
    }
}
