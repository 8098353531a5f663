//! The window at 0xA0000, through which programs see video memory, and BAR0, where it lies flat.
//!
//! A byte of the window goes to one, two or all four planes:
//!
//! | way | plane of a read | planes of a write |
//! |---|---|---|
//! | chain 4 (sequencer 4 bit 3) | address bits 1–0 | the same, if the map mask has it |
//! | odd/even | read map bit 1, address bit 0 (graphics 5 bit 4) | those of the map mask that are even or odd as the address (sequencer 4 bit 2 clear) |
//! | planar | read map | the map mask |
//!
//! The cell is the address: without bits 1–0 for chain 4, without bit 0 if graphics 6 bit 1 chains odd
//! and even; then a quarter of it where the CRT controller counts double words, half of it for odd/even
//! where it counts words. A chip counts so when it shows memory, not when it is written; QEMU does it
//! here, and what a screen shows is the same. Chain 4 with all planes enabled lies flat.

use crate::access::{Width, low, read_bytes, write_bytes};
use crate::device::Vga;
use crate::graphics::{Function, Window};
use crate::vram::{CELL, Vram};

/// Bytes of the window.
pub const WINDOW_LEN: u32 = 0x2_0000;
/// Plane masks.
const ALL: u8 = 0x0f;
const EVEN: u8 = 0x05;
const ODD: u8 = 0x0a;
/// What memory reads where the window is closed.
const CLOSED: u8 = 0xff;

/// A byte of 1 bits for each bit of a plane mask.
const SPREAD: [u32; 16] = spread();

#[expect(clippy::indexing_slicing, reason = "made when it is compiled, where it would be an error")]
const fn spread() -> [u32; 16] {
    let mut table = [0; 16];
    let mut mask = 0;
    while mask < 16 {
        let mut plane = 0;
        while plane < 4 {
            if mask >> plane & 1 != 0 {
                table[mask] |= 0xff << (8 * plane);
            }
            plane += 1;
        }
        mask += 1;
    }
    table
}

/// A byte in all four planes.
const fn fourfold(byte: u8) -> u32 {
    u32::from_le_bytes([byte; 4])
}

fn planes(mask: u8) -> u32 {
    crate::access::at(&SPREAD, mask & 0x0f)
}

impl<V: Vram> Vga<V> {
    /// Reads the window at 0xA0000; the offset counts from there. Bytes are read one by one from the
    /// lowest up, each with its effect on the latches.
    pub fn mem_read(&mut self, offset: u32, width: Width) -> u64 {
        read_bytes(width, |byte| self.window_read(offset.wrapping_add(byte)))
    }

    /// Writes the window at 0xA0000, one byte after the other from the lowest up.
    pub fn mem_write(&mut self, offset: u32, width: Width, value: u64) {
        write_bytes(width, value, |byte, value| {
            self.window_write(offset.wrapping_add(byte), value);
        });
    }

    /// Reads BAR0, where it is not mapped. Bytes past the memory read as ones.
    pub fn lfb_read(&mut self, offset: u32, width: Width) -> u64 {
        let len = self.vram().len();
        read_bytes(width, |byte| match offset.checked_add(byte) {
            Some(at) if at < len => self.vram().load(at),
            _ => CLOSED,
        })
    }

    /// Writes BAR0, where it is not mapped. Bytes past the memory are dropped.
    pub fn lfb_write(&mut self, offset: u32, width: Width, value: u64) {
        let len = self.vram().len();
        write_bytes(width, value, |byte, value| match offset.checked_add(byte) {
            Some(at) if at < len => {
                self.vram().store(at, value);
                self.dirty.mark_cell(at, 1 << (at % CELL));
            }
            _ => {}
        });
    }

    /// The offset in the window that is open, with the bank.
    fn decode(&self, offset: u32) -> Option<u32> {
        let offset = offset & (WINDOW_LEN - 1);
        let (start, len) = match self.registers.graphics.window() {
            Window::Whole => (0, WINDOW_LEN),
            Window::Graphics => (0, 0x1_0000),
            Window::Mono => (0x1_0000, 0x8000),
            Window::Colour => (0x1_8000, 0x8000),
        };
        let inside = offset.checked_sub(start).filter(|inside| *inside < len)?;
        if self.registers.graphics.window() == Window::Graphics {
            Some(inside + self.registers.dispi.bank())
        } else {
            Some(inside)
        }
    }

    fn window_read(&mut self, offset: u32) -> u8 {
        if !self.model().has_legacy() {
            return CLOSED;
        }
        let Some(address) = self.decode(offset) else { return CLOSED };
        let registers = &self.registers;
        let (chain_4, graphics) = (registers.sequencer.chain_4(), &registers.graphics);
        let bits = low(address.into());
        let plane = if chain_4 {
            bits & 3
        } else if graphics.odd_even() {
            graphics.read_map() & 2 | bits & 1
        } else {
            graphics.read_map()
        };
        let Some(cell) = self.cell_of(address, graphics.odd_even()) else { return CLOSED };
        // QEMU asks the guest's own register here, in bochs modes of planes too.
        if chain_4 || registers.sequencer.wrote_chain_4() {
            return self.vram().load(cell * CELL + u32::from(plane));
        }
        let latch = self.vram().load_cell(cell);
        self.registers.latch = latch;
        let graphics = &self.registers.graphics;
        if graphics.compares() {
            let differs = (latch ^ planes(graphics.compare())) & planes(graphics.care());
            let [a, b, c, d] = differs.to_le_bytes();
            !(a | b | c | d)
        } else {
            low(u64::from(latch >> (8 * plane)))
        }
    }

    /// The cell of an address, if there is memory.
    fn cell_of(&self, address: u32, odd_even: bool) -> Option<u32> {
        let (sequencer, crtc) = (&self.registers.sequencer, &self.registers.crtc);
        let cell = if sequencer.chain_4() {
            if sequencer.map_mask() == ALL {
                return Some(address / CELL).filter(|cell| *cell < self.vram().len() / CELL);
            }
            address & !3
        } else if self.registers.graphics.chain_odd_even() {
            address & !1
        } else {
            address
        };
        let cell = if crtc.double_words() {
            cell >> 2
        } else if odd_even && !crtc.counts_bytes() {
            cell >> 1
        } else {
            cell
        };
        (cell < self.vram().len() / CELL).then_some(cell)
    }

    fn window_write(&mut self, offset: u32, value: u8) {
        if !self.model().has_legacy() {
            return;
        }
        let Some(address) = self.decode(offset) else { return };
        let sequencer = &self.registers.sequencer;
        let Some(cell) = self.cell_of(address, sequencer.odd_even()) else { return };
        let map = sequencer.map_mask();
        if sequencer.chain_4() {
            let plane = address & 3;
            if map >> plane & 1 != 0 {
                self.vram().store(cell * CELL + plane, value);
                self.dirty.mark_cell(cell * CELL, 1 << plane);
            }
            return;
        }
        let side = match (sequencer.odd_even(), address & 1) {
            (false, _) => ALL,
            (true, 0) => EVEN,
            (true, _) => ODD,
        };
        let (mask, value) = (planes(map & side), self.combine(value));
        if mask != 0 {
            let kept = self.vram().load_cell(cell) & !mask;
            self.vram().store_cell(cell, kept | value & mask);
            self.dirty.mark_cell(cell * CELL, map & side);
        }
    }

    /// What write modes 0 to 3 make of the processor's byte and the latches.
    fn combine(&self, value: u8) -> u32 {
        let graphics = &self.registers.graphics;
        let latch = self.registers.latch;
        let (value, bits) = match graphics.write_mode() {
            0 => {
                let value = fourfold(value.rotate_right(graphics.rotate()));
                let set = planes(graphics.enable_set_reset());
                (value & !set | planes(graphics.set_reset()) & set, graphics.bit_mask())
            }
            1 => return latch,
            2 => (planes(value), graphics.bit_mask()),
            _ => {
                let bits = value.rotate_right(graphics.rotate()) & graphics.bit_mask();
                (planes(graphics.set_reset()), bits)
            }
        };
        let value = match graphics.function() {
            Function::Replace => value,
            Function::And => value & latch,
            Function::Or => value | latch,
            Function::Xor => value ^ latch,
        };
        let bits = fourfold(bits);
        value & bits | latch & !bits
    }
}
