//! How often the compositor is told how much the device has done: at once where nothing was said for a
//! while, else once an interval, and always the last of it. So it costs next to nothing beside a guest that
//! draws, and nothing at all beside one that does not.

use std::time::{Duration, Instant};

use porthole_client::present::Numbers;

/// The least time between two statements.
const INTERVAL: Duration = Duration::from_secs(1);

/// What was said, and when.
#[derive(Debug, Default)]
pub struct Diary {
    said: Numbers,
    at: Option<Instant>,
    /// Something has changed since.
    owes: bool,
}

impl Diary {
    /// What is to be said now, if anything is.
    pub fn say(&mut self, now: Instant, numbers: Numbers) -> Option<Numbers> {
        self.owes = self.said != numbers;
        if !self.owes || self.rest().is_some_and(|rest| now < rest) {
            return None;
        }
        (self.said, self.at, self.owes) = (numbers, Some(now), false);
        Some(numbers)
    }

    /// When something is to be said; none while there is nothing.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.rest().filter(|_| self.owes)
    }

    fn rest(&self) -> Option<Instant> {
        self.at.map(|at| at + INTERVAL)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn done(commands: u64) -> Numbers {
        Numbers([commands, 0, 0, 0, 0, 0, 0, 0, 0])
    }

    #[test]
    fn what_changed_is_said_once_in_a_second_and_the_last_of_it_always() {
        let (mut diary, start) = (Diary::default(), Instant::now());
        let at = |ms| start + Duration::from_millis(ms);
        assert_eq!(diary.say(at(0), done(0)), None, "nothing was done");
        assert_eq!(diary.deadline(), None);
        assert_eq!(diary.say(at(1), done(1)), Some(done(1)));
        assert_eq!(diary.deadline(), None);
        for ms in 2..900 {
            assert_eq!(diary.say(at(ms), done(ms)), None);
        }
        assert_eq!(diary.deadline(), Some(at(1001)));
        assert_eq!(diary.say(at(1001), done(899)), Some(done(899)));
        assert_eq!(diary.deadline(), None, "nothing runs while nothing changes");
        assert_eq!(diary.say(at(9000), done(899)), None);
        assert_eq!(diary.say(at(9001), done(900)), Some(done(900)));
    }
}
