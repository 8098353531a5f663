//! Pictures that are shown pixel for pixel, perhaps turned or mirrored: read where the client wrote
//! them.

use porthole_core::scene::{Mapping, SourceRect, Transform};
use porthole_pixel::{
    Format, Rect,
    blend::{self, Formula},
    words::{rgb565, to_argb},
};

use crate::protocols::shm::Pixels;

/// A held picture, and how to walk through it.
#[derive(Debug)]
pub(super) struct Exact<'a> {
    pixels: &'a Pixels,
    /// The port pixels that it covers; each has its own source pixel.
    destination: Rect,
    /// The source pixel of the destination's top left one.
    first: (i32, i32),
    /// Where the source goes on when the destination goes one pixel to the right.
    across: (i32, i32),
    /// The same for one pixel down.
    down: (i32, i32),
}

impl<'a> Exact<'a> {
    /// `None` when the picture is scaled, or when it is not all in memory.
    pub(super) fn new(pixels: &'a Pixels, mapping: &Mapping) -> Option<Self> {
        let layout = pixels.layout();
        let source = whole(mapping.source);
        let inside = Rect::from_size(layout.size()).contains_rect(source);
        let usable = mapping.is_exact() && inside && !source.is_empty() && pixels.is_aligned();
        if !usable {
            return None;
        }
        // Which corners of the source the destination's corners show, each coordinate 0 or 1.
        let corner = |u: f64, v: f64| {
            let (x, y) = mapping.transform.inverse().apply((u, v));
            (i32::from(x > 0.5), i32::from(y > 0.5))
        };
        let (x, y) = corner(0.0, 0.0);
        let step = |to: (i32, i32)| (to.0 - x, to.1 - y);
        Some(Self {
            pixels,
            destination: mapping.destination,
            first: (source.x + x * (source.width - 1), source.y + y * (source.height - 1)),
            across: step(corner(1.0, 0.0)),
            down: step(corner(0.0, 1.0)),
        })
    }

    /// All of a picture, as it is and in its own coordinates.
    pub(super) fn whole(pixels: &'a Pixels) -> Option<Self> {
        let size = pixels.layout().size();
        let mapping = Mapping {
            source: SourceRect::from_size(size),
            destination: Rect::from_size(size),
            transform: Transform::Normal,
        };
        Self::new(pixels, &mapping)
    }

    /// The port pixels that it covers.
    pub(super) const fn destination(&self) -> Rect {
        self.destination
    }

    /// Whether rows of the destination are columns of the source.
    pub(super) const fn is_turned(&self) -> bool {
        self.across.0 == 0
    }

    /// Whether rows can be blended where they lie, by [`Self::blend_row`].
    pub(super) fn is_plain(&self) -> bool {
        let format = self.pixels.layout().format();
        self.across == (1, 0) && matches!(format, Format::Argb8888 | Format::Xrgb8888)
    }

    /// Blends the pixels shown from (`x`, `y`) on over `target`. Only for plain pictures, and inside
    /// the destination; does nothing else.
    #[expect(clippy::cast_ptr_alignment, reason = "rows were seen to begin at whole words")]
    pub(super) fn blend_row(
        &self,
        target: &mut [u32],
        (x, y): (i32, i32),
        mask: Option<&[u8]>,
        formula: &Formula,
    ) {
        let row = Rect::new(x, y, i32::try_from(target.len()).unwrap_or(i32::MAX), 1);
        if self.is_plain() && self.destination.contains_rect(row) {
            let source = self.address(x, y).cast::<u32>();
            // SAFETY: the row lies inside the destination, whose pixels all lie inside the picture;
            // rows of this format are aligned words, and stay readable while the picture is held.
            unsafe { blend::blend_row_from(target, source, mask, formula) };
        }
    }

    /// Copies the pixels shown from (`x`, `y`) on to `target`; alpha is any value where the format has
    /// none. Under the same conditions.
    pub(super) fn copy_row(&self, target: &mut [u32], (x, y): (i32, i32)) {
        let row = Rect::new(x, y, i32::try_from(target.len()).unwrap_or(i32::MAX), 1);
        if self.is_plain() && self.destination.contains_rect(row) {
            self.read_run(self.address(x, y), target);
        }
    }

    /// Fetches the pixels shown in `rect`, as words of [`Format::Argb8888`], row by row without gaps;
    /// alpha is any value where the format has none. False when `rect` is not inside the
    /// destination or does not fill `into`.
    pub(super) fn fetch(&self, rect: Rect, into: &mut [u32]) -> bool {
        let width = rect.size().width as usize;
        if !self.destination.contains_rect(rect)
            || u64::try_from(into.len()).ok() != Some(rect.area())
            || width == 0
        {
            return false;
        }
        if self.is_turned() {
            self.fetch_turned(rect, into, width);
        } else {
            for (y, row) in (rect.y..).zip(into.chunks_exact_mut(width)) {
                let mirrored = self.across.0 < 0;
                let from = if mirrored { rect.right() - 1 } else { rect.x };
                self.read_run(self.address(from, y), row);
                if mirrored {
                    row.reverse();
                }
            }
        }
        to_argb(self.pixels.layout().format(), into);
        true
    }

    /// Columns of the destination are rows of the source: each is read in one go.
    fn fetch_turned(&self, rect: Rect, into: &mut [u32], width: usize) {
        let upwards = self.down.0 < 0;
        let first = if upwards { rect.bottom() - 1 } else { rect.y };
        let mut run = vec![0; rect.size().height as usize];
        for (x, column) in (rect.x..rect.right()).zip(0..width) {
            self.read_run(self.address(x, first), &mut run);
            if upwards {
                run.reverse();
            }
            for (row, word) in into.chunks_exact_mut(width).zip(&run) {
                if let Some(cell) = row.get_mut(column) {
                    *cell = *word;
                }
            }
        }
    }

    /// Reads neighbouring pixels of one source row, from the left to the right, from an address that
    /// the caller has checked for as many.
    fn read_run(&self, from: *const u8, into: &mut [u32]) {
        if self.pixels.layout().format() != Format::Rgb565 {
            let to = into.as_mut_ptr().cast::<u8>();
            // SAFETY: the run lies inside a row of the picture, which stays readable; the target is
            // ours and has as many bytes.
            unsafe { std::ptr::copy_nonoverlapping(from, to, into.len() * 4) };
            return;
        }
        let mut pixels = [0_u16; 64];
        for (part, words) in into.chunks_mut(pixels.len()).enumerate() {
            let from = from.wrapping_add(part * pixels.len() * 2);
            let to = pixels.as_mut_ptr().cast::<u8>();
            // SAFETY: see above; no part is longer than the pixels that are ours.
            unsafe { std::ptr::copy_nonoverlapping(from, to, words.len() * 2) };
            for (word, pixel) in words.iter_mut().zip(pixels) {
                *word = rgb565(pixel);
            }
        }
    }

    /// Where the source pixel of a port pixel inside the destination is.
    fn address(&self, x: i32, y: i32) -> *const u8 {
        let (u, v) = (x - self.destination.x, y - self.destination.y);
        let column = self.first.0 + u * self.across.0 + v * self.down.0;
        let row = self.first.1 + u * self.across.1 + v * self.down.1;
        let layout = self.pixels.layout();
        let bytes = layout.format().bytes_per_pixel() as usize;
        let offset = row.unsigned_abs() as usize * layout.stride() as usize
            + column.unsigned_abs() as usize * bytes;
        self.pixels.start().wrapping_add(offset)
    }
}

/// A source rectangle of whole pixels; only for those that are.
#[expect(clippy::cast_possible_truncation, reason = "whole numbers, and the cast saturates")]
const fn whole(source: SourceRect) -> Rect {
    Rect::new(source.x as i32, source.y as i32, source.width as i32, source.height as i32)
}
