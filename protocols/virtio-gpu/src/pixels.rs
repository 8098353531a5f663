//! Formats and rectangles as the wire has them.

use porthole_pixel::{Format, Rect, Size};

/// Wire codes with the format of the same bytes. The wire names give the order of bytes in memory,
/// the names of [`Format`] that of bits in a little-endian word.
const FORMATS: [(u32, Format); 8] = [
    (1, Format::Argb8888),
    (2, Format::Xrgb8888),
    (3, Format::Bgra8888),
    (4, Format::Bgrx8888),
    (67, Format::Abgr8888),
    (68, Format::Rgbx8888),
    (121, Format::Rgba8888),
    (134, Format::Xbgr8888),
];

/// The format that a wire code (`virtio_gpu_formats`) means.
#[must_use]
pub fn format_from_code(code: u32) -> Option<Format> {
    FORMATS.iter().find(|(known, _)| *known == code).map(|(_, format)| *format)
}

/// The wire code of a format, if virtio-gpu has it.
#[must_use]
pub fn format_code(format: Format) -> Option<u32> {
    FORMATS.iter().find(|(_, known)| *known == format).map(|(code, _)| *code)
}

/// A rectangle that the guest named, unchecked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct WireRect {
    /// Left edge in pixels.
    pub x: u32,
    /// Top edge in pixels.
    pub y: u32,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
}

impl WireRect {
    /// The rectangle, if it lies inside a picture of this size. An empty one may lie on its edge.
    #[must_use]
    pub fn within(self, size: Size) -> Option<Rect> {
        let right = self.x.checked_add(self.width)?;
        let bottom = self.y.checked_add(self.height)?;
        if right > size.width || bottom > size.height {
            return None;
        }
        let side = |value: u32| i32::try_from(value).ok();
        side(right).and(side(bottom))?;
        Some(Rect::new(side(self.x)?, side(self.y)?, side(self.width)?, side(self.height)?))
    }

    /// Its size.
    #[must_use]
    pub const fn size(self) -> Size {
        Size::new(self.width, self.height)
    }
}
