//! The vfio-user transport of a device process: the client's socket, guest memory, interrupts.
//!
//! A program makes a [`Server`] on an endpoint with a [`Description`] of its PCI function. The server is
//! one file descriptor for the program's event loop: when it is readable, [`Server::turn`] does a bounded
//! piece of work and calls the [`Function`].
//!
//! What is bounded, and where: messages a turn and what waits to be sent (`server.rs`), regions of guest
//! memory (`memory.rs`), and everything in a message (`porthole-vfio-user`). An access outside a region
//! and a request that makes no sense get an error reply and change nothing; a stream that makes no sense
//! ends the connection.
#![forbid(unsafe_code)]

mod connection;
mod fault;
mod function;
mod memory;
mod server;

pub use fault::Fault;
pub use function::{Description, Function, Refused, RegionSpec};
pub use memory::Ram;
pub use porthole_virtio_device::{Address, Endpoint, EndpointError, GuestRam};
pub use server::{Server, Turn};
