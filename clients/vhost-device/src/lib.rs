//! The vhost-user transport of a device process: the front-end's socket and what it asks for.
//!
//! A program makes an [`Endpoint`] (a path to listen at, or an inherited descriptor) and a
//! [`Server`] on it. The server is one file descriptor for the program's event loop: when it is
//! readable, [`Server::turn`] does a bounded piece of work and calls the [`Device`]. A device
//! takes [`Chain`]s from [`Rings`], and completes them at once or later.
//!
//! What is bounded, and where:
//! - messages a turn and chains a turn (`server.rs`), so that one guest queue cannot keep
//!   the loop from the others;
//! - chains, rings and addresses: in `porthole-virtio-device`.
//!
//! A ring that breaks the rules is stopped with a log line and stays stopped until the
//! driver starts it again. A front-end that breaks the protocol ends the connection.

mod backend;
mod connection;
mod fault;
mod memory;
mod server;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use fault::Fault;
pub use porthole_virtio_device::{
    Address, AddressError, Buffer, Chain, Device, Endpoint, EndpointError, GuestRam, OutsideRam,
    Rings, Shape,
};
pub use server::{Server, Turn};
