//! The graphics controller: how the processor's bytes become bits of four planes.
//!
//! | register | bits |
//! |---|---|
//! | 0 set/reset, 1 enable set/reset | a bit for each plane |
//! | 2 colour compare, 7 colour don't care | a bit for each plane, of read mode 1 |
//! | 3 rotate | 2–0 count, 4–3 function: 0 none, 1 and, 2 or, 3 xor |
//! | 4 read map | plane of read mode 0 |
//! | 5 mode | 1–0 write mode, 3 read mode, 4 odd/even reads, 6–5 shift: 0 planar, 1 CGA, 2 256 colours |
//! | 6 miscellaneous | 0 graphics, 1 chain odd/even, 3–2 window |
//! | 8 bit mask | |

use crate::access::{at, put};
use crate::snapshot::{Bad, Reader, Writer};

/// The bits of each register that exist.
pub(crate) const MASKS: [u8; 16] =
    [0x0f, 0x0f, 0x0f, 0x1f, 0x03, 0x7b, 0x0f, 0x0f, 0xff, 0, 0, 0, 0, 0, 0, 0];

const ROTATE: u8 = 3;
const MODE: u8 = 5;
const MISCELLANEOUS: u8 = 6;

const READ_MODE: u8 = 0x08;
const ODD_EVEN: u8 = 0x10;
const SHIFT: u8 = 0x60;
const GRAPHICS: u8 = 0x01;
const CHAIN_ODD_EVEN: u8 = 0x02;
const WINDOW: u8 = 0x0c;
const WINDOW_64K: u8 = 0x04;

/// How bytes of the planes become pixels.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Shift {
    /// A bit of each plane is a pixel of 16 colours.
    Planar,
    /// Two bits of planes 0 and 2, then of 1 and 3, are a pixel: CGA's four colours.
    Cga,
    /// A byte is a pixel of 256 colours.
    Bytes,
}

/// Where the legacy window is, as offsets from 0xA0000.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Window {
    /// 128 KiB at 0xA0000.
    Whole,
    /// 64 KiB at 0xA0000, moved by the bochs bank.
    Graphics,
    /// 32 KiB at 0xB0000.
    Mono,
    /// 32 KiB at 0xB8000.
    Colour,
}

/// What write mode 0 to 3 does with a byte and the latches.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Function {
    Replace,
    And,
    Or,
    Xor,
}

#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Graphics {
    index: u8,
    registers: [u8; 16],
}

impl Graphics {
    pub(crate) fn index(&self) -> u8 {
        self.index
    }

    pub(crate) fn set_index(&mut self, value: u8) {
        self.index = value & 0x0f;
    }

    pub(crate) fn read(&self) -> u8 {
        at(&self.registers, self.index)
    }

    pub(crate) fn write(&mut self, value: u8) {
        put(&mut self.registers, self.index, value & at(&MASKS, self.index));
    }

    /// A bochs mode wants graphics, the 64 KiB window, and planes or bytes.
    pub(crate) fn force(&mut self, planar: bool) {
        let miscellaneous = at(&self.registers, MISCELLANEOUS) & !WINDOW | WINDOW_64K | GRAPHICS;
        put(&mut self.registers, MISCELLANEOUS, miscellaneous);
        let shift = if planar { 0 } else { 0x40 };
        let mode = at(&self.registers, MODE) & !SHIFT | shift;
        put(&mut self.registers, MODE, mode);
    }

    pub(crate) fn set_reset(&self) -> u8 {
        at(&self.registers, 0_u8)
    }

    pub(crate) fn enable_set_reset(&self) -> u8 {
        at(&self.registers, 1_u8)
    }

    pub(crate) fn compare(&self) -> u8 {
        at(&self.registers, 2_u8)
    }

    pub(crate) fn care(&self) -> u8 {
        at(&self.registers, 7_u8)
    }

    pub(crate) fn bit_mask(&self) -> u8 {
        at(&self.registers, 8_u8)
    }

    pub(crate) fn read_map(&self) -> u8 {
        at(&self.registers, 4_u8)
    }

    pub(crate) fn rotate(&self) -> u32 {
        u32::from(at(&self.registers, ROTATE) & 7)
    }

    pub(crate) fn function(&self) -> Function {
        match at(&self.registers, ROTATE) >> 3 {
            1 => Function::And,
            2 => Function::Or,
            3 => Function::Xor,
            _ => Function::Replace,
        }
    }

    pub(crate) fn write_mode(&self) -> u8 {
        at(&self.registers, MODE) & 3
    }

    pub(crate) fn compares(&self) -> bool {
        at(&self.registers, MODE) & READ_MODE != 0
    }

    pub(crate) fn odd_even(&self) -> bool {
        at(&self.registers, MODE) & ODD_EVEN != 0
    }

    pub(crate) fn shift(&self) -> Shift {
        match at(&self.registers, MODE) >> 5 & 3 {
            0 => Shift::Planar,
            1 => Shift::Cga,
            _ => Shift::Bytes,
        }
    }

    pub(crate) fn is_graphics(&self) -> bool {
        at(&self.registers, MISCELLANEOUS) & GRAPHICS != 0
    }

    pub(crate) fn chain_odd_even(&self) -> bool {
        at(&self.registers, MISCELLANEOUS) & CHAIN_ODD_EVEN != 0
    }

    pub(crate) fn window(&self) -> Window {
        match at(&self.registers, MISCELLANEOUS) >> 2 & 3 {
            0 => Window::Whole,
            1 => Window::Graphics,
            2 => Window::Mono,
            _ => Window::Colour,
        }
    }

    pub(crate) fn save(&self, to: &mut Writer) {
        to.byte(self.index);
        to.bytes(&self.registers);
    }

    pub(crate) fn load(from: &mut Reader<'_>) -> Result<Self, Bad> {
        Ok(Self {
            index: from.masked("graphics index", 0x0f)?,
            registers: from.table("graphics controller", &MASKS)?,
        })
    }
}
