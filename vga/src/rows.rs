//! Lines of pixels for whoever wants them: one by one, or straight into his memory.

use std::ops::Range;

use crate::device::Vga;
use crate::lines;
use crate::picture::Shown;
use crate::screen::{Format, Graphic, Screen};
use crate::vram::{CELL, Vram};

/// Pixels beside those of a line: what panning leaves out, and whole characters.
const MARGIN: usize = 32;
/// All of a pixel but the byte that is none of its colours.
const COLOURS: u32 = 0x00ff_ffff;

/// Memory for one line, kept from line to line.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    pixels: Vec<u32>,
    bytes: Vec<u8>,
    /// More pixels than a line has, of which a part is shown.
    aside: Vec<u32>,
}

/// Who takes lines.
trait Rows {
    /// Has a line drawn: all of its pixels are set.
    fn draw(&mut self, y: u32, width: usize, draw: impl FnOnce(&mut [u32]));

    /// The last line once more.
    fn again(&mut self, y: u32);
}

/// Lines one by one.
struct Single<'a, F> {
    pixels: &'a mut Vec<u32>,
    put: F,
}

impl<F: FnMut(u32, &[u32])> Rows for Single<'_, F> {
    fn draw(&mut self, y: u32, width: usize, draw: impl FnOnce(&mut [u32])) {
        self.pixels.resize(width, 0);
        draw(self.pixels);
        (self.put)(y, self.pixels);
    }

    fn again(&mut self, y: u32) {
        (self.put)(y, self.pixels);
    }
}

/// Lines in memory.
struct Into<'a> {
    pixels: &'a mut [u32],
    stride: usize,
    /// Where the last line is.
    last: Range<usize>,
}

impl Into<'_> {
    fn place(&self, y: u32, width: usize) -> Option<Range<usize>> {
        let start = usize::try_from(y).ok()?.checked_mul(self.stride)?;
        let end = start.checked_add(width)?;
        (end <= self.pixels.len()).then_some(start..end)
    }
}

impl Rows for Into<'_> {
    fn draw(&mut self, y: u32, width: usize, draw: impl FnOnce(&mut [u32])) {
        let Some(place) = self.place(y, width) else { return };
        if let Some(row) = self.pixels.get_mut(place.clone()) {
            draw(row);
            self.last = place;
        }
    }

    fn again(&mut self, y: u32) {
        if let Some(place) = self.place(y, self.last.len()) {
            self.pixels.copy_within(self.last.clone(), place.start);
        }
    }
}

impl<V: Vram> Vga<V> {
    /// Makes lines of the last [`picture`](Self::picture): each goes to `put` with its number, as one
    /// pixel 0x00RRGGBB a word. The ranges go from the top down, as `Picture::dirty` has them.
    ///
    /// Works for every source; lines of a held picture are those of the last mode.
    pub fn convert(&mut self, wanted: &[Range<u32>], put: impl FnMut(u32, &[u32])) {
        let mut pixels = std::mem::take(&mut self.shown.scratch.pixels);
        self.rows(wanted, &mut Single { pixels: &mut pixels, put });
        self.shown.scratch.pixels = pixels;
    }

    /// As [`convert`](Self::convert), into rows of `stride` pixels. Lines that do not fit are left
    /// out.
    pub fn convert_into(&mut self, wanted: &[Range<u32>], into: &mut [u32], stride: usize) {
        self.rows(wanted, &mut Into { pixels: into, stride, last: 0..0 });
    }

    fn rows(&mut self, wanted: &[Range<u32>], rows: &mut impl Rows) {
        let mut wanted = Wanted(wanted);
        let Shown { screen, size, colours, cells, scratch } = &mut self.shown;
        let width = usize::try_from(size.width).unwrap_or(0);
        match screen {
            None | Some(Screen::Blank) => {
                let lines = (0..size.height).filter(|y| wanted.has(*y));
                lines.for_each(|y| rows.draw(y, width, |row| row.fill(0)));
            }
            Some(Screen::Text(text)) => {
                // Only the chip moves characters by pixels, and shows part of one more.
                let aside = &mut scratch.aside;
                aside.clear();
                aside.resize(if text.chip { width + MARGIN } else { 0 }, 0);
                cells.draw(
                    text,
                    &colours.single,
                    |y| wanted.has(y),
                    |y, first, strip| {
                        rows.draw(y, width, |row| match aside.as_mut_slice() {
                            [] => strip.draw(row),
                            aside => {
                                strip.draw(aside);
                                copy(aside, first, row);
                            }
                        });
                    },
                );
            }
            Some(Screen::Graphic(graphic)) => {
                let Scratch { bytes, aside, .. } = scratch;
                let mut pen = Pen { vram: &self.vram, graphic, bytes, aside };
                let mut made = None;
                for line in graphic.lines().filter(|line| wanted.has(line.y)) {
                    let key = (line.address, line.pan);
                    if made.replace(key) == Some(key) {
                        // The same line once more, as it was.
                        rows.again(line.y);
                    } else {
                        rows.draw(line.y, width, |row| pen.draw(key, colours, row));
                    }
                }
            }
        }
    }
}

/// Draws lines of memory.
struct Pen<'a, V> {
    vram: &'a V,
    graphic: &'a Graphic,
    bytes: &'a mut Vec<u8>,
    aside: &'a mut Vec<u32>,
}

impl<V: Vram> Pen<'_, V> {
    /// Draws the line that begins at an address, so many pixels to the left.
    fn draw(&mut self, (address, pan): (u32, u32), colours: &lines::Colours, row: &mut [u32]) {
        let graphic = self.graphic;
        let start = address % graphic.span;
        let len = graphic.line_len();
        let whole = start.saturating_add(len) <= graphic.span;
        if graphic.format == Format::Rgb32
            && !graphic.big_endian
            && whole
            && start.is_multiple_of(CELL)
        {
            self.vram.copy_cells(start / CELL, COLOURS, row);
            return;
        }
        self.bytes.resize(usize::try_from(len).unwrap_or(0), 0);
        fetch(self.vram, graphic, start, self.bytes);
        if pan == 0 || graphic.format.bits() > 4 {
            lines::convert(graphic, pan, self.bytes, colours, row);
            return;
        }
        self.aside.clear();
        self.aside.resize(2 * row.len() + MARGIN, 0);
        let first = lines::convert(graphic, pan, self.bytes, colours, self.aside);
        copy(self.aside, first, row);
    }
}

/// Copies as many pixels as there are places, from the `first` on.
fn copy(from: &[u32], first: usize, into: &mut [u32]) {
    let from = from.get(first..).unwrap_or_default();
    into.iter_mut().zip(from).for_each(|(into, from)| *into = *from);
}

/// Copies a line's bytes, from the beginning again where the memory of the mode ends.
fn fetch(vram: &impl Vram, graphic: &Graphic, start: u32, into: &mut [u8]) {
    let mut address = start;
    let mut rest = into;
    while !rest.is_empty() {
        let here = usize::try_from(graphic.span - address).unwrap_or(usize::MAX).min(rest.len());
        let (now, later) = rest.split_at_mut(here);
        vram.copy_out(address, now);
        (address, rest) = (0, later);
    }
}

/// Ranges of lines that are asked for from the top down.
struct Wanted<'a>(&'a [Range<u32>]);

impl Wanted<'_> {
    fn has(&mut self, y: u32) -> bool {
        while let Some((first, rest)) = self.0.split_first() {
            if y < first.end {
                return y >= first.start;
            }
            self.0 = rest;
        }
        false
    }
}
