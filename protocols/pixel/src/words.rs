//! Other pixel formats to words as of [`Format::Argb8888`].

use crate::Format;

/// Turns words of a 32-bit format into those of [`Format::Argb8888`]. Where the format has no alpha,
/// the alpha byte is whatever the unused byte was. Words of 16-bit formats stay as they are, see
/// [`rgb565`].
pub fn to_argb(format: Format, row: &mut [u32]) {
    match format {
        Format::Argb8888 | Format::Xrgb8888 | Format::Rgb565 => {}
        Format::Abgr8888 | Format::Xbgr8888 => {
            for word in row {
                let [a, b, g, r] = word.to_be_bytes();
                *word = u32::from_be_bytes([a, r, g, b]);
            }
        }
        Format::Rgba8888 | Format::Rgbx8888 => {
            for word in row {
                *word = word.rotate_right(8);
            }
        }
        Format::Bgra8888 | Format::Bgrx8888 => {
            for word in row {
                *word = word.swap_bytes();
            }
        }
    }
}

/// An opaque [`Format::Argb8888`] word of a pixel of [`Format::Rgb565`]. The top bits are repeated
/// below, so that full intensity stays full.
#[must_use]
pub fn rgb565(pixel: u16) -> u32 {
    let pixel = u32::from(pixel);
    let (red, green, blue) = (pixel >> 11, (pixel >> 5) & 63, pixel & 31);
    let wide5 = |v: u32| (v << 3) | (v >> 2);
    let wide6 = |v: u32| (v << 2) | (v >> 4);
    0xff00_0000 | (wide5(red) << 16) | (wide6(green) << 8) | wide5(blue)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_have_the_colours_of_their_bytes() {
        let bytes = [0x12, 0x34, 0x56, 0x78];
        for format in Format::ALL.into_iter().filter(|f| f.bytes_per_pixel() == 4) {
            let mut row = [u32::from_le_bytes(bytes)];
            to_argb(format, &mut row);
            let [a, r, g, b] = row[0].to_be_bytes();
            let alpha = if format.has_alpha() { a } else { 255 };
            assert_eq!(format.rgba(&bytes), Some([r, g, b, alpha]), "{format:?}");
        }
        for pixel in 0..=u16::MAX {
            let [a, r, g, b] = rgb565(pixel).to_be_bytes();
            assert_eq!(Format::Rgb565.rgba(&pixel.to_le_bytes()), Some([r, g, b, a]));
        }
    }
}
