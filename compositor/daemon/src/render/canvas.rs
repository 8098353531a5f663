//! The picture of a port.

use porthole_core::Color;
use porthole_pixel::{Rect, Region, Size};

use super::{
    Draw, FramePlan,
    layer::{Layer, Scratch, rects_between},
    scaled::{DrawError, Scaled},
};

/// Bytes of the picture that are finished before the next ones are begun: all layers of a strip are
/// drawn while it is in the cache.
const STRIP_BYTES: usize = 512 << 10;
/// Rows that a strip has at least.
const MIN_STRIP: usize = 16;

/// A picture of words as of `Argb8888`, premultiplied; rows without gaps. Alphas mean nothing unless it
/// was begun transparent.
#[derive(Clone, Debug)]
pub(super) struct Canvas {
    size: Size,
    words: Vec<u32>,
    keeps_alpha: bool,
}

impl Canvas {
    /// A picture of one colour.
    pub(super) fn new(size: Size, color: Color) -> Self {
        let pixels = usize::try_from(size.area()).unwrap_or(0);
        Self { size, words: vec![color.argb(); pixels], keeps_alpha: false }
    }

    /// A picture all of which is yet to be drawn. Memory is touched only where it is.
    pub(super) fn unpainted(size: Size) -> Self {
        Self { keeps_alpha: false, ..Self::transparent(size) }
    }

    /// A picture that keeps alpha, with nothing in it. Memory is touched only where it is drawn.
    pub(super) fn transparent(size: Size) -> Self {
        let pixels = usize::try_from(size.area()).unwrap_or(0);
        Self { size, words: vec![0; pixels], keeps_alpha: true }
    }

    /// Whether alphas mean something.
    pub(super) const fn keeps_alpha(&self) -> bool {
        self.keeps_alpha
    }

    pub(super) const fn size(&self) -> Size {
        self.size
    }

    pub(super) const fn stride(&self) -> usize {
        self.size.width as usize * 4
    }

    pub(super) fn bytes(&self) -> &[u8] {
        let len = self.words.len() * 4;
        // SAFETY: a slice of u32 is four times as many bytes, all initialised, with no stricter
        // alignment, and is borrowed for as long.
        unsafe { std::slice::from_raw_parts(self.words.as_ptr().cast::<u8>(), len) }
    }

    /// Fills this picture with the part of another that begins at the corner of `rect`.
    pub(super) fn copy_from(&mut self, other: &Self, rect: Rect) {
        let skip = rect.x.unsigned_abs() as usize;
        let from = other.words.chunks_exact(other.size.width.max(1) as usize);
        let to = self.words.chunks_exact_mut(self.size.width.max(1) as usize);
        for (to, from) in to.zip(from.skip(rect.y.unsigned_abs() as usize)) {
            for (to, from) in to.iter_mut().zip(from.iter().skip(skip)) {
                *to = *from;
            }
        }
    }

    /// The pixels of row `y` in the columns of `rect`; `None` when they are not all inside.
    pub(super) fn row(&mut self, rect: Rect, y: i32) -> Option<&mut [u32]> {
        let width = self.size.width as usize;
        let (left, right) = (usize::try_from(rect.x).ok()?, usize::try_from(rect.right()).ok()?);
        if right > width {
            return None;
        }
        let start = usize::try_from(y).ok()?.checked_mul(width)?;
        self.words.get_mut(start + left..start + right)
    }

    /// All words from the top left pixel of `rect` on; `None` when it is not inside.
    pub(super) fn from(&mut self, rect: Rect) -> Option<&mut [u32]> {
        let inside = Rect::from_size(self.size).contains_rect(rect);
        let start = rect.y.unsigned_abs() as usize * self.size.width as usize;
        inside.then(|| self.words.get_mut(start + rect.x.unsigned_abs() as usize..)).flatten()
    }

    /// Has a scaled picture drawn right here, where nothing of it is mixed with what is below; false
    /// when that cannot be.
    pub(super) fn draw_scaled(
        &mut self,
        scaled: &Scaled<'_>,
        rect: Rect,
    ) -> Result<bool, DrawError> {
        if self.keeps_alpha {
            return Ok(false);
        }
        scaled.draw_into(&mut self.words, self.size, rect)
    }

    /// Draws what the plan says and returns the bytes written. A layer that cannot be drawn is left
    /// out with a log line; the others are drawn all the same.
    pub(super) fn draw(&mut self, plan: &FramePlan) -> u64 {
        let written = self.compose(&plan.clear, plan.background, &plan.draws);
        self.finish(plan);
        written
    }

    /// Does to what was composed what the port does to its finished picture.
    pub(super) fn finish(&mut self, plan: &FramePlan) {
        if let Some(table) = &plan.gamma {
            self.bend(&plan.painted, table);
        }
    }

    /// Replaces each channel of these pixels by what the table says.
    fn bend(&mut self, region: &Region, table: &[u8; 256]) {
        let of = |v: u8| table.get(usize::from(v)).copied().unwrap_or(v);
        let bounds = Rect::from_size(self.size);
        for rect in region.rects().iter().filter_map(|r| r.intersect(bounds)) {
            for y in rect.y..rect.bottom() {
                for word in self.row(rect, y).into_iter().flatten() {
                    let [a, r, g, b] = word.to_be_bytes();
                    *word = u32::from_be_bytes([a, of(r), of(g), of(b)]);
                }
            }
        }
    }

    /// Draws one thing over the other and returns the bytes written.
    pub(super) fn draw_all(&mut self, draws: &[Draw]) -> u64 {
        self.compose(&Region::new(), Color::BLACK, draws)
    }

    fn compose(&mut self, clear: &Region, background: Color, draws: &[Draw]) -> u64 {
        let bounds = Rect::from_size(self.size);
        let clear = clear.intersect(bounds);
        let mut layers = Vec::with_capacity(draws.len());
        for draw in draws {
            match Layer::new(draw, bounds) {
                Ok(layer) => layers.push(layer),
                Err(error) => tracing::error!("a layer was not drawn: {error}"),
            }
        }
        let touched = layers.iter().map(Layer::clip).chain([&clear]);
        let pixels: u64 = touched.clone().map(Region::area).sum();
        let Some(touched) = touched.filter_map(Region::bounds).reduce(Rect::union) else {
            return 0;
        };
        let rows = (STRIP_BYTES / self.stride().max(1)).max(MIN_STRIP);
        let mut scratch = Scratch::default();
        for top in (touched.y..touched.bottom()).step_by(rows) {
            let bottom = top.saturating_add(i32::try_from(rows).unwrap_or(i32::MAX));
            self.fill(&clear, (top, bottom), background);
            for layer in &layers {
                if let Err(error) = layer.draw(self, (top, bottom), &mut scratch) {
                    tracing::error!("a part of a layer was not drawn: {error}");
                }
            }
        }
        pixels * 4
    }

    fn fill(&mut self, region: &Region, (top, bottom): (i32, i32), color: Color) {
        for rect in rects_between(region, top, bottom) {
            for y in rect.y..rect.bottom() {
                if let Some(row) = self.row(rect, y) {
                    row.fill(color.argb());
                }
            }
        }
    }
}
