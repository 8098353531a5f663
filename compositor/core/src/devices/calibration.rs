//! From a panel's own places to those of the screen behind it.

use crate::scene::Point;

/// Six numbers `[a, b, c, d, e, f]`, as libinput and udev write them: a place `(x, y)` of the device, each
/// 0 to 1, is at `(a x + b y + c, d x + e y + f)` of the screen.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Calibration([f64; 6]);

impl Default for Calibration {
    fn default() -> Self {
        Self::NONE
    }
}

impl Calibration {
    /// Every place is where the device says.
    pub const NONE: Self = Self([1.0, 0.0, 0.0, 0.0, 1.0, 0.0]);
    /// No number is farther from 0.
    const LARGEST: f64 = 1000.0;

    /// These numbers, unless they would send every place to the same line, or far away.
    #[must_use]
    pub fn new(numbers: [f64; 6]) -> Option<Self> {
        let [a, b, _, d, e, _] = numbers;
        let small = |n: &f64| n.is_finite() && n.abs() <= Self::LARGEST;
        let covers = (a * e - b * d).abs() > 1e-6;
        (numbers.iter().all(small) && covers).then_some(Self(numbers))
    }

    /// Where a place of the device is on the screen, inside of it.
    #[must_use]
    pub fn apply(&self, Point { x, y }: Point) -> Point {
        let [a, b, c, d, e, f] = self.0;
        let inside = |v: f64| if v.is_finite() { v.clamp(0.0, 1.0) } else { 0.0 };
        Point { x: inside(a * x + b * y + c), y: inside(d * x + e * y + f) }
    }
}
