//! What textures hold, and how the GPU is told.

use porthole_pixel::Format;

const ONE: i32 = 1;
const RED: i32 = 0x1903;
const GREEN: i32 = 0x1904;
const BLUE: i32 = 0x1905;
const ALPHA: i32 = 0x1906;
const RGBA8: u32 = 0x8058;
const RGB565: u32 = 0x8d62;
const R8: u32 = 0x8229;

/// What a texture holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// A client's picture.
    Picture(Format),
    /// A byte for each pixel.
    Coverage,
    /// What is drawn into: blue, green, red and alpha in memory.
    Target,
}

impl Kind {
    /// How the GPU stores it.
    pub(super) const fn storage(self) -> u32 {
        match self {
            Self::Picture(Format::Rgb565) => RGB565,
            Self::Picture(_) | Self::Target => RGBA8,
            Self::Coverage => R8,
        }
    }

    /// Bytes of a pixel.
    pub(super) fn bytes_per_pixel(self) -> u64 {
        match self {
            Self::Picture(format) => u64::from(format.bytes_per_pixel()),
            Self::Coverage => 1,
            Self::Target => 4,
        }
    }

    /// Which of the stored channels are its red, green, blue and alpha. The GPU takes the bytes of a
    /// pixel for these four, in this order.
    pub(super) const fn channels(self) -> [i32; 4] {
        let Self::Picture(format) = self else { return [RED, GREEN, BLUE, ALPHA] };
        match format {
            Format::Argb8888 => [BLUE, GREEN, RED, ALPHA],
            Format::Xrgb8888 => [BLUE, GREEN, RED, ONE],
            Format::Abgr8888 => [RED, GREEN, BLUE, ALPHA],
            Format::Xbgr8888 | Format::Rgb565 => [RED, GREEN, BLUE, ONE],
            Format::Rgba8888 => [ALPHA, BLUE, GREEN, RED],
            Format::Rgbx8888 => [ALPHA, BLUE, GREEN, ONE],
            Format::Bgra8888 => [GREEN, BLUE, ALPHA, RED],
            Format::Bgrx8888 => [GREEN, BLUE, ALPHA, ONE],
        }
    }
}
