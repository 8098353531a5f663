//! An operating system on QEMU's own devices, through `porthole-qemu`: its console, its drawing, its
//! cursor, its heads, and a viewer's input.

use porthole_guest::Pattern;
use porthole_guest::commands::Command as Order;
use porthole_guest::pattern::Area;
use porthole_rfb::client::Event;
use porthole_rfb::{Encoding, Leds};
use porthole_tests::plain::{Boot, Options, PORT};
use porthole_tests::program::Program;
use porthole_tests::service::configuration;
use porthole_tests::wait::{GUEST, SHORT};
use porthole_tests::{Capture, Picture, PlainGuest, Result, Scene, Service, Viewer};
use rustix::process::Signal;

use crate::bridge_firmware::start;
use crate::idle::sleeps;
use crate::strict_viewer::Viewer as StrictViewer;

// The kernel's `input-event-codes.h`.
const EV_KEY: u16 = 1;
const EV_REL: u16 = 2;
const EV_ABS: u16 = 3;
const KEY_A: u16 = 30;
const KEY_CAPSLOCK: u16 = 58;
const KEY_LEFTSHIFT: u16 = 42;
const BTN_LEFT: u16 = 272;
const ABS_MT_SLOT: u16 = 0x2f;
const ABS_MT_POSITION_X: u16 = 0x35;
const ABS_MT_POSITION_Y: u16 = 0x36;
const ABS_MT_TRACKING_ID: u16 = 0x39;
const REL_X: u16 = 0;
const REL_Y: u16 = 1;
const REL_WHEEL: u16 = 8;
/// X11's key.
const CAPS_LOCK: u32 = 0xffe5;
/// The largest position that a tablet tells.
const ABS_MAX: u32 = 32767;

fn draw(guest: &mut PlainGuest, head: usize, pattern: Pattern, seed: u32) -> Result<()> {
    guest.machine.order(&Order::Draw { head, pattern, seed, area: None }).map(drop)
}

fn shell(guest: &mut PlainGuest, line: &str) -> Result<()> {
    guest.machine.order(&Order::Shell(line.to_owned())).map(drop)
}

/// A picture of a size that holds a pattern.
fn pattern(size: (u32, u32), pattern: Pattern, seed: u32) -> Picture {
    let mut picture = Picture::new(size.0, size.1, [0; 3]);
    picture.draw(pattern, seed, (0, 0), size);
    picture
}

/// The guest's console, and all ways of drawing.
fn draws(guest: &mut PlainGuest, capture: &Capture, name: &str) -> Result<()> {
    guest.machine.line().wait_for("STATE up")?;
    shell(guest, "echo A text console > /dev/tty1")?;
    let console = |own: &Picture| own.colours() > 1;
    let first = guest.same_when(&format!("{name}-console"), &capture.screen, console)?;
    // What a driver takes without being told differs from card to card.
    let size = (first.width(), first.height());
    shell(guest, "for n in $(seq 1 200); do echo line $n scrolls; done > /dev/tty1")?;
    let scrolled = |own: &Picture| own.colours() > 1 && *own != first;
    guest.same_when(&format!("{name}-scrolled"), &capture.screen, scrolled)?;

    draw(guest, 0, Pattern::Noise, 1)?;
    let mut expected = pattern(size, Pattern::Noise, 1);
    guest.same_when(&format!("{name}-drawn"), &capture.screen, |own| *own == expected)?;
    let (part, area) = (Pattern::Gradient, Area { x: 301, y: 77, width: 111, height: 53 });
    guest.machine.order(&Order::Draw { head: 0, pattern: part, seed: 2, area: Some(area) })?;
    for y in area.y..area.y + area.height {
        for x in area.x..area.x + area.width {
            expected.set(x, y, part.rgb(2, size.0, size.1, x, y));
        }
    }
    guest.same_when(&format!("{name}-part"), &capture.screen, |own| *own == expected)?;
    guest.machine.order(&Order::Flip { head: 0, pattern: Pattern::Checker, seed: 3, count: 5 })?;
    let flipped = pattern(size, Pattern::Checker, 7);
    guest.same_when(&format!("{name}-flip"), &capture.screen, |own| *own == flipped)?;
    guest.machine.order(&Order::Mode { head: 0, width: 800, height: 600 })?;
    draw(guest, 0, Pattern::Bars, 9)?;
    let smaller = pattern((800, 600), Pattern::Bars, 9);
    guest.same_when(&format!("{name}-mode"), &capture.screen, |own| *own == smaller)?;
    Ok(())
}

/// Keys, and a mouse that tells how far it goes.
fn keyboard_and_mouse(guest: &mut PlainGuest, service: &Service) -> Result<()> {
    let server = service.vnc("main")?;
    // What is told before anybody in the guest listens is lost.
    for device in ["AT_Translated_Set_2_keyboard", "ImExPS/2_Generic_Explorer_Mouse"] {
        guest.machine.line().wait_for(&format!("INPUT {device}"))?;
    }
    let knows = [Encoding::Zrle, Encoding::Cursor, Encoding::QemuPointerMotion, Encoding::QemuLeds];
    let mut viewer = StrictViewer::connect(&server.address, &knows)?;
    viewer.wait_for(&Event::Relative(false))?;
    viewer.client.pointer(300, 300, 0);
    viewer.wait_for(&Event::Relative(true))?;
    viewer.client.motion(40, -7, 0);
    viewer.send()?;
    let line = guest.machine.line();
    line.wait_event(EV_REL, REL_X, 40)?;
    line.wait_event(EV_REL, REL_Y, -7)?;
    viewer.client.motion(0, 3, 1);
    viewer.client.motion(0, 0, 0);
    viewer.client.motion(0, 0, 1 << 3);
    viewer.client.motion(0, 0, 0);
    viewer.send()?;
    line.wait_event(EV_REL, REL_Y, 3)?;
    line.wait_event(EV_KEY, BTN_LEFT, 1)?;
    line.wait_event(EV_KEY, BTN_LEFT, 0)?;
    line.wait_event(EV_REL, REL_WHEEL, 1)?;
    // A capital letter without its Shift key: the guest gets one all the same.
    viewer.client.key(0x41, true);
    viewer.send()?;
    line.wait_event(EV_KEY, KEY_LEFTSHIFT, 1)?;
    line.wait_event(EV_KEY, KEY_A, 1)?;
    lamps(guest, &mut viewer, "AT Translated")?;
    let line = guest.machine.line();
    // The viewer goes away while it holds a key: the guest must not be left with it.
    drop(viewer);
    line.wait_event(EV_KEY, KEY_A, 0)
}

/// Locks go to the guest as keys. What its keyboard lights then, or by itself, is lit at the viewer.
fn lamps(guest: &mut PlainGuest, viewer: &mut StrictViewer, keyboard: &str) -> Result<()> {
    let lit = |caps, scroll| Event::Leds(Leds { caps, scroll, ..Leds::default() });
    for on in [true, false] {
        viewer.client.key(CAPS_LOCK, true);
        viewer.client.key(CAPS_LOCK, false);
        viewer.send()?;
        guest.machine.line().wait_event(EV_KEY, KEY_CAPSLOCK, 1)?;
        // The guest's console has turned its lock, and told its keyboard.
        viewer.wait_for(&lit(on, false))?;
    }
    for on in [true, false] {
        let bytes = format!(r"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\21\0\2\0\{}\0\0\0", u8::from(on));
        let find =
            format!("grep -l '{keyboard}' /sys/class/input/event*/device/name | cut -d/ -f5");
        shell(guest, &format!("printf '{bytes}' > /dev/input/$({find})"))?;
        viewer.wait_for(&lit(false, on))?;
    }
    Ok(())
}

/// A touch screen, over a picture of 800 x 600 in the port's corner. It is plugged in, because QEMU gives
/// it the mouse's buttons from then on.
fn fingers(guest: &mut PlainGuest, service: &Service) -> Result<()> {
    let device = serde_json::json!({"driver": "virtio-multitouch-pci", "id": "fingers"});
    guest.machine.qmp.execute("device_add", device)?;
    guest.machine.line().wait_for("INPUT QEMU_Virtio_MultiTouch")?;
    let mut hands = Program::connect(&service.socket("viewer")?)?;
    let output = hands.output("main")?;
    let touch = hands.virtual_touch(None, &output)?;
    let at = |part: i32| i32::try_from(ABS_MAX).unwrap_or(0) * part / 4;
    let slack = ABS_MAX / 600 + 1;
    touch.down(0, 7, 400, 300, PORT.0, PORT.1);
    touch.down(0, 9, 600, 450, PORT.0, PORT.1);
    touch.frame();
    hands.roundtrip()?;
    let line = guest.machine.line();
    line.wait_event_near(EV_ABS, ABS_MT_POSITION_X, at(2), slack)?;
    line.wait_event_near(EV_ABS, ABS_MT_POSITION_Y, at(2), slack)?;
    line.wait_event(EV_ABS, ABS_MT_SLOT, 1)?;
    line.wait_event_near(EV_ABS, ABS_MT_POSITION_X, at(3), slack)?;
    line.wait_event_near(EV_ABS, ABS_MT_POSITION_Y, at(3), slack)?;
    touch.motion(0, 7, 200, 300, PORT.0, PORT.1);
    touch.frame();
    hands.roundtrip()?;
    line.wait_event(EV_ABS, ABS_MT_SLOT, 0)?;
    line.wait_event_near(EV_ABS, ABS_MT_POSITION_X, at(1), slack)?;
    touch.up(0, 7);
    touch.frame();
    hands.roundtrip()?;
    line.wait_event(EV_ABS, ABS_MT_TRACKING_ID, -1)?;

    // What is down when the bridge is killed goes up at the guest when it comes again.
    killed(guest)?;
    hands.die();
    guest.bridge_again(service)?;
    guest.machine.line().wait_event(EV_ABS, ABS_MT_TRACKING_ID, -1)
}

fn killed(guest: &mut PlainGuest) -> Result<()> {
    guest.bridge.signal(Signal::KILL)?;
    guest.bridge.wait_end(SHORT).map(drop)
}

/// A tablet that tells places, over a picture of a size in the port's corner.
fn tablet(guest: &mut PlainGuest, service: &Service, size: (u32, u32)) -> Result<()> {
    let server = service.vnc("main")?;
    let viewer = Viewer::connect(&server.address)?;
    let line = guest.machine.line();
    for (x, y) in [(100, 50), (0, size.1 - 1), (size.0 - 1, 0)] {
        let on_port = |value: u32| u16::try_from(value).unwrap_or(u16::MAX);
        viewer.pointer(on_port(x), on_port(y), 0)?;
        // A pixel more or less on the tablet's scale.
        let slack = ABS_MAX / size.1 + 1;
        let scaled = |value: u32, size: u32| i32::try_from(value * ABS_MAX / size).unwrap_or(0);
        line.wait_event_near(EV_ABS, 0, scaled(x, size.0), slack)?;
        line.wait_event_near(EV_ABS, 1, scaled(y, size.1), slack)?;
    }
    viewer.pointer(300, 300, 1)?;
    line.wait_event(EV_KEY, BTN_LEFT, 1)?;
    drop(viewer);
    line.wait_event(EV_KEY, BTN_LEFT, 0)?;
    // The same when there is no bridge any more that could tell.
    let viewer = Viewer::connect(&server.address)?;
    viewer.pointer(300, 300, 1)?;
    line.wait_event(EV_KEY, BTN_LEFT, 1)?;
    killed(guest)?;
    drop(viewer);
    guest.bridge_again(service)?;
    guest.machine.line().wait_event(EV_KEY, BTN_LEFT, 0)
}

#[test]
fn a_linux_guest_on_a_standard_vga_with_a_ps2_mouse() -> Result<()> {
    let (service, capture) = start()?;
    let mut guest = PlainGuest::start(&service, "plain", &Options::new(Boot::Guest(None)))?;
    draws(&mut guest, &capture, "bridge-vga")?;
    keyboard_and_mouse(&mut guest, &service)
}

/// The firmware's picture of 16 bits, which the guest's console goes on with.
#[test]
#[ignore = "a kernel that unpacks itself"]
fn a_linux_guest_without_a_driver() -> Result<()> {
    let (service, capture) = start()?;
    let mut guest = PlainGuest::start(&service, "plain", &Options::new(Boot::Vesa))?;
    guest.machine.line().wait_for("STATE up")?;
    shell(&mut guest, "echo A text console > /dev/tty1")?;
    let console = |own: &Picture| (own.width(), own.height()) == (800, 600) && own.colours() > 1;
    guest.same_when("bridge-vesa-console", &capture.screen, console)?;
    shell(&mut guest, "cat /bin/busybox > /dev/fb0; true")?;
    let many = |own: &Picture| own.colours() > 1000;
    guest.same_when("bridge-vesa-drawn", &capture.screen, many).map(drop)
}

/// The cursor's image at a position of a picture.
fn with_cursor(below: &Picture, seed: u32, at: (u32, u32)) -> Picture {
    let mut picture = below.clone();
    picture.draw(Pattern::Bars, seed, at, (64, 64));
    picture
}

/// Two heads, each as large as its layer, which changes; a cursor and a tablet on the first.
fn heads(options: &Options, name: &str) -> Result<()> {
    let scene = |right: (u32, u32)| {
        Scene::new("main", 1280, 720).layer("plain", (0, 0, 640, 480), Pattern::Noise, 1).layer(
            "second",
            (640, 100, right.0, right.1),
            Pattern::Bars,
            2,
        )
    };
    let text = |scene: &Scene| {
        configuration(std::slice::from_ref(scene))
            .replace("guest = \"second\"\n", "guest = \"plain\"\nscanout = 1\n")
            .replace("[[guest]]\nname = \"second\"\n", "")
            .replace("[[guest]]\nname = \"plain\"\n", "[[guest]]\nname = \"plain\"\nscanouts = 2\n")
    };
    let mut shown = scene((512, 384));
    let service = Service::start_with(&text(&shown))?;
    let capture = Capture::start(&service.socket("viewer")?, "main")?;
    let mut guest = PlainGuest::start(&service, "plain", options)?;
    guest.machine.line().wait_for("STATE up")?;
    for (head, width, height) in [(0, 640, 480), (1, 512, 384)] {
        guest.machine.order(&Order::WaitSize { head, width, height })?;
    }
    draw(&mut guest, 0, Pattern::Noise, 1)?;
    draw(&mut guest, 1, Pattern::Bars, 2)?;
    capture.expect(&format!("{name}-both"), &shown.picture(), GUEST)?;

    shown = scene((400, 300));
    service.reload(&text(&shown))?;
    let (head, width, height) = (1, 400, 300);
    guest.machine.order(&Order::WaitSize { head, width, height })?;
    guest.machine.order(&Order::Mode { head, width, height })?;
    draw(&mut guest, 1, Pattern::Bars, 2)?;
    let both = shown.picture();
    capture.expect(&format!("{name}-resized"), &both, GUEST)?;

    let cursor = Order::CursorShow { head: 0, pattern: Pattern::Bars, seed: 2, hot: (0, 0) };
    guest.machine.order(&cursor)?;
    guest.machine.order(&Order::CursorMove { head: 0, x: 100, y: 80 })?;
    let pointed = with_cursor(&both, 2, (100, 80));
    capture.expect(&format!("{name}-cursor"), &pointed, GUEST)?;
    guest.machine.order(&Order::CursorMove { head: 0, x: 300, y: 200 })?;
    let pointed = with_cursor(&both, 2, (300, 200));
    capture.expect(&format!("{name}-cursor-moved"), &pointed, GUEST)?;
    guest.machine.order(&Order::CursorHide { head: 0 })?;
    capture.expect(&format!("{name}-cursor-hidden"), &both, GUEST)?;
    tablet(&mut guest, &service, (640, 480))?;
    drop(guest);
    capture.expect(&format!("{name}-gone"), &Picture::new(1280, 720, [0x10, 0x14, 0x18]), GUEST)
}

fn two_heads(options: Options) -> Options {
    let options = options.card("virtio-vga,max_outputs=2");
    options.device("virtio-tablet-pci").device("virtio-keyboard-pci")
}

#[test]
fn two_heads_follow_their_layers_and_have_cursor_and_tablet() -> Result<()> {
    heads(&two_heads(Options::new(Boot::Guest(None))), "bridge-heads")
}

#[test]
#[ignore = "needs the newest QEMU"]
fn the_newest_qemu_shows_a_linux_guest() -> Result<()> {
    let (service, capture) = start()?;
    let options = Options::new(Boot::Guest(None)).newest();
    let mut guest = PlainGuest::start(&service, "plain", &options)?;
    draws(&mut guest, &capture, "bridge-newest")?;
    keyboard_and_mouse(&mut guest, &service)?;
    fingers(&mut guest, &service)?;
    sleeps("bridge and service to sleep", &[&guest.bridge, &service.process])?;
    drop(guest);
    // A touch screen in front of it leaves the tablet its buttons.
    let options = Options::new(Boot::Guest(None)).newest().device("virtio-multitouch-pci");
    heads(&two_heads(options), "bridge-newest-heads")
}

#[test]
#[ignore = "other display devices"]
fn other_display_devices_show_a_linux_guest() -> Result<()> {
    for card in ["qxl-vga", "virtio-vga", "bochs-display"] {
        let (service, capture) = start()?;
        let options = Options::new(Boot::Guest(None)).card(card);
        let options = options.device("qemu-xhci").device("usb-tablet").device("usb-kbd");
        let mut guest = PlainGuest::start(&service, "plain", &options)?;
        draws(&mut guest, &capture, &format!("bridge-{card}"))?;
        guest.machine.line().wait_for("INPUT QEMU_QEMU_USB_Tablet")?;
        tablet(&mut guest, &service, (800, 600))?;
    }
    Ok(())
}
