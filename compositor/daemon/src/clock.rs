//! The one clock of the service: CLOCK_MONOTONIC, as `wp_presentation` announces it.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// The clock's number for `wp_presentation.clock_id` (`CLOCK_MONOTONIC` of linux/time.h).
pub(crate) const ID: u32 = 1;

/// No time between two readings of the clocks.
const SLEEP: Duration = Duration::from_millis(300);

/// Time since some fixed moment before the service began.
pub(crate) fn now() -> Duration {
    let t = clock_gettime(ClockId::Monotonic);
    let seconds = u64::try_from(t.tv_sec).unwrap_or(0);
    let nanos = u32::try_from(t.tv_nsec).unwrap_or(0);
    Duration::new(seconds, nanos)
}

/// How long the machine has been suspended so far: the clock that goes on then is ahead by so much.
pub(crate) fn slept() -> Duration {
    let ahead = clock_gettime(ClockId::Boottime);
    let seconds = u64::try_from(ahead.tv_sec).unwrap_or(0);
    let ahead = Duration::new(seconds, u32::try_from(ahead.tv_nsec).unwrap_or(0));
    ahead.saturating_sub(now())
}

/// Whether it was suspended since a moment at which [`slept`] said this much. Both clocks are not read at
/// once, and kernels know how long they slept to a second or so.
pub(crate) fn has_slept_since(before: Duration) -> bool {
    slept().saturating_sub(before) > SLEEP
}

/// The low 32 bits in milliseconds, as input events and frame callbacks carry.
pub(crate) fn milliseconds() -> u32 {
    #[expect(clippy::cast_possible_truncation, reason = "Wayland's event time wraps by design")]
    let low = now().as_millis() as u32;
    low
}
