//! D-Bus as it is on a socket between two programs: bytes in, values out, and the other way round.
//!
//! A connection begins with a [`Handshake`] in lines of text. After it the bytes that come are given to
//! an [`Inbox`], which finds whole [`Message`]s in them; a [`Reader`] takes the arguments out of a
//! message's body. What goes out is made by [`Call`], [`Reply`] and [`Refusal`], with a [`Writer`] for
//! the arguments.
//!
//! The peer is hostile: every length is checked before it is used, nothing is allocated because of a
//! number that the peer merely names, and a message that is larger than its receiver wants is refused
//! when its first bytes are there. Both byte orders are read; ours is little-endian.
#![forbid(unsafe_code)]

mod encode;
mod handshake;
mod inbox;
mod message;
mod read;
mod text;
mod write;

pub use encode::{Call, Refusal, Reply, Signal};
pub use handshake::{Handshake, HandshakeError, Welcome};
pub use inbox::Inbox;
pub use message::{Kind, Message};
pub use read::{Reader, Value};
pub use write::Writer;

/// The largest message of the specification, in bytes.
pub const MAX_MESSAGE: usize = 1 << 27;
/// The largest header that is read; a bus's own are below 1 KiB.
pub const MAX_HEADER: usize = 16 << 10;
/// Descriptors that come with one message at most.
pub const MAX_DESCRIPTORS: usize = 16;

/// What is wrong with bytes that came.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Malformed {
    /// The first byte is neither `l` nor `B`.
    #[error("a message begins with the byte {0:#04x}, which names no byte order")]
    ByteOrder(u8),
    /// Not version 1.
    #[error("a message has version {0} of the protocol; there is version 1 only")]
    Version(u8),
    /// No such kind of message.
    #[error("there is no kind {0} of messages")]
    Kind(u8),
    /// A message is larger than what is wanted.
    #[error("a message of {bytes} bytes; at most {most} are taken")]
    TooLarge {
        /// Bytes that it says to have.
        bytes: u64,
        /// Bytes that it may have.
        most: usize,
    },
    /// The header is larger than any real one.
    #[error("a header of {0} bytes")]
    Header(u64),
    /// Something is missing that this kind of message must have.
    #[error("a message lacks its {0}")]
    Missing(&'static str),
    /// A value ends behind its container.
    #[error("a {0} is cut off")]
    Short(&'static str),
    /// A text is no UTF-8, holds a zero byte, or does not end with one.
    #[error("a text is broken")]
    Text,
    /// No such type, or too deep.
    #[error("a signature is broken")]
    Signature,
    /// The arguments are of other types.
    #[error("the arguments are {is:?}, not {wanted:?}")]
    Arguments {
        /// The signature that came.
        is: String,
        /// The signature that belongs here.
        wanted: &'static str,
    },
    /// A truth value is neither 0 nor 1.
    #[error("{0} is no truth value")]
    Bool(u32),
    /// More descriptors than a message may have.
    #[error("a message with {0} descriptors")]
    Descriptors(u32),
    /// Bytes that are left over.
    #[error("{0} bytes behind the last argument")]
    Rest(usize),
}

#[cfg(test)]
mod tests;
