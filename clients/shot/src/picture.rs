//! Pictures in memory and in PNG files.

use std::{fs, io::Cursor, path::Path};

use image::{ColorType, DynamicImage, ImageFormat, ImageReader, RgbImage, RgbaImage};
use porthole_pixel::Size;

use crate::failure::Failure;

/// A picture of 8 bits a channel.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Picture {
    size: Size,
    /// Red, green, blue and alpha of each pixel, row by row.
    pixels: Vec<[u8; 4]>,
}

impl Picture {
    /// A picture of words of `0xXXRRGGBB`.
    pub(crate) fn of_words(size: Size, words: &[u32]) -> Self {
        let pixel = |word: &u32| {
            let [_, red, green, blue] = word.to_be_bytes();
            [red, green, blue, 0xff]
        };
        Self { size, pixels: words.iter().map(pixel).collect() }
    }

    /// A picture whose pixels are made one by one.
    pub(crate) fn made(size: Size, pixel: impl Fn(u32, u32) -> [u8; 4]) -> Self {
        let pixel = &pixel;
        let rows = 0..size.height;
        let pixels = rows.flat_map(|y| (0..size.width).map(move |x| pixel(x, y))).collect();
        Self { size, pixels }
    }

    pub(crate) const fn size(&self) -> Size {
        self.size
    }

    /// A pixel; none outside of the picture.
    pub(crate) fn get(&self, x: u32, y: u32) -> Option<[u8; 4]> {
        if x >= self.size.width {
            return None;
        }
        let row = usize::try_from(y).ok()?.checked_mul(self.size.width as usize)?;
        self.pixels.get(row.checked_add(x as usize)?).copied()
    }

    /// Reads a PNG file.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let bytes = fs::read(path).map_err(|e| Failure::Read(path.to_owned(), e))?;
        let reader = ImageReader::with_format(Cursor::new(bytes), ImageFormat::Png);
        let image = reader.decode().map_err(|e| Failure::Decode(path.to_owned(), e))?;
        let known = [ColorType::L8, ColorType::La8, ColorType::Rgb8, ColorType::Rgba8];
        if !known.contains(&image.color()) {
            return Err(Failure::Deep(path.to_owned()));
        }
        let image = image.into_rgba8();
        let size = Size::new(image.width(), image.height());
        Ok(Self { size, pixels: image.into_raw().as_chunks::<4>().0.to_vec() })
    }

    /// Writes a PNG file; with alpha only where a pixel has some.
    pub(crate) fn write(&self, path: &Path) -> Result<(), Failure> {
        let Size { width, height } = self.size;
        let opaque = self.pixels.iter().all(|[.., alpha]| *alpha == 0xff);
        let image = if opaque {
            let bytes = self.pixels.iter().flat_map(|[r, g, b, _]| [*r, *g, *b]).collect();
            RgbImage::from_raw(width, height, bytes).map(DynamicImage::from)
        } else {
            let bytes = self.pixels.iter().flatten().copied().collect();
            RgbaImage::from_raw(width, height, bytes).map(DynamicImage::from)
        };
        let mut file = Vec::new();
        // There is a pixel for each place of the picture, so there is an image.
        let image = image.unwrap_or_default();
        image.write_to(&mut Cursor::new(&mut file), ImageFormat::Png).map_err(Failure::Encode)?;
        fs::write(path, file).map_err(|e| Failure::Write(path.to_owned(), e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn byte(value: u32) -> u8 {
        value.to_le_bytes()[0]
    }

    #[test]
    fn a_file_holds_every_pixel() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        let size = Size::new(5, 3);
        let opaque = |x: u32, y: u32| [byte(x * 50), byte(y * 80), 7, 0xff];
        let through = |x: u32, y: u32| [byte(x * 50), 3, byte(y * 80), byte(x * 60)];
        for picture in [Picture::made(size, opaque), Picture::made(size, through)] {
            picture.write(&path).unwrap();
            assert_eq!(Picture::read(&path).unwrap(), picture);
        }
    }

    #[test]
    fn what_is_no_picture_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        assert!(matches!(Picture::read(&path), Err(Failure::Read(..))));
        fs::write(&path, b"hello").unwrap();
        assert!(matches!(Picture::read(&path), Err(Failure::Decode(..))));
        let deep = image::ImageBuffer::from_pixel(2, 2, image::Rgb([1_u16, 2, 3]));
        DynamicImage::from(deep).save(&path).unwrap();
        assert!(matches!(Picture::read(&path), Err(Failure::Deep(..))));
    }
}
