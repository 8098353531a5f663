//! Cutting the byte stream into messages.
//!
//! The owner of the socket asks [`Decoder::wanted`] how many bytes the message at hand still needs,
//! reads no more than that, and feeds them with the descriptors that came along. A read never crosses
//! the end of a message, so descriptors can never land at the wrong one.

use std::error::Error;

use thiserror::Error;

use crate::MAX_FDS;

/// The header of a protocol's messages.
pub trait Head: Copy {
    /// Bytes of a header on the wire.
    const LEN: usize;

    /// Why bytes are no header.
    type Error: Error + 'static;

    /// Reads a header from [`Self::LEN`] bytes.
    ///
    /// # Errors
    /// When a message that is taken in cannot begin like that; also where it would be longer than any
    /// message is.
    fn begin(bytes: &[u8]) -> Result<Self, Self::Error>;

    /// Bytes of the body that follows.
    fn following(&self) -> usize;
}

/// A whole message: header, body, and the descriptors that came with it.
#[derive(Debug)]
pub struct Message<H, F> {
    /// The header.
    pub header: H,
    /// As many bytes as the header says.
    pub body: Vec<u8>,
    /// At most [`MAX_FDS`].
    pub fds: Vec<F>,
}

/// Why the stream cannot go on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum DecodeError<E: Error + 'static> {
    /// The header is none.
    #[error("bad message header")]
    Header(#[source] E),
    /// More descriptors than any message carries.
    #[error("a message came with more than {MAX_FDS} file descriptors")]
    Fds,
    /// More bytes were fed than were wanted; a fault of the reader, not of the peer.
    #[error("the reader went past the end of a message")]
    Overrun,
}

/// Assembles messages from pieces of any size.
#[derive(Debug)]
pub struct Decoder<H, F> {
    bytes: Vec<u8>,
    header: Option<H>,
    fds: Vec<F>,
}

impl<H, F> Default for Decoder<H, F> {
    fn default() -> Self {
        Self { bytes: Vec::new(), header: None, fds: Vec::new() }
    }
}

impl<H: Head, F> Decoder<H, F> {
    /// Bytes that complete the header or the body at hand; never 0.
    #[must_use]
    pub fn wanted(&self) -> usize {
        let following = self.header.as_ref().map_or(0, Head::following);
        H::LEN.saturating_add(following).saturating_sub(self.bytes.len())
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
    ) -> Result<Option<Message<H, F>>, DecodeError<H::Error>> {
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
                let header = H::begin(&self.bytes).map_err(DecodeError::Header)?;
                self.header = Some(header);
                if self.wanted() > 0 {
                    return Ok(None);
                }
                header
            }
        };
        self.header = None;
        let body = self.bytes.split_off(H::LEN.min(self.bytes.len()));
        // A long message must not keep its memory for the short ones that follow.
        self.bytes = Vec::new();
        Ok(Some(Message { header, body, fds: std::mem::take(&mut self.fds) }))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A kind and the length of the body, of a byte each; there is no kind 0.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    struct Pair(u8, u8);

    #[derive(PartialEq, Eq, Debug, Error)]
    #[error("no kind")]
    struct NoKind;

    impl Head for Pair {
        const LEN: usize = 2;
        type Error = NoKind;

        fn begin(bytes: &[u8]) -> Result<Self, NoKind> {
            match *bytes {
                [kind, length] if kind > 0 => Ok(Self(kind, length)),
                _ => Err(NoKind),
            }
        }

        fn following(&self) -> usize {
            self.1.into()
        }
    }

    /// Two messages, a byte at a time, come out as they went in.
    #[test]
    fn byte_by_byte() {
        let mut decoder = Decoder::<Pair, u8>::default();
        let mut out = Vec::new();
        for byte in [18, 3, 7, 8, 9, 3, 0] {
            out.extend(decoder.feed(&[byte], []).unwrap());
        }
        assert_eq!(out.len(), 2);
        assert_eq!(out[0].body, [7, 8, 9]);
        assert_eq!((out[1].header, out[1].body.len()), (Pair(3, 0), 0));
        assert!(!decoder.is_inside());
    }

    #[test]
    fn too_many_descriptors() {
        let mut decoder = Decoder::<Pair, i32>::default();
        assert_eq!(decoder.feed(&[1], 0..9).unwrap_err(), DecodeError::Fds);
    }

    #[test]
    fn a_reader_that_goes_too_far_is_told() {
        let mut decoder = Decoder::<Pair, i32>::default();
        assert_eq!(decoder.feed(&[1, 2, 3], []).unwrap_err(), DecodeError::Overrun);
    }

    #[test]
    fn descriptors_stay_with_their_message() {
        let mut decoder = Decoder::<Pair, i32>::default();
        assert!(decoder.feed(&[12, 8], [5]).unwrap().is_none());
        let message = decoder.feed(&[0; 8], []).unwrap().unwrap();
        assert_eq!(message.fds, [5]);
        assert!(decoder.feed(&[12, 8], []).unwrap().is_none());
        let message = decoder.feed(&[0; 8], []).unwrap().unwrap();
        assert!(message.fds.is_empty());
    }

    proptest! {
        #[test]
        fn any_bytes_end_in_messages_or_an_error(stream: Vec<u8>) {
            let mut decoder = Decoder::<Pair, ()>::default();
            let mut rest = stream.as_slice();
            while !rest.is_empty() {
                let take = decoder.wanted().min(rest.len());
                prop_assert!(take > 0);
                let (now, later) = rest.split_at(take);
                rest = later;
                match decoder.feed(now, []) {
                    Ok(Some(message)) => {
                        prop_assert_eq!(message.body.len(), usize::from(message.header.1));
                    }
                    Ok(None) => {}
                    Err(_) => break,
                }
            }
        }
    }
}
