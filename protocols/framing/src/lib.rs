//! What vhost-user and vfio-user have in common on the wire: a stream of messages, each a header that says
//! how long it is, a body of integers, and file descriptors beside it.
//!
//! It opens no sockets and holds no descriptors: [`Decoder`] is generic over what a descriptor is.

#![forbid(unsafe_code)]

mod bytes;
mod decoder;

pub use bytes::Bytes;
pub use decoder::{DecodeError, Decoder, Head, Message};

/// Most file descriptors that one message may carry.
pub const MAX_FDS: usize = 8;
