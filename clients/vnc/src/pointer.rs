//! From RFB's button mask to single changes (RFC 6143, 7.5.5; the eighth button as viewers use
//! it).

use porthole_keys::evdev;

/// One change of a pointer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Change {
    /// To this pixel of the viewer's picture.
    Move { x: u16, y: u16 },
    /// A button, by its evdev code.
    Button { code: u32, down: bool },
    /// A wheel step: down and right are positive.
    Wheel { horizontal: bool, step: i32 },
}

/// What each bit of the mask is.
#[derive(Clone, Copy, Debug)]
enum Bit {
    Button(u32),
    Wheel { horizontal: bool, step: i32 },
}

const BITS: [Bit; 8] = [
    Bit::Button(evdev::BTN_LEFT),
    Bit::Button(evdev::BTN_MIDDLE),
    Bit::Button(evdev::BTN_RIGHT),
    Bit::Wheel { horizontal: false, step: -1 },
    Bit::Wheel { horizontal: false, step: 1 },
    Bit::Wheel { horizontal: true, step: -1 },
    Bit::Wheel { horizontal: true, step: 1 },
    Bit::Button(evdev::BTN_SIDE),
];

/// One viewer's pointer.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pointer {
    at: Option<(u16, u16)>,
    buttons: u8,
}

impl Pointer {
    /// What changed; the move comes first, so that a click is where the viewer clicked.
    pub(crate) fn update(&mut self, x: u16, y: u16, buttons: u8) -> Vec<Change> {
        let mut changes = Vec::new();
        if self.at.replace((x, y)) != Some((x, y)) {
            changes.push(Change::Move { x, y });
        }
        changes.extend(self.set_buttons(buttons));
        changes
    }

    /// What changed where only the buttons are told.
    pub(crate) fn update_buttons(&mut self, buttons: u8) -> Vec<Change> {
        self.set_buttons(buttons).collect()
    }

    /// True where the next update would only move.
    pub(crate) const fn holds(&self, buttons: u8) -> bool {
        self.buttons == buttons
    }

    /// The buttons that are held, as the viewer said them.
    pub(crate) const fn buttons(&self) -> u8 {
        self.buttons
    }

    /// Releases all buttons.
    pub(crate) fn release_all(&mut self) -> Vec<Change> {
        self.set_buttons(0).collect()
    }

    fn set_buttons(&mut self, buttons: u8) -> impl Iterator<Item = Change> + use<> {
        let changed = self.buttons ^ buttons;
        self.buttons = buttons;
        BITS.into_iter().enumerate().filter(move |(bit, _)| changed >> bit & 1 != 0).filter_map(
            move |(bit, meaning)| {
                let down = buttons >> bit & 1 != 0;
                match meaning {
                    Bit::Button(code) => Some(Change::Button { code, down }),
                    // A wheel has turned when its bit is set; that it is cleared says nothing.
                    Bit::Wheel { horizontal, step } => {
                        down.then_some(Change::Wheel { horizontal, step })
                    }
                }
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_come_one_by_one_and_moves_first() {
        let mut pointer = Pointer::default();
        assert_eq!(pointer.update(0, 0, 0), [Change::Move { x: 0, y: 0 }]);
        assert_eq!(pointer.update(0, 0, 0), []);
        assert_eq!(
            pointer.update(5, 6, 0b101),
            [
                Change::Move { x: 5, y: 6 },
                Change::Button { code: evdev::BTN_LEFT, down: true },
                Change::Button { code: evdev::BTN_RIGHT, down: true },
            ]
        );
        assert_eq!(
            pointer.update(5, 6, 0b110),
            [
                Change::Button { code: evdev::BTN_LEFT, down: false },
                Change::Button { code: evdev::BTN_MIDDLE, down: true },
            ]
        );
        assert_eq!(
            pointer.release_all(),
            [
                Change::Button { code: evdev::BTN_MIDDLE, down: false },
                Change::Button { code: evdev::BTN_RIGHT, down: false },
            ]
        );
        assert!(pointer.holds(0));
    }

    #[test]
    fn a_wheel_turns_when_its_bit_is_set() {
        let mut pointer = Pointer::default();
        pointer.update(1, 1, 0);
        assert_eq!(pointer.update(1, 1, 8), [Change::Wheel { horizontal: false, step: -1 }]);
        assert_eq!(pointer.update(1, 1, 0), []);
        assert_eq!(pointer.update(1, 1, 16), [Change::Wheel { horizontal: false, step: 1 }]);
        assert_eq!(pointer.update(1, 1, 64), [Change::Wheel { horizontal: true, step: 1 }]);
        assert_eq!(pointer.release_all(), []);
    }
}
