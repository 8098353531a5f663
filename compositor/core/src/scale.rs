//! How large programs draw on a port.

use std::fmt;

/// Port pixels for each of a surface's own coordinates, in steps of 1/120 (as
/// `wp_fractional_scale_v1` counts), from 1 to 4.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct Scale(u32);

const STEPS: f64 = 120.0;

impl Scale {
    /// `None` when the number is out of range or no multiple of 1/120.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the number is between 120 and 480"
    )]
    pub fn new(scale: f64) -> Option<Self> {
        if !(1.0..=4.0).contains(&scale) {
            return None;
        }
        let steps = (scale * STEPS).round();
        // A decimal number has at most a few digits for what may be a third.
        ((steps / STEPS - scale).abs() < 1e-3).then_some(Self(steps as u32))
    }

    /// In steps of 1/120.
    #[must_use]
    pub const fn steps(self) -> u32 {
        self.0
    }

    /// As a factor.
    #[must_use]
    pub fn factor(self) -> f64 {
        f64::from(self.0) / STEPS
    }

    /// So many port pixels in a surface's coordinates: the nearest whole number, at least 1.
    #[must_use]
    pub fn to_surface(self, pixels: u32) -> u32 {
        let steps = u64::from(self.0).max(1);
        let nearest = (u64::from(pixels) * 240 + steps) / (2 * steps);
        u32::try_from(nearest.max(1)).unwrap_or(u32::MAX)
    }
}

impl Default for Scale {
    fn default() -> Self {
        Self(120)
    }
}

impl fmt::Display for Scale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.factor().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_steps_of_a_hundred_and_twentieth() {
        assert_eq!(Scale::new(1.5).map(Scale::steps), Some(180));
        assert_eq!(Scale::new(1.25).map(Scale::steps), Some(150));
        assert_eq!(Scale::new(1.333).map(Scale::steps), Some(160), "four thirds");
        for wrong in [0.0, 0.99, 4.01, -1.0, 1.004, f64::NAN, f64::INFINITY] {
            assert_eq!(Scale::new(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn pixels_become_the_nearest_coordinates() {
        let scale = Scale::new(1.5).unwrap();
        assert_eq!(
            (scale.to_surface(1920), scale.to_surface(721), scale.to_surface(1)),
            (1280, 481, 1)
        );
        assert_eq!(Scale::default().to_surface(u32::MAX), u32::MAX);
    }
}
