//! Pixel formats by their DRM names.

/// A pixel format. Names follow DRM: the channels of a little-endian word from the most significant
/// bits down, so `Xrgb8888` lies in memory as B, G, R, X.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
pub enum Format {
    /// B, G, R, A in memory; premultiplied where it is blended.
    Argb8888,
    /// B, G, R, unused.
    Xrgb8888,
    /// R, G, B, A.
    Abgr8888,
    /// R, G, B, unused.
    Xbgr8888,
    /// A, B, G, R.
    Rgba8888,
    /// Unused, B, G, R.
    Rgbx8888,
    /// A, R, G, B.
    Bgra8888,
    /// Unused, R, G, B.
    Bgrx8888,
    /// 5 bits red, 6 green, 5 blue in a 16-bit word.
    Rgb565,
}

impl Format {
    /// Every format, for tables and tests.
    pub const ALL: [Self; 9] = [
        Self::Argb8888,
        Self::Xrgb8888,
        Self::Abgr8888,
        Self::Xbgr8888,
        Self::Rgba8888,
        Self::Rgbx8888,
        Self::Bgra8888,
        Self::Bgrx8888,
        Self::Rgb565,
    ];

    /// The code of `drm_fourcc.h`.
    #[must_use]
    pub const fn fourcc(self) -> u32 {
        u32::from_le_bytes(*match self {
            Self::Argb8888 => b"AR24",
            Self::Xrgb8888 => b"XR24",
            Self::Abgr8888 => b"AB24",
            Self::Xbgr8888 => b"XB24",
            Self::Rgba8888 => b"RA24",
            Self::Rgbx8888 => b"RX24",
            Self::Bgra8888 => b"BA24",
            Self::Bgrx8888 => b"BX24",
            Self::Rgb565 => b"RG16",
        })
    }

    /// The format of a `drm_fourcc.h` code, if it is one of ours.
    #[must_use]
    pub fn from_fourcc(code: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|f| f.fourcc() == code)
    }

    /// Bytes of one pixel: 4, or 2 for [`Format::Rgb565`].
    #[must_use]
    pub const fn bytes_per_pixel(self) -> u32 {
        match self {
            Self::Rgb565 => 2,
            _ => 4,
        }
    }

    /// True when a pixel says how opaque it is.
    #[must_use]
    pub const fn has_alpha(self) -> bool {
        matches!(self, Self::Argb8888 | Self::Abgr8888 | Self::Rgba8888 | Self::Bgra8888)
    }

    /// The same colours with the alpha byte ignored.
    #[must_use]
    pub const fn without_alpha(self) -> Self {
        match self {
            Self::Argb8888 => Self::Xrgb8888,
            Self::Abgr8888 => Self::Xbgr8888,
            Self::Rgba8888 => Self::Rgbx8888,
            Self::Bgra8888 => Self::Bgrx8888,
            other => other,
        }
    }

    /// One pixel as (red, green, blue, alpha), each 0..=255; alpha is 255 where the format has
    /// none. `None` when `bytes` is shorter than a pixel. For tests and tools, not for loops.
    #[must_use]
    pub fn rgba(self, bytes: &[u8]) -> Option<[u8; 4]> {
        if self == Self::Rgb565 {
            let v = u16::from_le_bytes([*bytes.first()?, *bytes.get(1)?]);
            // The top bits are repeated below, so that full intensity stays full.
            let wide = |v: u16, bits: u16| {
                u8::try_from((v << (8 - bits)) | (v >> (2 * bits - 8))).unwrap_or(u8::MAX)
            };
            return Some([wide(v >> 11, 5), wide((v >> 5) & 63, 6), wide(v & 31, 5), 255]);
        }
        let [a, b, c, d] = *bytes.first_chunk::<4>()?;
        Some(match self {
            Self::Argb8888 => [c, b, a, d],
            Self::Xrgb8888 | Self::Rgb565 => [c, b, a, 255],
            Self::Abgr8888 => [a, b, c, d],
            Self::Xbgr8888 => [a, b, c, 255],
            Self::Rgba8888 => [d, c, b, a],
            Self::Rgbx8888 => [d, c, b, 255],
            Self::Bgra8888 => [b, c, d, a],
            Self::Bgrx8888 => [b, c, d, 255],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_round_trip() {
        for f in Format::ALL {
            assert_eq!(Format::from_fourcc(f.fourcc()), Some(f));
        }
        assert_eq!(Format::from_fourcc(0), None);
    }

    #[test]
    fn channels_follow_the_names() {
        let b = [1, 2, 3, 4];
        assert_eq!(Format::Argb8888.rgba(&b), Some([3, 2, 1, 4]));
        assert_eq!(Format::Xbgr8888.rgba(&b), Some([1, 2, 3, 255]));
        assert_eq!(Format::Rgbx8888.rgba(&b), Some([4, 3, 2, 255]));
        assert_eq!(Format::Bgra8888.rgba(&b), Some([2, 3, 4, 1]));
        assert_eq!(Format::Rgb565.rgba(&[0xff, 0xff]), Some([255; 4]));
        assert_eq!(Format::Rgb565.rgba(&[0x00, 0xf8]), Some([255, 0, 0, 255]));
        assert_eq!(Format::Argb8888.rgba(&b[..3]), None);
    }
}
