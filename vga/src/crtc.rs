//! The CRT controller: sizes, addresses, the cursor and the split of the screen.
//!
//! | register | meaning |
//! |---|---|
//! | 01 | columns less one |
//! | 06 | vertical total; 100 stands for CGA's text of 100 rows |
//! | 07 | overflow: 1, 6 = bits 8, 9 of 12; 4 = bit 8 of 18 |
//! | 08 | preset row scan: 4–0 lines |
//! | 09 | 4–0 lines of a character less one, 6 = bit 9 of 18, 7 lines twice |
//! | 0A, 0B | cursor: first line (5 = off), last line |
//! | 0C, 0D | start address, in cells |
//! | 0E, 0F | cursor address, in cells |
//! | 11 | 7 protects 00–07 |
//! | 12 | lines less one |
//! | 13 | distance of rows, in units of 8 bytes of video memory |
//! | 14 | 4–0 underline's line, 6 addresses count double words |
//! | 17 | 0, 1 clear: CGA's and Hercules' banks; 6 addresses count bytes |
//! | 18 | line compare |
//!
//! All 256 registers store all their bits, as QEMU's do: guests probe them.

use crate::access::{at, low, put};
use crate::snapshot::{Bad, Reader, Writer};

const COLUMNS: u8 = 0x01;
const TOTAL: u8 = 0x06;
const OVERFLOW: u8 = 0x07;
const PRESET: u8 = 0x08;
const CHARACTER: u8 = 0x09;
const CURSOR_START: u8 = 0x0a;
const CURSOR_END: u8 = 0x0b;
const START: u8 = 0x0c;
const CURSOR: u8 = 0x0e;
const PROTECT: u8 = 0x11;
const LINES: u8 = 0x12;
const PITCH: u8 = 0x13;
const UNDERLINE: u8 = 0x14;
const MODE: u8 = 0x17;
const COMPARE: u8 = 0x18;

const PROTECTED: u8 = 0x80;
const COMPARE_8: u8 = 0x10;
const COMPARE_9: u8 = 0x40;
const DOUBLE_LINES: u8 = 0x80;
const DOUBLE_WORDS: u8 = 0x40;
const NO_CGA: u8 = 0x01;
const NO_HERCULES: u8 = 0x02;
const BYTES: u8 = 0x40;
/// CGA's text of 160x100 "pixels", which BIOS tables tell by the vertical total.
const CGA_TOTAL: u8 = 100;

/// The text cursor's lines.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct CursorShape {
    pub(crate) first: u8,
    pub(crate) last: u8,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Crtc {
    index: u8,
    registers: [u8; 256],
}

impl Default for Crtc {
    fn default() -> Self {
        Self { index: 0, registers: [0; 256] }
    }
}

impl Crtc {
    pub(crate) fn index(&self) -> u8 {
        self.index
    }

    pub(crate) fn set_index(&mut self, value: u8) {
        self.index = value;
    }

    pub(crate) fn read(&self) -> u8 {
        self.get(self.index)
    }

    /// Of protected registers, only the bit of line compare is taken.
    pub(crate) fn write(&mut self, value: u8) {
        if self.get(PROTECT) & PROTECTED != 0 && self.index <= OVERFLOW {
            if self.index == OVERFLOW {
                self.change(OVERFLOW, COMPARE_8, value & COMPARE_8);
            }
            return;
        }
        self.set(self.index, value);
    }

    fn get(&self, register: u8) -> u8 {
        at(&self.registers, register)
    }

    fn set(&mut self, register: u8, value: u8) {
        put(&mut self.registers, register, value);
    }

    fn change(&mut self, register: u8, clear: u8, set: u8) {
        self.set(register, self.get(register) & !clear | set);
    }

    fn pair(&self, high: u8) -> u32 {
        u32::from(self.get(high)) << 8 | u32::from(self.get(high.wrapping_add(1)))
    }

    /// A bochs mode writes its size here, where old programs look for it.
    pub(crate) fn force(&mut self, width: u16, height: u16, pitch: u32) {
        self.change(MODE, 0, NO_CGA | NO_HERCULES);
        self.set(PITCH, low(u64::from(pitch >> 3)));
        self.set(COLUMNS, low(u64::from(width >> 3)).wrapping_sub(1));
        let lines = height.wrapping_sub(1);
        self.set(LINES, low(lines.into()));
        let high = low(u64::from(lines >> 8));
        self.change(OVERFLOW, 0x42, (high & 1) << 1 | (high & 2) << 5);
        self.set(COMPARE, 0xff);
        self.change(OVERFLOW, 0, COMPARE_8);
        self.change(CHARACTER, 0x9f, COMPARE_9);
    }

    pub(crate) fn columns(&self) -> u32 {
        u32::from(self.get(COLUMNS)) + 1
    }

    pub(crate) fn lines(&self) -> u32 {
        let overflow = u32::from(self.get(OVERFLOW));
        (u32::from(self.get(LINES)) | (overflow & 0x02) << 7 | (overflow & 0x40) << 3) + 1
    }

    /// Whether this is CGA's text of 100 rows.
    pub(crate) fn hundred_rows(&self) -> bool {
        self.get(TOTAL) == CGA_TOTAL
    }

    /// Lines of a row of characters, or of each line of pixels.
    pub(crate) fn row_lines(&self) -> u32 {
        u32::from(self.get(CHARACTER) & 0x1f) + 1
    }

    pub(crate) fn double_lines(&self) -> bool {
        self.get(CHARACTER) & DOUBLE_LINES != 0
    }

    pub(crate) fn preset_row(&self) -> u32 {
        u32::from(self.get(PRESET) & 0x1f)
    }

    /// The first cell that is shown.
    pub(crate) fn start(&self) -> u32 {
        self.pair(START)
    }

    /// The cell of the cursor.
    pub(crate) fn cursor(&self) -> u32 {
        self.pair(CURSOR)
    }

    /// The cursor's lines, if it is on and has any in a character of so many lines.
    pub(crate) fn cursor_shape(&self, lines: u32) -> Option<CursorShape> {
        if self.get(CURSOR_START) & 0x20 != 0 {
            return None;
        }
        let first = self.get(CURSOR_START) & 0x1f;
        let last = (self.get(CURSOR_END) & 0x1f).min(low(u64::from(lines)).wrapping_sub(1));
        (first <= last).then_some(CursorShape { first, last })
    }

    /// Bytes of video memory from one row to the next.
    pub(crate) fn pitch(&self) -> u32 {
        u32::from(self.get(PITCH)) << 3
    }

    /// The last line before the address starts again at zero.
    pub(crate) fn line_compare(&self) -> u32 {
        u32::from(self.get(COMPARE))
            | u32::from(self.get(OVERFLOW) & COMPARE_8) << 4
            | u32::from(self.get(CHARACTER) & COMPARE_9) << 3
    }

    pub(crate) fn underline(&self) -> u32 {
        u32::from(self.get(UNDERLINE) & 0x1f)
    }

    /// Whether addresses count double words.
    pub(crate) fn double_words(&self) -> bool {
        self.get(UNDERLINE) & DOUBLE_WORDS != 0
    }

    /// Whether addresses count bytes, and not words; on the CGA, whether its banks are 32 KiB apart.
    pub(crate) fn counts_bytes(&self) -> bool {
        self.get(MODE) & BYTES != 0
    }

    /// Whether bit 0 of the line is an address bit, as on the CGA.
    pub(crate) fn cga_banks(&self) -> bool {
        self.get(MODE) & NO_CGA == 0
    }

    /// Whether bit 1 of the line is an address bit, as on the Hercules card.
    pub(crate) fn hercules_banks(&self) -> bool {
        self.get(MODE) & NO_HERCULES == 0
    }

    pub(crate) fn save(&self, to: &mut Writer) {
        to.byte(self.index);
        to.bytes(&self.registers);
    }

    pub(crate) fn load(from: &mut Reader<'_>) -> Result<Self, Bad> {
        Ok(Self { index: from.byte()?, registers: from.array()? })
    }
}
