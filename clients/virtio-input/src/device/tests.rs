use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::codes::{ABS_MT_SLOT, ABS_MT_TRACKING_ID, BTN_LEFT, BTN_STYLUS, BTN_TOUCH, EV_SYN};

fn device(kind: Kind) -> Device {
    let mut device = Device::new(kind, "name", "serial");
    device.set_listening(true);
    device
}

fn drain(device: &mut Device) -> Vec<Vec<(u16, u16, i32)>> {
    let mut packets = Vec::new();
    while let Some(packet) = device.next_packet(64) {
        packets.push(packet.iter().map(|e| (e.kind, e.code, e.value)).collect());
    }
    packets
}

const SYN: (u16, u16, i32) = (0, 0, 0);

#[test]
fn keys_are_packets_of_two() {
    let mut keyboard = device(Kind::Keyboard);
    keyboard.send(Input::Key { code: 30, pressed: true });
    // A repeat, a button, a release of what is up: nothing.
    keyboard.send(Input::Key { code: 30, pressed: true });
    keyboard.send(Input::Key { code: BTN_LEFT, pressed: true });
    keyboard.send(Input::Key { code: 31, pressed: false });
    keyboard.send(Input::Key { code: 30, pressed: false });
    assert_eq!(drain(&mut keyboard), [vec![(1, 30, 1), SYN], vec![(1, 30, 0), SYN]]);
}

#[test]
fn packets_are_never_split() {
    let mut keyboard = device(Kind::Keyboard);
    keyboard.send(Input::Key { code: 30, pressed: true });
    assert_eq!(keyboard.next_packet(1), None);
    assert!(keyboard.next_packet(2).is_some());
}

#[test]
fn motion_merges_and_keeps_its_place_between_buttons() {
    let mut tablet = device(Kind::Tablet);
    tablet.send(Input::Pointer { x: 1, y: 2 });
    tablet.send(Input::Pointer { x: 3, y: 65535 });
    tablet.send(Input::Key { code: BTN_LEFT, pressed: true });
    tablet.send(Input::Pointer { x: 5, y: 6 });
    assert_eq!(
        drain(&mut tablet),
        [
            vec![(3, 0, 3), (3, 1, 32767), SYN],
            vec![(1, 0x110, 1), SYN],
            vec![(3, 0, 5), (3, 1, 6), SYN],
        ]
    );
}

#[test]
fn a_mouse_adds_its_motion_up() {
    let mut mouse = device(Kind::Mouse);
    mouse.send(Input::Motion { dx: 3, dy: -2 });
    mouse.send(Input::Motion { dx: 4, dy: 0 });
    mouse.send(Input::Key { code: BTN_LEFT, pressed: true });
    mouse.send(Input::Motion { dx: 0, dy: i32::MAX });
    mouse.send(Input::Motion { dx: 0, dy: 0 });
    // What only a tablet can.
    mouse.send(Input::Pointer { x: 1, y: 1 });
    assert_eq!(
        drain(&mut mouse),
        [vec![(2, 0, 7), (2, 1, -2), SYN], vec![(1, 0x110, 1), SYN], vec![(2, 1, 1 << 16), SYN],]
    );
    let mut tablet = device(Kind::Tablet);
    tablet.send(Input::Motion { dx: 3, dy: -2 });
    assert!(drain(&mut tablet).is_empty());
}

#[test]
fn wheels_count_detents_and_parts() {
    let mut tablet = device(Kind::Tablet);
    let turn = |tablet: &mut Device, vertical, horizontal| {
        tablet.send(Input::Wheel { vertical, horizontal });
        drain(tablet)
    };
    assert_eq!(turn(&mut tablet, 60, 0), [vec![(2, 0x0b, 60), SYN]]);
    assert_eq!(turn(&mut tablet, 60, 0), [vec![(2, 0x0b, 60), (2, 8, 1), SYN]]);
    assert_eq!(turn(&mut tablet, 0, -240), [vec![(2, 0x0c, -240), (2, 6, -2), SYN]]);
    assert_eq!(turn(&mut tablet, 100, 0), [vec![(2, 0x0b, 100), SYN]]);
    assert_eq!(turn(&mut tablet, -100, 0), [vec![(2, 0x0b, -100), SYN]]);
    assert!(turn(&mut tablet, 0, 0).is_empty());
    assert_eq!(turn(&mut tablet, i32::MIN, 0)[0].len(), 3);
}

#[test]
fn fingers_have_slots() {
    let mut touch = device(Kind::Touch);
    touch.send(Input::TouchDown { id: 7, x: 10, y: 20 });
    touch.send(Input::TouchDown { id: -3, x: 30, y: 40 });
    touch.send(Input::TouchMotion { id: 7, x: 11, y: 21 });
    touch.send(Input::TouchMotion { id: 7, x: 12, y: 22 });
    touch.send(Input::TouchMotion { id: 99, x: 12, y: 22 });
    touch.send(Input::TouchUp { id: 7 });
    touch.send(Input::TouchUp { id: -3 });
    assert_eq!(
        drain(&mut touch),
        [
            vec![(3, 0x2f, 0), (3, 0x39, 0), (3, 0x35, 10), (3, 0x36, 20), (1, 0x14a, 1), SYN],
            vec![(3, 0x2f, 1), (3, 0x39, 1), (3, 0x35, 30), (3, 0x36, 40), SYN],
            vec![(3, 0x2f, 0), (3, 0x35, 12), (3, 0x36, 22), SYN],
            vec![(3, 0x2f, 0), (3, 0x39, -1), SYN],
            vec![(3, 0x2f, 1), (3, 0x39, -1), (1, 0x14a, 0), SYN],
        ]
    );
}

#[test]
fn the_eleventh_finger_is_ignored() {
    let mut touch = device(Kind::Touch);
    for id in 0..11 {
        touch.send(Input::TouchDown { id, x: 0, y: 0 });
    }
    assert_eq!(drain(&mut touch).len(), 10);
    touch.send(Input::TouchUp { id: 10 });
    assert!(drain(&mut touch).is_empty());
    touch.release_all();
    assert_eq!(drain(&mut touch).len(), 10);
}

const PLACE: PenPlace =
    PenPlace { rubber: false, x: 100, y: 200, pressure: 0, distance: 9, tilt: (-5, 120) };

#[test]
fn a_pen_comes_touches_and_goes() {
    let mut pen = device(Kind::Pen);
    // Nothing is touched by a pen that is not near, and nearness is no key.
    pen.send(Input::Key { code: BTN_TOUCH, pressed: true });
    pen.send(Input::Key { code: BTN_TOOL_PEN, pressed: true });
    assert_eq!(drain(&mut pen), Vec::<Vec<_>>::new());
    pen.send(Input::Pen(PLACE));
    let near = [(3, 0, 100), (3, 1, 200), (3, 0x18, 0), (3, 0x19, 9), (3, 0x1a, -5), (3, 0x1b, 90)];
    let comes: Vec<_> = near.into_iter().chain([(1, BTN_TOOL_PEN, 1), SYN]).collect();
    assert_eq!(drain(&mut pen), [comes]);
    pen.send(Input::Pen(PenPlace { pressure: u16::MAX, distance: 0, ..PLACE }));
    pen.send(Input::Key { code: BTN_TOUCH, pressed: true });
    pen.send(Input::Key { code: BTN_STYLUS, pressed: true });
    let drawn = drain(&mut pen);
    assert_eq!(drawn[0][2..4], [(3, 0x18, 32767), (3, 0x19, 0)]);
    assert_eq!(drawn[1..], [vec![(1, BTN_TOUCH, 1), SYN], vec![(1, BTN_STYLUS, 1), SYN]]);
    // It goes while all is down, and only then is the other end near.
    pen.send(Input::Pen(PenPlace { rubber: true, ..PLACE }));
    let turned = drain(&mut pen);
    let up = |code| vec![(1, code, 0), SYN];
    assert_eq!(turned[..3], [up(BTN_STYLUS), up(BTN_TOUCH), up(BTN_TOOL_PEN)]);
    assert_eq!(turned[3][6], (1, BTN_TOOL_RUBBER, 1));
    pen.send(Input::PenLeft);
    pen.send(Input::PenLeft);
    assert_eq!(drain(&mut pen), [up(BTN_TOOL_RUBBER)]);
}

#[test]
fn a_pen_that_left_moves_no_more_in_a_guest_that_stalls() {
    let mut pen = device(Kind::Pen);
    pen.send(Input::Pen(PLACE));
    for round in 0..400 {
        pen.send(Input::Key { code: BTN_TOUCH, pressed: round % 2 == 0 });
        pen.send(Input::Pen(PenPlace { x: round, ..PLACE }));
    }
    pen.send(Input::PenLeft);
    pen.verify_invariants();
    let all = drain(&mut pen);
    assert_eq!(all.last(), Some(&vec![(1, BTN_TOOL_PEN, 0), SYN]));
}

#[test]
fn nothing_is_typed_into_a_guest_that_does_not_listen() {
    let mut keyboard = Device::new(Kind::Keyboard, "name", "serial");
    keyboard.send(Input::Key { code: 30, pressed: true });
    keyboard.send(Input::Key { code: 30, pressed: false });
    assert!(drain(&mut keyboard).is_empty());
    // A pause with a key held: it comes up for the guest.
    keyboard.set_listening(true);
    keyboard.send(Input::Key { code: 30, pressed: true });
    keyboard.set_listening(false);
    keyboard.send(Input::Key { code: 30, pressed: false });
    keyboard.set_listening(true);
    assert_eq!(drain(&mut keyboard).len(), 2);
    // A reboot with a key held: the guest never knew.
    keyboard.send(Input::Key { code: 31, pressed: true });
    keyboard.reset();
    keyboard.set_listening(true);
    keyboard.send(Input::Key { code: 31, pressed: false });
    assert!(drain(&mut keyboard).is_empty());
}

#[test]
fn lamps() {
    let mut keyboard = device(Kind::Keyboard);
    let caps = |value: i32| Event { kind: 0x11, code: 1, value }.to_bytes();
    assert_eq!(keyboard.status(&caps(1)), Some(Leds { caps: true, ..Leds::default() }));
    assert_eq!(keyboard.status(&caps(5)), None);
    assert_eq!(keyboard.status(&caps(0)), Some(Leds::default()));
    assert_eq!(keyboard.status(&[0x11, 0, 1]), None);
    assert_eq!(keyboard.status(&Event { kind: 0x12, code: 1, value: 1 }.to_bytes()), None);
}

#[test]
fn a_stalled_guest_gets_the_newest_position() {
    let mut tablet = device(Kind::Tablet);
    for turn in 0u16..1000 {
        tablet.send(Input::Pointer { x: turn, y: 0 });
        tablet.send(Input::Wheel { vertical: 120, horizontal: 0 });
        tablet.send(Input::Key { code: BTN_LEFT, pressed: turn % 2 == 0 });
        tablet.verify_invariants();
    }
    let packets = drain(&mut tablet);
    let value = |kind, code| {
        let all = packets.iter().flatten().filter(move |e| e.0 == kind && e.1 == code);
        all.map(|e| e.2).collect::<Vec<_>>()
    };
    assert_eq!(value(3, 0).last(), Some(&999));
    assert_eq!(value(2, 8).iter().sum::<i32>(), 1000);
    assert_eq!(value(1, BTN_LEFT).last(), Some(&0));
}

fn any_input() -> impl Strategy<Value = Input> {
    prop_oneof![
        (1u16..40, any::<bool>()).prop_map(|(code, pressed)| Input::Key { code, pressed }),
        (0x10fu16..0x119, any::<bool>()).prop_map(|(code, pressed)| Input::Key { code, pressed }),
        any::<(u16, u16)>().prop_map(|(x, y)| Input::Pointer { x, y }),
        any::<(i32, i32)>()
            .prop_map(|(vertical, horizontal)| Input::Wheel { vertical, horizontal }),
        (0i32..14, any::<u16>(), any::<u16>()).prop_map(|(id, x, y)| Input::TouchDown { id, x, y }),
        (0i32..14, any::<u16>(), any::<u16>()).prop_map(|(id, x, y)| Input::TouchMotion {
            id,
            x,
            y
        }),
        (0i32..14).prop_map(|id| Input::TouchUp { id }),
        (0x13fu16..0x14e, any::<bool>()).prop_map(|(code, pressed)| Input::Key { code, pressed }),
        (any::<bool>(), any::<u16>(), any::<(i8, i8)>()).prop_map(|(rubber, pressure, tilt)| {
            Input::Pen(PenPlace { rubber, pressure, tilt, ..PLACE })
        }),
        Just(Input::PenLeft),
    ]
}

proptest! {
    /// However slow the guest reads: packets are whole, memory is bounded, and after a
    /// release of everything nothing is down in the guest and the pointer is where it was last.
    #[test]
    fn a_slow_guest_ends_with_the_right_state(
        kind in prop_oneof![
            Just(Kind::Keyboard),
            Just(Kind::Tablet),
            Just(Kind::Touch),
            Just(Kind::Pen),
        ],
        steps in proptest::collection::vec((any_input(), 0usize..3), 0..900),
    ) {
        let mut device = device(kind);
        let mut keys = BTreeSet::new();
        let mut slots = BTreeMap::new();
        let mut slot = 0;
        let mut position = (None, None);
        let mut last = (None, None);
        let mut read = |device: &mut Device, room: usize| {
            let Some(packet) = device.next_packet(room) else { return Ok(false) };
            prop_assert_eq!(packet.iter().filter(|e| e.kind == EV_SYN).count(), 1);
            for event in packet {
                match (event.kind, event.code) {
                    (EV_KEY, code) => {
                        let changed =
                            if event.value == 1 { keys.insert(code) } else { keys.remove(&code) };
                        prop_assert!(changed, "key {} to {} twice", code, event.value);
                    }
                    (EV_ABS, ABS_MT_SLOT) => slot = event.value,
                    (EV_ABS, ABS_MT_TRACKING_ID) => { slots.insert(slot, event.value); }
                    (EV_ABS, ABS_X) => position.0 = Some(event.value),
                    (EV_ABS, ABS_Y) => position.1 = Some(event.value),
                    _ => {}
                }
            }
            Ok(true)
        };
        for (input, room) in steps {
            device.send(input);
            if let (Input::Pointer { x, y }, Kind::Tablet) = (input, kind) {
                let cut = |value: u16| Some(i32::from(value.min(ABS_MAX)));
                last = (cut(x), cut(y));
            }
            device.verify_invariants();
            read(&mut device, room * 4)?;
        }
        device.release_all();
        device.verify_invariants();
        while read(&mut device, 64)? {}
        prop_assert!(keys.is_empty(), "{:?}", keys);
        prop_assert!(slots.values().all(|id| *id == -1));
        if kind != Kind::Pen {
            prop_assert_eq!(position, last);
        }
    }
}
