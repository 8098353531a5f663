//! Lines of pixels out of lines of memory.

use crate::access::at;
use crate::screen::{Format, Graphic};

/// A line of a graphic picture.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Line {
    pub(crate) y: u32,
    /// The first byte, before addresses begin again.
    pub(crate) address: u32,
    pub(crate) pan: u32,
}

impl Graphic {
    /// All lines from the top down. Lines in a row that are the same are the same line shown again.
    pub(crate) fn lines(&self) -> impl Iterator<Item = Line> {
        let (mut row, mut counted, mut pan) = (self.start, 0_u32, self.pan);
        let mut left = self.repeat;
        // A line of the picture takes this many lines of address bits.
        let step = u32::from(self.cga_bit.is_some()) | u32::from(self.hercules) << 1;
        (0..self.height).map(move |y| {
            let mut address = row;
            if let Some(bit) = self.cga_bit {
                address = address & !(1 << bit) | (counted & 1) << bit;
            }
            if self.hercules {
                address = address & !0x8000 | (counted & 2) << 14;
            }
            if self.format == Format::Halved {
                // QEMU moves by single bytes where the line meets the end of the planes.
                let inside = address.saturating_add(self.width / 2) < self.span;
                let bytes = if inside { self.pan_bytes } else { 1 };
                address = address.wrapping_add(pan / 2 * bytes);
            }
            let line = Line { y, address, pan };
            left -= 1;
            if left == 0 {
                if counted & step == step {
                    row = row.wrapping_add(self.pitch);
                }
                counted += 1;
                left = self.repeat;
            }
            if y == self.line_compare {
                row = 0;
                if self.pan_to_split {
                    pan = 0;
                }
            }
            line
        })
    }

    /// Bytes of a line, with what panning brings in.
    pub(crate) fn line_len(&self) -> u32 {
        let more = if self.pan > 0 { 4 } else { 0 };
        self.width * self.format.bits() / 8 + more
    }
}

/// Colours by index, singly and in pairs.
#[derive(Debug)]
pub(crate) struct Colours {
    pub(crate) single: [u32; 256],
    /// The colours of a byte's two halves, the lower first.
    pairs: [[u32; 2]; 256],
}

impl Default for Colours {
    fn default() -> Self {
        Self { single: [0; 256], pairs: [[0; 2]; 256] }
    }
}

impl Colours {
    /// Makes the pairs of the first 16 colours.
    pub(crate) fn pair_up(&mut self) {
        for (byte, pair) in (0..=u8::MAX).zip(&mut self.pairs) {
            *pair = [at(&self.single, byte & 0x0f), at(&self.single, byte >> 4)];
        }
    }
}

/// A byte's bits, each in a nibble of its own; the highest bit is the first pixel and the lowest nibble.
const NIBBLES: [u32; 256] = nibbles();

#[expect(clippy::indexing_slicing, reason = "made when it is compiled, where it would be an error")]
const fn nibbles() -> [u32; 256] {
    let mut table = [0; 256];
    let mut byte: u32 = 0;
    while byte < 256 {
        let mut pixel = 0;
        while pixel < 8 {
            table[byte as usize] |= (byte >> (7 - pixel) & 1) << (4 * pixel);
            pixel += 1;
        }
        byte += 1;
    }
    table
}

/// A byte's four pairs of bits, each in a nibble of its own; the highest pair is the first pixel.
const PAIRS: [u16; 256] = pairs();

#[expect(clippy::indexing_slicing, reason = "made when it is compiled, where it would be an error")]
const fn pairs() -> [u16; 256] {
    let mut table = [0; 256];
    let mut byte: u16 = 0;
    while byte < 256 {
        let mut pixel = 0;
        while pixel < 4 {
            table[byte as usize] |= (byte >> (6 - 2 * pixel) & 3) << (4 * pixel);
            pixel += 1;
        }
        byte += 1;
    }
    table
}

/// Converts the bytes of one line, with room for the pixels that panning needs beside those shown.
/// Which pixel is the first to be shown is returned.
pub(crate) fn convert(
    graphic: &Graphic,
    pan: u32,
    bytes: &[u8],
    colours: &Colours,
    out: &mut [u32],
) -> usize {
    let pan = usize::try_from(pan).unwrap_or(0);
    match graphic.format {
        Format::Planar => {
            planar(bytes, graphic.planes, colours, out);
            widen(graphic, out);
            pan << usize::from(graphic.wide)
        }
        Format::Cga => {
            cga(bytes, graphic.planes, colours, out);
            widen(graphic, out);
            pan << usize::from(graphic.wide)
        }
        Format::Halved => {
            for (byte, out) in bytes.iter().zip(out.chunks_exact_mut(2)) {
                out.fill(at(&colours.single, *byte));
            }
            0
        }
        Format::Indexed => {
            for (bytes, out) in bytes.as_chunks::<8>().0.iter().zip(out.as_chunks_mut::<8>().0) {
                *out = bytes.map(|byte| at(&colours.single, byte));
            }
            0
        }
        Format::Rgb15 => {
            words(bytes, graphic.big_endian, out, (five_bits, rgb15));
            0
        }
        Format::Rgb16 => {
            words(bytes, graphic.big_endian, out, (six_bits, rgb16));
            0
        }
        Format::Rgb24 if graphic.big_endian => {
            for (bytes, out) in bytes.as_chunks::<3>().0.iter().zip(out) {
                let [a, b, c] = *bytes;
                *out = u32::from_be_bytes([0, a, b, c]);
            }
            0
        }
        Format::Rgb24 => {
            // Widths are multiples of eight, so fours of pixels are three words.
            for (bytes, out) in bytes.as_chunks::<12>().0.iter().zip(out.as_chunks_mut::<4>().0) {
                *out = four_of_three(bytes);
            }
            0
        }
        Format::Rgb32 => {
            for (bytes, out) in bytes.as_chunks::<4>().0.iter().zip(out) {
                let pixel = u32::from_le_bytes(*bytes);
                *out = if graphic.big_endian { pixel.swap_bytes() } else { pixel } & 0x00ff_ffff;
            }
            0
        }
    }
}

fn four_of_three(bytes: &[u8; 12]) -> [u32; 4] {
    let [a, b, c, d, e, f, g, h, i, j, k, l] = *bytes;
    let [first, second, third] = [[a, b, c, d], [e, f, g, h], [i, j, k, l]].map(u32::from_le_bytes);
    let pixels = [first, first >> 24 | second << 8, second >> 16 | third << 16, third >> 8];
    pixels.map(|pixel| pixel & 0x00ff_ffff)
}

fn planar(bytes: &[u8], planes: u8, colours: &Colours, out: &mut [u32]) {
    let kept = [0, 1, 2, 3].map(|plane| if planes >> plane & 1 != 0 { 0xff } else { 0 });
    let kept = u32::from_le_bytes(kept);
    for (cell, out) in bytes.as_chunks::<4>().0.iter().zip(out.as_chunks_mut::<8>().0) {
        let [a, b, c, d] = (u32::from_le_bytes(*cell) & kept).to_le_bytes();
        let pixels =
            at(&NIBBLES, a) | at(&NIBBLES, b) << 1 | at(&NIBBLES, c) << 2 | at(&NIBBLES, d) << 3;
        let [a, b, c, d] = pixels.to_le_bytes().map(|pair| at(&colours.pairs, pair));
        let ([a, b], [c, d], [e, f], [g, h]) = (a, b, c, d);
        *out = [a, b, c, d, e, f, g, h];
    }
}

fn cga(bytes: &[u8], planes: u8, colours: &Colours, out: &mut [u32]) {
    let kept = [0, 1, 2, 3].map(|plane| if planes >> plane & 1 != 0 { 0xff } else { 0 });
    for (cell, out) in bytes.as_chunks::<4>().0.iter().zip(out.as_chunks_mut::<8>().0) {
        let cell = u32::from_le_bytes(*cell) & u32::from_le_bytes(kept);
        let [a, b, c, d] = cell.to_le_bytes();
        let [first, second] = (at(&PAIRS, a) | at(&PAIRS, c) << 2).to_le_bytes();
        let [third, fourth] = (at(&PAIRS, b) | at(&PAIRS, d) << 2).to_le_bytes();
        let pairs = [first, second, third, fourth].map(|pair| at(&colours.pairs, pair));
        let [[a, b], [c, d], [e, f], [g, h]] = pairs;
        *out = [a, b, c, d, e, f, g, h];
    }
}

/// Shows each pixel of the first half twice.
fn widen(graphic: &Graphic, out: &mut [u32]) {
    if !graphic.wide {
        return;
    }
    for index in (0..out.len() / 2).rev() {
        let pixel = at(out, index);
        if let Some(pair) = out.get_mut(2 * index..2 * index + 2) {
            pair.fill(pixel);
        }
    }
}

/// Converts words: of the two ways, the first is for those with the high byte first. QEMU fills the
/// low bits only of the others.
fn words(
    bytes: &[u8],
    big_endian: bool,
    out: &mut [u32],
    (plain, filled): (impl Fn(u32) -> u32, impl Fn(u32) -> u32),
) {
    let words = bytes.as_chunks::<2>().0.iter().zip(out);
    if big_endian {
        for (word, out) in words {
            *out = plain(u16::from_be_bytes(*word).into());
        }
    } else {
        for (word, out) in words {
            *out = filled(u16::from_le_bytes(*word).into());
        }
    }
}

/// Five bits of each colour.
fn five_bits(word: u32) -> u32 {
    (word & 0x7c00) << 9 | (word & 0x03e0) << 6 | (word & 0x001f) << 3
}

/// Five, six and five bits.
fn six_bits(word: u32) -> u32 {
    (word & 0xf800) << 8 | (word & 0x07e0) << 5 | (word & 0x001f) << 3
}

/// Five bits of each colour, spread over eight by repeating the highest.
fn rgb15(word: u32) -> u32 {
    let high = five_bits(word);
    high | high >> 5 & 0x0007_0707
}

/// Five, six and five bits, spread over eight by repeating the highest.
fn rgb16(word: u32) -> u32 {
    let high = six_bits(word);
    high | high >> 5 & 0x0007_0007 | high >> 6 & 0x0000_0300
}
