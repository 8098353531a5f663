//! Cutting the byte stream into messages.
//!
//! The owner of the socket asks [`Decoder::wanted`] how many bytes the message at hand still
//! needs, reads no more than that, and feeds them with the descriptors that came along. A
//! read never crosses the end of a message, so descriptors can never land at the wrong one.

use thiserror::Error;

use crate::header::{Header, HeaderError};
use crate::{MAX_FDS, RequestError};

/// A whole message: header, payload, and the descriptors that came with it.
#[derive(Debug)]
pub struct Message<F> {
    /// The header.
    pub header: Header,
    /// As many bytes as the header says.
    pub payload: Vec<u8>,
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
    /// A message of the front-end has its reply flag set.
    #[error("a reply came where a request is expected")]
    Reply,
    /// The request itself is malformed.
    #[error("malformed request")]
    Request(#[source] RequestError),
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
    /// Bytes that complete the header or the payload at hand; never 0.
    #[must_use]
    pub fn wanted(&self) -> usize {
        let end = match self.header {
            None => Header::LEN,
            Some(header) => Header::LEN.saturating_add(header.size as usize),
        };
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
                if header.reply {
                    return Err(DecodeError::Reply);
                }
                self.header = Some(header);
                if header.size > 0 {
                    return Ok(None);
                }
                header
            }
        };
        self.header = None;
        let payload = self.bytes.split_off(Header::LEN.min(self.bytes.len()));
        self.bytes.clear();
        Ok(Some(Message { header, payload, fds: std::mem::take(&mut self.fds) }))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Two messages, a byte at a time, come out as they went in.
    #[test]
    fn byte_by_byte() {
        let mut stream = vec![18, 0, 0, 0, 1, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0];
        stream.extend_from_slice(&[3, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
        let mut decoder = Decoder::<u8>::default();
        let mut out = Vec::new();
        for byte in stream {
            out.extend(decoder.feed(&[byte], []).unwrap());
        }
        assert_eq!(out.len(), 2);
        assert_eq!(out[0].payload, [0, 0, 0, 0, 1, 0, 0, 0]);
        assert_eq!(out[1].header.request, 3);
        assert!(!decoder.is_inside());
    }

    #[test]
    fn too_many_descriptors() {
        let mut decoder = Decoder::default();
        assert_eq!(decoder.feed(&[1], 0..9).unwrap_err(), DecodeError::Fds);
    }

    #[test]
    fn descriptors_stay_with_their_message() {
        let mut decoder = Decoder::default();
        let header = [12, 0, 0, 0, 1, 0, 0, 0, 8, 0, 0, 0];
        assert!(decoder.feed(&header, [5]).unwrap().is_none());
        let message = decoder.feed(&[0; 8], []).unwrap().unwrap();
        assert_eq!(message.fds, [5]);
        assert!(decoder.feed(&header, []).unwrap().is_none());
        let message = decoder.feed(&[0; 8], []).unwrap().unwrap();
        assert!(message.fds.is_empty());
    }

    proptest! {
        #[test]
        fn any_bytes_end_in_messages_or_an_error(stream: Vec<u8>) {
            let mut decoder = Decoder::<()>::default();
            let mut rest = stream.as_slice();
            while !rest.is_empty() {
                let take = decoder.wanted().min(rest.len());
                prop_assert!(take > 0);
                let (now, later) = rest.split_at(take);
                rest = later;
                match decoder.feed(now, []) {
                    Ok(Some(message)) => {
                        prop_assert_eq!(message.payload.len(), message.header.size as usize);
                    }
                    Ok(None) => {}
                    Err(_) => break,
                }
            }
        }
    }
}
