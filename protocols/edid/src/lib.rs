//! The EDID of a virtual display: a guest's driver reads it to learn which size is wanted.
//!
//! [`Edid`] is written as VESA E-EDID 1.4, with a `DisplayID` extension where the base block cannot
//! hold the size. [`Parsed`] reads such bytes strictly; tests and tools use it.
#![forbid(unsafe_code)]

mod displayid;
mod parse;
mod timing;
mod write;

pub use parse::{ParseError, Parsed};
pub use timing::Timing;
pub use write::Edid;

/// Bytes of one block.
pub const BLOCK_LEN: usize = 128;

/// The byte that makes a block's sum zero.
fn checksum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte)).wrapping_neg()
}

#[cfg(test)]
mod tests;
