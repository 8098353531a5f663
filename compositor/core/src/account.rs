//! What each guest and each group of programs has used, and what each port has shown: counts, and rates
//! of the last second.
//!
//! Counting is an addition. A rate is worked out when somebody asks, so that nothing has to run for
//! it: the counts of this second and of the one before it are enough.
//!
//! Times are durations since any fixed moment, the same for every call.

use std::time::Duration;

#[cfg(test)]
mod tests;

/// What is counted. Protocol and JSON know each by its number and its [name](Self::name).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
#[repr(u32)]
pub enum Counter {
    /// Requests of the protocol.
    Requests,
    /// Their bytes.
    RequestBytes,
    /// Nanoseconds of the thread that owns all state, spent on them.
    BusyNanoseconds,
    /// How often the socket was not read for a while, because it sent more than it may.
    Pauses,
    /// Pictures that were committed.
    Pictures,
    /// Pictures that a frame of a port took.
    Shown,
    /// Of these, those that a frame took later than at the tick after their commit.
    Late,
    /// Pictures that were replaced before any frame took them.
    Dropped,
    /// How often a picture was put off for layers of a higher priority, on a port that was behind.
    PutOff,
    /// Bytes composed of its pictures.
    ComposedBytes,
    /// Bytes copied out of memory that cannot be mapped safely.
    CopiedBytes,
    /// Pictures that it captured.
    Captures,
    /// Their bytes.
    CapturedBytes,
    /// What it asked for and was refused because of a limit or of the budget.
    Refusals,
}

impl Counter {
    /// All, in the order of their numbers.
    pub const ALL: [Self; 14] = [
        Self::Requests,
        Self::RequestBytes,
        Self::BusyNanoseconds,
        Self::Pauses,
        Self::Pictures,
        Self::Shown,
        Self::Late,
        Self::Dropped,
        Self::PutOff,
        Self::ComposedBytes,
        Self::CopiedBytes,
        Self::Captures,
        Self::CapturedBytes,
        Self::Refusals,
    ];

    /// What it is called.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::RequestBytes => "request_bytes",
            Self::BusyNanoseconds => "busy_ns",
            Self::Pauses => "pauses",
            Self::Pictures => "pictures",
            Self::Shown => "shown",
            Self::Late => "late",
            Self::Dropped => "dropped",
            Self::PutOff => "put_off",
            Self::ComposedBytes => "composed_bytes",
            Self::CopiedBytes => "copied_bytes",
            Self::Captures => "captures",
            Self::CapturedBytes => "captured_bytes",
            Self::Refusals => "refusals",
        }
    }

    const fn index(self) -> usize {
        self as usize
    }
}

/// One count, with its rate.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Meter {
    total: u64,
    /// The second that `now` is of.
    second: u64,
    now: u64,
    /// Of the second before that.
    before: u64,
}

impl Meter {
    const fn turn_to(&mut self, second: u64) {
        if second <= self.second {
            return;
        }
        self.before = if second == self.second + 1 { self.now } else { 0 };
        self.now = 0;
        self.second = second;
    }

    const fn add(&mut self, count: u64, at: Duration) {
        self.turn_to(at.as_secs());
        self.now = self.now.saturating_add(count);
        self.total = self.total.saturating_add(count);
    }

    /// What came in the second before `at`, as if what came in the last whole one had come evenly.
    fn per_second(mut self, at: Duration) -> u64 {
        self.turn_to(at.as_secs());
        let rest = 1_000_000_000 - u128::from(at.subsec_nanos());
        let before = (u128::from(self.before) * rest + 500_000_000) / 1_000_000_000;
        self.now.saturating_add(u64::try_from(before).unwrap_or(u64::MAX))
    }

    fn is_still(&self, at: Duration) -> bool {
        self.per_second(at) == 0 && (self.second + 1 < at.as_secs() || self.now == 0)
    }
}

/// Frames of a port: those that it showed, and those of these that its screen showed late.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Frames {
    shown: Meter,
    late: Meter,
}

impl Frames {
    /// The port shows a frame.
    pub const fn add(&mut self, at: Duration) {
        self.shown.add(1, at);
    }

    /// A frame missed the refresh that it was meant for.
    pub const fn add_late(&mut self, at: Duration) {
        self.late.add(1, at);
    }

    /// Frames that it showed since it is there.
    #[must_use]
    pub const fn shown(&self) -> u64 {
        self.shown.total
    }

    /// How many of these were late.
    #[must_use]
    pub const fn late(&self) -> u64 {
        self.late.total
    }

    /// Both counts, each with what was counted in the last second. The protocol has them in this order.
    #[must_use]
    pub fn values(&self, at: Duration) -> [(u64, u64); 2] {
        [self.shown, self.late].map(|meter| (meter.total, meter.per_second(at)))
    }

    /// Whether all rates are zero, and stay so until something is counted.
    #[must_use]
    pub fn is_still(&self, at: Duration) -> bool {
        [self.shown, self.late].iter().all(|meter| meter.is_still(at))
    }
}

/// What one guest or group of programs has used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Account {
    meters: [Meter; Counter::ALL.len()],
    changes: u64,
}

impl Account {
    /// Counts.
    pub fn add(&mut self, counter: Counter, count: u64, at: Duration) {
        if count == 0 {
            return;
        }
        self.changes = self.changes.wrapping_add(1);
        if let Some(meter) = self.meters.get_mut(counter.index()) {
            meter.add(count, at);
        }
    }

    /// All that was counted since the account was opened.
    #[must_use]
    pub fn total(&self, counter: Counter) -> u64 {
        self.meters.get(counter.index()).map_or(0, |meter| meter.total)
    }

    /// What was counted in the last second.
    #[must_use]
    pub fn per_second(&self, counter: Counter, at: Duration) -> u64 {
        self.meters.get(counter.index()).map_or(0, |meter| meter.per_second(at))
    }

    /// Another number whenever something was counted.
    #[must_use]
    pub const fn changes(&self) -> u64 {
        self.changes
    }

    /// Whether all rates are zero, and stay so until something is counted.
    #[must_use]
    pub fn is_still(&self, at: Duration) -> bool {
        self.meters.iter().all(|meter| meter.is_still(at))
    }
}
