//! Text: characters from plane 0, attributes from plane 1, fonts from plane 2.

use std::ops::Range;

use crate::access::{at, low, low_word};
use crate::dirty::Dirty;
use crate::screen::{PLANES_LEN, Phase, Style, Text};
use crate::vram::{CELL, Vram};

/// Cells of the planes, where fonts are.
const CELLS: u32 = PLANES_LEN / CELL;
/// Lines of a character in a font, used or not.
const GLYPH: usize = 32;
const FONT: usize = 256 * GLYPH;
const BLINKING: u8 = 0x80;
/// The last of the line graphics.
const LAST_DOUBLED: u8 = 0xdf;

/// Eight pixels of a glyph's line, as masks.
const DOTS: [[u32; 8]; 256] = dots();

#[expect(clippy::indexing_slicing, reason = "made when it is compiled, where it would be an error")]
const fn dots() -> [[u32; 8]; 256] {
    let mut table = [[0; 8]; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut pixel = 0;
        while pixel < 8 {
            if byte >> (7 - pixel) & 1 != 0 {
                table[byte][pixel] = u32::MAX;
            }
            pixel += 1;
        }
        byte += 1;
    }
    table
}

/// Lines of the screen that show one row of cells.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Band {
    /// The first line on the screen.
    pub(crate) y: u32,
    /// The row's first cell.
    pub(crate) cell: u32,
    /// Lines of the characters.
    pub(crate) scans: Range<u32>,
    /// Pixels to the left.
    pub(crate) pan: u32,
}

impl Band {
    pub(crate) fn lines(&self) -> Range<u32> {
        self.y..self.y + self.scans.end - self.scans.start
    }
}

impl Text {
    pub(crate) fn width(&self) -> u32 {
        self.columns * self.cell_width
    }

    /// Cells of a band: one more than there are columns where panning may bring it in.
    pub(crate) fn band_cells(&self) -> u32 {
        self.columns + u32::from(self.chip)
    }

    pub(crate) fn bands(&self) -> Vec<Band> {
        if self.chip { self.chip_bands() } else { self.rows() }
    }

    /// QEMU's rules: whole rows, and a split at the row that holds the line.
    fn rows(&self) -> Vec<Band> {
        let mut cell = self.start;
        let rows = (0..self.rows).map(|row| {
            let band = Band { y: row * self.cell_lines, cell, scans: 0..self.cell_lines, pan: 0 };
            cell += self.pitch;
            let lines = band.lines();
            if lines.start < self.line_compare && lines.end >= self.line_compare {
                cell = 0;
            }
            band
        });
        rows.collect()
    }

    /// The chip's rules: each line by itself.
    fn chip_bands(&self) -> Vec<Band> {
        let mut bands: Vec<Band> = Vec::new();
        let (mut cell, mut scan) = (self.start, self.panning.lines);
        let mut pan = self.panning.pixels;
        let mut fresh = true;
        for y in 0..self.lines {
            match bands.last_mut() {
                Some(band) if !fresh => band.scans.end += 1,
                _ => bands.push(Band { y, cell, scans: scan..scan + 1, pan }),
            }
            fresh = false;
            scan += 1;
            if scan >= self.cell_lines {
                (scan, fresh) = (0, true);
                cell += self.pitch;
            }
            if y == self.line_compare {
                (cell, scan, fresh) = (0, 0, true);
                if self.panning.to_split {
                    pan = 0;
                }
            }
        }
        bands
    }
}

/// A character on the screen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Shown {
    /// Character and attribute.
    word: u16,
    /// As what it was drawn.
    style: Style,
}

/// What a text screen showed, to tell what changed and to draw it.
#[derive(Debug, Default)]
pub(crate) struct Cells {
    /// Every cell of each band.
    shown: Vec<Shown>,
    bands: Vec<Band>,
    fonts: [Vec<u8>; 2],
    phase: Phase,
}

impl Cells {
    /// Reads everything anew.
    pub(crate) fn reload(&mut self, text: &Text, phase: Phase, vram: &impl Vram) {
        for (font, place) in self.fonts.iter_mut().zip(text.fonts) {
            let first = u32::from(place) * 8192;
            font.clear();
            font.extend((first..first + 8192).map(|cell| {
                let [_, _, glyph, _] = vram.load_cell(cell % CELLS).to_le_bytes();
                glyph
            }));
        }
        self.bands = text.bands();
        self.phase = phase;
        self.shown.clear();
        for band in &self.bands {
            let cells = band.cell..band.cell + text.band_cells();
            let shown =
                cells.map(|cell| Shown { word: word(vram, text, cell), style: phase.style });
            self.shown.extend(shown);
        }
    }

    /// Reads what changed; the lines that show it are given.
    pub(crate) fn update(
        &mut self,
        text: &Text,
        phase: Phase,
        (vram, dirty): (&impl Vram, &Dirty),
        mut changed: impl FnMut(Range<u32>),
    ) {
        let was = std::mem::replace(&mut self.phase, phase);
        let cells = text.band_cells();
        let columns = usize::try_from(cells).unwrap_or(usize::MAX).max(1);
        let turned = phase.style.blinks && was.style.hidden != phase.style.hidden;
        let moved = (was.place, was.cursor) != (phase.place, phase.cursor);
        for (band, shown) in self.bands.iter().zip(self.shown.chunks_mut(columns)) {
            let written = touches(dirty, text, band.cell);
            let has = |place| (band.cell..band.cell + cells).contains(&place);
            let cursor = has(phase.place) || has(was.place);
            if !written && !turned && !cursor {
                continue;
            }
            let mut differs = moved && cursor;
            for (cell, shown) in (band.cell..).zip(shown) {
                let new = Shown { word: word(vram, text, cell), style: phase.style };
                let blinks = turned && attribute(new.word) & BLINKING != 0;
                let again = cell == phase.place || moved && cell == was.place;
                if (new.word != shown.word || blinks || again) && new != *shown {
                    *shown = new;
                    differs = true;
                }
            }
            if differs {
                changed(band.lines());
            }
        }
    }

    /// As what characters were drawn last.
    pub(crate) fn style(&self) -> Style {
        self.phase.style
    }

    /// The band of a line, with its cells.
    pub(crate) fn bands(&self, text: &Text) -> impl Iterator<Item = (&Band, &[Shown])> {
        let columns = usize::try_from(text.band_cells()).unwrap_or(usize::MAX).max(1);
        self.bands.iter().zip(self.shown.chunks(columns))
    }

    /// Draws one line of a band; which pixel is the first to be shown is returned.
    pub(crate) fn draw(
        &self,
        text: &Text,
        (band, shown): (&Band, &[Shown]),
        scan: u32,
        colours: &[u32; 256],
        out: &mut [u32],
    ) -> usize {
        let cursor = self
            .phase
            .cursor
            .filter(|shape| (u32::from(shape.first)..=u32::from(shape.last)).contains(&scan));
        let cursor = cursor.map(|_| self.phase.place);
        let line = Line { text, band, shown, cursor, scan, colours };
        match text.cell_width {
            9 => self.draw_cells(&line, out.as_chunks_mut::<9>().0),
            16 => self.draw_cells(&line, out.as_chunks_mut::<16>().0),
            _ => self.draw_cells(&line, out.as_chunks_mut::<8>().0),
        }
        usize::try_from(band.pan).unwrap_or(0)
    }

    /// Draws one line of all cells of a band, each of so many pixels.
    fn draw_cells<const WIDTH: usize>(&self, line: &Line<'_>, out: &mut [[u32; WIDTH]]) {
        let Line { text, band, shown, cursor, scan, colours } = *line;
        let row = usize::try_from(scan).unwrap_or(0) % GLYPH;
        let [first_font, second_font] = &self.fonts;
        for ((cell, shown), out) in (band.cell..).zip(shown).zip(out) {
            let [character, attribute] = shown.word.to_le_bytes();
            let font = if attribute >> 3 & 1 == 0 { first_font } else { second_font };
            let underlined = text.underline == Some(scan) && attribute & 0x77 == 0x01;
            let full = underlined || cursor == Some(cell);
            let glyph = if full { 0xff } else { at(font, usize::from(character) * GLYPH + row) };
            let joins = (text.first_doubled..=LAST_DOUBLED).contains(&character);
            let doubled = full || joins && shown.style.line_graphics;
            draw_cell(glyph, doubled, paint(shown.style, attribute, colours), out);
        }
    }
}

/// One line of a band, to be drawn.
#[derive(Clone, Copy)]
struct Line<'a> {
    text: &'a Text,
    band: &'a Band,
    shown: &'a [Shown],
    /// The cell of the cursor, if it is on this line.
    cursor: Option<u32>,
    /// The line of the characters.
    scan: u32,
    colours: &'a [u32; 256],
}

/// The colours of an attribute.
fn paint(style: Style, attribute: u8, colours: &[u32; 256]) -> (u32, u32) {
    let fore = at(colours, attribute & 0x0f);
    if !style.blinks {
        return (fore, at(colours, attribute >> 4));
    }
    let back = at(colours, attribute >> 4 & 7);
    let hidden = style.hidden && attribute & BLINKING != 0;
    (if hidden { back } else { fore }, back)
}

/// Draws one line of one character: 8 pixels, 9, or each one twice.
#[inline(always)]
fn draw_cell<const WIDTH: usize>(
    glyph: u8,
    doubled: bool,
    (fore, back): (u32, u32),
    out: &mut [u32; WIDTH],
) {
    let dots = at(&DOTS, glyph).map(|mask| back ^ (fore ^ back) & mask);
    if WIDTH == 16 {
        for (pair, dot) in out.as_chunks_mut::<2>().0.iter_mut().zip(dots) {
            *pair = [dot; 2];
        }
        return;
    }
    if let Some((first, rest)) = out.split_first_chunk_mut::<8>() {
        *first = dots;
        if let [ninth] = rest {
            *ninth = if doubled && glyph & 1 != 0 { fore } else { back };
        }
    }
}

fn word(vram: &impl Vram, text: &Text, cell: u32) -> u16 {
    low_word(vram.load_cell(cell % text.span).into())
}

fn attribute(word: u16) -> u8 {
    low(u64::from(word >> 8))
}

/// Whether cells were written, wherever addresses begin again.
fn touches(dirty: &Dirty, text: &Text, cell: u32) -> bool {
    let (cells, span) = (text.band_cells(), text.span);
    let first = cell % span;
    let end = first + cells;
    dirty.touches(first * CELL..end.min(span) * CELL)
        || end > span && dirty.touches(0..(end - span) * CELL)
}

const _: () = assert!(FONT == 8192);
