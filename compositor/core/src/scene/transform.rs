//! Quarter turns and mirroring.

use porthole_pixel::{Rect, Region, Size};

/// What is done to a source picture before it is scaled: mirror left-right first, then rotate
/// clockwise (the order of WFD's pipeline stages 3 and 4).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Default)]
pub enum Transform {
    /// As it is.
    #[default]
    Normal,
    /// Rotated clockwise by 90 degrees.
    Rotate90,
    /// Rotated by 180 degrees.
    Rotate180,
    /// Rotated clockwise by 270 degrees.
    Rotate270,
    /// Mirrored left-right.
    Flipped,
    /// Mirrored left-right, then rotated clockwise by 90 degrees.
    Flipped90,
    /// Mirrored left-right, then rotated by 180 degrees (that is: mirrored top-bottom).
    Flipped180,
    /// Mirrored left-right, then rotated clockwise by 270 degrees.
    Flipped270,
}

impl Transform {
    /// All eight.
    pub const ALL: [Self; 8] = [
        Self::Normal,
        Self::Rotate90,
        Self::Rotate180,
        Self::Rotate270,
        Self::Flipped,
        Self::Flipped90,
        Self::Flipped180,
        Self::Flipped270,
    ];

    /// What shows a buffer upright whose `wl_surface.set_buffer_transform` is `value`.
    ///
    /// The client says what it already did, counter-clockwise; we undo it. A turn is undone by the
    /// same angle clockwise; mirroring with a turn is its own inverse, and its angle changes only
    /// its direction of counting. `None` when the value is none of the protocol's.
    #[must_use]
    pub const fn undo_wayland(value: u32) -> Option<Self> {
        Some(match value {
            0 => Self::Normal,
            1 => Self::Rotate90,
            2 => Self::Rotate180,
            3 => Self::Rotate270,
            4 => Self::Flipped,
            5 => Self::Flipped270,
            6 => Self::Flipped180,
            7 => Self::Flipped90,
            _ => return None,
        })
    }

    /// WFD's attributes: flipped top-bottom, mirrored left-right, then rotated clockwise by a number of
    /// quarter turns.
    #[must_use]
    pub const fn from_wfd((flip, mirror): (bool, bool), quarters: u32) -> Self {
        // Flipped is mirrored and turned by half; flipped and mirrored is turned by half.
        let turned = if flip { 2 } else { 0 };
        Self::of_parts(flip != mirror, quarters % 4 + turned)
    }

    /// Mirrored left-right or not, then rotated clockwise by quarter turns.
    const fn of_parts(mirrored: bool, quarters: u32) -> Self {
        match (mirrored, quarters % 4) {
            (false, 0) => Self::Normal,
            (false, 1) => Self::Rotate90,
            (false, 2) => Self::Rotate180,
            (false, _) => Self::Rotate270,
            (true, 0) => Self::Flipped,
            (true, 1) => Self::Flipped90,
            (true, 2) => Self::Flipped180,
            (true, _) => Self::Flipped270,
        }
    }

    /// Whether it is mirrored left-right, and then by how many quarter turns it is rotated clockwise.
    #[must_use]
    pub const fn parts(self) -> (bool, u32) {
        match self {
            Self::Normal => (false, 0),
            Self::Rotate90 => (false, 1),
            Self::Rotate180 => (false, 2),
            Self::Rotate270 => (false, 3),
            Self::Flipped => (true, 0),
            Self::Flipped90 => (true, 1),
            Self::Flipped180 => (true, 2),
            Self::Flipped270 => (true, 3),
        }
    }

    /// This one, then another.
    #[must_use]
    pub const fn then(self, next: Self) -> Self {
        let (mirrored, quarters) = self.parts();
        let (mirrored_next, quarters_next) = next.parts();
        // A turn before a mirroring is the opposite turn after it.
        let quarters = if mirrored_next { 4 - quarters } else { quarters };
        Self::of_parts(mirrored != mirrored_next, quarters + quarters_next)
    }

    /// Where a rectangle goes when a picture of this size is transformed.
    #[must_use]
    pub fn rect(self, rect: Rect, size: Size) -> Rect {
        let side = |length: u32| i32::try_from(length).unwrap_or(i32::MAX);
        let (width, height) = (side(size.width), side(size.height));
        let (mirrored, quarters) = self.parts();
        let left = if mirrored { width.saturating_sub(rect.right()) } else { rect.x };
        let (right, bottom) = (left.saturating_add(rect.width), rect.bottom());
        match quarters {
            0 => Rect::new(left, rect.y, rect.width, rect.height),
            1 => Rect::new(height.saturating_sub(bottom), left, rect.height, rect.width),
            2 => Rect::new(
                width.saturating_sub(right),
                height.saturating_sub(bottom),
                rect.width,
                rect.height,
            ),
            _ => Rect::new(rect.y, width.saturating_sub(right), rect.height, rect.width),
        }
    }

    /// Where a region goes when a picture of this size is transformed.
    #[must_use]
    pub fn region(self, region: &Region, size: Size) -> Region {
        region.rects().iter().map(|rect| self.rect(*rect, size)).collect()
    }

    /// What `wl_output.transform` calls an output that shows its picture like this: it counts
    /// counter-clockwise.
    #[must_use]
    pub const fn to_wayland(self) -> u32 {
        let (mirrored, quarters) = self.parts();
        (if mirrored { 4 } else { 0 }) + (4 - quarters) % 4
    }

    /// Whether width and height change places.
    #[must_use]
    pub const fn swaps_sides(self) -> bool {
        matches!(self, Self::Rotate90 | Self::Rotate270 | Self::Flipped90 | Self::Flipped270)
    }

    /// The transform that takes the picture back.
    #[must_use]
    pub const fn inverse(self) -> Self {
        match self {
            Self::Rotate90 => Self::Rotate270,
            Self::Rotate270 => Self::Rotate90,
            other => other,
        }
    }

    /// Where a point of the picture goes, both in parts of the whole: (0, 0) is the top left
    /// corner, (1, 1) the bottom right one.
    #[must_use]
    pub fn apply(self, (u, v): (f64, f64)) -> (f64, f64) {
        match self {
            Self::Normal => (u, v),
            Self::Rotate90 => (1.0 - v, u),
            Self::Rotate180 => (1.0 - u, 1.0 - v),
            Self::Rotate270 => (v, 1.0 - u),
            Self::Flipped => (1.0 - u, v),
            Self::Flipped90 => (1.0 - v, 1.0 - u),
            Self::Flipped180 => (u, 1.0 - v),
            Self::Flipped270 => (v, u),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clockwise_turn_takes_the_top_left_corner_to_the_top_right() {
        assert_eq!(Transform::Rotate90.apply((0.0, 0.0)), (1.0, 0.0));
        assert_eq!(Transform::Rotate180.apply((0.0, 0.0)), (1.0, 1.0));
        assert_eq!(Transform::Rotate270.apply((0.0, 0.0)), (0.0, 1.0));
        // Mirrored it is at the top right, turned on it is at the bottom right.
        assert_eq!(Transform::Flipped90.apply((0.0, 0.0)), (1.0, 1.0));
    }

    #[test]
    fn wfd_flips_and_mirrors_first_and_then_rotates() {
        for (flip, mirror) in [(false, false), (false, true), (true, false), (true, true)] {
            for quarters in 0..4 {
                let (mut u, mut v) = (0.25, 0.125);
                v = if flip { 1.0 - v } else { v };
                u = if mirror { 1.0 - u } else { u };
                for _ in 0..quarters {
                    (u, v) = (1.0 - v, u);
                }
                let transform = Transform::from_wfd((flip, mirror), quarters);
                assert_eq!(transform.apply((0.25, 0.125)), (u, v), "{flip} {mirror} {quarters}");
            }
        }
    }

    #[test]
    fn outputs_are_turned_as_the_table_of_the_facts_says() {
        let of = |flip, mirror| {
            [0, 1, 2, 3].map(|q| Transform::from_wfd((flip, mirror), q).to_wayland())
        };
        assert_eq!(of(false, false), [0, 3, 2, 1]);
        assert_eq!(of(false, true), [4, 7, 6, 5]);
        assert_eq!(of(true, false), [6, 5, 4, 7]);
        assert_eq!(of(true, true), [2, 1, 0, 3]);
    }

    #[test]
    fn one_after_the_other_is_both() {
        let point = (0.25, 0.125);
        for first in Transform::ALL {
            for next in Transform::ALL {
                assert_eq!(first.then(next).apply(point), next.apply(first.apply(point)));
            }
        }
    }

    #[test]
    fn rectangles_go_where_their_points_go() {
        let size = Size::new(16, 8);
        for transform in Transform::ALL {
            let rect = transform.rect(Rect::new(2, 1, 4, 3), size);
            let (w, h) = if transform.swaps_sides() { (8.0, 16.0) } else { (16.0, 8.0) };
            let at = |x: f64, y: f64| {
                let (u, v) = transform.apply((x / 16.0, y / 8.0));
                (u * w, v * h)
            };
            let (a, b) = (at(2.0, 1.0), at(6.0, 4.0));
            let (left, top) = (a.0.min(b.0), a.1.min(b.1));
            let (right, bottom) = (a.0.max(b.0), a.1.max(b.1));
            let edges = [rect.left(), rect.top(), rect.right(), rect.bottom()].map(f64::from);
            assert_eq!(edges, [left, top, right, bottom], "{transform:?}");
        }
    }

    #[test]
    fn the_inverse_takes_every_point_back() {
        for transform in Transform::ALL {
            let point = (0.25, 0.125);
            assert_eq!(transform.inverse().apply(transform.apply(point)), point, "{transform:?}");
        }
    }

    #[test]
    fn undoing_what_a_client_did_gives_the_picture_back() {
        // What wl_output.transform values do to a picture: mirror left-right, then rotate
        // counter-clockwise.
        let done = |value: u32, (u, v): (f64, f64)| {
            let (mut u, mut v) = if value >= 4 { (1.0 - u, v) } else { (u, v) };
            for _ in 0..value % 4 {
                (u, v) = (v, 1.0 - u);
            }
            (u, v)
        };
        for value in 0..8 {
            let undo = Transform::undo_wayland(value).unwrap();
            let point = (0.25, 0.125);
            assert_eq!(undo.apply(done(value, point)), point, "{value}");
        }
        assert_eq!(Transform::undo_wayland(8), None);
    }
}
