//! PNG files as pictures that the service can read.

use std::{
    fs,
    io::{BufReader, Cursor},
    path::Path,
};

use image::{ImageFormat, ImageReader, Limits, RgbImage};

use crate::failure::Failure;

/// The largest side of a picture that the service takes.
const MAX_SIDE: u32 = 16_384;

/// A picture: words of `0xAARRGGBB`, row by row.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Picture {
    pub(crate) size: [u32; 2],
    pub(crate) words: Vec<u32>,
    /// Whether the topmost byte is an alpha, by which the others are multiplied.
    pub(crate) has_alpha: bool,
}

impl Picture {
    /// Reads a picture to be shown.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let image = decode(path)?;
        let pixels = image.into_rgba8();
        let has_alpha = pixels.pixels().any(|pixel| pixel.0[3] != 255);
        let words = pixels.pixels().map(|pixel| premultiplied(pixel.0)).collect();
        Ok(Self { size: [pixels.width(), pixels.height()], words, has_alpha })
    }

    /// Reads a mask: the alpha of each pixel, or its brightness where the file has no alpha.
    pub(crate) fn read_mask(path: &Path) -> Result<Self, Failure> {
        let image = decode(path)?;
        let size = [image.width(), image.height()];
        let weights: Vec<u8> = if image.color().has_alpha() {
            image.into_rgba8().pixels().map(|pixel| pixel.0[3]).collect()
        } else {
            image.into_luma8().into_raw()
        };
        let words = weights.into_iter().map(|weight| u32::from(weight) << 24).collect();
        Ok(Self { size, words, has_alpha: true })
    }

    /// Writes a PNG file of words of `0xXXRRGGBB`.
    pub(crate) fn write(path: &Path, size: [u32; 2], words: &[u32]) -> Result<(), Failure> {
        let bytes = words.iter().flat_map(|word| {
            let [_, red, green, blue] = word.to_be_bytes();
            [red, green, blue]
        });
        let [width, height] = size;
        let mut file = Vec::new();
        // There is a pixel for each place of the picture, so there is an image.
        let image = RgbImage::from_raw(width, height, bytes.collect()).unwrap_or_default();
        let encoded = image.write_to(&mut Cursor::new(&mut file), ImageFormat::Png);
        encoded.map_err(|error| Failure::Picture(path.to_owned(), error))?;
        fs::write(path, file).map_err(|error| Failure::Write(path.to_owned(), error))
    }
}

fn decode(path: &Path) -> Result<image::DynamicImage, Failure> {
    let file = fs::File::open(path).map_err(|error| Failure::Read(path.to_owned(), error))?;
    let mut reader = ImageReader::with_format(BufReader::new(file), ImageFormat::Png);
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    reader.limits(limits);
    reader.decode().map_err(|error| Failure::Picture(path.to_owned(), error))
}

fn premultiplied([red, green, blue, alpha]: [u8; 4]) -> u32 {
    let scaled = |channel: u8| (u32::from(channel) * u32::from(alpha) + 127) / 255;
    u32::from(alpha) << 24 | scaled(red) << 16 | scaled(green) << 8 | scaled(blue)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_multiplied_by_their_alpha_to_the_nearest() {
        assert_eq!(premultiplied([255, 128, 1, 128]), 0x8080_4001);
        assert_eq!(premultiplied([9, 8, 7, 255]), 0xff09_0807);
        assert_eq!(premultiplied([255, 255, 255, 0]), 0);
    }

    #[test]
    fn files_that_are_no_pictures_are_told_apart_from_those_that_are_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        assert!(matches!(Picture::read(&path), Err(Failure::Read(..))));
        fs::write(&path, b"no picture").unwrap();
        assert!(matches!(Picture::read(&path), Err(Failure::Picture(..))));
        Picture::write(&path, [2, 1], &[0x0001_0203, 0x00ff_fefd]).unwrap();
        let picture = Picture::read(&path).unwrap();
        assert_eq!((picture.size, picture.has_alpha), ([2, 1], false));
        assert_eq!(picture.words, [0xff01_0203, 0xffff_fefd]);
        let mask = Picture::read_mask(&path).unwrap();
        assert_eq!(mask.words.len(), 2);
        assert!(mask.words[1] > 0xfd00_0000 && mask.has_alpha);
    }
}
