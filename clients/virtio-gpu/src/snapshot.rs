//! A device's state as bytes, for files and for migration.

use crate::gpu::Gpu;
use crate::options::Quotas;
use crate::state::State;

/// The first bytes of every snapshot.
const MAGIC: [u8; 8] = *b"PORTHGPU";

/// The form that is written, and the only one that is read.
const VERSION: u32 = 1;

const HEAD: usize = MAGIC.len() + 4;

/// These bytes are no snapshot of a GPU.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadSnapshot {
    /// They do not begin as one does.
    #[error("this is no snapshot of a virtio-gpu device of Porthole")]
    Other,
    /// Another version wrote it.
    #[error("the snapshot has format {0}, and only format {VERSION} is known here")]
    Version(u32),
    /// There are fewer bytes than it should have, or more, or they make no sense.
    #[error("the snapshot is cut short or malformed")]
    Malformed,
}

impl State {
    /// The state as bytes, at most [`Gpu::snapshot_limit`] of them. Nothing when there is no memory for them.
    #[must_use]
    pub fn to_bytes(&self) -> Option<Vec<u8>> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(VERSION.to_le_bytes());
        postcard::to_extend(self, bytes).ok()
    }

    /// Reads a state. It takes at most a few times the memory of the bytes; whether a device can be in
    /// it [`Gpu::restore`] finds out.
    ///
    /// # Errors
    /// When the bytes are no snapshot, or not all of them are.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BadSnapshot> {
        let (head, body) = bytes.split_at_checked(HEAD).ok_or(BadSnapshot::Other)?;
        if !head.starts_with(&MAGIC) {
            return Err(BadSnapshot::Other);
        }
        let version = head.last_chunk().copied().map_or(0, u32::from_le_bytes);
        if version != VERSION {
            return Err(BadSnapshot::Version(version));
        }
        let (state, rest) = postcard::take_from_bytes(body).map_err(|_| BadSnapshot::Malformed)?;
        if rest.is_empty() { Ok(state) } else { Err(BadSnapshot::Malformed) }
    }
}

impl Gpu {
    /// Most bytes that a snapshot of this device can have: longer ones need not be read.
    #[must_use]
    pub const fn snapshot_limit(&self) -> u64 {
        /// Numbers of a resource, or of a scanout.
        const THING: u64 = 160;
        const CURSOR: u64 = 64 * 64 * 4;
        let Quotas { bytes, resources, entries, .. } = self.quotas;
        let scanouts = (self.scanouts.len() as u64).saturating_mul(CURSOR + THING);
        let resources = (resources as u64).saturating_mul(THING);
        let entries = (entries as u64).saturating_mul(12);
        bytes.saturating_add(resources).saturating_add(entries).saturating_add(scanouts)
    }
}
