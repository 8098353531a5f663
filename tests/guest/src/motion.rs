//! Pictures that move, for measurements of the way from a guest to a viewer.
//!
//! Every frame has a number, which a small square tells by its colour: who sees the picture knows which
//! frame it is, whatever lay in between.

use std::fmt;
use std::str::FromStr;

use crate::pattern::Area;

/// The sides of the square that tells the number.
pub const MARK: u32 = 8;

/// What changes from frame to frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Motion {
    /// A square of 64 by 64 pixels in the middle changes.
    Small,
    /// A window of 400 by 300 pixels moves over the picture that was there before.
    Window,
    /// Every pixel changes.
    Film,
    /// The same with two pages, of which one is shown and one is drawn.
    Flip,
}

/// A motion's name that does not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownMotion(pub String);

impl fmt::Display for UnknownMotion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "there is no motion named \"{}\"", self.0)
    }
}

impl std::error::Error for UnknownMotion {}

impl Motion {
    /// All motions.
    pub const ALL: [Motion; 4] = [Motion::Small, Motion::Window, Motion::Film, Motion::Flip];

    /// The name used on the guest's control port.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Motion::Small => "small",
            Motion::Window => "window",
            Motion::Film => "film",
            Motion::Flip => "flip",
        }
    }

    /// What is drawn in a frame of a picture that is `width` by `height` pixels large. The square with
    /// the number is in its upper left corner.
    #[must_use]
    pub fn area(self, frame: u32, width: u32, height: u32) -> Area {
        let (wide, high) = match self {
            Motion::Small => (64, 64),
            Motion::Window => (400, 300),
            Motion::Film | Motion::Flip => return Area::whole(width, height),
        };
        let (wide, high) = (width.min(wide), height.min(high));
        let (right, down) = (width - wide, height - high);
        match self {
            Motion::Window => {
                let (x, y) = (there_and_back(frame, 5, right), there_and_back(frame, 3, down));
                Area { x, y, width: wide, height: high }
            }
            _ => Area { x: right / 2, y: down / 2, width: wide, height: high },
        }
    }
}

/// A place between 0 and `end` that moves by `step` each frame.
fn there_and_back(frame: u32, step: u32, end: u32) -> u32 {
    if end == 0 {
        return 0;
    }
    let way = frame.wrapping_mul(step) % (2 * end);
    way.min(2 * end - way)
}

/// The colour (red, green, blue) that tells a frame's number, up to 2²⁴.
#[must_use]
pub const fn mark(frame: u32) -> [u8; 3] {
    // An odd factor has an inverse, so no two numbers share a colour.
    let [red, green, blue, _] = frame.wrapping_mul(0x9e_3779).to_le_bytes();
    [red, green, blue]
}

impl fmt::Display for Motion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Motion {
    type Err = UnknownMotion;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let found = Motion::ALL.into_iter().find(|motion| motion.name() == name);
        found.ok_or_else(|| UnknownMotion(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_colours_of_their_own() {
        let marks: std::collections::HashSet<_> = (0..50_000).map(mark).collect();
        assert_eq!(marks.len(), 50_000);
    }

    #[test]
    fn what_is_drawn_lies_in_the_picture() {
        for motion in Motion::ALL {
            assert_eq!(motion.name().parse(), Ok(motion));
            for (width, height) in [(1920, 1080), (400, 300), (17, 9)] {
                for frame in (0..5000).chain([u32::MAX]) {
                    let area = motion.area(frame, width, height);
                    assert!(area.x + area.width <= width && area.y + area.height <= height);
                }
            }
        }
    }

    #[test]
    fn a_window_moves_by_little() {
        let at = |frame| Motion::Window.area(frame, 1920, 1080);
        assert!((0..2000).all(|n| at(n).x.abs_diff(at(n + 1).x) <= 5 && at(n) != at(n + 1)));
    }
}
