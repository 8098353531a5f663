//! How often a guest is asked for another display.
//!
//! Setting a mode costs a guest tens of milliseconds and its programs a new layout. While somebody
//! drags a window's edge the sizes come at the rate of its frames; the guest gets the first at once,
//! then the newest of each interval, and always the last.

use std::time::{Duration, Instant};

use crate::present::Display;

/// The least time between two requests to a scanout.
pub const INTERVAL: Duration = Duration::from_millis(250);

/// The displays that wait to be asked for.
#[derive(Debug)]
pub struct Resizes {
    scanouts: Vec<Scanout>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Scanout {
    waiting: Option<Display>,
    /// Nothing is asked before this time.
    rest: Option<Instant>,
}

impl Resizes {
    /// Nothing waits.
    #[must_use]
    pub fn new(scanouts: usize) -> Self {
        Self { scanouts: vec![Scanout::default(); scanouts] }
    }

    /// Somebody wants such a display for a scanout.
    pub fn want(&mut self, scanout: usize, display: Display) {
        if let Some(scanout) = self.scanouts.get_mut(scanout) {
            scanout.waiting = Some(display);
        }
    }

    /// The displays whose time has come.
    pub fn take_due(&mut self, now: Instant) -> Vec<(usize, Display)> {
        let mut due = Vec::new();
        for (index, scanout) in self.scanouts.iter_mut().enumerate() {
            if scanout.rest.is_none_or(|rest| rest <= now)
                && let Some(display) = scanout.waiting.take()
            {
                scanout.rest = Some(now + INTERVAL);
                due.push((index, display));
            }
        }
        due
    }

    /// When the next waiting display is due; none when none waits.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        let waiting = self.scanouts.iter().filter(|scanout| scanout.waiting.is_some());
        waiting.filter_map(|scanout| scanout.rest).min()
    }
}

#[cfg(test)]
mod tests {
    use porthole_pixel::Size;

    use super::*;

    #[test]
    fn the_first_goes_at_once_and_the_last_is_never_lost() {
        let start = Instant::now();
        let size = |width| Display::of_size(Size::new(width, 480));
        let mut resizes = Resizes::new(2);
        assert_eq!(resizes.take_due(start), []);
        resizes.want(0, size(640));
        assert_eq!(resizes.take_due(start), [(0, size(640))]);
        assert_eq!(resizes.deadline(), None, "nothing waits, so no timer runs");
        for width in 641..700 {
            resizes.want(0, size(width));
            assert_eq!(resizes.take_due(start + INTERVAL / 2), []);
        }
        resizes.want(1, size(320));
        assert_eq!(resizes.take_due(start + INTERVAL / 2), [(1, size(320))], "its own interval");
        assert_eq!(resizes.deadline(), Some(start + INTERVAL));
        assert_eq!(resizes.take_due(start + INTERVAL), [(0, size(699))]);
        assert_eq!(resizes.deadline(), None);
        resizes.want(9, size(1));
        assert_eq!(resizes.take_due(start + INTERVAL * 9), []);
    }
}
