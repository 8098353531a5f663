//! RRE (RFC 6143, 7.7.3): a background and rectangles on it.

use porthole_pixel::Rect;

use super::{Canvas, DecodeError, pixel};
use crate::pixel_format::PixelFormat;
use crate::wire::Reader;

/// How often a pixel may be painted, on average: encoders paint each one once over the background.
const MOST_LAYERS: u64 = 4;

/// Decodes a rectangle once all of it is here.
pub(super) fn decode(
    format: PixelFormat,
    rect: Rect,
    input: &mut Reader<'_>,
    canvas: &mut impl Canvas,
) -> Result<Option<()>, DecodeError> {
    let Some(count) = input.u32() else { return Ok(None) };
    if u64::from(count) > rect.area() {
        return Err(DecodeError::TooLong("an RRE rectangle", count));
    }
    let each = format.bytes_per_pixel() + 8;
    let length = (count as usize).saturating_mul(each).saturating_add(format.bytes_per_pixel());
    let Some(mut data) = input.bytes(length).map(Reader::new) else { return Ok(None) };
    let Some(background) = pixel::pixel(format, &mut data) else { return Ok(None) };
    if !rect.is_empty() {
        canvas.begin(rect);
        canvas.fill(rect, background);
    }
    let mut painted = 0;
    while let Some(colour) = pixel::pixel(format, &mut data) {
        let field = |data: &mut Reader<'_>| data.u16().map_or(0, i32::from);
        let (x, y) = (field(&mut data), field(&mut data));
        let part = Rect::new(x, y, field(&mut data), field(&mut data));
        if !Rect::from_size(rect.size()).contains_rect(part) {
            return Err(DecodeError::Outside(part));
        }
        painted += part.area();
        if painted > rect.area().saturating_mul(MOST_LAYERS) {
            return Err(DecodeError::Tile("RRE rectangles that lie on each other"));
        }
        if !part.is_empty() {
            canvas.fill(part.translate(rect.x, rect.y), colour);
        }
    }
    Ok(Some(()))
}
