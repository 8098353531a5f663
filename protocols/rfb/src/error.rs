//! The ways in which a viewer can break the protocol.

use crate::pixel_format::PixelFormatError;

/// Why a viewer's connection ends. The caller sends what is left in the output (on RFB 3.8 it
/// holds the reason) and closes.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ProtocolError {
    /// The first twelve bytes are no version, or one below 3.3.
    #[error("the peer does not speak RFB 3.3 or newer (it said {0:?})")]
    Version(String),
    /// The viewer chose a security type that was not offered.
    #[error("the viewer chose security type {0}, which was not offered")]
    SecurityType(u8),
    /// The answer to the challenge does not fit the password.
    #[error("wrong password")]
    AuthenticationFailed,
    /// A pixel format that cannot exist.
    #[error("the viewer asked for an impossible pixel format")]
    PixelFormat(#[from] PixelFormatError),
    /// More encodings than any viewer knows.
    #[error("the viewer named {0} encodings (limit 1024)")]
    TooManyEncodings(u16),
    /// A length that only the extended clipboard uses, which was not offered, or is too short for it.
    #[error("the viewer sent cut text of {0} bytes")]
    CutTextLength(u32),
    /// A message of the extended clipboard that contradicts itself.
    #[error("the viewer sent a bad clipboard: {0}")]
    Clipboard(&'static str),
    /// A message type that does not exist or was not offered.
    #[error("the viewer sent unknown message type {0}")]
    UnknownMessage(u8),
    /// A QEMU sub-message other than the extended key.
    #[error("the viewer sent unknown QEMU message type {0}")]
    UnknownQemuMessage(u8),
}
