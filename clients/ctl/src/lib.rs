//! `portholectl`: shows and changes what the display service shows, from the command line.
//!
//! A client of `wfd_v1` like any other: it sees and changes what its socket has the rights for.

#![forbid(unsafe_code)]

pub mod cli;
mod commands;
mod control;
mod failure;
mod layout;
mod picture;
mod show;
mod suggest;

pub use cli::{Cli, command};
pub use commands::run;
pub use failure::Failure;
