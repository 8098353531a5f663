//! BAR2: what PCI drivers use in place of the ports.
//!
//! An access is split into pieces that are aligned to their own width, four bytes at most, and each
//! goes where its first byte is. A byte of the bochs words reads the word's low byte and writes the
//! whole word, wherever in the word it is: so does QEMU.

use crate::access::{Width, at, low, low_word, read_bytes, write_bytes};
use crate::device::Vga;
use crate::model::Region;
use crate::vram::Vram;

/// Bytes of the extended registers, as their first one tells.
const EXTENDED_LEN: u32 = 8;
const LITTLE_ENDIAN: u32 = 0x1e1e_1e1e;
const BIG_ENDIAN: u32 = 0xbebe_bebe;
/// The first port of those in BAR2.
const FIRST_PORT: u16 = 0x3c0;

/// A piece of an access: where, how wide, and how many bits of the access lie below.
struct Piece {
    offset: u32,
    width: Width,
    shift: u32,
}

fn pieces(offset: u32, width: Width) -> impl Iterator<Item = Piece> {
    let mut done = 0;
    std::iter::from_fn(move || {
        let left = width.bytes() - done;
        let here = offset.saturating_add(done);
        let widest = [Width::Dword, Width::Word].into_iter();
        let fits = |width: &Width| width.bytes() <= left && here % width.bytes() == 0;
        let width = widest.clone().find(fits).unwrap_or(Width::Byte);
        let piece = Piece { offset: here, width, shift: 8 * done };
        done += width.bytes();
        (left > 0).then_some(piece)
    })
}

impl<V: Vram> Vga<V> {
    /// Reads BAR2. What is not this device's (see [`Model::region`](crate::Model::region)) reads as
    /// nothing does.
    pub fn mmio_read(&mut self, offset: u32, width: Width) -> u64 {
        pieces(offset, width).fold(0, |value, piece| {
            let ones = piece.width.ones();
            value | (self.piece_read(&piece) & ones) << piece.shift
        })
    }

    /// Writes BAR2. What is not this device's is dropped.
    pub fn mmio_write(&mut self, offset: u32, width: Width, value: u64) {
        for piece in pieces(offset, width) {
            let value = value >> piece.shift & piece.width.ones();
            self.piece_write(&piece, value);
        }
    }

    fn piece_read(&mut self, piece: &Piece) -> u64 {
        let (region, offset) = self.model().region(piece.offset);
        match region {
            Region::Edid => read_bytes(piece.width, |byte| {
                usize::try_from(offset + byte).map_or(0, |index| at(self.edid(), index))
            }),
            Region::Ports => read_bytes(piece.width, |byte| self.port_read(port(offset + byte))),
            Region::Dispi => match piece.width {
                Width::Dword | Width::Qword => {
                    u64::from(self.word_read(offset)) | u64::from(self.word_read(offset + 2)) << 16
                }
                Width::Word | Width::Byte => self.word_read(offset).into(),
            },
            Region::Extended => match (piece.width, offset) {
                (Width::Dword, 0) => EXTENDED_LEN.into(),
                (Width::Dword, _) if self.registers.big_endian => BIG_ENDIAN.into(),
                (Width::Dword, _) => LITTLE_ENDIAN.into(),
                _ => 0,
            },
            _ => read_bytes(piece.width, |_| self.model().unmapped()),
        }
    }

    fn piece_write(&mut self, piece: &Piece, value: u64) {
        let (region, offset) = self.model().region(piece.offset);
        match region {
            Region::Ports => write_bytes(piece.width, value, |byte, value| {
                self.port_write(port(offset + byte), value);
            }),
            Region::Dispi => {
                self.word_write(offset, low_word(value));
                if piece.width > Width::Word {
                    self.word_write(offset + 2, low_word(value >> 16));
                }
            }
            Region::Extended if piece.width == Width::Dword && offset == 4 => {
                match u32::try_from(value) {
                    Ok(LITTLE_ENDIAN) => self.registers.big_endian = false,
                    Ok(BIG_ENDIAN) => self.registers.big_endian = true,
                    _ => {}
                }
            }
            _ => {}
        }
    }

    /// The index register is the ports' own: it stays where BAR2 left it.
    fn word_read(&mut self, offset: u32) -> u16 {
        self.registers.dispi.set_index(low_word(u64::from(offset / 2)));
        self.registers.dispi.read()
    }

    fn word_write(&mut self, offset: u32, value: u16) {
        self.registers.dispi.set_index(low_word(u64::from(offset / 2)));
        self.dispi_write(value);
    }
}

fn port(offset: u32) -> u16 {
    FIRST_PORT + u16::from(low(offset.into()))
}
