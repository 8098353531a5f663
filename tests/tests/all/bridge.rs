//! `porthole-qemu` before a display that tells the truth: pictures, input, and who ends when.

use porthole_dbus::Writer;
use porthole_tests::display::{Display, Machine, Place, XRGB, fd, words};
use porthole_tests::program::Program;
use porthole_tests::wait::{SHORT, wait_until};
use porthole_tests::{Capture, Picture, Result, Service};
use rustix::fs::{MemfdFlags, memfd_create};
use wayland_client::protocol::wl_pointer::ButtonState;

pub(crate) const MAP: &str = ".Unix.Map";

/// A port of 64 x 48 that the guest's picture fills.
pub(crate) fn service() -> Result<Service> {
    Service::start_with(configuration())
}

pub(crate) const fn configuration() -> &'static str {
    r##"
version = 1
[[port]]
name = "main"
size = [64, 48]
background = "#102030"
[[guest]]
name = "ivi"
[[layer]]
name = "ivi"
port = "main"
guest = "ivi"
order = 1
[[socket]]
name = "viewer"
rights = ["capture:main", "input:main"]
"##
}

/// A pattern with a colour for each pixel.
pub(crate) fn word(seed: u32) -> impl Fn(u32, u32) -> u32 {
    move |x, y| (x * 4) << 16 | (y * 5) << 8 | seed
}

/// The picture of words.
pub(crate) fn picture(word: impl Fn(u32, u32) -> u32) -> Picture {
    let mut picture = Picture::new(64, 48, [0; 3]);
    for (x, y) in (0..48).flat_map(|y| (0..64).map(move |x| (x, y))) {
        let [_, red, green, blue] = word(x, y).to_be_bytes();
        picture.set(x, y, [red, green, blue]);
    }
    picture
}

fn memory(flags: MemfdFlags, bytes: &[u8]) -> Result<std::fs::File> {
    use std::io::Write as _;
    let fd = memfd_create("qemu", flags | MemfdFlags::CLOEXEC).map_err(std::io::Error::from)?;
    let mut file = std::fs::File::from(fd);
    file.write_all(bytes)?;
    Ok(file)
}

#[test]
fn what_qemu_shows_is_on_the_port_pixel_by_pixel() -> Result<()> {
    let service = service()?;
    let capture = Capture::start(&service.socket("viewer")?, "main")?;
    let mut display = Display::start(&service, &Machine::default(), &[])?;
    display.scanout(0, word(1))?;
    capture.expect("scanout", &picture(word(1)), SHORT)?;

    let part = words(10, 5, |_, _| 0xff_0000);
    let body = Writer::new().i32(3).i32(40).i32(10).i32(5).u32(40).u32(XRGB).byte_array(&part);
    display.call(0, ("", "Update"), &body, &[])?.unwrap();
    let inside = |x, y| (3..13).contains(&x) && (40..45).contains(&y);
    let updated = move |x, y| if inside(x, y) { 0xff_0000 } else { word(1)(x, y) };
    capture.expect("update", &picture(updated), SHORT)?;

    // Memory that is shared, and cannot or can be sealed.
    for (flags, seed) in [(MemfdFlags::empty(), 2), (MemfdFlags::ALLOW_SEALING, 3)] {
        let bytes = words(64, 48, word(seed));
        let file = memory(flags, &bytes)?;
        let body = Writer::new().descriptor(0).u32(0).u32(64).u32(48).u32(256).u32(XRGB);
        display.call(0, (MAP, "ScanoutMap"), &body, &[fd(&file)])?.unwrap();
        capture.expect("map", &picture(word(seed)), SHORT)?;
        std::os::unix::fs::FileExt::write_all_at(
            &file,
            &0x12_3456_u32.to_le_bytes(),
            256 * 7 + 4 * 9,
        )?;
        let body = Writer::new().i32(9).i32(7).i32(1).i32(1);
        display.call(0, (MAP, "UpdateMap"), &body, &[])?.unwrap();
        let changed = move |x, y| if (x, y) == (9, 7) { 0x12_3456 } else { word(seed)(x, y) };
        capture.expect("map-update", &picture(changed), SHORT)?;
    }

    display.call(0, ("", "Disable"), &Writer::new(), &[])?.unwrap();
    capture.expect("disabled", &Picture::new(64, 48, [0x10, 0x20, 0x30]), SHORT)?;
    display.scanout(0, word(4))?;
    capture.expect("again", &picture(word(4)), SHORT)?;

    let mut bridge = display.end();
    assert!(bridge.wait_end(SHORT)?.success(), "{}", bridge.log());
    assert!(bridge.log().contains("the VM has ended"), "{}", bridge.log());
    Ok(())
}

#[test]
fn a_compositor_that_dies_takes_nothing_along() -> Result<()> {
    let mut service = service()?;
    let mut display = Display::start(&service, &Machine::default(), &[])?;
    display.scanout(0, word(1))?;
    Capture::start(&service.socket("viewer")?, "main")?.expect(
        "before",
        &picture(word(1)),
        SHORT,
    )?;
    service.kill()?;
    display.bridge.must_run()?;
    // QEMU shows on while nobody looks.
    display.scanout(0, word(2))?;
    service.start_again(&[], None)?;
    Capture::start(&service.socket("viewer")?, "main")?.expect(
        "after",
        &picture(word(2)),
        SHORT,
    )?;
    Ok(())
}

#[test]
fn what_people_do_reaches_the_guest_in_qemus_numbers() -> Result<()> {
    let service = service()?;
    let mut display = Display::start(&service, &Machine::default(), &[])?;
    display.scanout(0, word(1))?;
    let capture = Capture::start(&service.socket("viewer")?, "main")?;
    capture.expect("shown", &picture(word(1)), SHORT)?;

    let mut person = Program::connect(&service.socket("viewer")?)?;
    let seat = person.seat("main")?;
    let keyboard = person.virtual_keyboard(&seat)?;
    // Right Ctrl, which has a number of two bytes on a keyboard.
    keyboard.key(0, 97, 1);
    keyboard.key(0, 97, 0);
    person.roundtrip()?;
    assert_eq!(display.done()?, "Keyboard.Press 157");
    assert_eq!(display.done()?, "Keyboard.Release 157");

    let output = person.output("main")?;
    let pointer = person.virtual_pointer(&output)?;
    pointer.motion_absolute(0, 32, 24, 64, 48);
    pointer.frame();
    pointer.button(0, 0x111, ButtonState::Pressed);
    pointer.frame();
    person.roundtrip()?;
    assert_eq!(display.done()?, "Mouse.SetAbsPosition 32 24");
    assert_eq!(display.done()?, "Mouse.Press 2");
    // Whoever goes lets go.
    person.die();
    assert_eq!(display.done()?, "Mouse.Release 2");

    // A guest that comes to use a mouse hears of motion.
    display.changed("Mouse", "IsAbsolute", Writer::new().bool(false))?;
    let mut person = Program::connect(&service.socket("viewer")?)?;
    let output = person.output("main")?;
    let pointer = person.virtual_pointer(&output)?;
    let went = wait_until("motion", SHORT, || {
        pointer.motion(0, 5.0, -2.0);
        pointer.frame();
        person.roundtrip()?;
        // As long as the pointer is not locked in its place, nothing comes of it.
        Ok(display.done_by_now()?.filter(|done| done.starts_with("Mouse.RelMotion")))
    })?;
    assert_eq!(went, "Mouse.RelMotion 5 -2");
    Ok(())
}

#[test]
fn text_consoles_are_shown_only_where_they_are_wanted() -> Result<()> {
    let service = service()?;
    let machine = Machine { consoles: vec![true, false], ..Machine::default() };
    let mut display = Display::start(&service, &machine, &[])?;
    // The graphics card's console is the first one that is shown.
    display.scanout(0, word(5))?;
    let capture = Capture::start(&service.socket("viewer")?, "main")?;
    capture.expect("graphic", &picture(word(5)), SHORT)
}

#[test]
fn each_thing_that_is_missing_has_a_sentence() -> Result<()> {
    let service = service()?;
    let place = Place::new(service.folder())?;
    let busy = Machine { busy: Some("`:1.5` is already registered!"), ..Machine::default() };
    let none = Machine { consoles: vec![true], ..Machine::default() };
    let machines = [
        (busy, "QEMU does not show console 0: `:1.5` is already registered!"),
        (none, "this VM has no graphics card: give QEMU -vga std"),
    ];
    for (machine, sentence) in machines {
        let bridge = place.bridge(&service, &[])?;
        let mut bridge = Display::refuse(&place, bridge, &machine)?;
        assert_eq!(bridge.wait_end(SHORT)?.code(), Some(1));
        assert!(bridge.log().contains(sentence), "{}", bridge.log());
    }
    Ok(())
}
