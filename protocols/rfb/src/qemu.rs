//! What QEMU added to RFB beside scancodes: lamps, and pointers that tell how far they went.

/// Lamps of a keyboard.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Leds {
    /// Scroll Lock.
    pub scroll: bool,
    /// Num Lock.
    pub num: bool,
    /// Caps Lock.
    pub caps: bool,
}

impl Leds {
    pub(crate) fn to_wire(self) -> u8 {
        u8::from(self.scroll) | u8::from(self.num) << 1 | u8::from(self.caps) << 2
    }

    pub(crate) const fn from_wire(byte: u8) -> Self {
        Self { scroll: byte & 1 != 0, num: byte & 2 != 0, caps: byte & 4 != 0 }
    }
}

/// The place that means "it did not move" where motion is told.
pub(crate) const CENTRE: u16 = 0x7fff;
/// Nobody moves a pointer farther at once. A place that seems to was sent before its viewer heard of
/// the change; pictures with longer sides have their far end cut off for such viewers.
const MAX_MOTION: i32 = 0x2000;

/// How far the pointer went; none for a place that was meant to be one.
pub(crate) fn motion(x: u16, y: u16) -> Option<(i32, i32)> {
    let went = |at: u16| i32::from(at) - i32::from(CENTRE);
    let (dx, dy) = (went(x), went(y));
    (dx.abs() <= MAX_MOTION && dy.abs() <= MAX_MOTION).then_some((dx, dy))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lamps_have_qemus_bits() {
        for byte in 0..8 {
            assert_eq!(Leds::from_wire(byte).to_wire(), byte);
        }
        assert_eq!(Leds { caps: true, ..Leds::default() }.to_wire(), 4);
        assert_eq!(Leds { scroll: true, ..Leds::default() }.to_wire(), 1);
    }

    #[test]
    fn places_are_no_motion() {
        assert_eq!(motion(0x7fff, 0x7fff), Some((0, 0)));
        assert_eq!(motion(0x8000, 0x7ffd), Some((1, -2)));
        assert_eq!(motion(300, 200), None);
        assert_eq!(motion(0x7fff, u16::MAX), None);
    }
}
