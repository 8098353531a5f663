//! Who is served first when there is more to do than time.
//!
//! Of two who wait, the one of the higher [`Priority`] is served first; of two of the same, the one
//! that has had less of the time. Who was away for long has saved nothing up: it begins where those
//! are who have had least among the others that wait.

use std::{cmp::Reverse, collections::BTreeMap, time::Duration};

#[cfg(test)]
mod tests;

/// How much more of the time one may have had than another that waits.
const AHEAD: Duration = Duration::from_millis(1);

/// How much something matters, 0 to 9.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct Priority(u8);

impl Priority {
    /// Least.
    pub const LOWEST: Self = Self(0);
    /// Most.
    pub const HIGHEST: Self = Self(9);

    /// A priority from 0 to 9; `None` for other numbers.
    #[must_use]
    pub const fn new(number: u8) -> Option<Self> {
        if number <= Self::HIGHEST.0 { Some(Self(number)) } else { None }
    }

    /// 0 to 9.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }
}

impl Default for Priority {
    /// In the middle.
    fn default() -> Self {
        Self(5)
    }
}

/// How much of the time each has had.
#[derive(Clone, Debug)]
pub struct Turns<K> {
    had: BTreeMap<K, Duration>,
    /// Where who comes back begins: no later than the one who has had least and was served since.
    floor: Duration,
}

impl<K> Default for Turns<K> {
    fn default() -> Self {
        Self { had: BTreeMap::new(), floor: Duration::ZERO }
    }
}

impl<K: Ord + Clone> Turns<K> {
    /// Puts those that wait into the order in which they are served. Who has had much more than another
    /// that waits and matters no less is left for the next turn.
    pub fn order<T>(&mut self, waiting: &mut Vec<T>, who: impl Fn(&T) -> (K, Priority)) {
        let had = |one: &T| {
            let (key, priority) = who(one);
            let had = self.had.get(&key).copied().unwrap_or_default();
            (Reverse(priority), had.max(self.floor))
        };
        let mut sorted: Vec<_> =
            std::mem::take(waiting).into_iter().map(|o| (had(&o), o)).collect();
        sorted.sort_by_key(|(had, _)| *had);
        // The least of those that matter no less; in the end, of all.
        let mut least = Duration::MAX;
        for ((_, had), one) in sorted {
            least = least.min(had);
            if had <= least.saturating_add(AHEAD) {
                waiting.push(one);
            }
        }
        if least < Duration::MAX {
            self.floor = least;
            // Who is not ahead of the floor begins there anyway.
            self.had.retain(|_, had| *had > least);
        }
    }

    /// Notes that somebody was served for so long.
    pub fn spend(&mut self, who: &K, took: Duration) {
        let had = self.had.entry(who.clone()).or_default();
        *had = (*had).max(self.floor).saturating_add(took);
    }
}
