//! Hextile (RFC 6143, 7.7.4), tile by tile as it comes.

use porthole_pixel::Rect;

use super::{Canvas, DecodeError, pixel};
use crate::pixel_format::PixelFormat;
use crate::wire::Reader;

/// A rectangle that is being decoded.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hextile {
    rect: Rect,
    /// Where the next tile begins.
    next: (i32, i32),
    background: Option<u32>,
    foreground: Option<u32>,
}

impl Hextile {
    pub(super) const fn new(rect: Rect) -> Self {
        Self { rect, next: (rect.x, rect.y), background: None, foreground: None }
    }

    /// Decodes the tiles that are whole; true when there are no more.
    pub(super) fn decode(
        &mut self,
        format: PixelFormat,
        input: &mut Reader<'_>,
        canvas: &mut impl Canvas,
    ) -> Result<bool, DecodeError> {
        let rect = self.rect;
        while !rect.is_empty() && self.next.1 < rect.bottom() {
            let (x, y) = self.next;
            let tile = Rect::new(x, y, 16.min(rect.right() - x), 16.min(rect.bottom() - y));
            // A tile that is not whole is parsed again: it takes nothing and changes nothing.
            let mut ahead = input.clone();
            let mut colours = (self.background, self.foreground);
            let Some(values) = decode_tile(format, tile, &mut ahead, &mut colours)? else {
                return Ok(false);
            };
            match values {
                Tile::Plain(value) => canvas.fill(tile, value),
                Tile::Values(values) => canvas.write(tile, &values),
            }
            *input = ahead;
            (self.background, self.foreground) = colours;
            self.next = if tile.right() < rect.right() {
                (tile.right(), y)
            } else {
                (rect.x, tile.bottom())
            };
        }
        Ok(true)
    }
}

enum Tile {
    Plain(u32),
    Values(Vec<u32>),
}

fn decode_tile(
    format: PixelFormat,
    tile: Rect,
    input: &mut Reader<'_>,
    (background, foreground): &mut (Option<u32>, Option<u32>),
) -> Result<Option<Tile>, DecodeError> {
    let count = usize::try_from(tile.area()).unwrap_or(0);
    let Some(flags) = input.u8() else { return Ok(None) };
    if flags & 0xe0 != 0 {
        return Err(DecodeError::Tile("hextile flags that do not exist"));
    }
    if flags & 1 != 0 {
        // Not all viewers keep colours over a raw tile, so no server may rely on it.
        (*background, *foreground) = (None, None);
        return Ok(pixel::pixels(format, count, input).map(Tile::Values));
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
    if flags & 8 == 0 {
        return Ok(Some(Tile::Plain(ground)));
    }
    let mut values = vec![ground; count];
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
    Ok(Some(Tile::Values(values)))
}
