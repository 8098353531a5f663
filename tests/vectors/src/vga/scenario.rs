//! What a file holds.

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::run::Space;

/// One scenario: steps that are done one after the other on a fresh device.
#[derive(Debug, Deserialize)]
pub(super) struct Scenario {
    pub(super) name: String,
    #[serde(default)]
    pub(super) device: Device,
    pub(super) steps: Vec<Step>,
}

/// The device that they are for.
#[derive(Debug, Deserialize)]
#[serde(default)]
pub(super) struct Device {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) vram_mb: u32,
}

impl Default for Device {
    fn default() -> Self {
        Self { kind: "bochs-vga".to_owned(), vram_mb: 16 }
    }
}

/// One step. A kind that is not known here is an error, not a success.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Step {
    /// Port, width and value.
    IoWrite(u16, usize, u32),
    /// Port and width; read for what reading does.
    IoRead(u16, usize),
    /// Port, width and what is read.
    ExpectIo(u16, usize, u32),
    /// Port, width, the bits that count, and what is read of them.
    ExpectIoMask(u16, usize, u32, u32),
    /// Space, offset, and bytes in hexadecimal digits.
    MemWrite(Space, u32, String),
    /// Space, offset, and packed bytes.
    MemZlib(Space, u32, String),
    /// Space, offset, length and byte.
    MemFill(Space, u32, usize, u8),
    /// Space, offset, length and seed of a generator.
    MemLcg(Space, u32, usize, u32),
    /// Space, offset and length; read for what reading does.
    MemRead(Space, u32, usize),
    /// Space, offset, and the bytes that are read.
    ExpectMem(Space, u32, String),
    /// Offset in BAR2, width and value.
    MmioWrite(u32, usize, u64),
    /// Offset in BAR2, width and what is read.
    ExpectMmio(u32, usize, u64),
    /// There is an EDID at the start of BAR2.
    ExpectEdid(IgnoredAny),
    /// Nanoseconds pass.
    AdvanceNs(u64),
    /// The screen shows the pixels of a PNG file.
    Screen(Pictures),
    Reset(IgnoredAny),
    Note(IgnoredAny),
}

/// A picture; others that follow are of older devices, which do not count.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Pictures {
    One(String),
    Several(Vec<String>),
}

impl Pictures {
    pub(super) fn first(&self) -> Option<&str> {
        match self {
            Self::One(file) => Some(file),
            Self::Several(files) => files.first().map(String::as_str),
        }
    }
}
