//! The registers of no chip: miscellaneous output, feature control and the two input states.

use crate::snapshot::{Bad, Reader, Writer};

const MISCELLANEOUS: u8 = 0xef;
const FEATURE: u8 = 0x10;
/// Vertical retrace, and display not enabled.
const RETRACE: u8 = 0x09;

#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct General {
    miscellaneous: u8,
    feature: u8,
    status: u8,
}

impl General {
    pub(crate) fn miscellaneous(&self) -> u8 {
        self.miscellaneous
    }

    pub(crate) fn set_miscellaneous(&mut self, value: u8) {
        self.miscellaneous = value & MISCELLANEOUS;
    }

    pub(crate) fn feature(&self) -> u8 {
        self.feature
    }

    pub(crate) fn set_feature(&mut self, value: u8) {
        self.feature = value & FEATURE;
    }

    /// Input state 1. It turns with each read, as QEMU's does: a guest that waits for the retrace to
    /// begin or to end waits one read, however seldom this device is told the time.
    pub(crate) fn read_status(&mut self) -> u8 {
        self.status ^= RETRACE;
        self.status
    }

    /// Whether a port of the CRT controller's two places answers: those at 3Dx of a colour adapter,
    /// those at 3Bx of a mono one.
    pub(crate) fn answers(&self, port: u16) -> bool {
        let colour = self.miscellaneous & 1 != 0;
        match port & 0x3f0 {
            0x3b0 => !colour,
            0x3d0 => colour,
            _ => true,
        }
    }

    pub(crate) fn save(&self, to: &mut Writer) {
        to.bytes(&[self.miscellaneous, self.feature, self.status]);
    }

    pub(crate) fn load(from: &mut Reader<'_>) -> Result<Self, Bad> {
        Ok(Self {
            miscellaneous: from.masked("miscellaneous output", MISCELLANEOUS)?,
            feature: from.masked("feature control", FEATURE)?,
            status: from.masked("input state", RETRACE)?,
        })
    }
}
