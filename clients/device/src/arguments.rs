//! What several command lines say in the same words.

use porthole_pixel::Size;
use porthole_virtio_device::{Address, AddressError};

/// A guest's name: it travels in window titles, EDIDs and log lines.
///
/// # Errors
/// What a name may be.
pub fn guest_name(text: &str) -> Result<String, String> {
    let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if text.is_empty() || text.len() > 64 || !text.chars().all(fine) {
        return Err("use 1 to 64 letters, digits, '-', '_' or '.'".to_owned());
    }
    Ok(text.to_owned())
}

/// An inherited descriptor by its number.
///
/// # Errors
/// When it is none.
pub fn descriptor(text: &str) -> Result<Address, String> {
    format!("fd:{text}").parse().map_err(|error: AddressError| error.to_string())
}

/// A display is 16 to 16384 pixels each way: drivers refuse smaller ones.
///
/// # Errors
/// What a size may be.
pub fn size(text: &str) -> Result<Size, String> {
    const RANGE: std::ops::RangeInclusive<u32> = 16..=16384;
    let wrong = || format!("use WIDTHxHEIGHT with {} to {} each", RANGE.start(), RANGE.end());
    let (width, height) = text.split_once('x').ok_or_else(wrong)?;
    let side = |text: &str| text.parse().ok().filter(|side| RANGE.contains(side));
    match (side(width), side(height)) {
        (Some(width), Some(height)) => Ok(Size::new(width, height)),
        _ => Err(wrong()),
    }
}
