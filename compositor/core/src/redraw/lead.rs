//! How long frames take, as far as it is known.

use std::time::Duration;

/// What handing over and waking up may take besides drawing.
const SLACK: Duration = Duration::from_millis(1);
/// What was long once may be so again; it is forgotten by this part with each frame.
const FORGET: u32 = 32;

/// The time that the next frame should be given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Lead(Duration);

impl Lead {
    /// Nothing is known.
    pub(super) const fn new() -> Self {
        Self(Duration::ZERO)
    }

    /// A frame took this long.
    pub(super) fn took(&mut self, took: Duration, period: Duration) {
        let wanted = took.saturating_add(took / 4).saturating_add(SLACK);
        self.0 = wanted.max(self.0 - self.0 / FORGET);
        self.0 = self.of(period);
    }

    /// At a port of this period. It is never all of that: one that takes longer is late whenever it begins,
    /// and what comes in meanwhile would wait for nothing.
    pub(super) fn of(self, period: Duration) -> Duration {
        self.0.min(period * 3 / 4)
    }
}
