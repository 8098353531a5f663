//! The 12 bytes before every payload.

use thiserror::Error;

use crate::MAX_PAYLOAD;
use porthole_framing::{Bytes, Head};

const VERSION: u32 = 1;
const VERSION_MASK: u32 = 0x3;
const REPLY: u32 = 1 << 2;
const NEED_REPLY: u32 = 1 << 3;

/// A message header: which request, its flags, and how many payload bytes follow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// The request's number; see [`crate::RequestCode`].
    pub request: u32,
    /// This message answers one.
    pub reply: bool,
    /// The sender wants an acknowledgement (counts only once `REPLY_ACK` was agreed on).
    pub need_reply: bool,
    /// Bytes of payload that follow, at most [`MAX_PAYLOAD`].
    pub size: u32,
}

/// Why a header cannot be the start of a message. The stream is lost after any of these.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum HeaderError {
    /// The version bits are not 1.
    #[error("protocol version {0} where 1 is expected")]
    Version(u32),
    /// The payload would be longer than any message.
    #[error("payload of {0} bytes is longer than {MAX_PAYLOAD}")]
    TooLong(u32),
    /// A message of the front-end has its reply flag set.
    #[error("a reply came where a request is expected")]
    Reply,
    /// Fewer than 12 bytes.
    #[error("header is cut short")]
    Short,
}

impl Header {
    /// Bytes of a header on the wire.
    pub const LEN: usize = 12;

    /// Reads a header from its 12 bytes.
    ///
    /// # Errors
    /// When the bytes cannot start a message.
    pub fn parse(bytes: &[u8]) -> Result<Self, HeaderError> {
        let mut bytes = Bytes::new(bytes);
        let mut word = || bytes.u32().ok_or(HeaderError::Short);
        let (request, flags, size) = (word()?, word()?, word()?);
        if flags & VERSION_MASK != VERSION {
            return Err(HeaderError::Version(flags & VERSION_MASK));
        }
        if size > MAX_PAYLOAD {
            return Err(HeaderError::TooLong(size));
        }
        Ok(Self { request, reply: flags & REPLY != 0, need_reply: flags & NEED_REPLY != 0, size })
    }

    /// The header's 12 bytes.
    #[must_use]
    pub fn to_bytes(self) -> [u8; Self::LEN] {
        let mut flags = VERSION;
        if self.reply {
            flags |= REPLY;
        }
        if self.need_reply {
            flags |= NEED_REPLY;
        }
        let mut bytes = [0; Self::LEN];
        let words = [self.request, flags, self.size];
        for (into, word) in bytes.chunks_exact_mut(4).zip(words) {
            into.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }
}

impl Head for Header {
    const LEN: usize = Self::LEN;
    type Error = HeaderError;

    /// The front-end sends requests only.
    fn begin(bytes: &[u8]) -> Result<Self, HeaderError> {
        let header = Self::parse(bytes)?;
        if header.reply { Err(HeaderError::Reply) } else { Ok(header) }
    }

    fn following(&self) -> usize {
        self.size as usize
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn golden() {
        let bytes = [24, 0, 0, 0, 9, 0, 0, 0, 36, 0, 0, 0];
        let header = Header::parse(&bytes).unwrap();
        assert_eq!(header, Header { request: 24, reply: false, need_reply: true, size: 36 });
        assert_eq!(header.to_bytes(), bytes);
    }

    #[test]
    fn refusals() {
        let mut bytes = [1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0];
        bytes[4] = 2;
        assert_eq!(Header::parse(&bytes), Err(HeaderError::Version(2)));
        bytes[4] = 1;
        bytes[10] = 1;
        assert_eq!(Header::parse(&bytes), Err(HeaderError::TooLong(0x1_0000)));
        assert_eq!(Header::parse(&bytes[..11]), Err(HeaderError::Short));
    }

    proptest! {
        #[test]
        fn parse_inverts_to_bytes(
            request: u32,
            reply: bool,
            need_reply: bool,
            size in 0..=MAX_PAYLOAD,
        ) {
            let header = Header { request, reply, need_reply, size };
            prop_assert_eq!(Header::parse(&header.to_bytes()), Ok(header));
        }
    }
}
