//! What the bridge did, in numbers.

use porthole_memory::Copies;

/// Since the program began.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Statistics {
    /// Pictures that came whole: by message, by memory, by dma-buf.
    pub(crate) scanouts: u64,
    /// Parts of pictures that came in messages.
    pub(crate) updates: u64,
    /// Parts of pictures that changed in QEMU's memory.
    pub(crate) mapped_updates: u64,
    /// Frames given to the presenter.
    pub(crate) frames: u64,
    /// Of these, frames that lie in QEMU's memory and were not copied here.
    pub(crate) shared_frames: u64,
    /// Bytes copied, and why.
    pub(crate) copies: Copies,
    /// Times that a held buffer was drawn into for want of a free one.
    pub(crate) overdrawn: u64,
    /// Messages that were refused.
    pub(crate) refused: u64,
}

impl Statistics {
    /// As one line of JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::json!({
            "scanouts": self.scanouts,
            "updates": self.updates,
            "mapped_updates": self.mapped_updates,
            "frames": self.frames,
            "shared_frames": self.shared_frames,
            "copied_bytes": self.copies.transfer,
            "repaired_bytes": self.copies.repair,
            "overdrawn": self.overdrawn,
            "refused": self.refused,
        })
    }
}
