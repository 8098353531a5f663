//! How much a client may send: a sustained rate, and a burst on top.

use std::time::{Duration, Instant};

use porthole_core::config::Quota;

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
/// As many as the shortest requests in a burst of bytes.
const REQUESTS_BURST: u64 = BYTES_BURST / 8;
/// Pictures at once: as many as come in a quarter of a second, and some for who has few.
const PICTURES_PART: u64 = 4;
const PICTURES_LEAST: u64 = 8;
/// Microseconds of the thread's time that requests may take each second, so that dear ones, such as
/// showing large pictures that must be copied, leave as much to others.
const MICROS_PER_SECOND: u64 = 300_000;
/// And at once: many windows that are opened together.
const MICROS_BURST: u64 = 100_000;
/// What the clients of a socket may do together, compared with one of them: who opens many
/// connections gets little more, and one that floods leaves the others of its socket something.
const TOGETHER: u64 = 2;

/// All that is counted. Of requests and pictures there are as many in a second as the quota says: the
/// shortest request has 8 bytes, so bytes alone would allow a million.
#[derive(Debug)]
pub(super) struct Share {
    bytes: Bucket,
    requests: Bucket,
    pictures: Bucket,
    micros: Bucket,
}

/// What was taken at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taken {
    pub(super) bytes: usize,
    pub(super) requests: usize,
    pub(super) pictures: u64,
    pub(super) took: Duration,
}

impl Share {
    /// What one client may do.
    pub(super) fn of_one(quota: &Quota, now: Instant) -> Self {
        Self::times(1, quota, now)
    }

    /// What the clients of one socket may do together.
    pub(super) fn of_all(quota: &Quota, now: Instant) -> Self {
        Self::times(TOGETHER, quota, now)
    }

    fn times(factor: u64, quota: &Quota, now: Instant) -> Self {
        let bucket = |rate: u64, burst: u64| Bucket::new(rate * factor, burst * factor, now);
        let (requests, pictures) = (u64::from(quota.requests), u64::from(quota.pictures));
        Self {
            bytes: bucket(BYTES_PER_SECOND, BYTES_BURST),
            requests: bucket(requests, REQUESTS_BURST.min(requests)),
            pictures: bucket(pictures, (pictures / PICTURES_PART).max(PICTURES_LEAST)),
            micros: bucket(MICROS_PER_SECOND, MICROS_BURST),
        }
    }

    /// Pays for what was taken, and for the time that it took.
    pub(super) fn take(&mut self, taken: Taken, now: Instant) {
        self.bytes.take(taken.bytes as u64, now);
        self.requests.take(taken.requests as u64, now);
        self.pictures.take(taken.pictures, now);
        self.micros.take(u64::try_from(taken.took.as_micros()).unwrap_or(u64::MAX), now);
    }

    /// When more can be done; `None` when it can be now.
    pub(super) fn wait(&self, now: Instant) -> Option<Instant> {
        let waits = [&self.bytes, &self.requests, &self.pictures, &self.micros];
        waits.into_iter().filter_map(|bucket| bucket.wait(now)).max()
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

    #[test]
    fn pictures_have_a_rate_of_their_own() {
        let start = Instant::now();
        let quota = Quota { pictures: 60, ..Quota::default() };
        let mut share = Share::of_one(&quota, start);
        let one = Taken { bytes: 100, requests: 3, pictures: 1, took: Duration::from_micros(20) };
        // Who is in time never waits.
        for tick in 0..600 {
            let now = start + Duration::from_nanos(tick * 16_666_667);
            assert_eq!(share.wait(now), None, "{tick}");
            share.take(one, now);
        }
        let now = start + Duration::from_secs(20);
        (0..75).for_each(|_| share.take(one, now));
        let wait = share.wait(now).unwrap() - now;
        assert_eq!(wait.as_millis().div_ceil(10), 100);
        assert_eq!(Share::of_all(&quota, start).wait(start), None);
    }
}
