//! One picture of a plan, drawn piece by piece.

use porthole_pixel::{
    Rect, Region,
    blend::{self, Formula},
};

use super::{
    Canvas, Draw, DrawMask,
    exact::Exact,
    scaled::{DrawError, Samples, Scaled},
};

/// Turned pictures are read in squares of this side, so that both ways through them stay in the
/// nearest cache.
const TURNED_TILE: i32 = 64;
/// Rows that are sampled in one go.
const SAMPLED_ROWS: i32 = 32;

/// The columns of them where a key makes some of them dear.
const KEYED_COLUMNS: i32 = 128;

/// A picture of a plan, ready to be drawn.
#[derive(Debug)]
pub(super) struct Layer<'a> {
    /// The port pixels to touch.
    clip: Region,
    source: Source<'a>,
    formula: Formula,
    mask: Option<&'a DrawMask>,
}

#[derive(Debug)]
enum Source<'a> {
    Exact(Exact<'a>),
    Scaled(Box<Scaled<'a>>),
}

/// Buffers that are used over and over.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    rects: Vec<Rect>,
    tile: Vec<u32>,
    samples: Samples,
}

impl<'a> Layer<'a> {
    pub(super) fn new(draw: &'a Draw, bounds: Rect) -> Result<Self, DrawError> {
        let source = match Exact::new(&draw.pixels, &draw.mapping) {
            Some(exact) => Source::Exact(exact),
            None => {
                let scaled = Scaled::new(&draw.pixels, &draw.mapping, draw.filter, draw.key)?;
                Source::Scaled(Box::new(scaled))
            }
        };
        Ok(Self {
            clip: draw.clip.intersect(bounds).intersect(draw.mapping.destination),
            source,
            formula: draw.formula(),
            mask: draw.mask.as_ref(),
        })
    }

    /// What it may touch.
    pub(super) const fn clip(&self) -> &Region {
        &self.clip
    }

    /// Draws what it has between two rows.
    pub(super) fn draw(
        &self,
        canvas: &mut Canvas,
        (top, bottom): (i32, i32),
        scratch: &mut Scratch,
    ) -> Result<(), DrawError> {
        if let Source::Exact(exact) = &self.source
            && exact.is_plain()
        {
            scratch.rects.clear();
            scratch.rects.extend(rects_between(&self.clip, top, bottom));
            // Line by line over all that a line shows, so that memory is read in its order.
            for band in scratch.rects.chunk_by(|a, b| a.y == b.y) {
                self.blend_plain(canvas, exact, band);
            }
            return Ok(());
        }
        for rect in rects_between(&self.clip, top, bottom) {
            match &self.source {
                Source::Exact(exact) => {
                    let across = if exact.is_turned() { TURNED_TILE } else { rect.width };
                    let down = if exact.is_turned() { TURNED_TILE } else { 1 };
                    for tile in tiles(rect, (across, down)) {
                        let pixels = usize::try_from(tile.area()).unwrap_or(0);
                        scratch.tile.resize(pixels, 0);
                        if exact.fetch(tile, &mut scratch.tile) {
                            self.blend_tile(canvas, tile, &scratch.tile);
                        }
                    }
                }
                Source::Scaled(scaled) => {
                    let plain = self.formula.is_copy() && self.mask.is_none();
                    if plain && canvas.draw_scaled(scaled, rect)? {
                        continue;
                    }
                    let across =
                        if scaled.likes_small_tiles() { KEYED_COLUMNS } else { rect.width };
                    for tile in tiles(rect, (across, SAMPLED_ROWS)) {
                        let samples = scaled.sample(tile, &mut scratch.samples)?;
                        self.blend_tile(canvas, tile, samples);
                    }
                }
            }
        }
        Ok(())
    }

    /// Rows that the kernels read from where they lie, of rectangles beside each other.
    fn blend_plain(&self, canvas: &mut Canvas, exact: &Exact<'_>, band: &[Rect]) {
        let Some(first) = band.first() else { return };
        let copies = self.formula.is_copy() && self.mask.is_none() && !canvas.keeps_alpha();
        for (y, rect) in (first.y..first.bottom()).flat_map(|y| band.iter().map(move |r| (y, *r))) {
            let (Some(target), Some(mask)) = (canvas.row(rect, y), self.mask_row(rect, y)) else {
                continue;
            };
            if copies {
                exact.copy_row(target, (rect.x, y));
            } else {
                exact.blend_row(target, (rect.x, y), mask, &self.formula);
            }
        }
    }

    /// Rows that were fetched before.
    fn blend_tile(&self, canvas: &mut Canvas, tile: Rect, pixels: &[u32]) {
        let rows = pixels.chunks_exact(tile.size().width.max(1) as usize);
        for (y, source) in (tile.y..).zip(rows) {
            let (Some(target), Some(mask)) = (canvas.row(tile, y), self.mask_row(tile, y)) else {
                continue;
            };
            blend::blend_row(target, source, mask, &self.formula);
        }
    }

    /// The mask for a row of `rect`, if there is one; `None` where the mask covers nothing.
    #[expect(clippy::option_option, reason = "no mask, and no row of the mask, are different")]
    fn mask_row(&self, rect: Rect, y: i32) -> Option<Option<&[u8]>> {
        match self.mask {
            None => Some(None),
            Some(mask) => mask.row(rect, y).map(Some),
        }
    }
}

/// The parts of a region's rectangles between two rows.
pub(super) fn rects_between(
    region: &Region,
    top: i32,
    bottom: i32,
) -> impl Iterator<Item = Rect> + '_ {
    // They are sorted by their bands, and bands do not overlap.
    let rects = region.rects();
    let first = rects.partition_point(|r| r.bottom() <= top);
    let from_first = rects.get(first..).unwrap_or_default();
    from_first.iter().take_while(move |r| r.y < bottom).map(move |r| {
        Rect::from_edges(r.left(), r.top().max(top), r.right(), r.bottom().min(bottom))
    })
}

/// Pieces of a rectangle, of at most this width and height.
fn tiles(rect: Rect, (width, height): (i32, i32)) -> impl Iterator<Item = Rect> {
    let (width, height) = (width.max(1), height.max(1));
    let step = |v: i32| usize::try_from(v).unwrap_or(1);
    (rect.y..rect.bottom()).step_by(step(height)).flat_map(move |y| {
        (rect.x..rect.right()).step_by(step(width)).filter_map(move |x| {
            Rect::from_edges(x, y, x.saturating_add(width), y.saturating_add(height))
                .intersect(rect)
        })
    })
}
