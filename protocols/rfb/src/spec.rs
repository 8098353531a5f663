//! Numbers of the RFB specification, and nothing else.

/// What we say first; also the newest version that the specification knows (RFC 6143, 7.1.1).
pub(crate) const VERSION_3_8: &[u8; 12] = b"RFB 003.008\n";

/// Security types (RFC 6143, 7.1.2).
pub(crate) mod security {
    pub(crate) const INVALID: u8 = 0;
    pub(crate) const NONE: u8 = 1;
    pub(crate) const VNC_AUTH: u8 = 2;
}

/// Messages from the viewer (RFC 6143, 7.5; rfbproto for 251 and 255).
pub(crate) mod to_server {
    pub(crate) const SET_PIXEL_FORMAT: u8 = 0;
    pub(crate) const SET_ENCODINGS: u8 = 2;
    pub(crate) const UPDATE_REQUEST: u8 = 3;
    pub(crate) const KEY: u8 = 4;
    pub(crate) const POINTER: u8 = 5;
    pub(crate) const CUT_TEXT: u8 = 6;
    pub(crate) const CONTINUOUS_UPDATES: u8 = 150;
    pub(crate) const FENCE: u8 = 248;
    pub(crate) const SET_DESKTOP_SIZE: u8 = 251;
    pub(crate) const QEMU: u8 = 255;
    /// Sub-message of [`QEMU`]: a key with its scancode.
    pub(crate) const QEMU_EXTENDED_KEY: u8 = 0;
}

/// Messages to the viewer (RFC 6143, 7.6).
pub(crate) mod to_client {
    pub(crate) const UPDATE: u8 = 0;
    pub(crate) const COLOUR_MAP: u8 = 1;
    pub(crate) const BELL: u8 = 2;
    pub(crate) const CUT_TEXT: u8 = 3;
    pub(crate) const END_OF_CONTINUOUS_UPDATES: u8 = 150;
    pub(crate) const FENCE: u8 = 248;
}

/// Rectangle encodings that this crate knows, pseudo-encodings included (RFC 6143, 7.7 and 7.8;
/// rfbproto). The client reads all of them, the server writes what suits it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Encoding {
    /// Pixels as they are.
    Raw,
    /// A move inside the viewer's own picture.
    CopyRect,
    /// A background and rectangles on it.
    Rre,
    /// Pixels in rows in one deflate stream.
    Zlib,
    /// One colour, JPEG, or filtered rows in one of four deflate streams.
    Tight,
    /// 16x16 tiles of background, foreground and subrectangles.
    Hextile,
    /// 64x64 tiles of palettes and run lengths in one deflate stream.
    Zrle,
    /// The cursor's image and mask; the viewer draws it.
    Cursor,
    /// The cursor's image in two colours.
    XCursor,
    /// The cursor's image with alpha.
    AlphaCursor,
    /// Where the pointer is.
    PointerPlace,
    /// The picture has a new size.
    DesktopSize,
    /// The number of rectangles is unknown in advance; this one ends the update.
    LastRect,
    /// Whether the pointer's events say where it is or how far it went.
    QemuPointerMotion,
    /// Keys with XT scancodes.
    QemuExtendedKey,
    /// The lamps of the keyboard.
    QemuLeds,
    /// The name has changed.
    DesktopName,
    /// The picture has a new size, with a list of screens.
    ExtendedDesktopSize,
    /// Marks in the stream of bytes, which the other side answers.
    Fence,
    /// Updates that nobody asks for one by one.
    ContinuousUpdates,
    /// What is copied, in UTF-8, and only when it is asked for.
    ExtendedClipboard,
}

impl Encoding {
    const ALL: [(Encoding, i32); 21] = [
        (Encoding::Raw, 0),
        (Encoding::CopyRect, 1),
        (Encoding::Rre, 2),
        (Encoding::Hextile, 5),
        (Encoding::Zlib, 6),
        (Encoding::Tight, 7),
        (Encoding::Zrle, 16),
        (Encoding::Cursor, -239),
        (Encoding::XCursor, -240),
        (Encoding::AlphaCursor, -314),
        (Encoding::PointerPlace, -232),
        (Encoding::DesktopSize, -223),
        (Encoding::LastRect, -224),
        (Encoding::QemuPointerMotion, -257),
        (Encoding::QemuExtendedKey, -258),
        (Encoding::QemuLeds, -261),
        (Encoding::DesktopName, -307),
        (Encoding::ExtendedDesktopSize, -308),
        (Encoding::Fence, -312),
        (Encoding::ContinuousUpdates, -313),
        (Encoding::ExtendedClipboard, -1_063_131_698),
    ];

    /// The encoding's number on the wire.
    #[must_use]
    pub fn number(self) -> i32 {
        Self::ALL.iter().find(|(encoding, _)| *encoding == self).map_or(0, |(_, number)| *number)
    }

    /// The encoding with this number, if it is one of ours.
    #[must_use]
    pub fn from_number(number: i32) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == number).map(|(encoding, _)| *encoding)
    }
}

/// Pseudo-encodings -256 to -247 ask for compression levels 0 to 9 (rfbproto).
pub(crate) const COMPRESSION_LEVEL_0: i32 = -256;
/// Pseudo-encodings -32 to -23 ask for JPEG of quality levels 0 to 9 (rfbproto).
pub(crate) const QUALITY_LEVEL_0: i32 = -32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_encoding_keeps_its_number() {
        for (encoding, number) in Encoding::ALL {
            assert_eq!(encoding.number(), number);
            assert_eq!(Encoding::from_number(number), Some(encoding));
        }
        assert_eq!(Encoding::from_number(8), None);
    }
}
