//! Keys of a viewer, to the keys of a guest of another layout.

use std::collections::BTreeSet;

use porthole_keys::{KeyChange, Keyboard, Layout, Modifiers, Place, evdev_from_xt};

use crate::input::Input;

pub(crate) fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let count = input.below(24);
    let layout = Layout::from_entries((0..count).map(|_| {
        let keysym = keysym(&mut input);
        let place = Place {
            code: code(&mut input),
            modifiers: Modifiers::ALL[input.below(4)],
            caps: input.flag(),
        };
        (keysym, place)
    }));
    let mut keyboard = Keyboard::new();
    let mut down = BTreeSet::new();
    while !input.is_empty() {
        let choice = input.u8();
        let pressed = choice & 0x80 != 0;
        let changes = match choice % 8 {
            0..=3 => {
                let keysym = keysym(&mut input);
                keyboard.keysym(keysym, pressed, &layout)
            }
            4 | 5 => keyboard.code(code(&mut input), pressed),
            6 => {
                keyboard.set_caps_lock(pressed);
                keyboard.settle()
            }
            _ => match evdev_from_xt(input.u32()) {
                Some(code) => keyboard.code(code, pressed),
                None => keyboard.release_all(),
            },
        };
        follow(&mut down, changes);
        // 256 that are held, and the modifiers that one symbol needs.
        assert!(down.len() <= 260);
    }
    follow(&mut down, keyboard.release_all());
    assert_eq!(down, BTreeSet::new(), "held after all was released");
}

/// Each change is one: what goes down was up, what goes up was down.
fn follow(down: &mut BTreeSet<u16>, changes: &[KeyChange]) {
    for change in changes {
        if change.down {
            assert!(down.insert(change.code), "{change:?} of what is down");
        } else {
            assert!(down.remove(&change.code), "{change:?} of what is up");
        }
    }
}

fn keysym(input: &mut Input<'_>) -> u32 {
    const SHIFTS: [u32; 6] = [0xffe1, 0xffe2, 0xfe03, 0xffe5, 0xff7e, 0xffea];
    match input.u8() {
        byte @ 0..=199 => u32::from(byte),
        byte @ 200..=249 => SHIFTS[usize::from(byte) % SHIFTS.len()],
        _ => input.u32(),
    }
}

/// Mostly the keys that matter: modifiers and a few others.
fn code(input: &mut Input<'_>) -> u16 {
    const MODIFIERS: [u16; 8] = [42, 54, 100, 56, 58, 29, 97, 125];
    match input.u8() {
        byte @ 0..=127 => MODIFIERS[usize::from(byte) % 8],
        byte @ 128..=249 => u16::from(byte - 128),
        _ => input.u16(),
    }
}
