//! When video memory is looked at next.
//!
//! Nobody tells of writes to memory that the guest has mapped, so it is looked at: at the rate of a screen
//! while something changes, and less and less often while nothing does. A cursor that blinks is looked at
//! little more often than nothing at all: only what changes at each look is looked at more often.

use std::time::Duration;

/// Times between two looks, and after how many in vain the next one follows.
const STEPS: [(Duration, u32); 5] = [
    (Duration::from_millis(16), 8),
    (Duration::from_millis(33), 4),
    (Duration::from_millis(66), 1),
    (Duration::from_millis(125), 1),
    (Duration::from_millis(250), u32::MAX),
];
/// After a mode was set, for as many looks: firmware's first picture is about to come.
const HASTE: (Duration, u32) = (Duration::from_millis(4), 24);
/// While nobody sees it, or somebody else has the screen.
const ASIDE: Duration = Duration::from_millis(500);

/// See the module's text.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Pace {
    step: usize,
    in_vain: u32,
    /// Looks that are left of [`HASTE`].
    hasty: u32,
}

impl Pace {
    /// A mode was set.
    pub(crate) const fn hurry(&mut self) {
        self.poke();
        self.hasty = HASTE.1;
    }

    /// Something is about to change.
    pub(crate) const fn poke(&mut self) {
        (self.step, self.in_vain) = (0, 0);
    }

    /// How a look went.
    pub(crate) fn looked(&mut self, changed: bool) {
        if self.hasty > 0 {
            self.hasty -= 1;
            return;
        }
        let (_, patience) = self.current();
        if changed {
            (self.step, self.in_vain) = (self.step.saturating_sub(1), 0);
            return;
        }
        self.in_vain = self.in_vain.saturating_add(1);
        if self.in_vain >= patience {
            (self.step, self.in_vain) = (self.step.saturating_add(1).min(STEPS.len() - 1), 0);
        }
    }

    fn current(self) -> (Duration, u32) {
        if self.hasty > 0 {
            return HASTE;
        }
        STEPS.get(self.step).copied().unwrap_or((ASIDE, u32::MAX))
    }

    /// How long to wait from one look to the next.
    pub(crate) fn interval(self, watched: bool) -> Duration {
        if watched { self.current().0 } else { ASIDE }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many looks a picture takes in ten seconds that changes every so often.
    fn looks(change: Option<Duration>) -> u32 {
        let mut pace = Pace::default();
        (0..100).for_each(|_| pace.looked(false));
        let (mut now, mut seen, mut looks) = (Duration::ZERO, 0, 0);
        while now < Duration::from_secs(10) {
            let number = change.map_or(0, |change| now.as_millis() / change.as_millis());
            pace.looked(std::mem::replace(&mut seen, number) != number);
            looks += 1;
            now += pace.interval(true);
        }
        looks
    }

    #[test]
    fn what_is_quiet_is_looked_at_four_times_a_second() {
        assert_eq!(looks(None), 40);
        // A cursor blinks.
        let blinking = looks(Some(Duration::from_millis(266)));
        assert!(blinking < 80, "{blinking}");
        // A film runs.
        let film = looks(Some(Duration::from_millis(16)));
        assert!(film > 500, "{film}");
    }

    #[test]
    fn a_poke_is_seen_at_once() {
        let mut pace = Pace::default();
        (0..100).for_each(|_| pace.looked(false));
        assert_eq!(pace.interval(true), Duration::from_millis(250));
        assert_eq!(pace.interval(false), ASIDE);
        pace.poke();
        assert_eq!(pace.interval(true), Duration::from_millis(16));
        let mut spent = Duration::ZERO;
        while pace.interval(true) < Duration::from_millis(250) {
            spent += pace.interval(true);
            pace.looked(false);
        }
        assert!(spent < Duration::from_secs(1), "{spent:?}");
    }

    #[test]
    fn a_mode_is_looked_at_in_haste_and_then_as_ever() {
        let mut pace = Pace::default();
        pace.hurry();
        assert_eq!((pace.interval(true), pace.interval(false)), (HASTE.0, ASIDE));
        (0..HASTE.1).for_each(|look| pace.looked(look % 3 == 0));
        assert_eq!(pace, Pace::default());
    }
}
