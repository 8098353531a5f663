//! One tile of TRLE, as ZRLE uses it (RFC 6143, 7.7.5): the smallest of raw, solid, packed
//! palette, plain runs and palette runs.

use super::palette::Palette;
use crate::convert::Converter;
use crate::wire::Put;

const SOLID: u8 = 1;
const PLAIN_RUNS: u8 = 128;

/// The forms of a tile of two colours and more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Form {
    Raw,
    Packed,
    PlainRuns,
    PaletteRuns,
}

/// Runs of equal values over the whole tile, row ends included.
fn runs<T: Copy + PartialEq>(values: &[T]) -> impl Iterator<Item = (T, usize)> {
    values.chunk_by(|a, b| a == b).filter_map(|run| run.first().map(|value| (*value, run.len())))
}

/// Bytes of a run's length.
const fn length_bytes(length: usize) -> usize {
    (length - 1) / 255 + 1
}

/// Bits of an index into a packed palette (RFC 6143, 7.7.5).
const fn index_bits(colours: usize) -> usize {
    match colours {
        0..=2 => 1,
        3..=4 => 2,
        _ => 4,
    }
}

/// Appends a tile of `values` in rows of `width`; `palette` is scratch.
pub(super) fn put(
    values: &[u32],
    width: usize,
    palette: &mut Palette,
    converter: &Converter,
    out: &mut Vec<u8>,
) {
    let palette = if palette.collect(values) { Some(&*palette) } else { None };
    if let Some([colour]) = palette.map(Palette::colours) {
        out.put_u8(SOLID);
        converter.put_compact(&[*colour], out);
        return;
    }
    match (smallest(values, width, palette, converter.compact_len()), palette) {
        (Form::Packed, Some(palette)) => put_packed(palette, width, converter, out),
        (Form::PaletteRuns, Some(palette)) => put_palette_runs(palette, converter, out),
        (Form::PlainRuns, _) => put_plain_runs(values, converter, out),
        _ => {
            out.put_u8(0);
            converter.put_compact(values, out);
        }
    }
}

/// Counts the bytes of every possible form.
fn smallest(values: &[u32], width: usize, palette: Option<&Palette>, pixel: usize) -> Form {
    let (mut plain, mut indexed) = (0, 0);
    for (_, length) in runs(values) {
        plain += pixel + length_bytes(length);
        indexed += if length == 1 { 1 } else { 1 + length_bytes(length) };
    }
    let mut best = (values.len() * pixel, Form::Raw);
    let mut offer = |bytes, form| {
        if bytes < best.0 {
            best = (bytes, form);
        }
    };
    offer(plain, Form::PlainRuns);
    if let Some(palette) = palette {
        let colours = palette.colours().len();
        offer(colours * pixel + indexed, Form::PaletteRuns);
        if colours <= 16 {
            let row = (width * index_bits(colours)).div_ceil(8);
            offer(colours * pixel + row * values.len().div_ceil(width.max(1)), Form::Packed);
        }
    }
    best.1
}

/// Indices of 1, 2 or 4 bits, rows padded to bytes.
fn put_packed(palette: &Palette, width: usize, converter: &Converter, out: &mut Vec<u8>) {
    let colours = palette.colours();
    put_palette(0, colours, converter, out);
    let bits = index_bits(colours.len());
    let per_byte = 8 / bits;
    for row in palette.indices().chunks(width.max(1)) {
        for group in row.chunks(per_byte) {
            let packed = group.iter().fold(0, |byte, index| byte << bits | index);
            out.put_u8(packed << (bits * (per_byte - group.len())));
        }
    }
}

fn put_plain_runs(values: &[u32], converter: &Converter, out: &mut Vec<u8>) {
    out.put_u8(PLAIN_RUNS);
    for (value, length) in runs(values) {
        converter.put_compact(&[value], out);
        put_length(length, out);
    }
}

fn put_palette_runs(palette: &Palette, converter: &Converter, out: &mut Vec<u8>) {
    put_palette(PLAIN_RUNS, palette.colours(), converter, out);
    for (index, length) in runs(palette.indices()) {
        if length == 1 {
            out.put_u8(index);
        } else {
            out.put_u8(index | 0x80);
            put_length(length, out);
        }
    }
}

/// The subencoding is the number of colours, plus 128 where runs follow.
fn put_palette(base: u8, colours: &[u32], converter: &Converter, out: &mut Vec<u8>) {
    // A palette has at most 127 colours.
    out.put_u8(base | u8::try_from(colours.len()).unwrap_or(0));
    converter.put_compact(colours, out);
}

/// One less than the length, in bytes that are added up; 255 says that another one follows.
fn put_length(length: usize, out: &mut Vec<u8>) {
    let mut rest = length - 1;
    while rest >= 255 {
        out.put_u8(255);
        rest -= 255;
    }
    // Below 255 after the loop.
    out.put_u8(u8::try_from(rest).unwrap_or(0));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pixel_format::PixelFormat;

    fn tile(values: &[u32], width: usize) -> Vec<u8> {
        let mut out = Vec::new();
        let converter = Converter::new(PixelFormat::BGRX);
        put(values, width, &mut Palette::new(), &converter, &mut out);
        out
    }

    #[test]
    fn each_form_has_golden_bytes() {
        assert_eq!(tile(&[0x0a_0b_0c; 64], 8), [1, 0x0c, 0x0b, 0x0a]);
        // Two colours, rows of 3 pixels: one byte for each row.
        assert_eq!(tile(&[1, 2, 1, 2, 1, 2], 3), [2, 1, 0, 0, 2, 0, 0, 0b0100_0000, 0b1010_0000]);
        // Three colours: two bits.
        assert_eq!(
            tile(&[1, 2, 3, 3, 2, 1, 1, 2, 3, 3], 5),
            [3, 1, 0, 0, 2, 0, 0, 3, 0, 0, 0b0001_1010, 0b0100_0000, 0b0000_0110, 0b1000_0000]
        );
        // One long and one short run: 300 = 1 + 255 + 44.
        let mut values = vec![7; 300];
        values.extend([9; 20]);
        assert_eq!(tile(&values, 64), [128, 7, 0, 0, 255, 44, 9, 0, 0, 19]);
        // Runs of few colours that come back.
        let values: Vec<u32> = (0..12).flat_map(|n| [n % 3; 40]).collect();
        let bytes = tile(&values, 60);
        assert_eq!(bytes[..14], [131, 0, 0, 0, 1, 0, 0, 2, 0, 0, 0x80, 39, 0x81, 39]);
        // No order at all.
        let values: Vec<u32> = (0..200).map(|n| n * 0x01_03_05).collect();
        let bytes = tile(&values, 20);
        assert_eq!((bytes[0], bytes.len()), (0, 601));
    }
}
