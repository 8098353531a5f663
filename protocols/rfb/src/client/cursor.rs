//! Cursors in their three forms: pixels with a mask, two colours, pixels with alpha.

use porthole_pixel::{Rect, Size};

use super::{DecodeError, pixel};
use crate::cursor::{CursorImage, MAX_CURSOR_SIDE};
use crate::pixel_format::{Colour, PixelFormat};
use crate::spec::Encoding;
use crate::wire::Reader;

/// A cursor as it came: pixel values and a mask.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cursor {
    /// Size in pixels.
    pub size: Size,
    /// The pixel that points.
    pub hotspot: (u16, u16),
    /// Pixel values in rows.
    pub values: Vec<u32>,
    /// True where the cursor is seen.
    pub mask: Vec<bool>,
}

impl Cursor {
    /// The image, premultiplied, whose values are of this format; invisible where the format is not true
    /// colour of eight bits each. A hot spot outside of the image is moved inside.
    #[must_use]
    pub fn image(&self, format: PixelFormat) -> CursorImage {
        let Colour::True { red, green, blue } = format.colour() else {
            return CursorImage::invisible();
        };
        let word = |(value, seen): (&u32, &bool)| {
            let part = |shift: u8| value >> shift & 0xff;
            let rgb = part(red.shift) << 16 | part(green.shift) << 8 | part(blue.shift);
            if *seen { 0xff00_0000 | rgb } else { 0 }
        };
        image(self.size, self.hotspot, self.values.iter().zip(&self.mask).map(word).collect())
    }
}

/// What a cursor's rectangle led to.
pub(super) enum Read {
    Masked(Cursor),
    Image(CursorImage),
}

/// Reads a cursor of one of the encodings, once all of it is here. The rectangle's place is the hot spot.
pub(super) fn read(
    encoding: Encoding,
    format: PixelFormat,
    rect: Rect,
    input: &mut Reader<'_>,
) -> Result<Option<Read>, DecodeError> {
    let size = rect.size();
    if size.width > MAX_CURSOR_SIDE || size.height > MAX_CURSOR_SIDE {
        return Err(DecodeError::Size(size));
    }
    let hotspot = (u16::try_from(rect.x).unwrap_or(0), u16::try_from(rect.y).unwrap_or(0));
    Ok(match encoding {
        Encoding::AlphaCursor => {
            alpha(size, input)?.map(|pixels| Read::Image(image(size, hotspot, pixels)))
        }
        Encoding::XCursor => {
            two_colours(size, input).map(|pixels| Read::Image(image(size, hotspot, pixels)))
        }
        _ => masked(format, size, input)
            .map(|(values, mask)| Read::Masked(Cursor { size, hotspot, values, mask })),
    })
}

fn image(size: Size, (x, y): (u16, u16), pixels: Vec<u32>) -> CursorImage {
    let inside = |at: u16, side: u32| at.min(u16::try_from(side.saturating_sub(1)).unwrap_or(0));
    let hotspot = (inside(x, size.width), inside(y, size.height));
    CursorImage::new(size, hotspot, pixels).unwrap_or_else(|_| CursorImage::invisible())
}

fn masked(
    format: PixelFormat,
    size: Size,
    input: &mut Reader<'_>,
) -> Option<(Vec<u32>, Vec<bool>)> {
    let count = usize::try_from(size.area()).ok()?;
    let values = pixel::pixels(format, count, input)?;
    Some((values, bits(size, input)?))
}

/// Rows of bits, each padded to bytes.
fn bits(size: Size, input: &mut Reader<'_>) -> Option<Vec<bool>> {
    let (width, height) = (size.width as usize, size.height as usize);
    let row_bytes = width.div_ceil(8);
    let bytes = input.bytes(row_bytes * height)?;
    let row = |row: &[u8]| {
        let bits = row.iter().flat_map(|byte| (0..8).map(move |bit| byte << bit & 0x80 != 0));
        bits.take(width).collect::<Vec<bool>>()
    };
    Some(bytes.chunks(row_bytes.max(1)).flat_map(row).collect())
}

/// XCursor (rfbproto): two colours, which of them, and where there is any.
fn two_colours(size: Size, input: &mut Reader<'_>) -> Option<Vec<u32>> {
    if size.is_empty() {
        return Some(Vec::new());
    }
    let word = |[red, green, blue]: [u8; 3]| u32::from_be_bytes([0xff, red, green, blue]);
    let (front, back) = (word(input.array()?), word(input.array()?));
    let (which, seen) = (bits(size, input)?, bits(size, input)?);
    let colour = |(which, seen)| match (seen, which) {
        (false, _) => 0,
        (true, true) => front,
        (true, false) => back,
    };
    Some(which.into_iter().zip(seen).map(colour).collect())
}

/// Cursor with alpha (rfbproto, -314): the pixels are raw, red first, and premultiplied. What is more
/// colourful than its alpha allows is cut.
fn alpha(size: Size, input: &mut Reader<'_>) -> Result<Option<Vec<u32>>, DecodeError> {
    let Some(encoding) = input.i32() else { return Ok(None) };
    if encoding != Encoding::Raw.number() {
        return Err(DecodeError::Field("a cursor whose pixels are encoded"));
    }
    let Some(bytes) = input.bytes(usize::try_from(size.area() * 4).unwrap_or(usize::MAX)) else {
        return Ok(None);
    };
    let (pixels, _) = bytes.as_chunks::<4>();
    let word = |[red, green, blue, alpha]: &[u8; 4]| {
        let part = |value: &u8| *value.min(alpha);
        u32::from_be_bytes([*alpha, part(red), part(green), part(blue)])
    };
    Ok(Some(pixels.iter().map(word).collect()))
}
