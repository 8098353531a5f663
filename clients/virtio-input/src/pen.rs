//! Where a pen is and how it is held.

use crate::codes::{ABS_DISTANCE, ABS_PRESSURE, ABS_TILT_X, ABS_TILT_Y, ABS_X, ABS_Y, EV_ABS};
use crate::event::Event;
use crate::kind::{ABS_MAX, TILT_MAX};

/// Where a pen is and how it is held. Values that are too large are cut.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PenPlace {
    /// Its other end is meant.
    pub rubber: bool,
    /// From the left; 0 to [`ABS_MAX`] across the scanout.
    pub x: u16,
    /// From the top.
    pub y: u16,
    /// How hard it is pressed, 0 to [`ABS_MAX`].
    pub pressure: u16,
    /// How far it is above the screen, 0 to [`ABS_MAX`].
    pub distance: u16,
    /// How it leans to the right and down, in degrees up to [`TILT_MAX`].
    pub tilt: (i8, i8),
}

impl PenPlace {
    pub(crate) fn events(self) -> Vec<Event> {
        let part = |value: u16| i32::from(value.min(ABS_MAX));
        let lean = |degrees: i8| i32::from(degrees.clamp(-TILT_MAX, TILT_MAX));
        let all = [
            (ABS_X, part(self.x)),
            (ABS_Y, part(self.y)),
            (ABS_PRESSURE, part(self.pressure)),
            (ABS_DISTANCE, part(self.distance)),
            (ABS_TILT_X, lean(self.tilt.0)),
            (ABS_TILT_Y, lean(self.tilt.1)),
        ];
        all.into_iter().map(|(code, value)| Event::new(EV_ABS, code, value)).collect()
    }
}
