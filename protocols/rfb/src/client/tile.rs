//! One tile of TRLE as ZRLE uses it (RFC 6143, 7.7.5).

use super::{DecodeError, pixel};
use crate::pixel_format::PixelFormat;
use crate::wire::Reader;

pub(super) const SHORT: DecodeError = DecodeError::Tile("the data ends inside of a tile");

/// The pixel values of a tile of `width` columns and `count` pixels.
pub(super) fn decode(
    format: PixelFormat,
    width: usize,
    count: usize,
    input: &mut Reader<'_>,
) -> Result<Vec<u32>, DecodeError> {
    let colour = |input: &mut Reader<'_>| pixel::compact(format, input).ok_or(SHORT);
    match input.u8().ok_or(SHORT)? {
        0 => pixel::compacts(format, count, input).ok_or(SHORT),
        1 => Ok(vec![colour(input)?; count]),
        colours @ 2..=16 => {
            let palette: Vec<u32> =
                (0..colours).map(|_| colour(input)).collect::<Result<_, _>>()?;
            packed(&palette, width, count, input)
        }
        128 => runs(count, input, |input| {
            let colour = colour(input)?;
            Ok((colour, length(input)?))
        }),
        kind @ 130..=255 => {
            let palette: Vec<u32> =
                (0..kind - 128).map(|_| colour(input)).collect::<Result<_, _>>()?;
            runs(count, input, |input| {
                let index = input.u8().ok_or(SHORT)?;
                let colour = entry(&palette, index & 0x7f)?;
                Ok((colour, if index & 0x80 == 0 { 1 } else { length(input)? }))
            })
        }
        _ => Err(DecodeError::Tile("a subencoding that does not exist")),
    }
}

fn entry(palette: &[u32], index: u8) -> Result<u32, DecodeError> {
    palette.get(usize::from(index)).copied().ok_or(DecodeError::Tile("an index past the palette"))
}

fn packed(
    palette: &[u32],
    width: usize,
    count: usize,
    input: &mut Reader<'_>,
) -> Result<Vec<u32>, DecodeError> {
    let bits = match palette.len() {
        2 => 1,
        3..=4 => 2,
        _ => 4,
    };
    let mut values = Vec::with_capacity(count);
    while values.len() < count {
        let row = input.bytes((width * bits).div_ceil(8)).ok_or(SHORT)?;
        for column in 0..width {
            let bit = column * bits;
            let byte = row.get(bit / 8).copied().ok_or(SHORT)?;
            let index = (byte >> (8 - bits - bit % 8)) & ((1 << bits) - 1);
            values.push(entry(palette, index)?);
        }
    }
    Ok(values)
}

fn runs(
    count: usize,
    input: &mut Reader<'_>,
    mut next: impl FnMut(&mut Reader<'_>) -> Result<(u32, usize), DecodeError>,
) -> Result<Vec<u32>, DecodeError> {
    let mut values = Vec::with_capacity(count);
    while values.len() < count {
        let (colour, length) = next(input)?;
        if length > count - values.len() {
            return Err(DecodeError::Tile("a run past the tile's end"));
        }
        values.extend(std::iter::repeat_n(colour, length));
    }
    Ok(values)
}

fn length(input: &mut Reader<'_>) -> Result<usize, DecodeError> {
    let mut length = 1;
    loop {
        let byte = input.u8().ok_or(SHORT)?;
        length += usize::from(byte);
        if byte < 255 {
            return Ok(length);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(bytes: &[u8]) -> bool {
        decode(PixelFormat::BGRX, 4, 16, &mut Reader::new(bytes)).is_err()
    }

    #[test]
    fn tiles_that_lie_are_refused() {
        for kind in (17..128).chain([129]) {
            assert!(refused(&[&[kind][..], &[0; 600]].concat()), "{kind}");
        }
        assert!(refused(&[]));
        assert!(refused(&[1, 0, 0]));
        assert!(refused(&[128, 0, 0, 0, 16]), "run of 17");
        assert!(refused(&[128, 0, 0, 0, 255, 255]), "endless length");
        assert!(refused(&[130, 0, 0, 0, 1, 1, 1, 2]), "index 2 of 2");
        assert!(refused(&[3, 0, 0, 0, 1, 1, 1, 2, 2, 2, 0xff, 0, 0, 0]), "index 3 of 3");
        assert!(!refused(&[128, 0, 0, 0, 15]));
    }
}
