//! ZRLE's inflate stream (RFC 6143, 7.7.6), and that of the older Zlib encoding.

use porthole_pixel::Rect;

use super::inflate::Inflate;
use super::{Canvas, DecodeError, pixel, tile};
use crate::pixel_format::PixelFormat;
use crate::wire::Reader;

/// Longer rectangles are refused.
const MAX_COMPRESSED: u64 = 64 << 20;
/// What no tile's data reaches: a run length for each pixel, and a palette.
const MAX_TILE: usize = 64 * 64 * 8 + 1024;

/// The compressed data of a rectangle, once all of it is here: a length and bytes. Deflate makes nothing
/// much longer than it was, so more than the rectangle can need is refused before it is kept.
pub(super) fn compressed<'a>(
    what: &'static str,
    most: u64,
    input: &mut Reader<'a>,
) -> Result<Option<&'a [u8]>, DecodeError> {
    let Some(length) = input.u32() else { return Ok(None) };
    if u64::from(length) > MAX_COMPRESSED.min(most + most / 512 + 1024) {
        return Err(DecodeError::TooLong(what, length));
    }
    Ok(input.bytes(length as usize))
}

/// Decodes a rectangle of ZRLE once all of it is here.
pub(super) fn decode(
    inflate: &mut Inflate,
    format: PixelFormat,
    rect: Rect,
    input: &mut Reader<'_>,
    canvas: &mut impl Canvas,
) -> Result<Option<()>, DecodeError> {
    let most = most_bytes(rect);
    let Some(data) = compressed("a ZRLE rectangle", most, input)? else { return Ok(None) };
    begin(canvas, rect);
    let columns = (rect.left()..rect.right()).step_by(64);
    let mut tiles = (rect.top()..rect.bottom())
        .step_by(64)
        .flat_map(|y| columns.clone().map(move |x| (x, y)))
        .map(|(x, y)| Rect::new(x, y, 64.min(rect.right() - x), 64.min(rect.bottom() - y)))
        .peekable();
    inflate.run(data, (most, MAX_TILE), |piece| {
        let mut reader = Reader::new(piece);
        let mut used = 0;
        while let Some(area) = tiles.peek() {
            let count = usize::try_from(area.area()).unwrap_or(0);
            let width = usize::try_from(area.width).unwrap_or(0);
            match tile::decode(format, width, count, &mut reader) {
                // The rest of it is in the next piece.
                Err(tile::SHORT) => break,
                values => canvas.write(*area, &values?),
            }
            used = reader.taken();
            tiles.next();
        }
        Ok(used)
    })?;
    if tiles.next().is_some() {
        return Err(tile::SHORT);
    }
    Ok(Some(()))
}

/// Decodes a rectangle of the Zlib encoding (rfbproto): plain rows in a deflate stream.
pub(super) fn plain(
    inflate: &mut Inflate,
    format: PixelFormat,
    rect: Rect,
    input: &mut Reader<'_>,
    canvas: &mut impl Canvas,
) -> Result<Option<()>, DecodeError> {
    let row_bytes = usize::try_from(rect.width).unwrap_or(0) * format.bytes_per_pixel();
    let most = rect.area() * format.bytes_per_pixel() as u64;
    let Some(data) = compressed("a Zlib rectangle", most, input)? else { return Ok(None) };
    begin(canvas, rect);
    let mut rows = rect.top()..rect.bottom();
    inflate.run(data, (most, row_bytes), |piece| {
        let mut reader = Reader::new(piece);
        while reader.remaining() >= row_bytes
            && let Some(y) = rows.next()
        {
            pixel::draw(format, Rect { y, height: 1, ..rect }, &mut reader, canvas);
        }
        Ok(reader.taken())
    })?;
    if rows.next().is_some() && row_bytes > 0 {
        return Err(DecodeError::Deflate("less data than the rectangle has pixels"));
    }
    Ok(Some(()))
}

fn begin(canvas: &mut impl Canvas, rect: Rect) {
    if !rect.is_empty() {
        canvas.begin(rect);
    }
}

/// No tile of a sane encoder is larger than its pixels with a run length each.
fn most_bytes(rect: Rect) -> u64 {
    (rect.area() * 5 + 2048).saturating_add((rect.area() / 64).saturating_mul(512))
}
