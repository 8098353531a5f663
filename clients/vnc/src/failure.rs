//! Why the program ends with status 1.

use std::{io, path::PathBuf, time::Duration};

use porthole_client::{capture::ViewError, connection::ConnectError};

use porthole_program::InheritError;

use crate::address::Address;

/// Why the port cannot be shown (any more); each message says what to do where something can be
/// done.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The address is in use.
    #[error("{0} is in use; stop the other server, or choose another address with --listen")]
    Busy(Address),
    /// The address cannot be listened at.
    #[error("cannot listen at {0}")]
    Listen(Address, #[source] io::Error),
    /// The password cannot be read.
    #[error("cannot read the password file {}", .0.display())]
    Password(PathBuf, #[source] io::Error),
    /// The password file's first line is empty.
    #[error("the first line of {} is empty; it must hold the password", .0.display())]
    EmptyPassword(PathBuf),
    /// The ready descriptor is of no use.
    #[error("--ready-fd")]
    ReadyFd(#[from] InheritError),
    /// The process that connects to the compositor cannot be started.
    #[error("the process that connects to the compositor cannot be started")]
    Connector(#[source] io::Error),
    /// There is no compositor to connect to.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The port cannot be captured (any more).
    #[error("port '{port}' cannot be shown")]
    View {
        /// The port's name.
        port: String,
        /// Why.
        source: ViewError,
    },
    /// The display service is not there.
    #[error("there was no display service for {} s; start it, or wait longer with --wait", .0.as_secs_f64())]
    Away(Duration),
    /// There is no thread to look for the display service.
    #[error("there is no thread to look for the display service")]
    Thread(#[source] io::Error),
    /// The event loop cannot be set up.
    #[error("the event loop cannot be set up")]
    Loop(#[source] calloop::Error),
}
