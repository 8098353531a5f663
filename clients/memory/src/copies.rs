//! Counters of copied bytes: the proof that a picture is copied no more often than promised.

use std::ops::AddAssign;

/// Bytes copied by a device, by the reason for the copy.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Copies {
    /// Bytes copied out of guest memory into a picture: the one copy that virtio-gpu needs.
    pub transfer: u64,
    /// Bytes copied from a picture that the compositor still holds into its successor, to make up
    /// for damage that the successor missed.
    pub repair: u64,
}

impl Copies {
    /// All bytes copied, for whatever reason.
    #[must_use]
    pub const fn total(self) -> u64 {
        self.transfer.saturating_add(self.repair)
    }
}

impl AddAssign for Copies {
    fn add_assign(&mut self, other: Self) {
        self.transfer = self.transfer.saturating_add(other.transfer);
        self.repair = self.repair.saturating_add(other.repair);
    }
}
