//! Why the program ends with another status than 0.

use std::{io, path::PathBuf};

use porthole_client::{
    capture::still::StillError,
    connection::{ConnectError, MissingGlobal},
};
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
    /// The command line, or a layout file, is wrong.
    #[error("{0}")]
    Usage(String),
    /// A port cannot be captured.
    #[error(transparent)]
    Still(#[from] StillError),
    /// A file cannot be read.
    #[error("cannot read {}", .0.display())]
    Read(PathBuf, #[source] io::Error),
    /// A file cannot be written.
    #[error("cannot write {}", .0.display())]
    Write(PathBuf, #[source] io::Error),
    /// A file is no picture.
    #[error("{} is no PNG picture that can be read", .0.display())]
    Picture(PathBuf, #[source] image::ImageError),
    /// There is no memory to share with the service.
    #[error("there is no memory for a picture")]
    Memory(#[source] io::Error),
    /// Standard output is closed or full.
    #[error("cannot write to standard output")]
    Output(#[source] io::Error),
}

impl From<DispatchError> for Failure {
    fn from(error: DispatchError) -> Self {
        Self::Lost(error)
    }
}

impl From<String> for Failure {
    fn from(what: String) -> Self {
        Self::Usage(what)
    }
}

impl Failure {
    /// The exit code.
    #[must_use]
    pub const fn status(&self) -> u8 {
        match self {
            Self::Refused(_) | Self::NoControl(_) | Self::Still(_) => 1,
            Self::Usage(_) => 2,
            Self::Connect(_)
            | Self::Lost(_)
            | Self::Globals(_)
            | Self::Strange(_)
            | Self::Read(..)
            | Self::Write(..)
            | Self::Picture(..)
            | Self::Memory(_)
            | Self::Output(_) => 3,
        }
    }
}
