//! Hextile (RFC 6143, 7.7.4).

use porthole_pixel::Rect;

use super::{DecodeError, Picture, pixel};
use crate::pixel_format::PixelFormat;
use crate::wire::Reader;

/// Decodes a rectangle; nothing is written until all of it is here.
pub(super) fn decode(
    format: PixelFormat,
    rect: Rect,
    input: &mut Reader<'_>,
    picture: &mut Picture,
) -> Result<Option<()>, DecodeError> {
    let mut tiles = Vec::new();
    let (mut background, mut foreground) = (None, None);
    for y in (rect.top()..rect.bottom()).step_by(16) {
        for x in (rect.left()..rect.right()).step_by(16) {
            let tile = Rect::new(x, y, 16.min(rect.right() - x), 16.min(rect.bottom() - y));
            let colours = (&mut background, &mut foreground);
            let Some(values) = decode_tile(format, tile, input, colours)? else {
                return Ok(None);
            };
            tiles.push((tile, values));
        }
    }
    for (tile, values) in tiles {
        picture.write(tile, &values);
    }
    Ok(Some(()))
}

type Colours<'a> = (&'a mut Option<u32>, &'a mut Option<u32>);

fn decode_tile(
    format: PixelFormat,
    tile: Rect,
    input: &mut Reader<'_>,
    (background, foreground): Colours<'_>,
) -> Result<Option<Vec<u32>>, DecodeError> {
    let count = usize::try_from(tile.area()).unwrap_or(0);
    let Some(flags) = input.u8() else { return Ok(None) };
    if flags & 0xe0 != 0 {
        return Err(DecodeError::Tile("hextile flags that do not exist"));
    }
    if flags & 1 != 0 {
        // Not all viewers keep colours over a raw tile, so no server may rely on it.
        (*background, *foreground) = (None, None);
        return Ok(pixel::pixels(format, count, input));
    }
    if flags & 2 != 0 {
        let Some(colour) = pixel::pixel(format, input) else { return Ok(None) };
        *background = Some(colour);
    }
    if flags & 4 != 0 {
        let Some(colour) = pixel::pixel(format, input) else { return Ok(None) };
        *foreground = Some(colour);
    }
    let Some(ground) = *background else {
        return Err(DecodeError::Tile("hextile background that was never named"));
    };
    let mut values = vec![ground; count];
    if flags & 8 == 0 {
        return Ok(Some(values));
    }
    let coloured = flags & 16 != 0;
    let Some(subrects) = input.u8() else { return Ok(None) };
    for _ in 0..subrects {
        let colour = if coloured {
            let Some(colour) = pixel::pixel(format, input) else { return Ok(None) };
            colour
        } else {
            foreground.ok_or(DecodeError::Tile("hextile foreground that was never named"))?
        };
        let (Some(place), Some(sides)) = (input.u8(), input.u8()) else { return Ok(None) };
        let (x, y) = (i32::from(place >> 4), i32::from(place & 15));
        let subrect = Rect::new(x, y, i32::from(sides >> 4) + 1, i32::from(sides & 15) + 1);
        if !Rect::from_size(tile.size()).contains_rect(subrect) {
            return Err(DecodeError::Tile("hextile subrectangle outside of its tile"));
        }
        for row in subrect.top()..subrect.bottom() {
            let start = usize::try_from(row * tile.width + subrect.x).unwrap_or(0);
            let width = usize::try_from(subrect.width).unwrap_or(0);
            values.get_mut(start..start + width).unwrap_or_default().fill(colour);
        }
    }
    Ok(Some(values))
}
