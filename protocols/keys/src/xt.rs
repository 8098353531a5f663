//! Scancodes of the PC/XT, as QEMU's extended key event sends them (rfbproto, "QEMU Extended Key
//! Event Message"): set 1, with 0x80 added where the keyboard sends the prefix 0xe0.

/// Evdev codes of scancodes 0x00 to 0x7f; 0 is no key. Up to 0x53 Linux has taken over the
/// numbers of the XT.
#[rustfmt::skip]
const PLAIN: [u8; 128] = [
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, // 0x00
    16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, // 0x10
    32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, // 0x20
    48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63, // 0x30
    64, 65, 66, 67, 68, 69, 70, 71, 72, 73, 74, 75, 76, 77, 78, 79, // 0x40
    80, 81, 82, 83, 99, 186, 86, 87, 88, 117, 190, 101, 95, 183, 184, 185, // 0x50
    0, 0, 0, 169, 134, 135, 141, 144, 145, 146, 151, 153, 161, 193, 0, 194, // 0x60
    93, 123, 122, 89, 191, 177, 85, 91, 90, 92, 0, 94, 0, 124, 121, 0, // 0x70
];

/// Evdev codes of scancodes with the prefix 0xe0. The Korean keys come without a prefix on real
/// keyboards but with the same number.
#[rustfmt::skip]
const PREFIXED: [u8; 128] = [
    0, 171, 150, 187, 189, 129, 130, 131, 176, 181, 182, 120, 132, 0, 233, 178, // 0x80
    165, 0, 152, 147, 222, 0, 0, 149, 168, 163, 0, 0, 96, 97, 139, 148, // 0x90
    113, 140, 164, 160, 166, 205, 154, 0, 200, 201, 0, 202, 203, 204, 114, 206, // 0xa0
    115, 167, 172, 207, 208, 98, 209, 99, 100, 210, 211, 212, 137, 213, 214, 215, // 0xb0
    216, 136, 218, 219, 220, 221, 119, 102, 103, 104, 223, 105, 224, 106, 118, 107, // 0xc0
    108, 109, 110, 111, 225, 234, 227, 228, 229, 230, 231, 125, 126, 127, 116, 142, // 0xd0
    0, 0, 0, 143, 232, 217, 156, 173, 128, 159, 158, 157, 155, 226, 0, 112, // 0xe0
    235, 123, 122, 238, 239, 138, 179, 188, 133, 192, 0, 180, 0, 162, 0, 0, // 0xf0
];

/// The evdev code of a scancode; `None` where no keyboard has such a key.
#[must_use]
pub fn evdev_from_xt(scancode: u32) -> Option<u16> {
    let table = if scancode & 0x80 == 0 { &PLAIN } else { &PREFIXED };
    let index = usize::try_from(scancode).ok().filter(|index| *index < 256)? & 0x7f;
    table.get(index).copied().filter(|code| *code != 0).map(u16::from)
}

/// The scancode of an evdev code, the lowest where there are several; `None` for a key that the XT's
/// numbers do not know.
#[must_use]
pub fn xt_from_evdev(code: u16) -> Option<u32> {
    (1..256).find(|scancode| evdev_from_xt(*scancode) == Some(code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn well_known_keys_have_their_codes() {
        let known = [
            (0x01, 1),   // Esc
            (0x1e, 30),  // A
            (0x1c, 28),  // Enter
            (0x39, 57),  // Space
            (0x2a, 42),  // left Shift
            (0x54, 99),  // SysRq, alone
            (0xb7, 99),  // Print Screen
            (0x56, 86),  // the key beside left Shift of European keyboards
            (0x57, 87),  // F11
            (0x58, 88),  // F12
            (0x73, 89),  // Ro
            (0x79, 92),  // Henkan
            (0x7d, 124), // Yen
            (0x72, 122), // Hangul
            (0xf1, 123), // Hanja
            (0x9c, 96),  // Enter of the keypad
            (0x9d, 97),  // right Control
            (0xb8, 100), // AltGr
            (0xb5, 98),  // divide
            (0xc6, 119), // Pause
            (0xc7, 102), // Home
            (0xc8, 103), // up
            (0xcb, 105), // left
            (0xcd, 106), // right
            (0xd0, 108), // down
            (0xd3, 111), // Delete
            (0xdb, 125), // left Meta
            (0xdd, 127), // Menu
        ];
        for (scancode, code) in known {
            assert_eq!(evdev_from_xt(scancode), Some(code), "{scancode:#x}");
        }
    }

    #[test]
    fn every_scancode_is_found_by_its_key() {
        for scancode in 1..256 {
            if let Some(code) = evdev_from_xt(scancode) {
                let found = xt_from_evdev(code);
                assert_eq!(found.and_then(evdev_from_xt), Some(code), "{scancode:#x}");
            }
        }
        assert_eq!(xt_from_evdev(97), Some(0x9d));
        assert_eq!(xt_from_evdev(0), None);
        assert_eq!(xt_from_evdev(0x110), None);
    }

    #[test]
    fn other_numbers_are_no_keys() {
        for scancode in [0, 0x80, 0x100, 0x11e, 0xe01d, u32::MAX] {
            assert_eq!(evdev_from_xt(scancode), None);
        }
    }

    #[test]
    fn two_scancodes_share_a_key_only_where_keyboards_do() {
        let mut codes: Vec<u16> = (0..256).filter_map(evdev_from_xt).collect();
        let count = codes.len();
        codes.sort_unstable();
        codes.dedup();
        // SysRq, Hangul and Hanja have two numbers each.
        assert_eq!(count - codes.len(), 3);
        assert!((1..=83).all(|code| codes.contains(&code)));
    }
}
