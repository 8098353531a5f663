//! What every transport of a virtio device needs: guest memory, rings, and the socket of one peer.
//!
//! A device implements [`Device`]: it takes [`Chain`]s from [`Rings`], and completes them at once or
//! later. A transport (vhost-user, vfio-user) keeps the [`GuestRam`] up to date, sets up the rings of
//! [`Rings::ring`], and lets the device work within a budget ([`Rings::refill`]).
//!
//! What is bounded, and where:
//! - bytes and descriptors of a chain (`chain.rs`), index jumps of a ring (`ring.rs`);
//! - addresses: only memory that the peer shared can be reached (`memory.rs`), also when it takes that
//!   memory away meanwhile (`memory/guard.rs`).
//!
//! A ring that breaks the rules is stopped with a log line and stays stopped until the driver starts it
//! again.

mod address;
mod chain;
mod device;
mod endpoint;
mod memory;
mod patience;
mod receiver;
mod ring;
mod rings;
mod watch;

pub use address::{Address, AddressError};
pub use chain::{Buffer, Chain};
pub use device::Device;
pub use endpoint::{Claim, Endpoint, EndpointError, State, accept};
pub use memory::{GuestRam, MAX_SLOTS, MemoryError, OutsideRam, Region};
pub use patience::Patience;
pub use receiver::{ReceiveError, Received, Receiver};
pub use ring::{MAX_SIZE, Ring};
pub use rings::{Rings, Shape};
pub use watch::{Watch, is_event};
