//! What ends a device's connection, and with it the device process.

use std::io;

use porthole_vfio_user::{HeaderError, SessionError};
use porthole_virtio_device::ReceiveError;
use thiserror::Error;

/// Why a device cannot go on. The guest's device is gone; other guests are not concerned.
#[derive(Debug, Error)]
pub enum Fault {
    /// The client broke the protocol, or speaks another version of it.
    #[error("the machine monitor cannot be talked to over vfio-user")]
    Protocol(#[source] SessionError),
    /// The connection was lost inside a message.
    #[error("the machine monitor went away inside a message")]
    CutShort,
    /// The client reads nothing of what it asks for.
    #[error("the machine monitor asks and does not read the answers")]
    Deaf,
    /// Memory went away that was mapped.
    #[error(
        "guest memory was taken away while in use: the machine monitor cut its file short, or no (huge) \
         pages are left for it"
    )]
    MemoryLost,
    /// A system call failed that has no reason to.
    #[error("{0} failed")]
    System(&'static str, #[source] io::Error),
}

impl From<ReceiveError<HeaderError>> for Fault {
    fn from(error: ReceiveError<HeaderError>) -> Self {
        match error {
            ReceiveError::Stream(error) => Self::Protocol(SessionError::Stream(error)),
            ReceiveError::CutShort => Self::CutShort,
            ReceiveError::System(error) => Self::System("recvmsg", error),
        }
    }
}
