//! What ends a device's connection, and with it the device process.

use std::io;

use porthole_vhost_user::{DecodeError, HeaderError, RequestError};
use porthole_virtio_device::ReceiveError;
use thiserror::Error;

/// Why a device cannot go on. The guest's device is gone; other guests are not concerned.
#[derive(Debug, Error)]
pub enum Fault {
    /// The front-end's guest memory cannot be reached from here.
    #[error(
        "guest memory is not shared with this process ({0}); start QEMU with \
         -object memory-backend-memfd,id=mem,size=SIZE,share=on -machine memory-backend=mem"
    )]
    PrivateMemory(&'static str),
    /// A region that the front-end passed cannot be mapped.
    #[error(
        "guest memory cannot be mapped; start QEMU with \
         -object memory-backend-memfd,id=mem,size=SIZE,share=on -machine memory-backend=mem"
    )]
    Map(#[source] io::Error),
    /// Memory went away that was mapped.
    #[error(
        "guest memory was taken away while in use: the front-end cut its file short, or no (huge) \
         pages are left for it"
    )]
    MemoryLost,
    /// What the front-end sends is no vhost-user.
    #[error("the front-end does not speak vhost-user as expected")]
    Stream(#[source] DecodeError),
    /// The front-end sends a request that is none.
    #[error("the front-end does not speak vhost-user as expected: malformed request")]
    Request(#[source] RequestError),
    /// The connection was lost inside a message.
    #[error("the front-end went away inside a message")]
    CutShort,
    /// The front-end does not wait for the replies that it asks for.
    #[error("the front-end asks and does not read the answers")]
    Deaf,
    /// A system call failed that has no reason to.
    #[error("{0} failed")]
    System(&'static str, #[source] io::Error),
}

impl From<ReceiveError<HeaderError>> for Fault {
    fn from(error: ReceiveError<HeaderError>) -> Self {
        match error {
            ReceiveError::Stream(error) => Self::Stream(error),
            ReceiveError::CutShort => Self::CutShort,
            ReceiveError::System(error) => Self::System("recvmsg", error),
        }
    }
}
