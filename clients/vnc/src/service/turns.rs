//! Whose update is encoded next, where there is more to encode than time.
//!
//! Time is handed out as start-time fair queueing does it. Each viewer that waits has a place in line:
//! the time that it has had so far, but not less than that of whom was served last, so that nobody
//! saves up time by being away. So a viewer that needs little waits for one update of another one at
//! most, however many there are that need much, and those share evenly what is left.

use std::time::Duration;

/// Encoding in one turn of the loop; then keys and pointers of all viewers are heard first. The
/// update that begins within it is finished.
pub(super) const TURN: Duration = Duration::from_millis(8);

/// What one viewer has had.
#[derive(Debug, Default)]
pub(super) struct Share {
    had: Duration,
    /// Its place in line, while it waits.
    place: Option<Duration>,
}

/// The line.
#[derive(Debug, Default)]
pub(super) struct Turns {
    /// The place of whom was served last.
    now: Duration,
}

impl Turns {
    /// The place of a viewer that waits; whoever has the least comes first.
    pub(super) fn place(&self, share: &mut Share) -> Duration {
        *share.place.get_or_insert(self.now.max(share.had))
    }

    /// A viewer was served, which took so long.
    pub(super) fn served(&mut self, share: &mut Share, cost: Duration) {
        let place = self.place(share);
        self.now = self.now.max(place);
        share.had = place.saturating_add(cost);
        share.place = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Serves viewers that always wait, one at a time, and counts.
    fn serve(turns: &mut Turns, costs: &[u64], shares: &mut [Share], rounds: usize) -> Vec<usize> {
        let mut counts = vec![0; shares.len()];
        for _ in 0..rounds {
            let places = shares.iter_mut().map(|share| turns.place(share));
            let (first, _) = places.enumerate().min_by_key(|(_, place)| *place).unwrap();
            turns.served(&mut shares[first], Duration::from_millis(costs[first]));
            counts[first] += 1;
        }
        counts
    }

    #[test]
    fn time_is_shared_evenly_and_little_ones_wait_for_one_at_most() {
        let (mut turns, mut shares) =
            (Turns::default(), [const { Share { had: Duration::ZERO, place: None } }; 4]);
        // Each gets as much time, so who needs a tenth of it is served ten times as often.
        let counts = serve(&mut turns, &[20, 20, 20, 2], &mut shares, 130);
        assert!(counts[..3].iter().all(|count| (9..=11).contains(count)), "{counts:?}");
        assert!(counts[3] >= 97, "{counts:?}");
    }

    #[test]
    fn nobody_saves_time_up() {
        let (mut turns, mut shares) = (Turns::default(), <[Share; 2]>::default());
        turns.served(&mut shares[0], Duration::from_secs(100));
        turns.served(&mut shares[0], Duration::from_millis(10));
        // The other one was away meanwhile; it comes first, and then they take turns.
        let counts = serve(&mut turns, &[10, 10], &mut shares, 20);
        assert!((9..=11).contains(&counts[0]), "{counts:?}");
        let mut late = Share::default();
        assert!(turns.place(&mut late) >= Duration::from_secs(100));
    }
}
