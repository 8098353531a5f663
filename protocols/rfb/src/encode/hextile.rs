//! Hextile: 16x16 tiles of a background and rectangles upon it (RFC 6143, 7.7.4).

use porthole_pixel::Rect;

use super::{Source, for_tiles, tile_width};
use crate::convert::Converter;
use crate::wire::Put;

const RAW: u8 = 1;
const BACKGROUND: u8 = 2;
const FOREGROUND: u8 = 4;
const SUBRECTS: u8 = 8;
const COLOURED: u8 = 16;

/// Colours that the viewer keeps from tile to tile of one rectangle.
#[derive(Clone, Copy, Default, Debug)]
struct Kept {
    background: Option<u32>,
    foreground: Option<u32>,
}

/// A rectangle of one colour inside a tile; sides and edges are below 17.
#[derive(Clone, Copy, Debug)]
struct Subrect {
    colour: u32,
    x: u8,
    y: u8,
    width: u8,
    height: u8,
}

pub(super) fn put(source: Source<'_>, values: &mut Vec<u32>, out: &mut Vec<u8>) {
    let mut kept = Kept::default();
    for_tiles(source.rect, 16, |tile: Rect| {
        source.fetch(tile, values);
        put_tile(values, tile_width(tile), source.converter, &mut kept, out);
    });
}

fn put_tile(
    values: &mut [u32],
    width: usize,
    converter: &Converter,
    kept: &mut Kept,
    out: &mut Vec<u8>,
) {
    let pixel = converter.pixel_len();
    let raw_len = values.len() * pixel;
    let start = out.len();
    let background = commonest(values);
    let mut flags = 0;
    out.put_u8(0);
    if kept.background != Some(background) {
        flags |= BACKGROUND;
        converter.put_pixels(&[background], out);
    }
    let mut subrects = subrects(values, width, background);
    // One colour above the background is named once, for this tile and those that follow.
    let one_colour = subrects.clone().map(|subrect| subrect.colour).is_sorted_by(|a, b| a == b);
    let foreground = subrects.clone().next().map(|subrect| subrect.colour);
    if let Some(colour) = foreground {
        flags |= SUBRECTS;
        if !one_colour {
            flags |= COLOURED;
        } else if kept.foreground != Some(colour) {
            flags |= FOREGROUND;
            converter.put_pixels(&[colour], out);
        }
        let count_at = out.len();
        out.put_u8(0);
        let mut count = 0_u8;
        let fits = subrects.all(|subrect| {
            if !one_colour {
                converter.put_pixels(&[subrect.colour], out);
            }
            out.put_u8(subrect.x << 4 | subrect.y);
            out.put_u8((subrect.width - 1) << 4 | (subrect.height - 1));
            match count.checked_add(1) {
                Some(next) => count = next,
                None => return false,
            }
            out.len() - start <= raw_len
        });
        if !fits {
            out.truncate(start);
            out.put_u8(RAW);
            converter.put_pixels(values, out);
            // What a viewer keeps over a raw tile is not agreed on among viewers.
            *kept = Kept::default();
            return;
        }
        if let Some(field) = out.get_mut(count_at) {
            *field = count;
        }
    }
    if let Some(field) = out.get_mut(start) {
        *field = flags;
    }
    kept.background = Some(background);
    if one_colour && foreground.is_some() {
        kept.foreground = foreground;
    } else if !one_colour {
        // The same doubt as above, after coloured subrectangles.
        kept.foreground = None;
    }
}

/// The value with the most pixels, by majority vote: exact for a majority, good for the rest.
fn commonest(values: &[u32]) -> u32 {
    let mut candidate = 0;
    let mut votes = 0_u32;
    for value in values {
        if votes == 0 {
            candidate = *value;
        }
        if *value == candidate {
            votes += 1;
        } else {
            votes -= 1;
        }
    }
    candidate
}

/// Cuts everything that is not background into rectangles: from the first uncovered pixel to
/// the right, then down.
fn subrects(
    values: &[u32],
    width: usize,
    background: u32,
) -> impl Iterator<Item = Subrect> + Clone {
    Cutter { values, width: width.max(1), background, covered: [0; 16], position: 0 }
}

#[derive(Clone, Debug)]
struct Cutter<'a> {
    values: &'a [u32],
    width: usize,
    background: u32,
    /// One bit for each pixel of each row that a rectangle has covered.
    covered: [u16; 16],
    position: usize,
}

impl Cutter<'_> {
    /// True where the run of `mask` columns from `x` in row `y` is free and has this colour.
    fn fits(&self, y: usize, x: usize, count: usize, mask: u16, colour: u32) -> bool {
        let start = y * self.width + x;
        self.covered.get(y).is_some_and(|row| row & mask == 0)
            && self
                .values
                .get(start..start + count)
                .is_some_and(|run| run.iter().all(|value| *value == colour))
    }
}

impl Iterator for Cutter<'_> {
    type Item = Subrect;

    fn next(&mut self) -> Option<Subrect> {
        loop {
            let colour = *self.values.get(self.position)?;
            let (x, y) = (self.position % self.width, self.position / self.width);
            self.position += 1;
            let row = *self.covered.get(y)?;
            if colour == self.background || row & 1 << x != 0 {
                continue;
            }
            let mut width = 1;
            while x + width < self.width && self.fits(y, x + width, 1, 1 << (x + width), colour) {
                width += 1;
            }
            let mask = u16::try_from(((1_u32 << width) - 1) << x).ok()?;
            let mut height = 1;
            while self.fits(y + height, x, width, mask, colour) {
                height += 1;
            }
            for covered in self.covered.iter_mut().skip(y).take(height) {
                *covered |= mask;
            }
            let side = |value: usize| u8::try_from(value).ok();
            return Some(Subrect {
                colour,
                x: side(x)?,
                y: side(y)?,
                width: side(width)?,
                height: side(height)?,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pixel_format::PixelFormat;

    fn tile(values: &[u32], kept: &mut Kept) -> Vec<u8> {
        let mut out = Vec::new();
        put_tile(&mut values.to_vec(), 4, &Converter::new(PixelFormat::BGRX), kept, &mut out);
        out
    }

    #[test]
    fn each_form_has_golden_bytes() {
        let mut kept = Kept::default();
        assert_eq!(tile(&[3; 16], &mut kept), [BACKGROUND, 3, 0, 0, 0]);
        assert_eq!(tile(&[3; 16], &mut kept), [0]);
        let mut one = [3; 16];
        (one[5], one[6], one[9], one[10]) = (8, 8, 8, 8);
        let subrect = [1, 0x11, 0x11];
        let first = [&[FOREGROUND | SUBRECTS, 8, 0, 0, 0][..], &subrect].concat();
        assert_eq!(tile(&one, &mut kept), first);
        assert_eq!(tile(&one, &mut kept), [&[SUBRECTS][..], &subrect].concat());
        one[0] = 9;
        assert_eq!(
            tile(&one, &mut kept),
            [SUBRECTS | COLOURED, 2, 9, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0x11, 0x11]
        );
        let noise: Vec<u32> = (0..16).collect();
        let raw = tile(&noise, &mut kept);
        assert_eq!((raw[0], raw.len()), (RAW, 65));
        assert_eq!(tile(&[3; 16], &mut kept), [BACKGROUND, 3, 0, 0, 0]);
    }

    #[test]
    fn subrects_cover_exactly_what_is_not_background() {
        let values = [1, 2, 2, 1, 2, 2, 2, 1, 1, 1, 1, 1];
        let mut painted = [1; 12];
        for s in subrects(&values, 4, 1) {
            for y in s.y..s.y + s.height {
                for x in s.x..s.x + s.width {
                    painted[usize::from(y) * 4 + usize::from(x)] = s.colour;
                }
            }
        }
        assert_eq!(painted, values);
    }
}
