//! The DAC: 256 colours of three bytes, read and written one byte after the other.

use crate::access::{at, put};
use crate::snapshot::{Bad, Reader, Writer};

/// What port 3C7 reads after the index for reading was set; zero after the one for writing.
const READING: u8 = 3;

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Dac {
    read_index: u8,
    write_index: u8,
    /// Which of red, green and blue is next.
    part: u8,
    state: u8,
    /// Stored, and applied where the behaviour is the hardware's.
    mask: u8,
    eight_bits: bool,
    /// The part of a colour that was written; it counts when the third byte is there.
    pending: [u8; 3],
    colours: [[u8; 3]; 256],
}

impl Default for Dac {
    fn default() -> Self {
        Self {
            read_index: 0,
            write_index: 0,
            part: 0,
            state: 0,
            mask: 0xff,
            eight_bits: false,
            pending: [0; 3],
            colours: [[0; 3]; 256],
        }
    }
}

impl Dac {
    pub(crate) fn state(&self) -> u8 {
        self.state
    }

    pub(crate) fn write_index(&self) -> u8 {
        self.write_index
    }

    pub(crate) fn mask(&self) -> u8 {
        self.mask
    }

    pub(crate) fn set_mask(&mut self, value: u8) {
        self.mask = value;
    }

    pub(crate) fn set_read_index(&mut self, value: u8) {
        (self.read_index, self.part, self.state) = (value, 0, READING);
    }

    pub(crate) fn set_write_index(&mut self, value: u8) {
        (self.write_index, self.part, self.state) = (value, 0, 0);
    }

    pub(crate) fn set_eight_bits(&mut self, on: bool) {
        self.eight_bits = on;
    }

    pub(crate) fn read(&mut self) -> u8 {
        let value = at(&at(&self.colours, self.read_index), self.part);
        self.part += 1;
        if self.part == 3 {
            self.part = 0;
            self.read_index = self.read_index.wrapping_add(1);
        }
        value
    }

    pub(crate) fn write(&mut self, value: u8) {
        put(&mut self.pending, self.part, value);
        self.part += 1;
        if self.part == 3 {
            self.part = 0;
            put(&mut self.colours, self.write_index, self.pending);
            self.write_index = self.write_index.wrapping_add(1);
        }
    }

    /// A colour as 0x00RRGGBB, from six bits each. The lowest of the six fills both low bits.
    pub(crate) fn six_bits(&self, index: u8) -> u32 {
        let [red, green, blue] = at(&self.colours, index).map(|value| {
            let value = value & 0x3f;
            (value << 2) | ((value & 1) * 3)
        });
        u32::from_be_bytes([0, red, green, blue])
    }

    /// A colour of the 256 as 0x00RRGGBB, from as many bits as the DAC is set to.
    pub(crate) fn colour(&self, index: u8) -> u32 {
        if !self.eight_bits {
            return self.six_bits(index);
        }
        let [red, green, blue] = at(&self.colours, index);
        u32::from_be_bytes([0, red, green, blue])
    }

    pub(crate) fn save(&self, to: &mut Writer) {
        to.bytes(&[self.read_index, self.write_index, self.part, self.state, self.mask]);
        to.flag(self.eight_bits);
        to.bytes(&self.pending);
        for colour in &self.colours {
            to.bytes(colour);
        }
    }

    pub(crate) fn load(from: &mut Reader<'_>) -> Result<Self, Bad> {
        let (read_index, write_index) = (from.byte()?, from.byte()?);
        let part = from.masked("DAC part", 3)?;
        let state = from.masked("DAC state", READING)?;
        if part == 3 || state != 0 && state != READING {
            return Err(Bad::Value("DAC"));
        }
        let (mask, eight_bits) = (from.byte()?, from.flag("DAC")?);
        let pending = from.array()?;
        let mut colours = [[0; 3]; 256];
        for colour in &mut colours {
            *colour = from.array()?;
        }
        Ok(Self { read_index, write_index, part, state, mask, eight_bits, pending, colours })
    }
}
