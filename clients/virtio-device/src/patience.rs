//! Decides when it is worth to look at a queue again before its kick is waited for.
//!
//! A driver that sets up many resources asks at once for more than it was just answered; one that draws
//! sixty pictures a second never does. So after each look in vain, twice as many go by without one.

use std::time::{Duration, Instant};

/// How long a queue that just had work is looked at again.
const POLL: Duration = Duration::from_micros(50);

/// Answers that go by without a look, at most.
const MAX_PAUSE: u32 = 32;

/// See the module's text.
#[derive(Debug, Default)]
pub struct Patience {
    pause: u32,
    skip: u32,
}

impl Patience {
    /// Looks for work for a short while, if that is worth its time; true when there is some.
    pub fn look(&mut self, mut has_work: impl FnMut() -> bool) -> bool {
        if self.skip > 0 {
            self.skip -= 1;
            // One look costs next to nothing.
            return has_work();
        }
        let deadline = Instant::now() + POLL;
        let found = loop {
            if has_work() {
                break true;
            }
            if Instant::now() >= deadline {
                break false;
            }
            std::hint::spin_loop();
        };
        self.pause = if found { 0 } else { (self.pause * 2 + 1).min(MAX_PAUSE) };
        self.skip = self.pause;
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of so many looks were long, of a driver that never asks for more.
    fn long_looks(patience: &mut Patience, looks: u32) -> u32 {
        let mut long = 0;
        for _ in 0..looks {
            let mut count = 0_u32;
            assert!(!patience.look(|| {
                count += 1;
                false
            }));
            long += u32::from(patience.skip == patience.pause && count > 1);
        }
        long
    }

    #[test]
    fn looks_in_vain_become_rare_and_a_find_brings_them_back() {
        let mut patience = Patience::default();
        assert!(long_looks(&mut patience, 320) <= 16);
        while !(patience.skip == 0 && patience.look(|| true)) {
            patience.look(|| false);
        }
        assert_eq!((patience.pause, patience.skip), (0, 0));
    }

    #[test]
    fn work_that_waits_is_always_found() {
        let mut patience = Patience { pause: MAX_PAUSE, skip: MAX_PAUSE };
        assert!(patience.look(|| true));
    }
}
