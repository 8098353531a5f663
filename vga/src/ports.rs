//! The legacy ports.
//!
//! | port | read | write |
//! |---|---|---|
//! | 3C0 / 3C1 | attribute index / data | index and data in turn |
//! | 3C2 / 3CC | input state 0 / miscellaneous output | miscellaneous output |
//! | 3C4, 3C5 | sequencer | the same |
//! | 3C6 | DAC mask | the same |
//! | 3C7, 3C8, 3C9 | DAC state, write index, data | read index, write index, data |
//! | 3CA | feature control | |
//! | 3CE, 3CF | graphics controller | the same |
//! | 3D4, 3D5 or 3B4, 3B5 | CRT controller | the same |
//! | 3DA or 3BA | input state 1; attribute writes begin with the index | feature control |
//! | 1CE, 1CF and 1D0 | bochs index, data; whole words only | the same |

use crate::access::{Width, low, low_word, read_bytes, write_bytes};
use crate::device::Vga;
use crate::model::Behaviour;
use crate::vram::Vram;

/// What a port reads where nothing is.
const NOBODY: u8 = 0xff;

impl<V: Vram> Vga<V> {
    /// Reads a port. Ports of nobody, and accesses that QEMU's device does not answer either, read
    /// all ones: VGA's ports take bytes and words, the bochs interface words.
    pub fn pio_read(&mut self, port: u16, width: Width) -> u32 {
        let value = match (port, width) {
            _ if !self.model().has_legacy() => width.ones(),
            (0x1ce, Width::Word) => self.registers.dispi.index().into(),
            (0x1cf | 0x1d0, Width::Word) => self.registers.dispi.read().into(),
            (_, Width::Byte | Width::Word) => read_bytes(width, |byte| {
                let port = port.wrapping_add(u16::from(low(byte.into())));
                if is_mapped(port) { self.port_read(port) } else { NOBODY }
            }),
            _ => width.ones(),
        };
        u32::try_from(value & u64::from(u32::MAX)).unwrap_or(u32::MAX)
    }

    /// Writes a port; see [`pio_read`](Self::pio_read) for what is answered.
    pub fn pio_write(&mut self, port: u16, width: Width, value: u32) {
        if !self.model().has_legacy() {
            return;
        }
        match (port, width) {
            (0x1ce, Width::Word) => self.registers.dispi.set_index(low_word(value.into())),
            (0x1cf | 0x1d0, Width::Word) => self.dispi_write(low_word(value.into())),
            (_, Width::Byte | Width::Word) => {
                write_bytes(width, value.into(), |byte, value| {
                    let port = port.wrapping_add(u16::from(low(byte.into())));
                    if is_mapped(port) {
                        self.port_write(port, value);
                    }
                });
            }
            _ => {}
        }
    }

    /// Reads one of the ports 3B0–3DF, wherever it was reached from.
    pub(crate) fn port_read(&mut self, port: u16) -> u8 {
        let hardware = self.behaviour() == Behaviour::Hardware;
        let registers = &mut self.registers;
        if !registers.general.answers(port) {
            return NOBODY;
        }
        match port {
            0x3c0 => registers.attribute.read_index(),
            0x3c1 => registers.attribute.read(),
            0x3c4 => registers.sequencer.index(),
            0x3c5 => registers.sequencer.read(),
            0x3c6 if hardware => registers.dac.mask(),
            0x3c7 => registers.dac.state(),
            0x3c8 => registers.dac.write_index(),
            0x3c9 => registers.dac.read(),
            0x3ca => registers.general.feature(),
            0x3cc => registers.general.miscellaneous(),
            0x3ce => registers.graphics.index(),
            0x3cf => registers.graphics.read(),
            0x3b4 | 0x3d4 => registers.crtc.index(),
            0x3b5 | 0x3d5 => registers.crtc.read(),
            0x3ba | 0x3da => {
                registers.attribute.reset_order();
                registers.general.read_status()
            }
            _ => 0,
        }
    }

    /// Writes one of the ports 3B0–3DF, wherever it was reached from.
    pub(crate) fn port_write(&mut self, port: u16, value: u8) {
        let registers = &mut self.registers;
        if !registers.general.answers(port) {
            return;
        }
        match port {
            0x3c0 => registers.attribute.write(value),
            0x3c2 => registers.general.set_miscellaneous(value),
            0x3c4 => registers.sequencer.set_index(value),
            0x3c5 => registers.sequencer.write(value),
            0x3c6 => registers.dac.set_mask(value),
            0x3c7 => registers.dac.set_read_index(value),
            0x3c8 => registers.dac.set_write_index(value),
            0x3c9 => registers.dac.write(value),
            0x3ce => registers.graphics.set_index(value),
            0x3cf => {
                registers.graphics.write(value);
                registers.follow_dispi();
            }
            0x3b4 | 0x3d4 => registers.crtc.set_index(value),
            0x3b5 | 0x3d5 => {
                registers.crtc.write(value);
                registers.follow_dispi();
            }
            0x3ba | 0x3da => registers.general.set_feature(value),
            _ => {}
        }
    }
}

/// Whether a VGA listens at a port at all.
const fn is_mapped(port: u16) -> bool {
    matches!(port, 0x3b4 | 0x3b5 | 0x3ba | 0x3c0..=0x3cf | 0x3d4 | 0x3d5 | 0x3da)
}
