//! The time that input events carry.

use rustix::time::{ClockId, clock_gettime};

/// Milliseconds of the monotonic clock, which wrap around as Wayland's do.
pub(crate) fn milliseconds() -> u32 {
    let now = clock_gettime(ClockId::Monotonic);
    let milliseconds = now.tv_sec.wrapping_mul(1000).wrapping_add(now.tv_nsec / 1_000_000);
    // The low 32 bits, whatever the time is.
    let [a, b, c, d, ..] = milliseconds.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}
