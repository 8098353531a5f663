//! The cursor's image and how it is told to a viewer (RFC 6143, 7.8.1).

use porthole_pixel::Size;

use crate::convert::Converter;
use crate::wire::Put;

/// Cursors above this side are refused: no real one is larger, and the product of two
/// unchecked sides is how cursor code was broken before (CVE-2021-4206).
pub const MAX_CURSOR_SIDE: u32 = 512;

/// A cursor: premultiplied `0xAARRGGBB` words in rows, and the pixel that points.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CursorImage {
    size: Size,
    hotspot: (u16, u16),
    pixels: Vec<u32>,
}

/// Why a cursor was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CursorError {
    /// A side above [`MAX_CURSOR_SIDE`].
    #[error("a cursor of {0} is larger than 512x512")]
    TooLarge(Size),
    /// The number of pixels is not width times height.
    #[error("a cursor of {size} came with {count} pixels")]
    PixelCount {
        /// The size in pixels.
        size: Size,
        /// How many pixels came.
        count: usize,
    },
    /// The hotspot lies outside of the image.
    #[error("the hotspot {hotspot:?} lies outside of a cursor of {size}")]
    Hotspot {
        /// The size in pixels.
        size: Size,
        /// The refused hotspot.
        hotspot: (u16, u16),
    },
}

impl CursorImage {
    /// Checks and makes an image. An empty size (0x0) is an invisible cursor.
    ///
    /// # Errors
    /// [`CursorError`] says what does not fit.
    pub fn new(size: Size, hotspot: (u16, u16), pixels: Vec<u32>) -> Result<Self, CursorError> {
        if size.width > MAX_CURSOR_SIDE || size.height > MAX_CURSOR_SIDE {
            return Err(CursorError::TooLarge(size));
        }
        if size.area() != pixels.len() as u64 {
            return Err(CursorError::PixelCount { size, count: pixels.len() });
        }
        let outside = u32::from(hotspot.0) >= size.width || u32::from(hotspot.1) >= size.height;
        if outside && !(pixels.is_empty() && hotspot == (0, 0)) {
            return Err(CursorError::Hotspot { size, hotspot });
        }
        Ok(Self { size, hotspot, pixels })
    }

    /// The cursor that shows nothing.
    #[must_use]
    pub const fn invisible() -> Self {
        Self { size: Size::new(0, 0), hotspot: (0, 0), pixels: Vec::new() }
    }

    /// Size in pixels.
    #[must_use]
    pub const fn size(&self) -> Size {
        self.size
    }

    /// Column and row of the pixel that points.
    #[must_use]
    pub fn hotspot(&self) -> (i32, i32) {
        (i32::from(self.hotspot.0), i32::from(self.hotspot.1))
    }

    /// Premultiplied `0xAARRGGBB` words in rows.
    #[must_use]
    pub fn pixels(&self) -> &[u32] {
        &self.pixels
    }

    /// Appends the body of a Cursor rectangle: pixels, then one mask bit for each pixel, rows
    /// padded to bytes. The mask has no half-tones: pixels of half opacity and above are shown.
    pub(crate) fn put(&self, converter: &Converter, out: &mut Vec<u8>) {
        let mut words: Vec<u32> = self.pixels.iter().map(|pixel| straight(*pixel)).collect();
        converter.to_values(&mut words);
        converter.put_pixels(&words, out);
        let width = self.size.width as usize;
        for row in self.pixels.chunks(width.max(1)) {
            for eight in row.chunks(8) {
                let bits = eight.iter().zip(0..8).fold(0, |bits, (pixel, index)| {
                    if pixel >> 24 >= 0x80 { bits | 0x80_u8 >> index } else { bits }
                });
                out.put_u8(bits);
            }
        }
    }
}

/// The colour that was multiplied by its alpha; black where nothing is left of it.
fn straight(pixel: u32) -> u32 {
    let [blue, green, red, alpha] = pixel.to_le_bytes();
    let channel = |value: u8| {
        let value = (u32::from(value) * 255 + u32::from(alpha) / 2).checked_div(u32::from(alpha));
        u8::try_from(value.unwrap_or(0)).unwrap_or(u8::MAX)
    };
    u32::from_le_bytes([channel(blue), channel(green), channel(red), 0])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pixel_format::PixelFormat;

    #[test]
    fn images_that_lie_are_refused() {
        let size = Size::new(2, 1);
        CursorImage::new(size, (1, 0), vec![0; 2]).unwrap();
        CursorImage::new(size, (2, 0), vec![0; 2]).unwrap_err();
        CursorImage::new(size, (0, 0), vec![0; 3]).unwrap_err();
        CursorImage::new(Size::new(513, 1), (0, 0), vec![0; 513]).unwrap_err();
        CursorImage::new(Size::new(65536, 65536), (0, 0), vec![]).unwrap_err();
        CursorImage::new(Size::new(0, 0), (0, 0), vec![]).unwrap();
    }

    #[test]
    fn body_is_straight_pixels_then_padded_mask() {
        let mut pixels = vec![0; 18];
        pixels[0] = 0xff01_0203;
        pixels[8] = 0x8040_0000;
        pixels[9] = 0x7f7f_7f7f;
        pixels[17] = 0xffff_ffff;
        let image = CursorImage::new(Size::new(9, 2), (0, 0), pixels).unwrap();
        let mut out = Vec::new();
        image.put(&Converter::new(PixelFormat::BGRX), &mut out);
        assert_eq!(out.len(), 18 * 4 + 2 * 2);
        assert_eq!(out[..4], [3, 2, 1, 0]);
        assert_eq!(out[32..36], [0, 0, 128, 0]);
        assert_eq!(out[72..], [0x80, 0x80, 0x00, 0x80]);
    }
}
