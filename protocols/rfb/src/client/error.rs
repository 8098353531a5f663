//! What a server can do wrong.

use porthole_pixel::{Rect, Size};

use super::CanvasError;
use crate::pixel_format::PixelFormatError;

/// Why the decoder refused a server.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DecodeError {
    /// The first twelve bytes are no version that we know.
    #[error("the server does not speak RFB 3.3, 3.7 or 3.8")]
    Version,
    /// The server refused us, with its reason.
    #[error("the server refused: {0}")]
    Refused(String),
    /// The server offers no security type that we can use.
    #[error("the server offers no security type that can be used: {0:?}")]
    Security(Vec<u8>),
    /// A pixel format that cannot exist.
    #[error("the server has an impossible pixel format")]
    PixelFormat(#[from] PixelFormatError),
    /// A picture without pixels, or a cursor with too many.
    #[error("the server has a picture of {0}")]
    Size(Size),
    /// A picture that cannot be held.
    #[error("the server has a picture of {size}, which cannot be held: {source}")]
    Canvas {
        /// Size in pixels.
        size: Size,
        /// Why.
        source: CanvasError,
    },
    /// A length above our limits.
    #[error("{0} of {1} bytes")]
    TooLong(&'static str, u32),
    /// A message of the extended clipboard that contradicts itself.
    #[error("bad clipboard: {0}")]
    Clipboard(&'static str),
    /// A message type that does not exist or was not asked for.
    #[error("unknown message type {0}")]
    UnknownMessage(u8),
    /// An encoding that does not exist or was not asked for.
    #[error("encoding {0} was not asked for")]
    Encoding(i32),
    /// A rectangle that leaves the picture.
    #[error("rectangle {0:?} leaves the picture")]
    Outside(Rect),
    /// A field that must be zero or have one value.
    #[error("{0}")]
    Field(&'static str),
    /// A tile that contradicts itself.
    #[error("bad tile: {0}")]
    Tile(&'static str),
    /// The deflate stream is broken, or longer or shorter than its tiles.
    #[error("bad deflate stream: {0}")]
    Deflate(&'static str),
    /// A JPEG that is none, or another one than was announced.
    #[error("bad JPEG: {0}")]
    Jpeg(&'static str),
}
