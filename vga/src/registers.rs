//! All registers together: what a snapshot holds, and what decides the picture beside memory.

use crate::attribute::Attribute;
use crate::blink::Blink;
use crate::crtc::Crtc;
use crate::dac::Dac;
use crate::dispi::{Dispi, Effect};
use crate::general::General;
use crate::graphics::Graphics;
use crate::sequencer::Sequencer;
use crate::snapshot::{Bad, Reader, Writer};

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Registers {
    pub(crate) general: General,
    pub(crate) sequencer: Sequencer,
    pub(crate) crtc: Crtc,
    pub(crate) graphics: Graphics,
    pub(crate) attribute: Attribute,
    pub(crate) dac: Dac,
    pub(crate) dispi: Dispi,
    pub(crate) blink: Blink,
    /// The byte of each plane that was read last.
    pub(crate) latch: u32,
    /// Pixels of several bytes have the highest byte first.
    pub(crate) big_endian: bool,
}

impl Registers {
    /// The state at power-on, with so many bytes of memory.
    pub(crate) fn new(memory: u32) -> Self {
        Self {
            general: General::default(),
            sequencer: Sequencer::default(),
            crtc: Crtc::default(),
            graphics: Graphics::default(),
            attribute: Attribute::default(),
            dac: Dac::default(),
            dispi: Dispi::new(memory),
            blink: Blink::default(),
            latch: 0,
            big_endian: false,
        }
    }

    /// Writes the bochs interface's register. So many bytes of memory are to be cleared.
    pub(crate) fn write_dispi(&mut self, value: u16) -> u32 {
        match self.dispi.write(value) {
            Effect::Nothing => 0,
            Effect::Mode => {
                self.follow_dispi();
                0
            }
            Effect::Enable { eight_bits, clear } => {
                self.dac.set_eight_bits(eight_bits);
                self.follow_dispi();
                clear
            }
        }
    }

    /// Makes the VGA's registers fit the bochs mode, if one is on: what a guest writes to them
    /// meanwhile cannot make the two disagree.
    pub(crate) fn follow_dispi(&mut self) {
        if !self.dispi.is_on() {
            self.sequencer.release();
            return;
        }
        let (width, height) = self.dispi.size();
        let planar = self.dispi.is_planar();
        self.crtc.force(width, height, self.dispi.pitch());
        self.graphics.force(planar);
        self.sequencer.force(planar);
    }

    pub(crate) fn save(&self, to: &mut Writer) {
        self.general.save(to);
        self.sequencer.save(to);
        self.crtc.save(to);
        self.graphics.save(to);
        self.attribute.save(to);
        self.dac.save(to);
        self.dispi.save(to);
        self.blink.save(to);
        to.dword(self.latch);
        to.flag(self.big_endian);
    }

    pub(crate) fn load(from: &mut Reader<'_>, memory: u32) -> Result<Self, Bad> {
        let registers = Self {
            general: General::load(from)?,
            sequencer: Sequencer::load(from)?,
            crtc: Crtc::load(from)?,
            graphics: Graphics::load(from)?,
            attribute: Attribute::load(from)?,
            dac: Dac::load(from)?,
            dispi: Dispi::load(from, memory)?,
            blink: Blink::load(from)?,
            latch: from.dword()?,
            big_endian: from.flag("byte order")?,
        };
        let mut following = registers.clone();
        following.follow_dispi();
        if following != registers {
            return Err(Bad::Value("registers of a bochs mode"));
        }
        Ok(registers)
    }
}
