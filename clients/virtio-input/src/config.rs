//! Config space: the driver selects what it wants to know and reads the answer (virtio 1.2, 5.8.4).

use crate::codes::BUS_VIRTUAL;
use crate::kind::{Axis, Kind};

/// Bytes of config space: select, subsel, size, five reserved, and 128 of answer.
pub const CONFIG_LEN: usize = 136;

/// Most bytes of an answer that are used. QEMU before 9.0 passes on only the first 128 bytes of
/// config space, so the last eight of the union would be lost.
const ANSWER: usize = 120;

/// Bytes before the answer.
const HEADER: usize = 8;

const ID_NAME: u8 = 0x01;
const ID_SERIAL: u8 = 0x02;
const ID_DEVIDS: u8 = 0x03;
const PROP_BITS: u8 = 0x10;
const EV_BITS: u8 = 0x11;
const ABS_INFO: u8 = 0x12;

/// The vendor number of virtio devices.
const VENDOR: u16 = 0x1af4;

/// What the driver selected, and the texts that do not follow from the kind.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Config {
    kind: Kind,
    name: String,
    serial: String,
    select: u8,
    subsel: u8,
}

impl Config {
    pub(crate) fn new(kind: Kind, name: &str, serial: &str) -> Self {
        Self { kind, name: name.to_owned(), serial: serial.to_owned(), select: 0, subsel: 0 }
    }

    pub(crate) fn reset(&mut self) {
        self.select = 0;
        self.subsel = 0;
    }

    /// Only the two selectors can be written. QEMU sends all of config space each time.
    pub(crate) fn write(&mut self, offset: u32, bytes: &[u8]) {
        for (at, byte) in (u64::from(offset)..).zip(bytes).take(2) {
            match at {
                0 => self.select = *byte,
                1 => self.subsel = *byte,
                _ => {}
            }
        }
    }

    /// What the driver selected.
    pub(crate) const fn selected(&self) -> (u8, u8) {
        (self.select, self.subsel)
    }

    pub(crate) fn bytes(&self) -> [u8; CONFIG_LEN] {
        let mut answer = self.answer();
        answer.truncate(ANSWER);
        let mut bytes = [0; CONFIG_LEN];
        let size = u8::try_from(answer.len()).unwrap_or(0);
        let header = [self.select, self.subsel, size, 0, 0, 0, 0, 0];
        let content = header.iter().chain(&answer);
        for (into, byte) in bytes.iter_mut().zip(content) {
            *into = *byte;
        }
        bytes
    }

    fn answer(&self) -> Vec<u8> {
        match (self.select, self.subsel) {
            (ID_NAME, 0) => self.name.clone().into_bytes(),
            (ID_SERIAL, 0) => self.serial.clone().into_bytes(),
            (ID_DEVIDS, 0) => [BUS_VIRTUAL, VENDOR, self.kind.product(), 1]
                .iter()
                .flat_map(|word| word.to_le_bytes())
                .collect(),
            (PROP_BITS, 0) => bitmap(&self.kind.properties()),
            (EV_BITS, event_type) => bitmap(&self.kind.codes(u16::from(event_type))),
            (ABS_INFO, axis) => self.kind.axis(u16::from(axis)).map_or_else(Vec::new, axis_info),
            _ => Vec::new(),
        }
    }
}

/// Bits in ascending order, cut behind the last one that is set.
fn bitmap(codes: &[u16]) -> Vec<u8> {
    let len = codes.iter().max().map_or(0, |code| usize::from(code / 8) + 1);
    let mut bytes = vec![0; len];
    for code in codes {
        if let Some(byte) = bytes.get_mut(usize::from(code / 8)) {
            *byte |= 1 << (code % 8);
        }
    }
    bytes
}

/// min, max, fuzz, flat, res.
fn axis_info(axis: Axis) -> Vec<u8> {
    let [min, max] = [axis.min, axis.max].map(i32::to_le_bytes);
    [min, max, [0; 4], [0; 4], axis.resolution.to_le_bytes()].concat()
}

const _: () = assert!(HEADER + ANSWER <= CONFIG_LEN);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn answer(kind: Kind, select: u8, subsel: u8) -> Vec<u8> {
        let mut config = Config::new(kind, "Porthole keyboard", "ivi/0");
        config.write(0, &[select, subsel]);
        let bytes = config.bytes();
        assert_eq!(bytes[..2], [select, subsel]);
        let size = usize::from(bytes[2]);
        assert!(bytes[8 + size..].iter().all(|byte| *byte == 0));
        bytes[8..8 + size].to_vec()
    }

    #[test]
    fn golden_identity() {
        assert_eq!(answer(Kind::Keyboard, ID_NAME, 0), b"Porthole keyboard");
        assert_eq!(answer(Kind::Keyboard, ID_SERIAL, 0), b"ivi/0");
        assert_eq!(answer(Kind::Tablet, ID_DEVIDS, 0), [6, 0, 0xf4, 0x1a, 2, 0, 1, 0]);
        assert_eq!(answer(Kind::Keyboard, PROP_BITS, 0), []);
        assert_eq!(answer(Kind::Touch, PROP_BITS, 0), [0b10]);
        assert_eq!(answer(Kind::Keyboard, 0, 0), []);
        assert_eq!(answer(Kind::Keyboard, ID_NAME, 1), []);
    }

    #[test]
    fn golden_keyboard() {
        let keys = answer(Kind::Keyboard, EV_BITS, 1);
        assert_eq!(keys.len(), 88);
        // Key 0 is reserved; 249 to 255 have no names; 0x100 to 0x15f are buttons.
        assert_eq!(keys[0], 0xfe);
        assert!(keys[1..31].iter().all(|byte| *byte == 0xff));
        assert_eq!(keys[31], 0x01);
        assert!(keys[32..44].iter().all(|byte| *byte == 0));
        assert_eq!(keys[44], 0xff);
        assert_eq!(keys[0x220 / 8], 0xf0);
        assert_eq!(answer(Kind::Keyboard, EV_BITS, 0x11), [0b111]);
        assert_eq!(answer(Kind::Keyboard, EV_BITS, 0x14), [0b11]);
        assert_eq!(answer(Kind::Keyboard, EV_BITS, 2), []);
        assert_eq!(answer(Kind::Keyboard, ABS_INFO, 0), []);
    }

    #[test]
    fn golden_tablet() {
        let mut buttons = vec![0; 34];
        buttons.push(0xff);
        assert_eq!(answer(Kind::Tablet, EV_BITS, 1), buttons);
        assert_eq!(answer(Kind::Tablet, EV_BITS, 2), [0x40, 0x19]);
        assert_eq!(answer(Kind::Tablet, EV_BITS, 3), [0b11]);
        let mut info = vec![0; 20];
        info[4] = 0xff;
        info[5] = 0x7f;
        assert_eq!(answer(Kind::Tablet, ABS_INFO, 1), info);
        assert_eq!(answer(Kind::Tablet, ABS_INFO, 2), []);
    }

    #[test]
    fn golden_mouse() {
        assert_eq!(answer(Kind::Mouse, ID_DEVIDS, 0)[4..6], [4, 0]);
        assert_eq!(answer(Kind::Mouse, EV_BITS, 1), answer(Kind::Tablet, EV_BITS, 1));
        assert_eq!(answer(Kind::Mouse, EV_BITS, 2), [0x43, 0x19]);
        assert_eq!(answer(Kind::Mouse, EV_BITS, 3), []);
    }

    #[test]
    fn golden_touch() {
        assert_eq!(answer(Kind::Touch, EV_BITS, 3), [0, 0, 0, 0, 0, 0x80, 0x60, 0x02]);
        assert_eq!(answer(Kind::Touch, ABS_INFO, 0x2f)[4..8], [9, 0, 0, 0]);
        assert_eq!(answer(Kind::Touch, ABS_INFO, 0x39)[4..8], [0xff, 0xff, 0, 0]);
        assert_eq!(answer(Kind::Touch, ABS_INFO, 0x35)[4..8], [0xff, 0x7f, 0, 0]);
    }

    #[test]
    fn golden_pen() {
        assert_eq!(answer(Kind::Pen, ID_DEVIDS, 0)[4..6], [5, 0]);
        assert_eq!(answer(Kind::Pen, PROP_BITS, 0), [0b10]);
        let mut keys = vec![0; 40];
        keys.extend([0b11, 0b1_1110]);
        keys[41] = 0b0001_1110;
        assert_eq!(answer(Kind::Pen, EV_BITS, 1), keys);
        assert_eq!(answer(Kind::Pen, EV_BITS, 3), [0b11, 0, 0, 0b1111]);
        // A size, or libinput refuses it.
        let mut place = vec![0; 20];
        (place[4], place[5], place[16]) = (0xff, 0x7f, 100);
        assert_eq!(answer(Kind::Pen, ABS_INFO, 0), place);
        let tilt = answer(Kind::Pen, ABS_INFO, 0x1b);
        assert_eq!(tilt[..8], [0xa6, 0xff, 0xff, 0xff, 90, 0, 0, 0]);
        assert_eq!(tilt[16], 57);
        assert_eq!(answer(Kind::Pen, ABS_INFO, 0x18)[..8], [0, 0, 0, 0, 0xff, 0x7f, 0, 0]);
    }

    #[test]
    fn long_names_are_cut() {
        let mut config = Config::new(Kind::Keyboard, &"x".repeat(500), "");
        config.write(0, &[ID_NAME, 0]);
        assert_eq!(config.bytes()[2], 120);
    }

    proptest! {
        #[test]
        fn any_write_is_harmless(offset: u32, bytes: Vec<u8>) {
            let mut config = Config::new(Kind::Touch, "name", "serial");
            config.write(offset, &bytes);
            prop_assert!(config.bytes()[2] <= 120);
        }
    }
}
