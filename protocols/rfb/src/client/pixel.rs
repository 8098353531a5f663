//! Pixel values from bytes.

use porthole_pixel::Rect;

use super::Canvas;
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
    let big = format.is_big_endian();
    if size == 4 {
        let (words, _) = bytes.as_chunks::<4>();
        let read = if big { u32::from_be_bytes } else { u32::from_le_bytes };
        return Some(words.iter().map(|word| read(*word)).collect());
    }
    Some(bytes.chunks_exact(size).map(|pixel| value(pixel, big)).collect())
}

/// Draws PIXELs as they come on all of a rectangle; those that are on the wire as in memory are copied once.
pub(super) fn draw(
    format: PixelFormat,
    rect: Rect,
    input: &mut Reader<'_>,
    canvas: &mut impl Canvas,
) -> Option<()> {
    let count = usize::try_from(rect.area()).ok()?;
    if format.bytes_per_pixel() == 4 && !format.is_big_endian() {
        canvas.put(rect, input.bytes(count.checked_mul(4)?)?);
    } else {
        canvas.write(rect, &pixels(format, count, input)?);
    }
    Some(())
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

/// `count` CPIXELs.
pub(super) fn compacts(
    format: PixelFormat,
    count: usize,
    input: &mut Reader<'_>,
) -> Option<Vec<u32>> {
    if format.compact_pixel() == CompactPixel::Low && !format.is_big_endian() {
        let (pixels, _) = input.bytes(count.checked_mul(3)?)?.as_chunks::<3>();
        let word = |[low, middle, high]: &[u8; 3]| u32::from_le_bytes([*low, *middle, *high, 0]);
        return Some(pixels.iter().map(word).collect());
    }
    (0..count).map(|_| compact(format, input)).collect()
}

fn value(bytes: &[u8], big_endian: bool) -> u32 {
    let add = |value: u32, byte: &u8| value << 8 | u32::from(*byte);
    if big_endian { bytes.iter().fold(0, add) } else { bytes.iter().rev().fold(0, add) }
}
