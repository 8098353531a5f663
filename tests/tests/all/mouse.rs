//! Guests that use a mouse: they hear how far a person's pointer goes, and draw their own cursor.

use porthole_guest::Pattern;
use porthole_guest::commands::Command as Order;
use porthole_pixel::Size;
use porthole_rfb::Encoding;
use porthole_rfb::client::Event;
use porthole_tests::guest::Options;
use porthole_tests::wait::{GUEST, SHORT};
use porthole_tests::{Capture, Guest, Result, Service, Viewer as PlainViewer};

use crate::input::{scene, with_cursor};
use crate::strict_viewer::Viewer;

// The kernel's `input-event-codes.h`.
const EV_KEY: u16 = 1;
const EV_REL: u16 = 2;
const EV_ABS: u16 = 3;
const BTN_LEFT: u16 = 272;
const REL_X: u16 = 0;
const REL_Y: u16 = 1;
const REL_WHEEL: u16 = 8;

const KNOWS: [Encoding; 3] = [Encoding::Zrle, Encoding::Cursor, Encoding::QemuPointerMotion];

fn shown(service: &Service, capture: &Capture, options: &Options) -> Result<Guest> {
    let mut guest = Guest::start(service, "ivi", options)?;
    guest.order(&Order::Draw { head: 0, pattern: Pattern::Noise, seed: 1, area: None })?;
    capture.expect("mouse-shown", &scene().picture(), GUEST)?;
    Ok(guest)
}

fn start() -> Result<(Service, Capture)> {
    let service = Service::start(&[scene()])?;
    let capture = Capture::start(&service.socket("viewer")?, "main")?;
    Ok((service, capture))
}

/// A guest with a mouse and no tablet.
fn mouse() -> Options {
    Options { pointers: &["mouse"], ..Options::default() }
}

/// What the guest's kernel knows of each of its devices.
const KNOWN: &str = "for d in /sys/class/input/event*/device; do \
                     echo $(cat $d/name) abs $(cat $d/capabilities/abs) is $(cat $d/properties); done";

#[test]
fn a_guest_has_a_pen_beside_its_tablet() -> Result<()> {
    let (service, capture) = start()?;
    let server = service.vnc("main")?;
    let mut viewer = Viewer::connect(&server.address, &KNOWS)?;
    let options = Options { pointers: &["tablet", "pen"], ..Options::default() };
    let mut guest = shown(&service, &capture, &options)?;
    // A place, pressure, distance and two ways to lean; and it is the screen itself.
    let known = guest.order(&Order::Shell(KNOWN.to_owned()))?;
    assert!(known.iter().any(|line| line == "Porthole pen abs f000003 is 2"), "{known:?}");
    // Pointers are no pens.
    viewer.client.pointer(300, 300, 1);
    viewer.client.pointer(300, 300, 0);
    viewer.send()?;
    guest.wait_event(EV_KEY, BTN_LEFT, 1)?;
    guest.wait_event(EV_KEY, BTN_LEFT, 0)
}

/// X11's Ctrl, Alt, Shift and Escape.
const CHORD: [u32; 4] = [0xffe3, 0xffe9, 0xffe1, 0xff1b];

#[test]
fn a_guest_with_a_mouse_hears_how_far_a_viewers_pointer_goes() -> Result<()> {
    let (service, capture) = start()?;
    let server = service.vnc("main")?;
    let mut viewer = Viewer::connect(&server.address, &KNOWS)?;
    let mut guest = shown(&service, &capture, &mouse())?;
    viewer.wait_for(&Event::Relative(false))?;
    // Over the layer the guest takes the pointer, and the viewer is told to send motion.
    viewer.client.pointer(300, 300, 0);
    viewer.wait_for(&Event::Relative(true))?;
    viewer.client.motion(40, -7, 0);
    viewer.send()?;
    guest.wait_event(EV_REL, REL_X, 40)?;
    guest.wait_event(EV_REL, REL_Y, -7)?;
    // Farther than any picture is wide, and back: there is no edge.
    for step in [2000, 2000, -4000] {
        viewer.client.motion(step, 0, 0);
        viewer.send()?;
        guest.wait_event(EV_REL, REL_X, i32::from(step))?;
    }
    viewer.client.motion(0, 3, 1);
    viewer.client.motion(0, 0, 0);
    viewer.client.motion(0, 0, 1 << 3);
    viewer.client.motion(0, 0, 0);
    viewer.send()?;
    guest.wait_event(EV_REL, REL_Y, 3)?;
    guest.wait_event(EV_KEY, BTN_LEFT, 1)?;
    guest.wait_event(EV_KEY, BTN_LEFT, 0)?;
    guest.wait_event(EV_REL, REL_WHEEL, 1)?;
    // The way out: the pointer is the viewer's again, until it clicks.
    CHORD.iter().for_each(|key| viewer.client.key(*key, true));
    CHORD.iter().for_each(|key| viewer.client.key(*key, false));
    viewer.wait_for(&Event::Relative(false))?;
    viewer.client.pointer(310, 300, 0);
    viewer.client.pointer(320, 300, 0);
    viewer.client.pointer(320, 300, 1);
    viewer.wait_for(&Event::Relative(true))?;
    guest.wait_event(EV_KEY, BTN_LEFT, 1)?;
    assert!(!guest.events().iter().any(|event| event.contains(" 2 0 ")), "it did not move");
    // Its viewer goes while it holds a button.
    drop(viewer);
    guest.wait_event(EV_KEY, BTN_LEFT, 0)?;
    guest.power_off()
}

#[test]
fn a_viewer_that_knows_only_places_moves_a_guests_mouse_as_far_as_its_picture_goes() -> Result<()> {
    let (service, capture) = start()?;
    let server = service.vnc("main")?;
    let viewer = PlainViewer::connect(&server.address)?;
    let mut guest = shown(&service, &capture, &mouse())?;
    viewer.pointer(300, 300, 0)?;
    // The first motions may come before the guest's device has the pointer.
    viewer.pointer(310, 300, 1)?;
    guest.wait_event(EV_KEY, BTN_LEFT, 1)?;
    viewer.pointer(310, 300, 0)?;
    guest.wait_event(EV_KEY, BTN_LEFT, 0)?;
    viewer.pointer(352, 295, 0)?;
    guest.wait_event(EV_REL, REL_X, 42)?;
    guest.wait_event(EV_REL, REL_Y, -5)?;
    guest.power_off()
}

#[test]
fn the_guests_cursor_is_where_the_guest_puts_it_while_it_has_the_pointer() -> Result<()> {
    let (service, capture) = start()?;
    let server = service.vnc("main")?;
    let mut viewer = Viewer::connect(&server.address, &KNOWS)?;
    let mut guest = shown(&service, &capture, &mouse())?;
    let (head, pattern, hot) = (0, Pattern::Bars, (3, 4));
    guest.order(&Order::CursorShow { head, pattern, seed: 2, hot })?;
    guest.order(&Order::CursorMove { head, x: 100, y: 80 })?;
    capture.expect("mouse-cursor", &with_cursor(2, (100, 80)), SHORT)?;
    viewer.client.pointer(300, 300, 0);
    viewer.wait_for(&Event::Relative(true))?;
    // The viewer draws none of its own: the guest's is part of the picture, for all.
    viewer.wait(|event| match event {
        Event::Cursor(cursor) if cursor.size == Size::new(0, 0) => Some(()),
        Event::Cursor(cursor) => cursor.mask.iter().all(|seen| !seen).then_some(()),
        _ => None,
    })?;
    capture.expect("mouse-cursor-inside", &with_cursor(2, (100, 80)), SHORT)?;
    guest.order(&Order::CursorMove { head, x: 400, y: 200 })?;
    capture.expect("mouse-cursor-moved", &with_cursor(2, (400, 200)), SHORT)?;
    // A viewer without pointer of its own in the layer, and one that cannot draw any, see the same.
    let plain = PlainViewer::connect(&server.address)?;
    plain.expect("mouse-cursor-plain", &with_cursor(2, (400, 200)), SHORT)?;
    guest.order(&Order::CursorHide { head })?;
    capture.expect("mouse-cursor-hidden", &scene().picture(), SHORT)?;
    plain.expect("mouse-cursor-hidden-plain", &scene().picture(), SHORT)?;
    guest.power_off()
}

#[test]
fn a_guest_with_tablet_and_mouse_is_pointed_at_with_the_tablet() -> Result<()> {
    let (service, capture) = start()?;
    let server = service.vnc("main")?;
    let mut viewer = Viewer::connect(&server.address, &KNOWS)?;
    let both = Options { pointers: &["tablet", "mouse"], ..Options::default() };
    let mut guest = shown(&service, &capture, &both)?;
    viewer.client.pointer(500, 300, 0);
    viewer.client.pointer(500, 300, 1);
    viewer.client.pointer(500, 300, 0);
    viewer.send()?;
    guest.wait_event_near(EV_ABS, 0, 16384, 64)?;
    guest.wait_event(EV_KEY, BTN_LEFT, 1)?;
    guest.order(&Order::Shell("true".to_owned()))?;
    let pressed = guest.events().iter().filter(|event| event.ends_with(" 1 272 1")).count();
    assert_eq!(pressed, 0, "one of the two clicked");
    guest.power_off()
}
