//! The bochs display interface: modes of whole pixels, set by eleven words.
//!
//! | index | word |
//! |---|---|
//! | 0 | version, B0C0–B0C5 |
//! | 1, 2, 3 | width, height, bits of a pixel (4, 8, 15, 16, 24, 32) |
//! | 4 | 0 on, 1 read the limits of 1–3, 5 eight bits of colour, 6 linear, 7 keep the memory |
//! | 5 | bank of 64 KiB |
//! | 6, 7 | width and height of the whole picture; the height follows from the memory |
//! | 8, 9 | where in it the screen is |
//! | 10 | memory in units of 64 KiB |
//!
//! There is no way to refuse a value, so each is put right where the mode is on.

use crate::access::{at, low_word, put};
use crate::snapshot::{Bad, Reader, Writer};

const ID: u16 = 0;
const WIDTH: u16 = 1;
const HEIGHT: u16 = 2;
const BITS: u16 = 3;
const ENABLE: u16 = 4;
const BANK: u16 = 5;
const VIRTUAL_WIDTH: u16 = 6;
const VIRTUAL_HEIGHT: u16 = 7;
const X: u16 = 8;
const Y: u16 = 9;
const MEMORY: u16 = 10;

const NEWEST: u16 = 0xb0c5;
const OLDEST: u16 = 0xb0c0;
/// The largest size, which the limits tell.
pub(crate) const LARGEST: (u16, u16) = (16_000, 12_000);
const MOST_BITS: u16 = 32;

const ON: u16 = 0x01;
const LIMITS: u16 = 0x02;
const EIGHT_BIT_COLOURS: u16 = 0x20;
const KEEP_MEMORY: u16 = 0x80;
/// Unit of banks and of what index 10 counts.
const UNIT: u32 = 0x1_0000;

/// What else a write changes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Effect {
    Nothing,
    /// The mode may be another: the VGA's registers follow it.
    Mode,
    /// As `Mode`, and the DAC has this width.
    Enable {
        eight_bits: bool,
        /// So many bytes of memory are cleared.
        clear: u32,
    },
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Dispi {
    index: u16,
    registers: [u16; 10],
    /// Bytes of memory that there are.
    memory: u32,
    /// Where the window of 64 KiB is.
    bank: u32,
    /// Bytes from one line to the next; of the last mode.
    pitch: u32,
    /// The first cell that is shown; of the last mode.
    start: u32,
}

impl Dispi {
    pub(crate) fn new(memory: u32) -> Self {
        let mut registers = [0; 10];
        put(&mut registers, ID, NEWEST);
        Self { index: 0, registers, memory, bank: 0, pitch: 0, start: 0 }
    }

    fn get(&self, index: u16) -> u16 {
        at(&self.registers, index)
    }

    fn set(&mut self, index: u16, value: u16) {
        put(&mut self.registers, index, value);
    }

    pub(crate) fn index(&self) -> u16 {
        self.index
    }

    pub(crate) fn set_index(&mut self, value: u16) {
        self.index = value;
    }

    pub(crate) fn is_on(&self) -> bool {
        self.get(ENABLE) & ON != 0
    }

    pub(crate) fn size(&self) -> (u16, u16) {
        (self.get(WIDTH), self.get(HEIGHT))
    }

    pub(crate) fn bits(&self) -> u16 {
        self.get(BITS)
    }

    pub(crate) fn is_planar(&self) -> bool {
        self.bits() == 4
    }

    pub(crate) fn pitch(&self) -> u32 {
        self.pitch
    }

    pub(crate) fn start(&self) -> u32 {
        self.start
    }

    pub(crate) fn bank(&self) -> u32 {
        self.bank
    }

    pub(crate) fn read(&self) -> u16 {
        let limits = self.get(ENABLE) & LIMITS != 0;
        match self.index {
            WIDTH if limits => LARGEST.0,
            HEIGHT if limits => LARGEST.1,
            BITS if limits => MOST_BITS,
            MEMORY => low_word(u64::from(self.memory / UNIT)),
            index => self.get(index),
        }
    }

    pub(crate) fn write(&mut self, value: u16) -> Effect {
        match self.index {
            ID if (OLDEST..=NEWEST).contains(&value) => {
                self.set(ID, value);
                Effect::Nothing
            }
            WIDTH | HEIGHT | BITS | VIRTUAL_WIDTH | X | Y => {
                self.set(self.index, value);
                self.put_right();
                Effect::Mode
            }
            BANK => {
                let units = self.memory / UNIT;
                let value = value & low_word(u64::from(units)).wrapping_sub(1);
                self.set(BANK, value);
                self.bank = u32::from(value) * UNIT;
                Effect::Nothing
            }
            ENABLE => self.enable(value),
            _ => Effect::Nothing,
        }
    }

    fn enable(&mut self, value: u16) -> Effect {
        let mut clear = 0;
        if value & ON != 0 && !self.is_on() {
            for index in [VIRTUAL_WIDTH, X, Y] {
                self.set(index, 0);
            }
            self.set(ENABLE, self.get(ENABLE) | ON);
            self.put_right();
            if value & KEEP_MEMORY == 0 {
                clear = u32::from(self.get(HEIGHT)) * self.pitch;
            }
        } else {
            self.bank = 0;
        }
        self.set(ENABLE, value);
        Effect::Enable { eight_bits: value & EIGHT_BIT_COLOURS != 0, clear }
    }

    /// Makes a mode of what was written: whatever it is, it fits into memory.
    fn put_right(&mut self) {
        if !self.is_on() {
            return;
        }
        let bits = match self.bits() {
            15 => 16,
            bits @ (4 | 8 | 16 | 24 | 32) => bits,
            _ => {
                self.set(BITS, 8);
                8
            }
        };
        let bytes = |pixels: u16| u32::from(pixels) * u32::from(bits) / 8;
        let width = (self.get(WIDTH) & !7).clamp(8, LARGEST.0);
        let whole = (self.get(VIRTUAL_WIDTH) & !7).clamp(width, LARGEST.0);
        let pitch = bytes(whole);
        let most = self.memory / pitch.max(1);
        let height = self.get(HEIGHT).clamp(1, LARGEST.1);
        let height = u16::try_from(most).map_or(height, |most| height.min(most));
        let (mut x, mut y) = (self.get(X).min(LARGEST.0), self.get(Y).min(LARGEST.1));
        let screen = u32::from(height) * pitch;
        let start = |x: u16, y: u16| bytes(x) + u32::from(y) * pitch;
        if start(x, y) + screen > self.memory {
            y = 0;
        }
        if start(x, y) + screen > self.memory {
            x = 0;
        }
        for (index, value) in [
            (WIDTH, width),
            (HEIGHT, height),
            (VIRTUAL_WIDTH, whole),
            (VIRTUAL_HEIGHT, low_word(most.into())),
            (X, x),
            (Y, y),
        ] {
            self.set(index, value);
        }
        self.pitch = pitch;
        self.start = start(x, y) / 4;
    }

    pub(crate) fn save(&self, to: &mut Writer) {
        to.word(self.index);
        for value in self.registers {
            to.word(value);
        }
        to.dword(self.bank);
        to.dword(self.pitch);
        to.dword(self.start);
    }

    /// Reads the registers of a device with so much memory.
    pub(crate) fn load(from: &mut Reader<'_>, memory: u32) -> Result<Self, Bad> {
        let mut dispi = Self::new(memory);
        dispi.index = from.word()?;
        for value in &mut dispi.registers {
            *value = from.word()?;
        }
        (dispi.bank, dispi.pitch, dispi.start) = (from.dword()?, from.dword()?, from.dword()?);
        let mut right = dispi.clone();
        right.put_right();
        let id = (OLDEST..=NEWEST).contains(&dispi.get(ID));
        let bank = dispi.bank.is_multiple_of(UNIT) && dispi.bank < memory.max(UNIT);
        let last_pitch = u32::from(LARGEST.0) * 4;
        if !id || !bank || right != dispi || dispi.pitch > last_pitch || dispi.start > memory / 4 {
            return Err(Bad::Value("bochs display"));
        }
        Ok(dispi)
    }
}
