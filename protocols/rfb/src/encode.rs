//! Encoders of rectangles. All of them work on the viewer's pixel values, fetched tile by tile
//! from the frame, so that a change of format, a painted cursor and the picture's edge are
//! dealt with in one place.

mod hextile;
mod palette;
mod raw;
mod tile;
mod zrle;

use porthole_pixel::Rect;

use crate::convert::Converter;
use crate::frame::Frame;
use crate::spec::Encoding;

/// One viewer's encoders and what they must keep from update to update.
#[derive(Debug)]
pub(crate) struct Encoder {
    stream: zrle::Stream,
    /// Pixels of the tile at hand.
    values: Vec<u32>,
    /// ZRLE's tiles before compression.
    tiles: Vec<u8>,
    palette: palette::Palette,
}

/// What to encode, for whom.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source<'a> {
    pub(crate) frame: &'a Frame<'a>,
    pub(crate) converter: &'a Converter,
    pub(crate) rect: Rect,
}

impl Encoder {
    pub(crate) fn new() -> Self {
        Self {
            stream: zrle::Stream::new(),
            values: Vec::new(),
            tiles: Vec::new(),
            palette: palette::Palette::new(),
        }
    }

    /// Sets the effort of compression, 0 to 9.
    pub(crate) fn set_level(&mut self, level: u32) {
        self.stream.set_level(level);
    }

    /// Appends a rectangle's body. Encodings that carry no picture are written as Raw's body
    /// would be; callers only choose among Raw, Hextile and ZRLE.
    pub(crate) fn put_body(&mut self, encoding: Encoding, source: Source<'_>, out: &mut Vec<u8>) {
        match encoding {
            Encoding::Zrle => {
                self.tiles.clear();
                for_tiles(source.rect, 64, |tile| {
                    source.fetch(tile, &mut self.values);
                    let width = tile_width(tile);
                    tile::put(
                        &self.values,
                        width,
                        &mut self.palette,
                        source.converter,
                        &mut self.tiles,
                    );
                });
                self.stream.put(&self.tiles, out);
                // A whole screen of noise must not be kept for the next blinking cursor.
                self.tiles.shrink_to(KEPT_TILES);
            }
            Encoding::Hextile => hextile::put(source, &mut self.values, out),
            _ => raw::put(source, &mut self.values, out),
        }
    }
}

/// Scratch memory that stays with each viewer.
const KEPT_TILES: usize = 256 * 1024;

impl Source<'_> {
    /// Whether the frame's own bytes are what the viewer wants: nothing is painted over them, and all
    /// of the rectangle lies in the picture.
    fn is_native(&self) -> bool {
        let all = Rect::from_size(self.frame.size());
        self.converter.is_native() && !self.frame.has_overlay() && all.contains_rect(self.rect)
    }

    /// Replaces `values` by the pixel values of `area`.
    fn fetch(&self, area: Rect, values: &mut Vec<u32>) {
        self.frame.fetch(area, values);
        self.converter.to_values(values);
    }
}

/// Walks over the tiles of `rect`, left to right, top to bottom.
fn for_tiles(rect: Rect, side: i32, mut visit: impl FnMut(Rect)) {
    let mut y = rect.top();
    while y < rect.bottom() {
        let height = side.min(rect.bottom() - y);
        let mut x = rect.left();
        while x < rect.right() {
            let width = side.min(rect.right() - x);
            visit(Rect::new(x, y, width, height));
            x += width;
        }
        y += height;
    }
}

/// A tile's width as an index distance.
fn tile_width(tile: Rect) -> usize {
    usize::try_from(tile.width).unwrap_or(0)
}
