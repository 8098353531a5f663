//! virtio-input: what a seat did goes in, packets of events for the guest come out, and the guest writes
//! to configuration and status as it likes.

use std::collections::BTreeSet;

use porthole_input_device::{Device, Input as Act, Kind, PenPlace};

use crate::input::Input;

/// Linux' event types.
const EV_SYN: u16 = 0;
const EV_KEY: u16 = 1;
/// No guest waits for more at once.
const MOST_EVENTS: usize = 4096;

pub(crate) fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let kind = input.one_of(&[Kind::Keyboard, Kind::Tablet, Kind::Mouse, Kind::Touch, Kind::Pen]);
    let mut device = Device::new(kind, "fuzz", "1");
    let mut down = BTreeSet::new();
    while !input.is_empty() {
        match input.u8() % 8 {
            0..=2 => device.send(act(&mut input)),
            3 => {
                let offset = input.side();
                device.write_config(offset, input.bytes(9));
            }
            4 => {
                let (offset, len) = (input.side(), input.side() % 512);
                assert!(device.config(offset, len).len() <= len as usize);
            }
            5 => {
                device.status(input.bytes(9));
            }
            6 => {
                let room = usize::from(input.u8());
                take(&mut device, room, &mut down);
            }
            _ => match input.u8() {
                0..=99 => device.set_listening(true),
                100..=149 => device.set_listening(false),
                150..=199 => device.release_all(),
                _ => {
                    // The guest's driver knows of nothing after this.
                    device.reset();
                    down.clear();
                }
            },
        }
    }
    device.release_all();
    let taken = take(&mut device, MOST_EVENTS, &mut down);
    assert!(taken < MOST_EVENTS, "{taken} events waited");
    assert_eq!(down, BTreeSet::new(), "down for the guest after all was released");
}

/// Takes packets as long as they fit; what is down for the guest is kept account of.
fn take(device: &mut Device, mut room: usize, down: &mut BTreeSet<u16>) -> usize {
    let mut taken = 0;
    while let Some(packet) = device.next_packet(room) {
        assert!(!packet.is_empty() && packet.len() <= room, "{} of {room}", packet.len());
        let end = packet.last().unwrap();
        assert_eq!((end.kind, end.code, end.value), (EV_SYN, 0, 0));
        assert_eq!(packet.iter().filter(|event| event.kind == EV_SYN).count(), 1);
        for event in packet.iter().filter(|event| event.kind == EV_KEY) {
            match event.value {
                0 => assert!(down.remove(&event.code), "{event:?} of what is up"),
                1 => assert!(down.insert(event.code), "{event:?} of what is down"),
                _ => panic!("{event:?}"),
            }
        }
        room -= packet.len();
        taken += packet.len();
    }
    taken
}

fn act(input: &mut Input<'_>) -> Act {
    match input.u8() % 11 {
        0 | 1 => Act::Key { code: u16::from(input.u8()), pressed: input.flag() },
        2 => Act::Key { code: 0x110 + u16::from(input.u8() % 8), pressed: input.flag() },
        3 => Act::Pointer { x: input.u16(), y: input.u16() },
        4 => Act::Motion { dx: input.u32().cast_signed(), dy: i32::from(input.u8()) - 128 },
        5 => Act::Wheel {
            vertical: input.u32().cast_signed(),
            horizontal: i32::from(input.u8()) - 128,
        },
        6 => Act::TouchDown { id: i32::from(input.u8() % 20), x: input.u16(), y: input.u16() },
        7 => Act::Key { code: 0x140 + u16::from(input.u8() % 16), pressed: input.flag() },
        8 => Act::Pen(PenPlace {
            rubber: input.flag(),
            x: input.u16(),
            y: input.u16(),
            pressure: input.u16(),
            distance: input.u16(),
            tilt: (input.u8().cast_signed(), input.u8().cast_signed()),
        }),
        9 => Act::PenLeft,
        _ if input.flag() => {
            Act::TouchMotion { id: i32::from(input.u8() % 20), x: input.u16(), y: input.u16() }
        }
        _ => Act::TouchUp { id: i32::from(input.u8() % 20) },
    }
}
