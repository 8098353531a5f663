//! The one clock of the service: CLOCK_MONOTONIC, as `wp_presentation` announces it.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// The clock's number for `wp_presentation.clock_id` (`CLOCK_MONOTONIC` of linux/time.h).
pub(crate) const ID: u32 = 1;

/// Time since some fixed moment before the service began.
pub(crate) fn now() -> Duration {
    let t = clock_gettime(ClockId::Monotonic);
    let seconds = u64::try_from(t.tv_sec).unwrap_or(0);
    let nanos = u32::try_from(t.tv_nsec).unwrap_or(0);
    Duration::new(seconds, nanos)
}

/// The low 32 bits in milliseconds, as input events and frame callbacks carry.
pub(crate) fn milliseconds() -> u32 {
    #[expect(clippy::cast_possible_truncation, reason = "Wayland's event time wraps by design")]
    let low = now().as_millis() as u32;
    low
}
