//! Why the program ends with another status than 0.

use std::io;

use porthole_client::connection::{ConnectError, MissingGlobal};
use wayland_client::{DispatchError, globals::GlobalError};

use crate::control::Refusal;

/// Why something cannot be done.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// There is no service to connect to.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The service does not show the protocol on this socket.
    #[error(transparent)]
    NoControl(#[from] MissingGlobal),
    /// The connection ended.
    #[error("the service ended the connection")]
    Lost(#[source] DispatchError),
    /// The connection could not be begun.
    #[error("the service could not be spoken to")]
    Globals(#[from] GlobalError),
    /// The service said no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// What the service answered makes no sense.
    #[error("the service answered what this program does not understand: {0}")]
    Strange(String),
    /// Standard output is closed or full.
    #[error("cannot write to standard output")]
    Output(#[source] io::Error),
}

impl From<DispatchError> for Failure {
    fn from(error: DispatchError) -> Self {
        Self::Lost(error)
    }
}

impl Failure {
    /// The exit code.
    #[must_use]
    pub const fn status(&self) -> u8 {
        match self {
            Self::Refused(_) | Self::NoControl(_) => 1,
            Self::Connect(_)
            | Self::Lost(_)
            | Self::Globals(_)
            | Self::Strange(_)
            | Self::Output(_) => 3,
        }
    }
}
