//! Pictures: as devices show them, as QEMU writes them, and as files to look at.

use std::fs;
use std::path::Path;

use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder as _, Rgb, RgbImage};

/// A screen's pixels, 0x00RRGGBB each.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Pixels {
    /// Pixels of a line.
    pub width: u32,
    /// Lines.
    pub height: u32,
    /// All of them, line by line.
    pub pixels: Vec<u32>,
}

impl Pixels {
    /// Reads a picture as QEMU writes it: three numbers in text, then three bytes a pixel, with each line
    /// filled up to four bytes.
    #[must_use]
    pub fn of_ppm(bytes: &[u8]) -> Option<Pixels> {
        let mut parts = bytes.strip_prefix(b"P6\n")?.splitn(3, |byte| *byte == b'\n');
        let size = std::str::from_utf8(parts.next()?).ok()?;
        let (width, height) = size.split_once(' ')?;
        let (width, height): (u32, u32) = (width.parse().ok()?, height.parse().ok()?);
        let rest = parts.nth(1)?;
        let stride = rest.len().checked_div(usize::try_from(height).ok()?)?.max(1);
        let mut pixels = Vec::new();
        for line in rest.chunks_exact(stride) {
            let line = line.get(..usize::try_from(width).ok()? * 3)?.as_chunks::<3>().0.iter();
            pixels.extend(
                line.map(|[red, green, blue]| u32::from_be_bytes([0, *red, *green, *blue])),
            );
        }
        Some(Pixels { width, height, pixels })
    }

    /// Reads a PNG file.
    ///
    /// # Errors
    /// When it cannot be read, or is none.
    pub fn of_png(file: &Path) -> Result<Pixels, String> {
        let image = image::open(file).map_err(|error| format!("{}: {error}", file.display()))?;
        let image = image.to_rgb8();
        let (width, height) = image.dimensions();
        let pixels = image
            .pixels()
            .map(|Rgb([red, green, blue])| u32::from_be_bytes([0, *red, *green, *blue]));
        Ok(Pixels { width, height, pixels: pixels.collect() })
    }

    /// Writes a PNG file, as small as it can be, for tests to read again.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, file: &Path) -> Result<(), String> {
        let refused = |error: String| format!("{}: {error}", file.display());
        let bytes: Vec<u8> = self
            .pixels
            .iter()
            .flat_map(|pixel| {
                let [_, red, green, blue] = pixel.to_be_bytes();
                [red, green, blue]
            })
            .collect();
        let output = fs::File::create(file).map_err(|error| refused(error.to_string()))?;
        PngEncoder::new_with_quality(output, CompressionType::Best, FilterType::Adaptive)
            .write_image(&bytes, self.width, self.height, ExtendedColorType::Rgb8)
            .map_err(|error| refused(error.to_string()))
    }

    /// Writes a PNG file whose name begins with this, for a person to look at; its whole name is returned.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn save(&self, base: &Path, what: &str) -> Result<String, String> {
        save(base, what, self, |_, _, pixel| pixel)
    }

    /// Says where two pictures differ, if they do: `self` is what is, the other what should be.
    #[must_use]
    pub fn difference(&self, want: &Pixels) -> Option<String> {
        let size = |pixels: &Pixels| (pixels.width, pixels.height);
        if size(self) != size(want) {
            return Some(format!("the screen is {:?} instead of {:?}", size(self), size(want)));
        }
        let pixels = self.pixels.iter().zip(&want.pixels);
        let mut wrong = (0_u32..).zip(pixels).filter(|(_, (have, want))| have != want);
        let (at, (have, want)) = wrong.next()?;
        let (x, y) = (at % self.width.max(1), at / self.width.max(1));
        let (size, more) = (format!("{}x{}", self.width, self.height), wrong.count());
        Some(format!(
            "pixel {x},{y} of {size} is {have:06x} instead of {want:06x}, {more} more differ"
        ))
    }
}

pub(super) fn save(
    seen: &Path,
    what: &str,
    pixels: &Pixels,
    paint: impl Fn(u32, u32, [u8; 3]) -> [u8; 3],
) -> Result<String, String> {
    let file = format!("{}-{what}.png", seen.display());
    let mut image = RgbImage::new(pixels.width, pixels.height);
    for ((x, y, into), pixel) in image.enumerate_pixels_mut().zip(&pixels.pixels) {
        let [_, red, green, blue] = pixel.to_be_bytes();
        *into = Rgb(paint(x, y, [red, green, blue]));
    }
    let folder = seen.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(|error| error.to_string())?;
    image.save(&file).map_err(|error| format!("{file}: {error}"))?;
    Ok(file)
}
