//! The four devices and what each can do.

use crate::codes::{
    ABS_MT_POSITION_X, ABS_MT_POSITION_Y, ABS_MT_SLOT, ABS_MT_TRACKING_ID, ABS_X, ABS_Y, BTN_LEFT,
    BTN_TASK, BTN_TOUCH, EV_ABS, EV_KEY, EV_LED, EV_REL, EV_REP, INPUT_PROP_DIRECT, LED_CAPSL,
    LED_NUML, LED_SCROLLL, REL_HWHEEL, REL_HWHEEL_HI_RES, REL_WHEEL, REL_WHEEL_HI_RES, REL_X,
    REL_Y,
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
}

impl Kind {
    /// A product number of its own, so that rules in the guest can tell the devices apart.
    pub(crate) fn product(self) -> u16 {
        match self {
            Self::Keyboard => 1,
            Self::Tablet => 2,
            Self::Touch => 3,
            Self::Mouse => 4,
        }
    }

    /// Whether the device can send this key or button.
    #[must_use]
    pub fn has_key(self, code: u16) -> bool {
        match self {
            Self::Keyboard => is_keyboard_key(code),
            Self::Tablet | Self::Mouse => (BTN_LEFT..=BTN_TASK).contains(&code),
            Self::Touch => code == BTN_TOUCH,
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
            _ => Vec::new(),
        }
    }

    /// The `INPUT_PROP_*` of the device.
    pub(crate) fn properties(self) -> Vec<u16> {
        match self {
            Self::Touch => vec![INPUT_PROP_DIRECT],
            Self::Keyboard | Self::Tablet | Self::Mouse => Vec::new(),
        }
    }

    /// The largest value of an axis, when the device has it; the smallest is 0.
    pub(crate) fn axis_max(self, code: u16) -> Option<u32> {
        if !self.codes(EV_ABS).contains(&code) {
            return None;
        }
        Some(match code {
            ABS_MT_SLOT => u32::from(SLOTS).saturating_sub(1),
            ABS_MT_TRACKING_ID => u32::from(MAX_TRACKING_ID),
            _ => u32::from(ABS_MAX),
        })
    }
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
