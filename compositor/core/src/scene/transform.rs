//! Quarter turns and mirroring.

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
