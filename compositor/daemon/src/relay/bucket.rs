//! How much a client may send: a sustained rate, and a burst on top.

use std::time::{Duration, Instant};

/// A token bucket, kept as the moment at which it will be full again.
///
/// Taking may go into debt: what was read cannot be given back, so the debt is waited off.
#[derive(Debug)]
pub(super) struct Bucket {
    per_second: u64,
    burst: Duration,
    full_at: Instant,
}

impl Bucket {
    /// A full bucket of `burst` tokens, to which `per_second` come back.
    pub(super) fn new(per_second: u64, burst: u64, now: Instant) -> Self {
        let mut bucket =
            Self { per_second: per_second.max(1), burst: Duration::ZERO, full_at: now };
        bucket.burst = bucket.time_of(burst);
        bucket
    }

    fn time_of(&self, tokens: u64) -> Duration {
        let nanos = u128::from(tokens) * 1_000_000_000 / u128::from(self.per_second);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    pub(super) fn take(&mut self, tokens: u64, now: Instant) {
        self.full_at = self.full_at.max(now) + self.time_of(tokens);
    }

    /// When tokens can be taken again; `None` when they can be now.
    pub(super) fn wait(&self, now: Instant) -> Option<Instant> {
        let until = self.full_at.checked_sub(self.burst)?;
        (until > now).then_some(until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_free_and_the_rest_is_waited_for() {
        let start = Instant::now();
        let mut bucket = Bucket::new(1000, 100, start);
        bucket.take(100, start);
        assert_eq!(bucket.wait(start), None);
        bucket.take(50, start);
        let until = bucket.wait(start).unwrap();
        assert_eq!(until - start, Duration::from_millis(50));
        assert_eq!(bucket.wait(until), None);
    }

    #[test]
    fn what_was_saved_is_one_burst_at_most() {
        let start = Instant::now();
        let mut bucket = Bucket::new(1000, 100, start);
        let later = start + Duration::from_secs(3600);
        bucket.take(101, later);
        assert_eq!(bucket.wait(later).unwrap() - later, Duration::from_millis(1));
    }
}
