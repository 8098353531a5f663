//! From a VNC viewer's keyboard and pointer to the guest's input devices, and the guest's cursor
//! back.

use porthole_guest::Pattern;
use porthole_guest::commands::Command as Order;
use porthole_rfb::client::Event;
use porthole_rfb::{Encoding, Leds};
use porthole_tests::guest::Options;
use porthole_tests::program::Program;
use porthole_tests::wait::{GUEST, SHORT, wait_until};
use porthole_tests::{Capture, Guest, Picture, Result, Scene, Service, Viewer, viewer};
use vnc::VncEncoding;

use crate::strict_viewer::Viewer as StrictViewer;

// The kernel's `input-event-codes.h`.
const EV_KEY: u16 = 1;
const EV_REL: u16 = 2;
const EV_ABS: u16 = 3;
const KEY_A: u16 = 30;
const KEY_B: u16 = 48;
const KEY_LEFTSHIFT: u16 = 42;
const KEY_F5: u16 = 63;
const BTN_LEFT: u16 = 272;
const REL_WHEEL: u16 = 8;
const BTN_TOUCH: u16 = 0x14a;
const ABS_MT_SLOT: u16 = 0x2f;
const ABS_MT_POSITION_X: u16 = 0x35;
const ABS_MT_POSITION_Y: u16 = 0x36;
const ABS_MT_TRACKING_ID: u16 = 0x39;
/// The largest position that the tablet tells.
const ABS_MAX: u32 = 32767;

/// A layer that does not begin at the port's corner, so that a wrong mapping shows.
const LAYER: (u32, u32, u32, u32) = (100, 50, 800, 500);

pub(crate) fn scene() -> Scene {
    Scene::new("main", 1024, 600).layer("ivi", LAYER, Pattern::Noise, 1)
}

/// A guest that has drawn, so that its layer is there and takes input.
fn shown(service: &Service, capture: &Capture) -> Result<Guest> {
    let mut guest = Guest::start(service, "ivi", &Options::default())?;
    guest.order(&Order::Draw { head: 0, pattern: Pattern::Noise, seed: 1, area: None })?;
    capture.expect("input-shown", &scene().picture(), GUEST)?;
    Ok(guest)
}

fn start() -> Result<(Service, Capture)> {
    let service = Service::start(&[scene()])?;
    let capture = Capture::start(&service.socket("viewer")?, "main")?;
    Ok((service, capture))
}

#[test]
fn keys_reach_the_guest() -> Result<()> {
    let (service, capture) = start()?;
    let server = service.vnc("main")?;
    let viewer = Viewer::connect(&server.address)?;
    let mut guest = shown(&service, &capture)?;
    viewer.key(0x61, true)?;
    guest.wait_event(EV_KEY, KEY_A, 1)?;
    viewer.key(0x61, false)?;
    guest.wait_event(EV_KEY, KEY_A, 0)?;
    // A capital letter without its Shift key: the guest must get one all the same.
    viewer.key(0x41, true)?;
    guest.wait_event(EV_KEY, KEY_LEFTSHIFT, 1)?;
    guest.wait_event(EV_KEY, KEY_A, 1)?;
    viewer.key(0x41, false)?;
    guest.wait_event(EV_KEY, KEY_A, 0)?;
    viewer.key(0xffc2, true)?;
    guest.wait_event(EV_KEY, KEY_F5, 1)?;
    // The viewer goes away while it holds a key: the guest must not be left with it.
    drop(viewer);
    guest.wait_event(EV_KEY, KEY_F5, 0)?;
    guest.power_off()
}

#[test]
fn fingers_reach_the_guest_each_in_a_slot_of_its_own() -> Result<()> {
    let (service, capture) = start()?;
    let mut guest = Guest::start(&service, "ivi", &Options { touch: true, ..Options::default() })?;
    guest.order(&Order::Draw { head: 0, pattern: Pattern::Noise, seed: 1, area: None })?;
    capture.expect("touch-shown", &scene().picture(), GUEST)?;
    let mut hands = Program::connect(&service.socket("viewer")?)?;
    let output = hands.output("main")?;
    let touch = hands.virtual_touch(None, &output)?;
    let (left, top, width, height) = LAYER;
    // In the middle of the layer, and at three quarters of it.
    touch.down(0, 7, left + width / 2, top + height / 2, 1024, 600);
    touch.down(0, 9, left + width * 3 / 4, top + height * 3 / 4, 1024, 600);
    touch.frame();
    hands.roundtrip()?;
    let at = |part: i32| i32::try_from(ABS_MAX).unwrap_or(0) * part / 4;
    let slack = ABS_MAX / height + 1;
    guest.wait_event_near(EV_ABS, ABS_MT_POSITION_X, at(2), slack)?;
    guest.wait_event_near(EV_ABS, ABS_MT_POSITION_Y, at(2), slack)?;
    guest.wait_event(EV_KEY, BTN_TOUCH, 1)?;
    guest.wait_event(EV_ABS, ABS_MT_SLOT, 1)?;
    guest.wait_event_near(EV_ABS, ABS_MT_POSITION_X, at(3), slack)?;
    guest.wait_event_near(EV_ABS, ABS_MT_POSITION_Y, at(3), slack)?;
    touch.motion(0, 7, left + width / 4, top + height / 2, 1024, 600);
    touch.frame();
    hands.roundtrip()?;
    guest.wait_event(EV_ABS, ABS_MT_SLOT, 0)?;
    guest.wait_event_near(EV_ABS, ABS_MT_POSITION_X, at(1), slack)?;
    touch.up(0, 7);
    touch.frame();
    hands.roundtrip()?;
    guest.wait_event(EV_ABS, ABS_MT_TRACKING_ID, -1)?;
    // The other finger leaves with its client.
    hands.die();
    guest.wait_event(EV_ABS, ABS_MT_SLOT, 1)?;
    guest.wait_event(EV_ABS, ABS_MT_TRACKING_ID, -1)?;
    guest.wait_event(EV_KEY, BTN_TOUCH, 0)?;
    guest.power_off()
}

#[test]
fn the_guests_lamps_are_on_at_the_viewer() -> Result<()> {
    let (service, capture) = start()?;
    let server = service.vnc("main")?;
    let mut viewer = StrictViewer::connect(&server.address, &[Encoding::Zrle, Encoding::QemuLeds])?;
    let mut guest = shown(&service, &capture)?;
    // What the guest's kernel does for a Caps Lock of its console: an event of its own to the device.
    let mut light = |code: u8, on: u8| {
        let bytes = format!(r"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\21\0\{code}\0\{on}\0\0\0");
        let device = "/sys/class/input/event*/device/name";
        let find = format!("grep -l keyboard {device} | cut -d/ -f5");
        guest.order(&Order::Shell(format!("printf '{bytes}' > /dev/input/$({find})")))
    };
    light(1, 1)?;
    viewer.wait_for(&Event::Leds(Leds { caps: true, ..Leds::default() }))?;
    light(2, 1)?;
    light(1, 0)?;
    viewer.wait_for(&Event::Leds(Leds { scroll: true, ..Leds::default() }))?;
    // Who comes later sees the same.
    let mut later = StrictViewer::connect(&server.address, &[Encoding::QemuLeds])?;
    later.wait_for(&Event::Leds(Leds { scroll: true, ..Leds::default() }))?;
    guest.power_off()
}

#[test]
fn two_people_at_one_guest_do_not_mix_keys_and_clicks() -> Result<()> {
    let (service, capture) = start()?;
    let server = service.vnc("main")?;
    let (ann, ben) = (Viewer::connect(&server.address)?, Viewer::connect(&server.address)?);
    let mut guest = shown(&service, &capture)?;
    // Ann holds Shift, Ben types a small letter.
    ann.key(0xffe1, true)?;
    guest.wait_event(EV_KEY, KEY_LEFTSHIFT, 1)?;
    ben.key(0x62, true)?;
    guest.wait_event(EV_KEY, KEY_LEFTSHIFT, 0)?;
    guest.wait_event(EV_KEY, KEY_B, 1)?;
    ben.key(0x62, false)?;
    guest.wait_event(EV_KEY, KEY_B, 0)?;
    // She still holds it, and types a capital one.
    ann.key(0x41, true)?;
    guest.wait_event(EV_KEY, KEY_LEFTSHIFT, 1)?;
    guest.wait_event(EV_KEY, KEY_A, 1)?;
    ann.key(0x41, false)?;
    ann.key(0xffe1, false)?;
    guest.wait_event(EV_KEY, KEY_LEFTSHIFT, 0)?;
    // Both hold a letter; it is up when the second lets go, here by leaving.
    ann.key(0x61, true)?;
    guest.wait_event(EV_KEY, KEY_A, 1)?;
    ben.key(0x61, true)?;
    ann.key(0x61, false)?;
    ann.key(0x62, true)?;
    guest.wait_event(EV_KEY, KEY_B, 1)?;
    assert!(!guest.events().iter().any(|event| event.ends_with(" 1 30 0")), "it is still held");
    drop(ben);
    guest.wait_event(EV_KEY, KEY_A, 0)?;
    guest.power_off()
}

#[test]
fn the_pointer_reaches_the_guest() -> Result<()> {
    let (service, capture) = start()?;
    let server = service.vnc("main")?;
    let viewer = Viewer::connect(&server.address)?;
    let mut guest = shown(&service, &capture)?;
    let (left, top, width, height) = LAYER;
    for (x, y) in [(200, 100), (0, 499), (799, 0)] {
        let on_port = |value: u32| u16::try_from(value).unwrap_or(u16::MAX);
        viewer.pointer(on_port(left + x), on_port(top + y), 0)?;
        // Half a pixel of slack on the tablet's scale, and one for rounding.
        let slack = ABS_MAX / height + 1;
        let scaled = |value: u32, size: u32| i32::try_from(value * ABS_MAX / size).unwrap_or(0);
        guest.wait_event_near(EV_ABS, 0, scaled(x, width), slack)?;
        guest.wait_event_near(EV_ABS, 1, scaled(y, height), slack)?;
    }
    viewer.pointer(300, 300, 1)?;
    guest.wait_event(EV_KEY, BTN_LEFT, 1)?;
    viewer.pointer(300, 300, 0)?;
    guest.wait_event(EV_KEY, BTN_LEFT, 0)?;
    viewer.pointer(300, 300, 1 << 3)?;
    guest.wait_event(EV_REL, REL_WHEEL, 1)?;
    viewer.pointer(300, 300, 0)?;
    viewer.pointer(300, 300, 1 << 4)?;
    guest.wait_event(EV_REL, REL_WHEEL, -1)?;
    viewer.pointer(300, 300, 0)?;
    guest.power_off()
}

/// The layer's picture with the cursor's image at a position inside it.
pub(crate) fn with_cursor(seed: u32, (x, y): (i32, i32)) -> Picture {
    let mut picture = scene().picture();
    let (left, top, width, height) = LAYER;
    for row in 0..64 {
        for column in 0..64 {
            let place = |start: i32, offset: u32, size: u32| {
                let at = u32::try_from(start.checked_add_unsigned(offset)?).ok()?;
                (at < size).then_some(at)
            };
            if let (Some(x), Some(y)) = (place(x, column, width), place(y, row, height)) {
                picture.set(left + x, top + y, Pattern::Bars.rgb(seed, 64, 64, column, row));
            }
        }
    }
    picture
}

#[test]
fn the_guests_cursor_is_shown_where_the_guest_puts_it() -> Result<()> {
    let (service, capture) = start()?;
    let mut guest = shown(&service, &capture)?;
    let (head, pattern) = (0, Pattern::Bars);
    guest.order(&Order::CursorShow { head, pattern, seed: 2, hot: (0, 0) })?;
    for (x, y) in [(100, 80), (-20, 30), (770, 470)] {
        guest.order(&Order::CursorMove { head, x, y })?;
        capture.expect(&format!("cursor-at-{x}-{y}"), &with_cursor(2, (x, y)), SHORT)?;
    }
    guest.order(&Order::CursorShow { head, pattern, seed: 5, hot: (0, 0) })?;
    capture.expect("cursor-image", &with_cursor(5, (770, 470)), SHORT)?;
    guest.order(&Order::CursorHide { head })?;
    capture.expect("cursor-hidden", &scene().picture(), SHORT)?;
    guest.power_off()
}

#[test]
fn viewers_get_the_guests_cursor_as_a_cursor() -> Result<()> {
    let (service, capture) = start()?;
    let server = service.vnc("main")?;
    let mut options = viewer::Options::default();
    options.encodings.push(VncEncoding::CursorPseudo);
    let local = Viewer::connect_with(&server.address, options)?;
    let mut guest = shown(&service, &capture)?;
    let order = Order::CursorShow { head: 0, pattern: Pattern::Bars, seed: 3, hot: (5, 7) };
    guest.order(&order)?;
    local.pointer(300, 300, 0)?;
    let expected: Vec<u8> = (0..64 * 64)
        .flat_map(|index| {
            let [red, green, blue] = Pattern::Bars.rgb(3, 64, 64, index % 64, index / 64);
            [blue, green, red, 0xff]
        })
        .collect();
    wait_until("the guest's cursor at the viewer", SHORT, || {
        Ok(local.cursor().filter(|cursor| *cursor == (64, 64, expected.clone())).map(drop))
    })?;
    // It is a cursor, not part of the picture.
    local.expect("cursor-not-painted", &scene().picture(), SHORT)?;
    // A viewer that knows no cursors gets it painted, its hot spot at its own pointer; the other
    // one's is not seen.
    let plain = Viewer::connect(&server.address)?;
    plain.pointer(500, 350, 0)?;
    let (left, top, ..) = LAYER;
    let at = |port: i32, edge: u32, hot: i32| port - i32::try_from(edge).unwrap_or(0) - hot;
    let painted = with_cursor(3, (at(500, left, 5), at(350, top, 7)));
    plain.expect("cursor-painted", &painted, SHORT)?;
    local.expect("cursor-of-another", &scene().picture(), SHORT)?;
    // Hidden by the guest, it is hidden for both.
    guest.order(&Order::CursorHide { head: 0 })?;
    plain.expect("cursor-hidden-for-plain", &scene().picture(), SHORT)?;
    let unseen = |(width, height, pixels): (u16, u16, Vec<u8>)| {
        width * height == 0 || pixels.chunks_exact(4).all(|pixel| pixel[3] == 0)
    };
    wait_until("no cursor at the viewer", SHORT, || {
        Ok(local.cursor().is_none_or(unseen).then_some(()))
    })?;
    guest.power_off()
}
