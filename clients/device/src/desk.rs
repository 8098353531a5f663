//! How the guest's displays lie side by side.
//!
//! A guest has one tablet for all its displays, and spreads it over all of them. It is told
//! that they stand in a row from left to right, tops aligned, so that is where a position on one of
//! them is looked up.

use porthole_input_device::ABS_MAX;
use porthole_pixel::Size;

/// The displays that show something.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Desk {
    displays: Vec<Option<Size>>,
}

impl Desk {
    /// So many displays, which show nothing.
    #[must_use]
    pub fn new(displays: usize) -> Self {
        Self { displays: vec![None; displays] }
    }

    /// A display shows a picture of this size, or nothing.
    pub fn set(&mut self, display: usize, size: Option<Size>) {
        if let Some(place) = self.displays.get_mut(display) {
            *place = size;
        }
    }

    /// Where a point of a display (0 to 1 each way) lies on the tablet.
    #[must_use]
    pub fn locate(&self, display: usize, x: f64, y: f64) -> (u16, u16) {
        let width = |size: &Size| f64::from(size.width);
        let shown = || self.displays.iter().flatten();
        let Some(Some(own)) = self.displays.get(display) else {
            return (axis(x), axis(y));
        };
        let left: f64 = self.displays.iter().take(display).flatten().map(width).sum();
        let total: f64 = shown().map(width).sum();
        let tallest = shown().map(|size| size.height).max().map_or(0.0, f64::from);
        let across = (left + x.clamp(0.0, 1.0) * width(own)) / total;
        let down = y.clamp(0.0, 1.0) * f64::from(own.height) / tallest;
        (axis(across), axis(down))
    }
}

/// A fraction as a value of an axis. What is no number counts as 0.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the value lies between 0 and ABS_MAX"
)]
fn axis(fraction: f64) -> u16 {
    let fraction = if fraction.is_nan() { 0.0 } else { fraction.clamp(0.0, 1.0) };
    (fraction * f64::from(ABS_MAX)).round() as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_display_is_the_whole_tablet() {
        let mut desk = Desk::new(1);
        desk.set(0, Some(Size::new(1280, 720)));
        assert_eq!(desk.locate(0, 0.0, 1.0), (0, ABS_MAX));
        assert_eq!(desk.locate(0, 0.5, 2.0), (16384, ABS_MAX));
        assert_eq!(desk.locate(0, f64::NAN, -1.0), (0, 0));
    }

    #[test]
    fn displays_stand_in_a_row() {
        let mut desk = Desk::new(3);
        desk.set(0, Some(Size::new(1000, 500)));
        desk.set(2, Some(Size::new(1000, 1000)));
        assert_eq!(desk.locate(0, 1.0, 1.0), (16384, 16384));
        assert_eq!(desk.locate(2, 0.0, 0.0), (16384, 0));
        assert_eq!(desk.locate(2, 1.0, 1.0), (ABS_MAX, ABS_MAX));
        desk.set(2, None);
        assert_eq!(desk.locate(0, 1.0, 1.0), (ABS_MAX, ABS_MAX));
        assert_eq!(desk.locate(9, 1.0, 0.0), (ABS_MAX, 0));
    }
}
