//! Tests of the whole device, with its memory watched: an access outside of it fails the test.

#![expect(clippy::single_range_in_vec_init, reason = "lines that changed are lists of ranges")]

mod acrn;
mod attacks;
mod chip;
mod memory;
mod modes;
mod random;
mod registers;

use std::time::Duration;

use crate::{Behaviour, Memory, Model, Picture, Vga, Vram, Width};

/// Memory that no access may leave.
#[derive(Debug)]
pub(super) struct Watched(Memory);

impl Watched {
    pub(super) fn new(bytes: u32) -> Self {
        Self(Memory::new(bytes))
    }

    fn check(&self, at: u32, len: u32) {
        let end = u64::from(at) + u64::from(len);
        assert!(end <= u64::from(self.0.len()), "{at:#x} + {len:#x} is outside");
    }
}

impl Vram for Watched {
    fn len(&self) -> u32 {
        self.0.len()
    }

    fn load(&self, at: u32) -> u8 {
        self.check(at, 1);
        self.0.load(at)
    }

    fn store(&self, at: u32, value: u8) {
        self.check(at, 1);
        self.0.store(at, value);
    }

    fn load_cell(&self, cell: u32) -> u32 {
        self.check(cell.checked_mul(4).unwrap(), 4);
        self.0.load_cell(cell)
    }

    fn store_cell(&self, cell: u32, value: u32) {
        self.check(cell.checked_mul(4).unwrap(), 4);
        self.0.store_cell(cell, value);
    }

    fn copy_out(&self, at: u32, into: &mut [u8]) {
        self.check(at, u32::try_from(into.len()).unwrap());
        self.0.copy_out(at, into);
    }

    fn clear(&self, at: u32, len: u32) {
        self.check(at, len);
        self.0.clear(at, len);
    }
}

pub(super) type Device = Vga<Watched>;

pub(super) fn device(model: Model, behaviour: Behaviour) -> Device {
    Vga::new(model, Watched::new(16 << 20)).unwrap().with_behaviour(behaviour)
}

/// A standard VGA by QEMU's rules.
pub(super) fn vga() -> Device {
    device(Model::Vga, Behaviour::Qemu)
}

impl Device {
    pub(super) fn set(&mut self, port: u16, value: u8) {
        self.pio_write(port, Width::Byte, value.into());
    }

    pub(super) fn get(&mut self, port: u16) -> u8 {
        u8::try_from(self.pio_read(port, Width::Byte)).unwrap()
    }

    pub(super) fn set_indexed(&mut self, port: u16, index: u8, value: u8) {
        self.set(port, index);
        self.set(port + 1, value);
    }

    pub(super) fn get_indexed(&mut self, port: u16, index: u8) -> u8 {
        self.set(port, index);
        self.get(port + 1)
    }

    /// Sets a register of the attribute controller, and shows the screen.
    pub(super) fn set_attribute(&mut self, index: u8, value: u8) {
        self.get(0x3da);
        self.set(0x3c0, index);
        self.set(0x3c0, value);
        self.set(0x3c0, 0x20);
    }

    pub(super) fn dispi(&mut self, index: u32, value: u32) {
        self.pio_write(0x1ce, Width::Word, index);
        self.pio_write(0x1cf, Width::Word, value);
    }

    pub(super) fn get_dispi(&mut self, index: u32) -> u32 {
        self.pio_write(0x1ce, Width::Word, index);
        self.pio_read(0x1cf, Width::Word)
    }

    /// Sets a bochs mode, and shows it.
    pub(super) fn set_dispi_mode(&mut self, (width, height): (u32, u32), bits: u32, flags: u32) {
        for (index, value) in [(4, 0), (1, width), (2, height), (3, bits), (4, flags)] {
            self.dispi(index, value);
        }
        self.get(0x3da);
        self.set(0x3c0, 0x20);
    }

    /// Colour `n` of the DAC is n red, 2n green, 3n blue, in six bits each.
    pub(super) fn colours(&mut self) {
        self.set(0x3c8, 0);
        for index in 0..=255_u8 {
            for part in 1..4 {
                self.set(0x3c9, index.wrapping_mul(part) & 0x3f);
            }
        }
    }

    /// Registers of a mode: sequencer 1 to 4, CRTC by index, graphics 5 and 6, attribute 10.
    pub(super) fn mode(
        &mut self,
        sequencer: [u8; 4],
        crtc: &[(u8, u8)],
        graphics: [u8; 2],
        attribute: u8,
    ) {
        self.set(0x3c2, 0x67);
        (1..).zip(sequencer).for_each(|(index, value)| self.set_indexed(0x3c4, index, value));
        crtc.iter().for_each(|(index, value)| self.set_indexed(0x3d4, *index, *value));
        (5..).zip(graphics).for_each(|(index, value)| self.set_indexed(0x3ce, index, value));
        self.set_indexed(0x3ce, 8, 0xff);
        (0..16).for_each(|index| self.set_attribute(index, index));
        self.set_attribute(0x12, 0x0f);
        self.set_attribute(0x10, attribute);
        self.colours();
    }

    /// Text of 4 columns and 2 rows of 16 lines, with the font A of stripes: glyph `n` has the bits
    /// of `n` in each line.
    pub(super) fn text(&mut self, clocking: u8, attribute: u8) {
        self.text_again(clocking);
        self.set_attribute(0x10, attribute);
        for glyph in 0..256 {
            for line in 0..16 {
                let byte = u64::from(glyph & 0xff);
                self.lfb_write(4 * (32 * glyph + line) + 2, Width::Byte, byte);
            }
        }
    }

    /// The same without writing the font anew.
    pub(super) fn text_again(&mut self, clocking: u8) {
        let crtc = [
            (0x01, 3),
            (0x07, 0x10),
            (0x09, 0x4f),
            (0x0a, 0x20),
            (0x12, 31),
            (0x13, 2),
            (0x17, 0xa3),
            (0x18, 0xff),
        ];
        self.mode([clocking, 3, 0, 2], &crtc, [0x10, 0x0e], 0);
    }

    /// Writes a character and its attribute into a cell of 4.
    pub(super) fn cell(&mut self, cell: u32, character: u8, attribute: u8) {
        self.lfb_write(4 * cell, Width::Word, u64::from(attribute) << 8 | u64::from(character));
    }

    /// 16 colours, 32x4 pixels.
    pub(super) fn planar(&mut self) {
        let crtc = [
            (0x01, 3),
            (0x07, 0x10),
            (0x09, 0x40),
            (0x12, 3),
            (0x13, 2),
            (0x17, 0xe3),
            (0x18, 0xff),
        ];
        self.mode([1, 0x0f, 0, 6], &crtc, [0, 5], 1);
    }

    /// 256 colours, 16x4 pixels of which each is shown twice in both directions.
    pub(super) fn bytes(&mut self, memory_mode: u8) {
        let crtc = [
            (0x01, 3),
            (0x07, 0x10),
            (0x09, 0x41),
            (0x12, 7),
            (0x13, 2),
            (0x14, 0x40),
            (0x17, 0xa3),
            (0x18, 0xff),
        ];
        self.mode([1, 0x0f, 0, memory_mode], &crtc, [0x40, 5], 0x41);
    }

    /// All pixels, line by line.
    pub(super) fn pixels(&mut self) -> (Picture, Vec<Vec<u32>>) {
        let picture = self.picture();
        let mut lines = Vec::new();
        self.convert(std::slice::from_ref(&(0..picture.size.height)), |_, line| {
            lines.push(line.to_vec());
        });
        (picture, lines)
    }

    pub(super) fn at(&mut self, milliseconds: u64) -> Vec<Vec<u32>> {
        self.advance(Duration::from_millis(milliseconds));
        self.pixels().1
    }
}

/// The colour that [`Device::colours`] gives a number.
pub(super) fn colour(index: u8) -> u32 {
    let [red, green, blue] = [1, 2, 3].map(|part| {
        let six = index.wrapping_mul(part) & 0x3f;
        (six << 2) | ((six & 1) * 3)
    });
    u32::from_be_bytes([0, red, green, blue])
}

/// The dots of a byte in two colours.
pub(super) fn dots(byte: u8, fore: u8, back: u8) -> Vec<u32> {
    (0..8).map(|dot| colour(if byte >> (7 - dot) & 1 != 0 { fore } else { back })).collect()
}
