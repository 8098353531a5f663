//! The device: registers, the owner's memory, and what was shown last.

use std::time::Duration;

use thiserror::Error;

use crate::dirty::Dirty;
use crate::model::{Behaviour, Model};
use crate::picture::Shown;
use crate::registers::Registers;
use crate::snapshot::{Bad, Reader, Writer};
use crate::vram::Vram;

/// The least and the most memory: what the four planes need, and QEMU's own limit.
const LEAST: u32 = 256 << 10;
const MOST: u32 = 256 << 20;
/// The longest EDID: what fits in front of the ports in BAR2.
const LONGEST_EDID: usize = 0x400;

/// Why a device cannot be made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum Unfit {
    /// Video memory has an impossible size.
    #[error("{0} bytes of video memory: it must be a power of two from 256 KiB to 256 MiB")]
    Memory(u32),
}

/// A VGA with the bochs interface, as one of several adapters.
///
/// The owner gives it memory, passes the guest's accesses on, tells the time, and asks for the
/// picture. Nothing the guest does is an error: it shows what it would show on QEMU, or nothing.
#[derive(Debug)]
pub struct Vga<V> {
    pub(crate) vram: V,
    model: Model,
    behaviour: Behaviour,
    edid: Vec<u8>,
    pub(crate) registers: Registers,
    pub(crate) dirty: Dirty,
    pub(crate) shown: Shown,
}

impl<V: Vram> Vga<V> {
    /// A device in its power-on state, as no BIOS has touched it.
    ///
    /// # Errors
    /// When the memory's size is no power of two from 256 KiB to 256 MiB.
    pub fn new(model: Model, vram: V) -> Result<Self, Unfit> {
        let len = vram.len();
        if !len.is_power_of_two() || !(LEAST..=MOST).contains(&len) {
            return Err(Unfit::Memory(len));
        }
        Ok(Self {
            vram,
            model,
            behaviour: Behaviour::default(),
            edid: Vec::new(),
            registers: Registers::new(len),
            dirty: Dirty::new(len),
            shown: Shown::default(),
        })
    }

    /// The same device with other rules where QEMU and the chip differ.
    #[must_use]
    pub fn with_behaviour(self, behaviour: Behaviour) -> Self {
        Self { behaviour, ..self }
    }

    /// The same device with an EDID for BAR2; what does not fit in front of the ports is left out.
    #[must_use]
    pub fn with_edid(mut self, edid: &[u8]) -> Self {
        self.set_edid(edid);
        self
    }

    /// Gives the guest another EDID, for when the display has another size.
    pub fn set_edid(&mut self, edid: &[u8]) {
        self.edid = edid.iter().copied().take(LONGEST_EDID).collect();
    }

    /// The adapter that it is.
    pub fn model(&self) -> Model {
        self.model
    }

    /// Whose rules decide where QEMU and the chip differ.
    pub fn behaviour(&self) -> Behaviour {
        self.behaviour
    }

    /// Its video memory.
    pub fn vram(&self) -> &V {
        &self.vram
    }

    pub(crate) fn edid(&self) -> &[u8] {
        &self.edid
    }

    pub(crate) fn dispi_write(&mut self, value: u16) {
        let clear = self.registers.write_dispi(value);
        if clear > 0 {
            self.vram.clear(0, clear);
            self.dirty.mark(0..clear);
        }
    }

    /// Memory was written behind the device's back, as a guest does that has BAR0 mapped. A range
    /// that goes past the memory is cut.
    pub fn mark_written(&mut self, bytes: std::ops::Range<u32>) {
        self.dirty.mark(bytes.start..bytes.end.min(self.vram.len()));
    }

    /// The reset of the machine: registers are as at power-on, memory and the phase of blinking
    /// stay. The last picture's size stays too, so that the owner can go on showing it.
    pub fn reset(&mut self) {
        let blink = self.registers.blink.after_reset();
        self.registers = Registers { blink, ..Registers::new(self.vram.len()) };
    }

    /// Tells the time since any fixed instant. It never goes back.
    pub fn advance(&mut self, now: Duration) {
        self.registers.blink.set_now(now);
    }

    /// All registers as bytes, without video memory and EDID, which are the owner's.
    pub fn snapshot(&self) -> Vec<u8> {
        let mut to = Writer::new();
        to.byte(self.model.mark());
        to.dword(self.vram.len());
        self.registers.save(&mut to);
        to.finish()
    }

    /// Takes the registers of a snapshot, after the owner has put back video memory.
    ///
    /// # Errors
    /// When it is no snapshot of such a device. Then nothing has changed.
    pub fn restore(&mut self, snapshot: &[u8]) -> Result<(), Bad> {
        let mut from = Reader::new(snapshot)?;
        if from.byte()? != self.model.mark() {
            return Err(Bad::Device("another model"));
        }
        if from.dword()? != self.vram.len() {
            return Err(Bad::Device("another size of video memory"));
        }
        let registers = Registers::load(&mut from, self.vram.len())?;
        from.finish()?;
        self.registers = registers;
        self.dirty.mark(0..self.vram.len());
        self.shown = Shown::default();
        Ok(())
    }
}
