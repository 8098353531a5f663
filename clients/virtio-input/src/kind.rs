//! The five devices and what each can do.

use crate::codes::{
    ABS_DISTANCE, ABS_MT_POSITION_X, ABS_MT_POSITION_Y, ABS_MT_SLOT, ABS_MT_TRACKING_ID,
    ABS_PRESSURE, ABS_TILT_X, ABS_TILT_Y, ABS_X, ABS_Y, BTN_LEFT, BTN_STYLUS, BTN_STYLUS2,
    BTN_STYLUS3, BTN_TASK, BTN_TOOL_PEN, BTN_TOOL_RUBBER, BTN_TOUCH, EV_ABS, EV_KEY, EV_LED,
    EV_REL, EV_REP, INPUT_PROP_DIRECT, LED_CAPSL, LED_NUML, LED_SCROLLL, REL_HWHEEL,
    REL_HWHEEL_HI_RES, REL_WHEEL, REL_WHEEL_HI_RES, REL_X, REL_Y,
};

/// The largest value of a position; 0 is the left or upper edge.
pub const ABS_MAX: u16 = 32767;

/// How many fingers the touch screen follows.
pub const SLOTS: u8 = 10;

/// Largest tracking id before it starts over.
pub(crate) const MAX_TRACKING_ID: u16 = u16::MAX;

/// Which device it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// All keys that Linux names, three lamps.
    Keyboard,
    /// An absolute pointer with eight buttons and two wheels.
    Tablet,
    /// A relative pointer with the same buttons and wheels.
    Mouse,
    /// A screen for [`SLOTS`] fingers, protocol type B.
    Touch,
    /// A pen on the screen, with its other end and three buttons.
    Pen,
}

/// How far a pen leans at most, in degrees.
pub const TILT_MAX: i8 = 90;

/// Places of a pen to a millimetre, as if the screen were a third of a metre wide: libinput takes no tablet
/// that does not know its size.
const PEN_RESOLUTION: u32 = 100;

/// Degrees in a radian, which is how libinput reads what leans.
const TILT_RESOLUTION: u32 = 57;

/// An axis: its least and largest value, and how many of them are a unit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Axis {
    pub(crate) min: i32,
    pub(crate) max: i32,
    pub(crate) resolution: u32,
}

impl Kind {
    /// A product number of its own, so that rules in the guest can tell the devices apart.
    pub(crate) fn product(self) -> u16 {
        match self {
            Self::Keyboard => 1,
            Self::Tablet => 2,
            Self::Touch => 3,
            Self::Mouse => 4,
            Self::Pen => 5,
        }
    }

    /// Whether the device can send this key or button.
    #[must_use]
    pub fn has_key(self, code: u16) -> bool {
        match self {
            Self::Keyboard => is_keyboard_key(code),
            Self::Tablet | Self::Mouse => (BTN_LEFT..=BTN_TASK).contains(&code),
            Self::Touch => code == BTN_TOUCH,
            Self::Pen => is_pens_own(code) || matches!(code, BTN_TOOL_PEN | BTN_TOOL_RUBBER),
        }
    }

    /// The codes of an event type that the device knows; empty when it has no such type.
    pub(crate) fn codes(self, event_type: u16) -> Vec<u16> {
        match (self, event_type) {
            (_, EV_KEY) => (0..=LAST_KEY).filter(|code| self.has_key(*code)).collect(),
            (Self::Keyboard, EV_LED) => vec![LED_NUML, LED_CAPSL, LED_SCROLLL],
            // Delay and period: the guest repeats keys by itself, no repeats come from here.
            (Self::Keyboard, EV_REP) => vec![0, 1],
            (Self::Tablet, EV_REL) => {
                vec![REL_HWHEEL, REL_WHEEL, REL_WHEEL_HI_RES, REL_HWHEEL_HI_RES]
            }
            (Self::Mouse, EV_REL) => {
                let wheels = Self::Tablet.codes(EV_REL);
                [REL_X, REL_Y].into_iter().chain(wheels).collect()
            }
            (Self::Tablet, EV_ABS) => vec![ABS_X, ABS_Y],
            (Self::Touch, EV_ABS) => {
                vec![ABS_MT_SLOT, ABS_MT_POSITION_X, ABS_MT_POSITION_Y, ABS_MT_TRACKING_ID]
            }
            (Self::Pen, EV_ABS) => {
                vec![ABS_X, ABS_Y, ABS_PRESSURE, ABS_DISTANCE, ABS_TILT_X, ABS_TILT_Y]
            }
            _ => Vec::new(),
        }
    }

    /// The `INPUT_PROP_*` of the device.
    pub(crate) fn properties(self) -> Vec<u16> {
        match self {
            Self::Touch | Self::Pen => vec![INPUT_PROP_DIRECT],
            Self::Keyboard | Self::Tablet | Self::Mouse => Vec::new(),
        }
    }

    /// An axis, when the device has it.
    pub(crate) fn axis(self, code: u16) -> Option<Axis> {
        if !self.codes(EV_ABS).contains(&code) {
            return None;
        }
        let to = |max: u16| Axis { min: 0, max: i32::from(max), resolution: 0 };
        let tilt = i32::from(TILT_MAX);
        Some(match code {
            ABS_MT_SLOT => to(u16::from(SLOTS).saturating_sub(1)),
            ABS_MT_TRACKING_ID => to(MAX_TRACKING_ID),
            ABS_X | ABS_Y if self == Self::Pen => {
                Axis { resolution: PEN_RESOLUTION, ..to(ABS_MAX) }
            }
            ABS_TILT_X | ABS_TILT_Y => Axis { min: -tilt, max: tilt, resolution: TILT_RESOLUTION },
            _ => to(ABS_MAX),
        })
    }
}

/// The tip and the buttons of a pen.
pub(crate) const fn is_pens_own(code: u16) -> bool {
    matches!(code, BTN_TOUCH | BTN_STYLUS | BTN_STYLUS2 | BTN_STYLUS3)
}

/// The last code that a keyboard has.
const LAST_KEY: u16 = 0x2bf;

/// Keys, and none of the buttons that lie between: a keyboard that claims buttons is taken
/// for a joystick or a mouse by udev.
fn is_keyboard_key(code: u16) -> bool {
    matches!(code, 1..=248 | 0x160..=0x21f | 0x224..=LAST_KEY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_keyboard_has_keys_and_no_buttons() {
        for key in [1, 30, 57, 88, 125, 183, 248, 0x161, 0x1d0, 0x277] {
            assert!(Kind::Keyboard.has_key(key), "{key:#x}");
        }
        for button in [0, 249, 255, 0x100, BTN_LEFT, 0x120, 0x130, BTN_TOUCH, 0x220, 0x2c0, 0x2ff] {
            assert!(!Kind::Keyboard.has_key(button), "{button:#x}");
        }
        assert!(Kind::Tablet.has_key(BTN_LEFT) && !Kind::Tablet.has_key(BTN_TOUCH));
    }
}
