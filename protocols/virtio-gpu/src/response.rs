//! Responses.

use porthole_pixel::Rect;

use crate::header::Header;
use crate::wire::reply;

/// Scanouts that the display information has room for.
pub const MAX_SCANOUTS: usize = 16;

/// Room for an EDID in its response.
const EDID_LEN: usize = 1024;

/// Why a command was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, thiserror::Error)]
pub enum ErrorCode {
    /// Unknown command, missing backing, or another state that does not fit.
    #[error("unspecified error")]
    Unspecified,
    /// No memory, or over the quota.
    #[error("out of memory")]
    OutOfMemory,
    /// No such scanout.
    #[error("invalid scanout")]
    ScanoutId,
    /// No such resource, or one exists already.
    #[error("invalid resource")]
    ResourceId,
    /// Another value is wrong, or the request is too short.
    #[error("invalid parameter")]
    Parameter,
}

impl ErrorCode {
    /// The type of the response that says so.
    #[must_use]
    pub const fn code(self) -> u32 {
        match self {
            Self::Unspecified => reply::ERR_UNSPEC,
            Self::OutOfMemory => reply::ERR_OUT_OF_MEMORY,
            Self::ScanoutId => reply::ERR_INVALID_SCANOUT_ID,
            Self::ResourceId => reply::ERR_INVALID_RESOURCE_ID,
            Self::Parameter => reply::ERR_INVALID_PARAMETER,
        }
    }
}

/// One scanout in the display information.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Display {
    /// Wanted place and size.
    pub rect: Rect,
    /// False when nothing is plugged in.
    pub enabled: bool,
}

/// The answer to a command.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Response {
    /// Done.
    Done,
    /// All scanouts, at most [`MAX_SCANOUTS`].
    Displays(Vec<Display>),
    /// An EDID of at most 1024 bytes.
    Edid(Vec<u8>),
    /// A resource's UUID.
    Uuid([u8; 16]),
    /// Refused.
    Error(ErrorCode),
}

impl Response {
    /// The bytes of the response to the request with this header. Every byte that carries nothing is
    /// zero.
    #[must_use]
    pub fn encode(&self, request: &Header) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(Header::LEN);
        request.write_reply(self.kind(), &mut bytes);
        match self {
            Self::Done | Self::Error(_) => {}
            Self::Displays(displays) => {
                let none = std::iter::repeat(Display::default());
                for display in displays.iter().copied().chain(none).take(MAX_SCANOUTS) {
                    write_display(&display, &mut bytes);
                }
            }
            Self::Edid(edid) => {
                // The size is that of the room, as drivers expect from this command.
                bytes.extend(1024_u32.to_le_bytes());
                bytes.extend([0; 4]);
                let zeros = std::iter::repeat(0);
                bytes.extend(edid.iter().copied().chain(zeros).take(EDID_LEN));
            }
            Self::Uuid(uuid) => bytes.extend(uuid),
        }
        bytes
    }

    const fn kind(&self) -> u32 {
        match self {
            Self::Done => reply::OK_NODATA,
            Self::Displays(_) => reply::OK_DISPLAY_INFO,
            Self::Edid(_) => reply::OK_EDID,
            Self::Uuid(_) => reply::OK_RESOURCE_UUID,
            Self::Error(code) => code.code(),
        }
    }
}

impl From<Result<Self, ErrorCode>> for Response {
    fn from(result: Result<Self, ErrorCode>) -> Self {
        result.unwrap_or_else(Self::Error)
    }
}

fn write_display(display: &Display, bytes: &mut Vec<u8>) {
    let rect = display.rect;
    for value in [rect.x, rect.y, rect.width, rect.height, i32::from(display.enabled), 0] {
        bytes.extend(value.to_le_bytes());
    }
}
