//! The vfio-user protocol as a device process sees it: a PCI device that is served over a Unix socket.
//!
//! A virtual machine monitor (QEMU 10.1 and later, and others) is the client: it sends a [`Header`], a
//! body and sometimes file descriptors. This room turns those bytes into typed [`Request`]s and
//! [`Reply`]s back into bytes. It opens no sockets and holds no descriptors: [`Decoder`] and
//! [`Session`] are generic over what a descriptor is.
//!
//! Source: QEMU, `docs/interop/vfio-user.rst`. All integers are little-endian here; the protocol says
//! "native", and every host that Porthole runs on is little-endian.
//!
//! What a client may get wrong, and what becomes of it:
//! - a length that no message has, or bytes before the versions were agreed on: the stream is lost, and
//!   the connection should end ([`SessionError`]);
//! - a whole message that makes no sense (wrong length for its command, a count beyond
//!   [`MAX_DATA`], an unknown command): an error reply, and the next message is read where it begins.

#![forbid(unsafe_code)]

mod header;
mod reply;
mod request;
mod session;
mod version;

pub use header::{Command, Header, HeaderError};
pub use porthole_framing::MAX_FDS;
pub use reply::{Area, IrqInfo, RegionInfo, Reply, device, irq, region};
pub use request::{
    Access, DmaMap, DmaUnmap, IrqAction, IrqData, Posted, Refusal, Request, SetIrqs,
};
pub use session::{Incoming, Session, SessionError, Step, Ticket};
pub use version::{Version, VersionError};

/// Most bytes that one access to a region moves, and what is said of it to the client.
pub const MAX_DATA: u32 = 1 << 20;

/// Largest message, with its header: a write of [`MAX_DATA`] bytes.
pub const MAX_MESSAGE: u32 = MAX_DATA + 32;

/// Most writes that one message may hold.
pub const MAX_POSTED: u64 = 256;

/// Most interrupts that one message may be about.
pub const MAX_IRQS: u32 = 2048;

/// Cuts the client's stream into messages.
pub type Decoder<F> = porthole_framing::Decoder<Header, F>;

/// A message of the client.
pub type Message<F> = porthole_framing::Message<Header, F>;

/// Why the client's stream cannot go on.
pub type DecodeError = porthole_framing::DecodeError<HeaderError>;

#[cfg(test)]
mod tests;
