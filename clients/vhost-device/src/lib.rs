//! The vhost-user transport of a device process: socket, guest memory, rings.
//!
//! A program makes an [`Endpoint`] (a path to listen at, or an inherited descriptor) and a
//! [`Server`] on it. The server is one file descriptor for the program's event loop: when it is
//! readable, [`Server::turn`] does a bounded piece of work and calls the [`Device`]. A device
//! takes [`Chain`]s from [`Rings`], and completes them at once or later.
//!
//! What is bounded, and where:
//! - messages a turn and chains a turn (`server.rs`), so that one guest queue cannot keep
//!   the loop from the others;
//! - bytes and descriptors of a chain (`chain.rs`), index jumps of a ring (`ring.rs`);
//! - addresses: only memory that the front-end shared can be reached (`memory.rs`), also when it takes that
//!   memory away meanwhile (`memory/guard.rs`).
//!
//! A ring that breaks the rules is stopped with a log line and stays stopped until the
//! driver starts it again. A front-end that breaks the protocol ends the connection.

mod address;
mod backend;
mod chain;
mod connection;
mod device;
mod endpoint;
mod fault;
mod memory;
mod patience;
mod ring;
mod rings;
mod server;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod watch;

pub use address::{Address, AddressError};
pub use chain::{Buffer, Chain};
pub use device::{Device, Shape};
pub use endpoint::{Endpoint, EndpointError};
pub use fault::Fault;
pub use memory::{GuestRam, OutsideRam};
pub use rings::Rings;
pub use server::{Server, Turn};
