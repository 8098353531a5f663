//! Memory that is given to the compositor, whoever made it.

use std::io;
use std::os::fd::BorrowedFd;
use std::sync::Arc;

use crate::{Device, Foreign, Memory};

/// Memory for a `wl_shm` pool, or for a buffer of a device's.
#[derive(Clone, Debug)]
pub enum Shared {
    /// Ours: it changes when we change it.
    Ours(Arc<Memory>),
    /// Another program's, which may change it at any time.
    Theirs(Arc<Foreign>),
}

impl Shared {
    /// The descriptor to hand to the compositor.
    #[must_use]
    pub fn fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Ours(memory) => memory.fd(),
            Self::Theirs(memory) => memory.fd(),
        }
    }

    /// Size in bytes; never zero.
    #[expect(clippy::len_without_is_empty, reason = "a memory is never empty")]
    #[must_use]
    pub fn len(&self) -> u64 {
        match self {
            Self::Ours(memory) => memory.len(),
            Self::Theirs(memory) => memory.len(),
        }
    }

    /// Whether it is ours.
    #[must_use]
    pub const fn is_ours(&self) -> bool {
        matches!(self, Self::Ours(_))
    }

    /// How the picture lies in it, where it is memory of a device.
    #[must_use]
    pub fn device(&self) -> Option<Device> {
        match self {
            Self::Ours(_) => None,
            Self::Theirs(memory) => memory.device(),
        }
    }

    /// Copies the bytes at `offset` out of the memory.
    ///
    /// # Errors
    /// When not all of `into` can be filled.
    pub fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        match self {
            Self::Ours(memory) => memory.read_at(offset, into).map_err(io::Error::other),
            Self::Theirs(memory) => memory.read_at(offset, into),
        }
    }
}

impl From<Arc<Memory>> for Shared {
    fn from(memory: Arc<Memory>) -> Self {
        Self::Ours(memory)
    }
}
