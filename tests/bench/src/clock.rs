//! Time: measurements need it to pass.

use std::thread;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// How often a condition is looked at again.
const INTERVAL: Duration = Duration::from_millis(2);

/// Nanoseconds of `CLOCK_MONOTONIC`, which compositors tell presentation times by.
pub(crate) fn monotonic_ns() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    let whole = |number: i64| u64::try_from(number).unwrap_or_default();
    whole(time.tv_sec) * 1_000_000_000 + whole(time.tv_nsec)
}

/// Lets time pass.
pub(crate) fn pause(span: Duration) {
    pause_until(Instant::now() + span);
}

/// Lets time pass until a moment.
pub(crate) fn pause_until(moment: Instant) {
    // Parking may end early.
    while let Some(rest) =
        moment.checked_duration_since(Instant::now()).filter(|rest| !rest.is_zero())
    {
        thread::park_timeout(rest);
    }
}

/// Waits until something is so; false when it is not so in time.
pub(crate) fn wait_until(patience: Duration, mut look: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + patience;
    loop {
        if look() {
            return true;
        }
        if Instant::now() > deadline {
            return false;
        }
        pause(INTERVAL);
    }
}
