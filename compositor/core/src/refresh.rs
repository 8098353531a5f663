//! How often a port shows a new frame.

use std::fmt;
use std::time::Duration;

/// A refresh rate, kept in whole millihertz as `wl_output.mode` and `wp_presentation` state it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct Refresh(u32);

impl Refresh {
    /// The slowest rate: 1 Hz.
    pub const MIN: Self = Self(1_000);
    /// The fastest rate: 240 Hz.
    pub const MAX: Self = Self(240_000);
    /// 60 Hz, the rate of a port that names none.
    pub const DEFAULT: Self = Self(60_000);

    /// A rate in Hz; `None` outside [`Refresh::MIN`] to [`Refresh::MAX`] or when not a number.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the range is checked before the cast, so it only drops the fraction"
    )]
    pub fn from_hz(hz: f64) -> Option<Self> {
        let millihertz = (hz * 1000.0).round();
        let range = f64::from(Self::MIN.0)..=f64::from(Self::MAX.0);
        range.contains(&millihertz).then_some(Self(millihertz as u32))
    }

    /// The rate nearest to this one, in millihertz.
    #[must_use]
    pub fn nearest(millihertz: u32) -> Self {
        Self(millihertz.clamp(Self::MIN.0, Self::MAX.0))
    }

    /// The rate in millihertz.
    #[must_use]
    pub const fn millihertz(self) -> u32 {
        self.0
    }

    /// The time from one frame to the next.
    #[must_use]
    pub const fn period(self) -> Duration {
        // The field is private and never 0: every constructor checks the range.
        Duration::from_nanos(1_000_000_000_000 / self.0 as u64)
    }
}

impl Default for Refresh {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl fmt::Display for Refresh {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} Hz", f64::from(self.0) / 1000.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_millihertz_and_refuses_the_rest() {
        assert_eq!(Refresh::from_hz(59.94).unwrap().millihertz(), 59_940);
        assert_eq!(Refresh::from_hz(60.0).unwrap().period(), Duration::from_nanos(16_666_666));
        assert_eq!(Refresh::from_hz(59.94).unwrap().to_string(), "59.94 Hz");
        for bad in [0.0, 0.9, 241.0, -60.0, f64::NAN, f64::INFINITY] {
            assert_eq!(Refresh::from_hz(bad), None);
        }
    }
}
