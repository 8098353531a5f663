//! Pictures in JPEG's form. Their size is looked at before they are decoded.

use porthole_pixel::Rect;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::tight::Shifts;
use super::{Canvas, DecodeError};

/// Decodes a picture that must have the rectangle's size.
pub(super) fn decode(
    data: &[u8],
    rect: Rect,
    shifts: Shifts,
    canvas: &mut impl Canvas,
) -> Result<(), DecodeError> {
    let side = |side: i32| usize::try_from(side).unwrap_or(0);
    let (width, height) = (side(rect.width), side(rect.height));
    let options = DecoderOptions::default()
        .set_max_width(width.max(1))
        .set_max_height(height.max(1))
        .jpeg_set_out_colorspace(ColorSpace::RGB)
        .set_strict_mode(true);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(data), options);
    decoder.decode_headers().map_err(|_| DecodeError::Jpeg("a header that is none"))?;
    if decoder.dimensions() != Some((width, height)) {
        return Err(DecodeError::Jpeg("a picture of another size than its rectangle"));
    }
    let bytes = decoder.decode().map_err(|_| DecodeError::Jpeg("a picture that is none"))?;
    let (pixels, _) = bytes.as_chunks::<3>();
    if pixels.len() as u64 != rect.area() {
        return Err(DecodeError::Jpeg("a picture with other than three colours"));
    }
    if !rect.is_empty() {
        canvas.begin(rect);
    }
    let mut values = Vec::with_capacity(width);
    for (y, row) in (rect.top()..rect.bottom()).zip(pixels.chunks(width.max(1))) {
        values.clear();
        values.extend(row.iter().map(|rgb| shifts.value(*rgb)));
        canvas.write(Rect { y, height: 1, ..rect }, &values);
    }
    Ok(())
}
