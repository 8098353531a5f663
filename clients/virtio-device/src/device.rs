//! What a device is to this transport.

use crate::rings::Rings;

/// A virtio device. All calls come from [`crate::Server::turn`], on one thread.
pub trait Device {
    /// Config space from `offset`; bytes that are missing up to `len` read as zero.
    fn config(&self, offset: u32, len: u32) -> Vec<u8>;

    /// The driver wrote to config space.
    fn write_config(&mut self, offset: u32, bytes: &[u8]);

    /// The driver kicked this queue or made it ready: take chains until there are none.
    fn process(&mut self, queue: usize, rings: &mut Rings);

    /// The queue is about to stop: complete every chain that was kept for later, or hand it
    /// back with [`Rings::put_back`]. Afterwards a kept [`crate::Buffer`] is worth nothing.
    fn stopping(&mut self, queue: usize, rings: &mut Rings);

    /// The driver reset the device; its queues have stopped before.
    fn reset(&mut self);

    /// The device's state, for another process to go on with. All queues have stopped. Nothing when this
    /// device cannot be moved.
    fn save(&self) -> Option<Vec<u8>> {
        None
    }

    /// Most bytes that a state of this device can have.
    fn state_limit(&self) -> u64 {
        0
    }

    /// Goes on from a state that another process saved. All queues have stopped.
    ///
    /// # Errors
    /// When the bytes are no state of such a device; then it stays as it is.
    fn restore(&mut self, _state: &[u8]) -> Result<(), String> {
        Err("this device cannot be moved".to_owned())
    }
}
