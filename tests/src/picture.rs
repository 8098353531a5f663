//! Pictures in memory, compared pixel by pixel.

use std::collections::HashSet;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use image::{ImageFormat, RgbImage};
use porthole_guest::Pattern;
use porthole_rig::cache;

use crate::failure::{Failure, OrFail, Result};

/// A picture of red, green and blue bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Picture(RgbImage);

impl fmt::Debug for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Picture({}x{})", self.width(), self.height())
    }
}

/// How two pictures differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// How many pixels are not the same.
    pub pixels: usize,
    /// The first one: x, y, what it is, what it should be.
    pub first: Option<(u32, u32, [u8; 3], [u8; 3])>,
}

impl Picture {
    /// A picture of one colour.
    #[must_use]
    pub fn new(width: u32, height: u32, colour: [u8; 3]) -> Self {
        Picture(RgbImage::from_pixel(width, height, image::Rgb(colour)))
    }

    /// Reads a PNG file.
    ///
    /// # Errors
    /// When the file is none.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = fs::read(path).or_fail("read a picture")?;
        let image = image::load_from_memory_with_format(&bytes, ImageFormat::Png);
        image.map(|image| Picture(image.to_rgb8())).or_fail("understand a picture")
    }

    /// Reads a binary portable pixmap, which is what QEMU writes.
    ///
    /// # Errors
    /// When the bytes are none.
    pub fn from_ppm(bytes: &[u8]) -> Result<Self> {
        let mut fields = bytes.splitn(4, |byte| byte.is_ascii_whitespace());
        let mut number = || {
            let text = std::str::from_utf8(fields.next()?).ok()?;
            text.trim_start_matches('P').parse::<u32>().ok()
        };
        let (kind, width, height) = (number(), number(), number());
        let rest = fields.next().and_then(|rest| rest.strip_prefix(b"255\n"));
        match (kind, width, height, rest) {
            (Some(6), Some(width), Some(height), Some(rest)) => {
                let image = RgbImage::from_raw(width, height, rest.to_vec());
                image.map(Picture).ok_or_else(|| Failure::new("a pixmap that is cut off"))
            }
            _ => Err(Failure::new("not a portable pixmap")),
        }
    }

    /// CRC-32 of all pixels, as a replay tells it of its frames.
    #[must_use]
    pub fn checksum(&self) -> u32 {
        crc32fast::hash(self.0.as_raw())
    }

    /// Pixels from left to right.
    #[must_use]
    pub fn width(&self) -> u32 {
        self.0.width()
    }

    /// Pixels from top to bottom.
    #[must_use]
    pub fn height(&self) -> u32 {
        self.0.height()
    }

    /// A pixel, if it is inside.
    #[must_use]
    pub fn pixel(&self, x: u32, y: u32) -> Option<[u8; 3]> {
        self.0.get_pixel_checked(x, y).map(|pixel| pixel.0)
    }

    /// Sets a pixel; positions outside are left out.
    pub fn set(&mut self, x: u32, y: u32, colour: [u8; 3]) {
        if let Some(pixel) = self.0.get_pixel_mut_checked(x, y) {
            pixel.0 = colour;
        }
    }

    /// Draws a guest's pattern of a size at a position.
    pub fn draw(
        &mut self,
        pattern: Pattern,
        seed: u32,
        (left, top): (u32, u32),
        (width, height): (u32, u32),
    ) {
        for y in 0..height {
            for x in 0..width {
                self.set(left + x, top + y, pattern.rgb(seed, width, height, x, y));
            }
        }
    }

    /// Puts rows of blue, green, red and unused bytes at a position.
    pub fn put_bgrx(&mut self, (left, top): (u32, u32), width: u32, bytes: &[u8]) {
        let columns = usize::try_from(width).unwrap_or(usize::MAX).max(1);
        for (y, row) in (top..).zip(bytes.chunks_exact(columns.saturating_mul(4))) {
            for (x, pixel) in (left..).zip(row.chunks_exact(4)) {
                if let [blue, green, red, _] = *pixel {
                    self.set(x, y, [red, green, blue]);
                }
            }
        }
    }

    /// Puts another picture at a position; what does not fit is left out.
    pub fn put(&mut self, other: &Picture, (left, top): (u32, u32)) {
        image::imageops::replace(&mut self.0, &other.0, left.into(), top.into());
    }

    /// How many colours there are.
    #[must_use]
    pub fn colours(&self) -> usize {
        self.0.pixels().map(|pixel| pixel.0).collect::<HashSet<_>>().len()
    }

    /// Whether it is nothing but one colour, as a screen that shows nothing.
    #[must_use]
    pub fn is_of_one_colour(&self) -> bool {
        let mut pixels = self.0.pixels();
        let first = pixels.next();
        pixels.all(|pixel| Some(pixel) == first)
    }

    /// Copies a rectangle inside the picture; source and destination may overlap.
    pub fn copy(&mut self, from: (u32, u32), to: (u32, u32), (width, height): (u32, u32)) {
        let before = self.clone();
        for y in 0..height {
            for x in 0..width {
                if let Some(colour) = before.pixel(from.0 + x, from.1 + y) {
                    self.set(to.0 + x, to.1 + y, colour);
                }
            }
        }
    }

    /// A part of the picture.
    #[must_use]
    pub fn crop(&self, (left, top): (u32, u32), (width, height): (u32, u32)) -> Picture {
        Picture(image::imageops::crop_imm(&self.0, left, top, width, height).to_image())
    }

    /// Compares with what should be; nothing if they are the same.
    #[must_use]
    pub fn difference(&self, expected: &Picture) -> Option<Difference> {
        if self == expected {
            return None;
        }
        if self.0.dimensions() != expected.0.dimensions() {
            return Some(Difference { pixels: usize::MAX, first: None });
        }
        let pairs = self.0.enumerate_pixels().zip(expected.0.pixels());
        let mut wrong = pairs.filter(|((_, _, is), should)| is != should);
        let first = wrong.next().map(|((x, y, is), should)| (x, y, is.0, should.0));
        Some(Difference { pixels: 1 + wrong.count(), first })
    }

    /// Writes a PNG file.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        self.0.save_with_format(path, ImageFormat::Png).or_fail("write a picture")
    }

    /// Writes what is, what should be and where they differ beside the build, and returns the
    /// folder: for a person who looks at a failed test.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn write_comparison(&self, expected: &Picture, name: &str) -> Result<PathBuf> {
        let folder = cache::target().join("test-pictures");
        fs::create_dir_all(&folder)?;
        self.write(&folder.join(format!("{name}-is.png")))?;
        expected.write(&folder.join(format!("{name}-should-be.png")))?;
        let mut map = Picture::new(self.width(), self.height(), [0; 3]);
        for (x, y, pixel) in self.0.enumerate_pixels() {
            let same = expected.pixel(x, y) == Some(pixel.0);
            let [red, green, blue] = pixel.0;
            // Right pixels stay as a dark picture, so that one sees where the wrong ones are.
            map.set(x, y, if same { [red / 4, green / 4, blue / 4] } else { [255, 0, 0] });
        }
        map.write(&folder.join(format!("{name}-diff.png")))?;
        Ok(folder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_differences() {
        let mut is = Picture::new(8, 4, [1, 2, 3]);
        let should = is.clone();
        assert_eq!(is.difference(&should), None);
        is.set(5, 2, [9, 9, 9]);
        is.set(6, 3, [9, 9, 9]);
        let difference = is.difference(&should).unwrap();
        assert_eq!(difference.pixels, 2);
        assert_eq!(difference.first, Some((5, 2, [9, 9, 9], [1, 2, 3])));
        assert!(is.difference(&Picture::new(4, 8, [1, 2, 3])).is_some());
    }

    #[test]
    fn takes_rows_and_copies() {
        let mut picture = Picture::new(4, 4, [0; 3]);
        picture.put_bgrx((1, 1), 2, &[3, 2, 1, 0, 6, 5, 4, 0, 9, 8, 7, 0, 12, 11, 10, 0]);
        assert_eq!(picture.pixel(1, 1), Some([1, 2, 3]));
        assert_eq!(picture.pixel(2, 2), Some([10, 11, 12]));
        picture.copy((1, 1), (2, 2), (2, 2));
        assert_eq!(picture.pixel(2, 2), Some([1, 2, 3]));
        assert_eq!(picture.pixel(3, 3), Some([10, 11, 12]));
    }
}
