//! Formats of pixels as QEMU names them: by pixman's codes.

use porthole_pixel::Format;

/// A format that can be shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Known {
    /// What comes.
    pub(crate) format: Format,
    /// What it is shown as: words of four bytes, all opaque.
    pub(crate) shown: Format,
}

/// The format of a pixman code. Display surfaces have no see-through pixels, whatever their format says.
pub(crate) fn from_pixman(code: u32) -> Option<Known> {
    let format = match code {
        0x2002_0888 | 0x2002_8888 => Format::Xrgb8888,
        0x2003_0888 | 0x2003_8888 => Format::Xbgr8888,
        0x2008_0888 | 0x2008_8888 => Format::Bgrx8888,
        0x2009_0888 | 0x2009_8888 => Format::Rgbx8888,
        0x1002_0565 => Format::Rgb565,
        _ => return None,
    };
    let shown = if format == Format::Rgb565 { Format::Xrgb8888 } else { format };
    Some(Known { format, shown })
}

/// The format of DRM's code; what is see-through is not, on a display.
pub(crate) fn from_fourcc(code: u32) -> Option<Format> {
    Some(match Format::from_fourcc(code)? {
        Format::Argb8888 => Format::Xrgb8888,
        Format::Abgr8888 => Format::Xbgr8888,
        Format::Rgba8888 => Format::Rgbx8888,
        Format::Bgra8888 => Format::Bgrx8888,
        opaque => opaque,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn displays_are_not_seen_through() {
        for (code, format) in [(*b"AR24", Format::Xrgb8888), (*b"RG16", Format::Rgb565)] {
            assert_eq!(from_fourcc(u32::from_le_bytes(code)), Some(format));
        }
        let codes = Format::ALL.map(Format::fourcc);
        assert!(codes.into_iter().all(|code| from_fourcc(code).is_some_and(|f| !f.has_alpha())));
        assert_eq!(from_fourcc(u32::from_le_bytes(*b"NV12")), None);
    }

    /// `PIXMAN_FORMAT(bpp, type, a, r, g, b)` of pixman.h.
    fn code(bpp: u32, kind: u32, [a, r, g, b]: [u32; 4]) -> u32 {
        bpp << 24 | kind << 16 | a << 12 | r << 8 | g << 4 | b
    }

    #[test]
    fn codes_have_the_formats_of_their_words() {
        let (argb, abgr, bgra, rgba) = (2, 3, 8, 9);
        let known = |code| from_pixman(code).map(|known| known.format);
        for alpha in [0, 8] {
            let word = |kind| known(code(32, kind, [alpha, 8, 8, 8]));
            assert_eq!(word(argb), Some(Format::Xrgb8888));
            assert_eq!(word(abgr), Some(Format::Xbgr8888));
            assert_eq!(word(bgra), Some(Format::Bgrx8888));
            assert_eq!(word(rgba), Some(Format::Rgbx8888));
        }
        assert_eq!(known(code(16, argb, [0, 5, 6, 5])), Some(Format::Rgb565));
        assert_eq!(known(code(24, argb, [0, 8, 8, 8])), None);
        assert_eq!(known(0), None);
    }
}
