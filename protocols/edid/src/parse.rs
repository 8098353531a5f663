//! A strict reader.

use porthole_pixel::Size;

use crate::timing::Timing;
use crate::write::{HEADER, TAG_NAME, TAG_SERIAL};
use crate::{BLOCK_LEN, checksum, displayid};

/// What is wrong with some bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ParseError {
    /// Not the number of blocks that the first one tells.
    #[error("the length does not fit the number of blocks")]
    Length,
    /// The first eight bytes are not those of an EDID.
    #[error("no EDID header")]
    Header,
    /// Not version 1.
    #[error("unknown version")]
    Version,
    /// A block's sum is not zero.
    #[error("wrong checksum in block {0}")]
    Checksum(usize),
    /// The first descriptor is no timing.
    #[error("no preferred timing")]
    NoTiming,
    /// A `DisplayID` extension is not well formed.
    #[error("malformed DisplayID extension")]
    DisplayId,
}

/// What an EDID says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Parsed {
    /// The preferred mode.
    pub preferred: Timing,
    /// Three capital letters.
    pub manufacturer: String,
    /// Name of the display, possibly empty.
    pub name: String,
    /// Serial number as text, possibly empty.
    pub serial_text: String,
    /// Serial number.
    pub serial: u32,
    /// Width and height in centimetres; zero when unknown.
    pub centimetres: (u8, u8),
}

impl Parsed {
    /// Reads an EDID of exactly its length.
    ///
    /// # Errors
    /// [`ParseError`] names the first thing that is wrong.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        let base = bytes.first_chunk::<BLOCK_LEN>().ok_or(ParseError::Length)?;
        if !base.starts_with(&HEADER) {
            return Err(ParseError::Header);
        }
        if base[18] != 1 {
            return Err(ParseError::Version);
        }
        if bytes.len() != (usize::from(base[126]) + 1) * BLOCK_LEN {
            return Err(ParseError::Length);
        }
        for (index, block) in bytes.chunks(BLOCK_LEN).enumerate() {
            if checksum(block) != 0 {
                return Err(ParseError::Checksum(index));
            }
        }
        let mut preferred = descriptor_timing(base).ok_or(ParseError::NoTiming)?;
        for block in bytes.chunks(BLOCK_LEN).skip(1) {
            if block.first() == Some(&displayid::TAG) {
                preferred = displayid::timing(block).ok_or(ParseError::DisplayId)?;
            }
        }
        let text = |tag| descriptor_text(base, tag).unwrap_or_default();
        Ok(Self {
            preferred,
            manufacturer: manufacturer(u16::from_be_bytes([base[8], base[9]])),
            name: text(TAG_NAME),
            serial_text: text(TAG_SERIAL),
            serial: u32::from_le_bytes([base[12], base[13], base[14], base[15]]),
            centimetres: (base[21], base[22]),
        })
    }
}

fn manufacturer(bits: u16) -> String {
    let letter =
        |shift: u32| char::from(b'@' + u8::try_from((bits >> shift) & 31).unwrap_or_default());
    [10, 5, 0].map(letter).iter().collect()
}

/// The first descriptor, which must be a timing.
fn descriptor_timing(base: &[u8; BLOCK_LEN]) -> Option<Timing> {
    let bytes = base.get(54..72)?.first_chunk::<18>()?;
    let clock = u32::from(u16::from_le_bytes([bytes[0], bytes[1]]));
    let join = |low: u8, high: u8| u32::from(low) | u32::from(high) << 8;
    let size = Size::new(join(bytes[2], bytes[4] >> 4), join(bytes[5], bytes[7] >> 4));
    if clock == 0 || size.is_empty() {
        return None;
    }
    let lines = |low: u8, high: u8| u32::from(low) | u32::from(high & 3) << 4;
    Some(Timing {
        size,
        h_blank: join(bytes[3], bytes[4] & 0xf),
        h_front: join(bytes[8], bytes[11] >> 6),
        h_sync: join(bytes[9], (bytes[11] >> 4) & 3),
        v_blank: join(bytes[6], bytes[7] & 0xf),
        v_front: lines(bytes[10] >> 4, bytes[11] >> 2),
        v_sync: lines(bytes[10] & 0xf, bytes[11]),
        clock,
    })
}

/// The text of the first descriptor with this tag.
fn descriptor_text(base: &[u8; BLOCK_LEN], tag: u8) -> Option<String> {
    let mut descriptors = base.get(54..126)?.chunks_exact(18);
    let found = descriptors.find(|bytes| bytes.starts_with(&[0, 0, 0, tag, 0]))?;
    let text = found.get(5..)?.split(|byte| *byte == b'\n').next()?;
    Some(text.iter().map(|byte| char::from(*byte)).collect::<String>().trim_end().to_owned())
}
