//! Names of buffers, and which of them the compositor holds.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

/// Names a buffer for as long as this process lives; never used again for another one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct BufferId(u64);

impl BufferId {
    /// A name that nothing else has.
    pub fn fresh() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }

    /// The number, unique in this process.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

/// Which buffers the compositor holds, by scanout, with the serial of the frame that gave each.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Holds(BTreeMap<(BufferId, usize), u64>);

impl Holds {
    /// Gives a buffer to the compositor with a frame. Returns the frame that gave it before, if it
    /// is still held.
    pub fn hold(&mut self, buffer: BufferId, scanout: usize, serial: u64) -> Option<u64> {
        self.0.insert((buffer, scanout), serial)
    }

    /// Undoes [`Self::hold`] of a frame that the compositor never got.
    pub fn undo(&mut self, buffer: BufferId, scanout: usize, before: Option<u64>) {
        match before {
            Some(serial) => self.0.insert((buffer, scanout), serial),
            None => self.0.remove(&(buffer, scanout)),
        };
    }

    /// Takes a buffer back. A release that was sent before the latest frame arrived says nothing
    /// about that frame.
    pub fn release(&mut self, buffer: BufferId, scanout: usize, serial: u64) {
        if self.0.get(&(buffer, scanout)).is_some_and(|held| *held <= serial) {
            self.0.remove(&(buffer, scanout));
        }
    }

    /// Forgets a buffer that no longer exists.
    pub fn forget(&mut self, buffer: BufferId) {
        self.0.retain(|(held, _), _| *held != buffer);
    }

    /// Whether the compositor holds a buffer, for whatever scanout.
    #[must_use]
    pub fn any(&self, buffer: BufferId) -> bool {
        self.0.range((buffer, 0)..=(buffer, usize::MAX)).next().is_some()
    }
}
