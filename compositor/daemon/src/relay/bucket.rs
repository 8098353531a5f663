//! How much a client may send: a sustained rate, and a burst on top.

use std::time::{Duration, Instant};

/// A token bucket, kept as the moment at which it will be full again.
///
/// Taking may go into debt: what was read cannot be given back, so the debt is waited off.
#[derive(Debug)]
struct Bucket {
    per_second: u64,
    burst: Duration,
    full_at: Instant,
}

impl Bucket {
    /// A full bucket of `burst` tokens, to which `per_second` come back.
    fn new(per_second: u64, burst: u64, now: Instant) -> Self {
        let mut bucket =
            Self { per_second: per_second.max(1), burst: Duration::ZERO, full_at: now };
        bucket.burst = bucket.time_of(burst);
        bucket
    }

    fn time_of(&self, tokens: u64) -> Duration {
        let nanos = u128::from(tokens) * 1_000_000_000 / u128::from(self.per_second);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    fn take(&mut self, tokens: u64, now: Instant) {
        self.full_at = self.full_at.max(now) + self.time_of(tokens);
    }

    /// When tokens can be taken again; `None` when they can be now.
    fn wait(&self, now: Instant) -> Option<Instant> {
        let until = self.full_at.checked_sub(self.burst)?;
        (until > now).then_some(until)
    }
}

/// Bytes each second: eight times what a program sends that draws 60 frames each second with a
/// thousand requests each.
const BYTES_PER_SECOND: u64 = 8 << 20;
/// And at once, as programs do when they start or draw a new window.
const BYTES_BURST: u64 = 256 << 10;
/// The shortest request has 8 bytes, so bytes alone would allow a million of them.
const REQUESTS_PER_SECOND: u64 = 100_000;
/// As many as the shortest requests in a burst of bytes.
const REQUESTS_BURST: u64 = BYTES_BURST / 8;
/// Microseconds of the thread's time that requests may take each second, so that dear ones, such as
/// showing large pictures that must be copied, leave as much to others.
const MICROS_PER_SECOND: u64 = 300_000;
/// And at once: many windows that are opened together.
const MICROS_BURST: u64 = 100_000;
/// What the clients of a socket may do together, compared with one of them: who opens many
/// connections gets little more, and one that floods leaves the others of its socket something.
const TOGETHER: u64 = 2;

/// All that is counted.
#[derive(Debug)]
pub(super) struct Share {
    bytes: Bucket,
    requests: Bucket,
    micros: Bucket,
}

impl Share {
    /// What one client may do.
    pub(super) fn of_one(now: Instant) -> Self {
        Self::times(1, now)
    }

    /// What the clients of one socket may do together.
    pub(super) fn of_all(now: Instant) -> Self {
        Self::times(TOGETHER, now)
    }

    fn times(factor: u64, now: Instant) -> Self {
        let bucket = |rate: u64, burst: u64| Bucket::new(rate * factor, burst * factor, now);
        Self {
            bytes: bucket(BYTES_PER_SECOND, BYTES_BURST),
            requests: bucket(REQUESTS_PER_SECOND, REQUESTS_BURST),
            micros: bucket(MICROS_PER_SECOND, MICROS_BURST),
        }
    }

    /// Pays for bytes and requests, and for the time that they took.
    pub(super) fn take(&mut self, bytes: usize, requests: usize, took: Duration, now: Instant) {
        self.bytes.take(bytes as u64, now);
        self.requests.take(requests as u64, now);
        self.micros.take(u64::try_from(took.as_micros()).unwrap_or(u64::MAX), now);
    }

    /// When more can be done; `None` when it can be now.
    pub(super) fn wait(&self, now: Instant) -> Option<Instant> {
        self.bytes.wait(now).max(self.requests.wait(now)).max(self.micros.wait(now))
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
