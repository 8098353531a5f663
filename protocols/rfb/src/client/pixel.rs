//! Pixel values from bytes.

use crate::pixel_format::{CompactPixel, PixelFormat};
use crate::wire::Reader;

/// One PIXEL.
pub(super) fn pixel(format: PixelFormat, input: &mut Reader<'_>) -> Option<u32> {
    Some(value(input.bytes(format.bytes_per_pixel())?, format.is_big_endian()))
}

/// `count` PIXELs.
pub(super) fn pixels(
    format: PixelFormat,
    count: usize,
    input: &mut Reader<'_>,
) -> Option<Vec<u32>> {
    let size = format.bytes_per_pixel();
    let bytes = input.bytes(count.checked_mul(size)?)?;
    Some(bytes.chunks_exact(size).map(|pixel| value(pixel, format.is_big_endian())).collect())
}

/// One CPIXEL of ZRLE.
pub(super) fn compact(format: PixelFormat, input: &mut Reader<'_>) -> Option<u32> {
    let big = format.is_big_endian();
    match format.compact_pixel() {
        CompactPixel::Whole => pixel(format, input),
        CompactPixel::Low => Some(value(input.bytes(3)?, big)),
        CompactPixel::High => Some(value(input.bytes(3)?, big) << 8),
    }
}

fn value(bytes: &[u8], big_endian: bool) -> u32 {
    let add = |value: u32, byte: &u8| value << 8 | u32::from(*byte);
    if big_endian { bytes.iter().fold(0, add) } else { bytes.iter().rev().fold(0, add) }
}
