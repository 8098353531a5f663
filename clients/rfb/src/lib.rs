//! `porthole-rfb`: the picture of any VNC server as a layer.
//!
//! One process for each server. The main thread runs an event loop with the connection; what the server
//! sends is decoded straight into the memory that the compositor reads. A presenter in a thread of its own
//! speaks Wayland. Neither a server that goes nor a compositor that goes ends the program: the other side
//! keeps what it has.
//!
//! | module | what |
//! |---|---|
//! | `program` | the event loop: what happens, to whom it goes |
//! | `reach` | how the server is reached, by a process apart, and reached again |
//! | `session` | one connection to the server, from hello to end |
//! | `screen` | what is drawn on: buffers, damage, what the server has not told yet |
//! | `input` | keys and pointer for the server |
#![forbid(unsafe_code)]

mod address;
mod badge;
mod cli;
mod confine;
mod failure;
mod input;
mod keymap;
mod password;
mod program;
mod reach;
mod screen;
mod session;
mod wire;

pub use address::{Address, AddressError};
pub use cli::{Cli, command};
pub use failure::Failure;
pub use program::run;
