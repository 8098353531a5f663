//! `porthole-qemu`: the display of a VM that has QEMU's own graphics card, as layers.
//!
//! QEMU offers its consoles over D-Bus (`-display dbus`). This program registers itself as a listener of
//! each, gives what it is shown to a presenter, and what people do at the layers back to QEMU. The guest
//! needs nothing: what is seen is what its card shows, from the first line of the firmware on.
//!
//! One process for each VM; its main thread runs an event loop with the connections to QEMU, a presenter
//! in a thread of its own speaks Wayland. It ends with the VM. QEMU is taken for hostile: its guest may
//! have broken out of it.
//!
//! A pixel is copied once, from the message or from QEMU's memory into a sealed one that is the `wl_shm`
//! pool itself; not at all where QEMU's memory can be sealed and be the pool.
#![forbid(unsafe_code)]

mod calls;
mod cli;
mod clipboard;
mod confine;
mod connection;
mod console;
mod cursor;
mod device;
mod failure;
mod formats;
mod input;
mod listener;
mod program;
mod qmp;
mod screen;
mod session;
mod source;
mod statistics;

pub use cli::{Cli, command};
pub use failure::Failure;
pub use program::run;
