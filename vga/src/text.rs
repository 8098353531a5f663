//! Text: characters from plane 0, attributes from plane 1, fonts from plane 2.

use std::ops::Range;

use crate::access::{at, low, low_word};
use crate::crtc::CursorShape;
use crate::dirty::Dirty;
use crate::screen::{PLANES_LEN, Phase, Style, Text};
use crate::vram::{CELL, Vram};

/// Cells of the planes, where fonts are.
const CELLS: u32 = PLANES_LEN / CELL;
/// Lines of a character in a font, used or not.
const GLYPH: usize = 32;
const FONT: usize = 256 * GLYPH;
/// Cells of a font that are read at once.
const AT_ONCE: usize = 64;
const PIECE: u32 = 64 * CELL;
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
    /// Both fonts, one after the other, and where in plane 2 they were read.
    fonts: Vec<u8>,
    places: Option<[u8; 2]>,
    phase: Phase,
    /// The characters of the band that is drawn.
    inks: Vec<Ink>,
}

/// How a character is drawn on each of its lines.
#[derive(Clone, Copy, Debug)]
struct Ink {
    /// Its first line in the fonts.
    glyph: usize,
    back: u32,
    /// Back and this is the colour of the character.
    change: u32,
    /// Ones where the ninth pixel is as the eighth.
    joins: u32,
    underlined: bool,
}

impl Cells {
    /// Plane 2 was written: fonts are read anew with the next screen.
    pub(crate) const fn forget_fonts(&mut self) {
        self.places = None;
    }

    /// Whether memory has other fonts than those that were read, as far as it was written.
    pub(crate) fn fonts_differ(&self, vram: &impl Vram, dirty: &Dirty) -> bool {
        let Some(places) = self.places else { return true };
        places.into_iter().zip(self.fonts.chunks(FONT)).any(|(place, font)| {
            let mut pieces = (first_cell(place)..).step_by(AT_ONCE).zip(font.chunks(AT_ONCE));
            pieces.any(|(cell, glyphs)| {
                let bytes = cell * CELL..cell * CELL + PIECE;
                dirty.touches(bytes) && glyphs != plane_two(vram, cell)
            })
        })
    }

    /// Reads everything anew.
    pub(crate) fn reload(&mut self, text: &Text, phase: Phase, vram: &impl Vram) {
        if self.places.replace(text.fonts) != Some(text.fonts) {
            self.fonts.clear();
            for place in text.fonts {
                let cells = (first_cell(place)..).step_by(AT_ONCE).take(FONT / AT_ONCE);
                cells.for_each(|cell| self.fonts.extend(plane_two(vram, cell)));
            }
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

    /// Draws the lines of bands, as far as they are wanted: `rows` gets each line's number, and what draws
    /// it. Pixels that panning leaves out are the first ones, of which there are so many.
    pub(crate) fn draw(
        &mut self,
        text: &Text,
        colours: &[u32; 256],
        mut wanted: impl FnMut(u32) -> bool,
        mut row: impl FnMut(u32, usize, &Strip<'_>),
    ) {
        let columns = usize::try_from(text.band_cells()).unwrap_or(usize::MAX).max(1);
        for (band, shown) in self.bands.iter().zip(self.shown.chunks(columns)) {
            let pan = usize::try_from(band.pan).unwrap_or(0);
            let mut ready = false;
            for (y, scan) in band.lines().zip(band.scans.clone()) {
                if !wanted(y) {
                    continue;
                }
                if !std::mem::replace(&mut ready, true) {
                    self.inks.clear();
                    self.inks.extend(shown.iter().map(|shown| ink(*shown, text, colours)));
                }
                let has = |shape: &CursorShape| {
                    (u32::from(shape.first)..=u32::from(shape.last)).contains(&scan)
                };
                let cursor = self.phase.cursor.filter(has);
                let cursor = cursor.and_then(|_| self.phase.place.checked_sub(band.cell));
                let line = usize::try_from(scan).unwrap_or(0) % GLYPH;
                let glyphs = self.fonts.get(line..).unwrap_or_default();
                let underlined = text.underline == Some(scan);
                let width = text.cell_width;
                row(y, pan, &Strip { inks: &self.inks, glyphs, cursor, underlined, width });
            }
        }
    }
}

/// One line of a band, to be drawn.
#[derive(Debug)]
pub(crate) struct Strip<'a> {
    inks: &'a [Ink],
    /// This line of each glyph, `GLYPH` bytes from one to the next.
    glyphs: &'a [u8],
    /// Which character the cursor covers here, counted in the band.
    cursor: Option<u32>,
    /// This is the line of characters that is drawn through underlined ones.
    underlined: bool,
    width: u32,
}

impl Strip<'_> {
    /// Draws as many characters as there is room for.
    pub(crate) fn draw(&self, out: &mut [u32]) {
        match self.width {
            9 => self.characters(out.as_chunks_mut::<9>().0),
            16 => self.characters(out.as_chunks_mut::<16>().0),
            _ => self.characters(out.as_chunks_mut::<8>().0),
        }
    }

    /// The same for characters of so many pixels.
    fn characters<const WIDTH: usize>(&self, out: &mut [[u32; WIDTH]]) {
        for (ink, out) in self.inks.iter().zip(out.iter_mut()) {
            draw_cell(at(self.glyphs, ink.glyph), ink, out);
        }
        let cursor = self.cursor.and_then(|cell| usize::try_from(cell).ok());
        let full = |(index, ink): &(usize, &Ink)| {
            cursor == Some(*index) || self.underlined && ink.underlined
        };
        if cursor.is_none() && !self.underlined {
            return;
        }
        for (index, ink) in self.inks.iter().enumerate().filter(full) {
            if let Some(out) = out.get_mut(index) {
                out.fill(ink.back ^ ink.change);
            }
        }
    }
}

/// How a character is drawn.
fn ink(shown: Shown, text: &Text, colours: &[u32; 256]) -> Ink {
    let [character, attribute] = shown.word.to_le_bytes();
    let second = usize::from(attribute >> 3 & 1);
    let (fore, back) = paint(shown.style, attribute, colours);
    let graphics = (text.first_doubled..=LAST_DOUBLED).contains(&character);
    Ink {
        glyph: second * FONT + usize::from(character) * GLYPH,
        back,
        change: fore ^ back,
        joins: if graphics && shown.style.line_graphics { u32::MAX } else { 0 },
        underlined: attribute & 0x77 == 0x01,
    }
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
fn draw_cell<const WIDTH: usize>(glyph: u8, ink: &Ink, out: &mut [u32; WIDTH]) {
    let masks = DOTS.get(usize::from(glyph)).unwrap_or(&[0; 8]);
    let dots = masks.map(|mask| ink.back ^ ink.change & mask);
    if WIDTH == 16 {
        for (pair, dot) in out.as_chunks_mut::<2>().0.iter_mut().zip(dots) {
            *pair = [dot; 2];
        }
        return;
    }
    if let Some((first, rest)) = out.split_first_chunk_mut::<8>() {
        *first = dots;
        if let [ninth] = rest {
            let [.., last] = masks;
            *ninth = ink.back ^ ink.change & last & ink.joins;
        }
    }
}

/// Where a font is.
fn first_cell(place: u8) -> u32 {
    u32::from(place) * 8192 % CELLS
}

/// Bytes of plane 2.
fn plane_two(vram: &impl Vram, cell: u32) -> [u8; AT_ONCE] {
    let mut cells = [[0; 4]; AT_ONCE];
    vram.copy_out(cell * CELL, cells.as_flattened_mut());
    cells.map(|[_, _, glyph, _]| glyph)
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
