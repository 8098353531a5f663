//! The vhost-user protocol as a back-end (a device process) sees it.
//!
//! QEMU is the front-end: it sends a [`Header`], a payload and sometimes file
//! descriptors over a Unix stream socket. This room turns those bytes into a typed
//! [`Request`] and replies back into bytes. It opens no sockets and holds no descriptors:
//! [`Decoder`] is generic over what a descriptor is.
//!
//! Source: QEMU, `docs/interop/vhost-user.rst`. All integers are little-endian here;
//! the protocol says "native", and every host that Porthole runs on is little-endian.
//!
//! The front-end is trusted with its own guest's memory and nothing else, so sizes,
//! counts and indices are bounded here, before anything is allocated.

#![forbid(unsafe_code)]

mod backend;
pub mod features;
mod header;
mod payload;
mod reply;
mod request;

pub use backend::{BackendReply, config_change, parse_backend_reply};
pub use header::{Header, HeaderError};
pub use payload::{ConfigSpan, MAX_CONFIG, MAX_REGIONS, MemoryRegion, VringAddress, VringState};
pub use porthole_framing::MAX_FDS;
pub use reply::{Reply, acknowledge};
pub use request::{FdCount, Request, RequestCode, RequestError};

/// Largest payload that a front-end may send, in bytes. The longest message that is defined is
/// a memory table of eight regions (264 bytes) or a config write (268 bytes); the rest is
/// room for messages that newer front-ends add and that this crate only refuses.
pub const MAX_PAYLOAD: u32 = 4096;

/// Cuts the front-end's stream into messages.
pub type Decoder<F> = porthole_framing::Decoder<Header, F>;

/// A message of the front-end.
pub type Message<F> = porthole_framing::Message<Header, F>;

/// Why the front-end's stream cannot go on.
pub type DecodeError = porthole_framing::DecodeError<HeaderError>;
