//! The one clock of the service: CLOCK_MONOTONIC, as `wp_presentation` announces it.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// The clock's number for `wp_presentation.clock_id` (`CLOCK_MONOTONIC` of linux/time.h).
pub(crate) const ID: u32 = 1;

/// Longer than between two readings of the clocks. Kernels know how long they slept to a second or so.
const SLEEP: Duration = Duration::from_millis(300);

/// Time since some fixed moment before the service began.
pub(crate) fn now() -> Duration {
    let t = clock_gettime(ClockId::Monotonic);
    let seconds = u64::try_from(t.tv_sec).unwrap_or(0);
    let nanos = u32::try_from(t.tv_nsec).unwrap_or(0);
    Duration::new(seconds, nanos)
}

/// How long the machine has been suspended so far: the clock that goes on then is ahead by so much.
fn slept() -> Duration {
    let ahead = clock_gettime(ClockId::Boottime);
    let seconds = u64::try_from(ahead.tv_sec).unwrap_or(0);
    let ahead = Duration::new(seconds, u32::try_from(ahead.tv_nsec).unwrap_or(0));
    ahead.saturating_sub(now())
}

/// That the machine was suspended, noticed when it is asked. It is asked of what was late only: each reading
/// of a clock costs something.
#[derive(Debug)]
pub(crate) struct Sleeps {
    known: Duration,
    noticed: Option<Duration>,
}

impl Sleeps {
    pub(crate) fn new() -> Self {
        Self { known: slept(), noticed: None }
    }

    /// Whether what began at a moment may have been slept over. A sleep that nobody has asked about yet may
    /// have been before that, and be an excuse once.
    pub(crate) fn since(&mut self, moment: Duration) -> bool {
        self.notice(slept(), now());
        self.noticed.is_some_and(|noticed| noticed >= moment)
    }

    fn notice(&mut self, slept: Duration, now: Duration) {
        if slept.saturating_sub(self.known) > SLEEP {
            *self = Self { known: slept, noticed: Some(now) };
        }
    }
}

/// The low 32 bits in milliseconds, as input events and frame callbacks carry.
pub(crate) fn milliseconds() -> u32 {
    #[expect(clippy::cast_possible_truncation, reason = "Wayland's event time wraps by design")]
    let low = now().as_millis() as u32;
    low
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sleep_excuses_what_began_before_it_was_noticed() {
        let mut sleeps = Sleeps::new();
        assert!(!sleeps.since(Duration::ZERO), "nobody sleeps while tests run");
        let (known, now) = (sleeps.known, now());
        sleeps.notice(known + SLEEP, now);
        assert!(!sleeps.since(Duration::ZERO), "the clocks may differ by so much");
        sleeps.known = Duration::ZERO;
        sleeps.notice(SLEEP + Duration::from_nanos(1), now);
        sleeps.known = known;
        assert!(sleeps.since(now));
        assert!(!sleeps.since(now + Duration::from_nanos(1)), "it began later");
    }
}
