//! Whether a row of numbers grows.

/// How many numbers there must be to say anything.
const ENOUGH: usize = 6;

/// A row of numbers at its beginning and at its end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Trend {
    /// The median of the first third.
    pub(crate) first: f64,
    /// The median of the last third.
    pub(crate) last: f64,
}

/// How much more the end may be than the beginning.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slack {
    /// As a part of the beginning.
    pub(crate) part: f64,
    /// In the numbers' own unit.
    pub(crate) more: f64,
}

impl Trend {
    /// The trend of a row; none if it is too short to say.
    ///
    /// The first number is left out: caches and pools fill in the first round.
    pub(crate) fn of(row: &[f64]) -> Option<Trend> {
        let row = row.get(1..).filter(|row| row.len() >= ENOUGH)?;
        let third = row.len() / 3;
        let first = median(row.get(..third)?)?;
        let last = median(row.get(row.len() - third..)?)?;
        Some(Trend { first, last })
    }

    /// Whether the end is within the slack of the beginning.
    pub(crate) fn is_flat(&self, slack: Slack) -> bool {
        self.last <= self.first * (1.0 + slack.part) + slack.more
    }
}

/// The middle of some numbers, the lower one of two: one that stands out among few says nothing.
pub(crate) fn median(row: &[f64]) -> Option<f64> {
    let mut sorted = row.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len().checked_sub(1)? / 2).copied()
}

/// The number that so many per cent of a row do not exceed.
pub(crate) fn at(row: &[f64], per_cent: usize) -> Option<f64> {
    let mut sorted = row.to_vec();
    sorted.sort_by(f64::total_cmp);
    let index = (sorted.len() * per_cent / 100).min(sorted.len().checked_sub(1)?);
    sorted.get(index).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLACK: Slack = Slack { part: 0.1, more: 2.0 };

    #[test]
    fn noise_is_flat_and_growth_is_not() {
        let noise = [90.0, 10.0, 11.0, 9.0, 10.0, 12.0, 9.0, 10.0, 11.0, 10.0];
        assert_eq!(Trend::of(&noise).map(|trend| trend.is_flat(SLACK)), Some(true));
        let leak: Vec<f64> = (0..12).map(|n| 10.0 + f64::from(n)).collect();
        assert_eq!(Trend::of(&leak).map(|trend| trend.is_flat(SLACK)), Some(false));
    }

    #[test]
    fn a_peak_in_the_middle_is_no_growth() {
        let row = [5.0, 5.0, 5.0, 5.0, 99.0, 99.0, 5.0, 5.0, 5.0];
        assert_eq!(Trend::of(&row), Some(Trend { first: 5.0, last: 5.0 }));
    }

    #[test]
    fn one_that_stands_out_is_no_growth() {
        let row = [5.0, 5.0, 5.0, 5.0, 5.0, 5.0, 99.0];
        assert_eq!(Trend::of(&row), Some(Trend { first: 5.0, last: 5.0 }));
    }

    #[test]
    fn a_short_row_says_nothing() {
        assert_eq!(Trend::of(&[1.0; ENOUGH]), None);
        assert!(Trend::of(&[1.0; ENOUGH + 1]).is_some());
        assert_eq!(median(&[]), None);
    }

    #[test]
    fn per_cents_are_by_rank() {
        let row: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        assert_eq!(
            (at(&row, 50), at(&row, 99), at(&row, 100)),
            (Some(51.0), Some(100.0), Some(100.0))
        );
    }
}
