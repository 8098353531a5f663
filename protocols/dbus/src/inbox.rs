//! Messages out of a stream of bytes.

use std::ops::Range;

use crate::message::{FIXED, Lengths, Message};
use crate::{MAX_HEADER, Malformed};

/// Bytes that are asked for at once where the next message's length is not known.
const CHUNK: usize = 64 << 10;
/// A larger place is given back when it is empty.
const KEPT: usize = 16 << 20;

/// Bytes that came and are no whole message yet.
///
/// Its memory grows with the bytes that are there, never with those that a message says to have.
#[derive(Debug, Default)]
pub struct Inbox {
    bytes: Vec<u8>,
    /// What is there: from the first message's first byte.
    filled: Range<usize>,
    /// The largest body that is wanted.
    most: usize,
    /// Larger ones are cut off instead of being a mistake.
    cuts: bool,
    /// Bytes that are still to come of a body that was cut off.
    unwanted: usize,
}

impl Inbox {
    /// For messages whose arguments have at most so many bytes.
    #[must_use]
    pub const fn new(most: usize) -> Self {
        Self { bytes: Vec::new(), filled: 0..0, most, cuts: false, unwanted: 0 }
    }

    /// The same, but of a larger message the arguments are passed over as they come, and it is
    /// [`Message::cut`].
    #[must_use]
    pub fn cutting(self) -> Self {
        Self { cuts: true, ..self }
    }

    /// Drops what is there of a body that is not wanted.
    fn pass_over(&mut self) {
        let count = self.unwanted.min(self.filled.len());
        self.filled.start += count;
        self.unwanted -= count;
    }

    /// Bytes that are there and were not taken.
    #[must_use]
    pub fn len(&self) -> usize {
        self.filled.len()
    }

    /// Whether nothing is there.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.filled.is_empty()
    }

    fn held(&self) -> &[u8] {
        self.bytes.get(self.filled.clone()).unwrap_or_default()
    }

    fn lengths(&self) -> Result<Option<Lengths>, Malformed> {
        let fixed = self.held().first_chunk::<FIXED>();
        fixed.map(|fixed| Lengths::read(fixed, self.most, self.cuts)).transpose()
    }

    /// Where the next bytes are to be put; never empty. Say with [`Self::filled`] how many there are.
    ///
    /// # Errors
    /// When what is there already can become no message.
    pub fn space(&mut self) -> Result<&mut [u8], Malformed> {
        self.pass_over();
        let held = self.filled.len();
        if self.filled.start > 0 {
            self.bytes.copy_within(self.filled.clone(), 0);
            self.filled = 0..held;
        }
        if held == 0 && self.bytes.len() > KEPT {
            self.bytes = Vec::new();
        }
        let missing = self.lengths()?.map_or(0, |lengths| lengths.total().saturating_sub(held));
        // A large message is read to its end and not beyond, so that what is left over is little.
        let room = if missing > CHUNK { missing.min(held.max(CHUNK)) } else { CHUNK };
        if self.bytes.len() < held + room {
            self.bytes.resize(held + room, 0);
        }
        self.bytes.get_mut(held..held + room).ok_or(Malformed::Short("message"))
    }

    /// So many bytes were put.
    pub fn filled(&mut self, count: usize) {
        self.filled.end = self.filled.end.saturating_add(count).min(self.bytes.len());
    }

    /// Puts bytes that are here already, as those that came behind a handshake are.
    ///
    /// # Errors
    /// As [`Self::space`].
    pub fn put(&mut self, mut bytes: &[u8]) -> Result<(), Malformed> {
        while !bytes.is_empty() {
            let space = self.space()?;
            let count = space.len().min(bytes.len());
            let (now, later) = bytes.split_at_checked(count).unwrap_or_default();
            if let Some(space) = space.get_mut(..count) {
                space.copy_from_slice(now);
            }
            self.filled(count);
            bytes = later;
        }
        Ok(())
    }

    /// The next message; none when it is not all there yet. One of a kind that nobody knows is passed
    /// over.
    ///
    /// # Errors
    /// When it is none. Nothing that follows can be read then.
    pub fn pop(&mut self) -> Result<Option<Message<'_>>, Malformed> {
        loop {
            self.pass_over();
            let Some(lengths) = self.lengths()? else { return Ok(None) };
            let start = self.filled.start;
            let end = start + lengths.total();
            if end > self.filled.end {
                return Ok(None);
            }
            self.filled.start = end;
            self.unwanted = lengths.cut();
            // Looked at twice, because a borrow that is given back in a loop would last for ever.
            let known = self.bytes.get(start + 1).is_some_and(|kind| (1..=4).contains(kind));
            if known {
                let bytes = self.bytes.get(start..end).ok_or(Malformed::Short("message"))?;
                return Message::read(bytes, lengths);
            }
        }
    }

    /// The most memory that it takes, in bytes.
    #[must_use]
    pub const fn bound(&self) -> usize {
        2 * (self.most + MAX_HEADER + CHUNK)
    }
}
