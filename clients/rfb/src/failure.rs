//! Why the program ends with status 1.

use std::io;
use std::path::PathBuf;

use porthole_program::InheritError;

use crate::address::Address;

/// Why the program cannot work; each says what to do where something can be done.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The server's name has no number.
    #[error("{0} is not known: give the host's number, or check its name")]
    Unknown(Address, #[source] io::Error),
    /// The password cannot be read.
    #[error("cannot read the password file {}", .0.display())]
    Password(PathBuf, #[source] io::Error),
    /// The password file's first line is empty.
    #[error("the first line of {} is empty; it must hold the password", .0.display())]
    EmptyPassword(PathBuf),
    /// There is no such keyboard layout.
    #[error(
        "there is no keyboard layout '{0}' here: see --layout, and whether xkb-data is installed"
    )]
    Layout(String),
    /// The ready descriptor is of no use.
    #[error("--ready-fd")]
    ReadyFd(#[source] InheritError),
    /// A system call failed that has no reason to.
    #[error("{0}")]
    System(&'static str, #[source] io::Error),
    /// The event loop failed.
    #[error("event loop")]
    Loop(#[from] calloop::Error),
}
