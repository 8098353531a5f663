//! `porthole-vnc`: one port of the display service for VNC viewers.
//!
//! A Wayland client like any other: it captures the port's picture and sends input to the port's
//! seat. Viewers speak RFB ([`porthole_rfb`]) over TCP on this machine or a Unix socket. One
//! thread does everything but looking for the service; what one viewer may cost is bounded in bytes,
//! memory and time.

pub mod address;
mod away;
pub mod cli;
mod clock;
mod confine;
mod cursor;
mod failure;
mod input;
mod keymap;
mod listener;
mod niceness;
mod password;
mod pointer;
mod program;
mod reach;
mod ready;
mod service;
mod viewer;

pub use cli::{Cli, command};
pub use failure::Failure;
pub use program::run;
