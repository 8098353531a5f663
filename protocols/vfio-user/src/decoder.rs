//! Cutting the byte stream into messages.
//!
//! The owner of the socket asks [`Decoder::wanted`] how many bytes the message at hand still needs,
//! reads no more than that, and feeds them with the descriptors that came along. A read never crosses
//! the end of a message, so descriptors can never land at the wrong one.

use thiserror::Error;

use crate::MAX_FDS;
use crate::header::{Header, HeaderError};

/// A whole message: header, body, and the descriptors that came with it.
#[derive(Debug)]
pub struct Message<F> {
    /// The header.
    pub header: Header,
    /// As many bytes as the header says, less its own.
    pub body: Vec<u8>,
    /// At most [`MAX_FDS`].
    pub fds: Vec<F>,
}

/// Why the stream cannot go on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum DecodeError {
    /// The header is none.
    #[error("bad message header")]
    Header(#[source] HeaderError),
    /// More descriptors than any message carries.
    #[error("a message came with more than {MAX_FDS} file descriptors")]
    Fds,
    /// More bytes were fed than were wanted; a fault of the reader, not of the peer.
    #[error("the reader went past the end of a message")]
    Overrun,
}

/// Assembles messages from pieces of any size.
#[derive(Debug)]
pub struct Decoder<F> {
    bytes: Vec<u8>,
    header: Option<Header>,
    fds: Vec<F>,
}

impl<F> Default for Decoder<F> {
    fn default() -> Self {
        Self { bytes: Vec::new(), header: None, fds: Vec::new() }
    }
}

impl<F> Decoder<F> {
    /// Bytes that complete the header or the body at hand; never 0.
    #[must_use]
    pub fn wanted(&self) -> usize {
        let end = self.header.map_or(Header::LEN, |header| header.size as usize);
        end.saturating_sub(self.bytes.len())
    }

    /// Whether a message has begun and not ended: an end of the stream now cuts it short.
    #[must_use]
    pub fn is_inside(&self) -> bool {
        !self.bytes.is_empty()
    }

    /// Takes in at most [`Self::wanted`] bytes and the descriptors that came with them.
    ///
    /// # Errors
    /// When the stream cannot go on; the connection should be closed.
    pub fn feed(
        &mut self,
        bytes: &[u8],
        fds: impl IntoIterator<Item = F>,
    ) -> Result<Option<Message<F>>, DecodeError> {
        if bytes.len() > self.wanted() {
            return Err(DecodeError::Overrun);
        }
        for fd in fds {
            if self.fds.len() == MAX_FDS {
                return Err(DecodeError::Fds);
            }
            self.fds.push(fd);
        }
        self.bytes.extend_from_slice(bytes);
        if self.wanted() > 0 {
            return Ok(None);
        }
        let header = match self.header {
            Some(header) => header,
            None => {
                let header = Header::parse(&self.bytes).map_err(DecodeError::Header)?;
                self.header = Some(header);
                if self.wanted() > 0 {
                    return Ok(None);
                }
                header
            }
        };
        self.header = None;
        let body = self.bytes.split_off(Header::LEN.min(self.bytes.len()));
        // A long message must not keep its memory for the short ones that follow.
        self.bytes = Vec::new();
        Ok(Some(Message { header, body, fds: std::mem::take(&mut self.fds) }))
    }
}
