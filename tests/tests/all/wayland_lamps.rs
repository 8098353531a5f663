//! Lamps: who has a seat's keyboard says which are on, and who sends its keys hears of it.

use porthole_tests::{
    Result, Service,
    program::{Program, Toplevel},
};
use porthole_wayland::stream::client::wfd_stream_v1::Lamps;
use wayland_client::protocol::{wl_pointer::ButtonState, wl_shm::Format};

const KEY_CAPSLOCK: u32 = 58;
const BTN_LEFT: u32 = 0x110;

/// A guest on the left half of the port, a program on its right one.
const CONFIGURATION: &str = r#"
version = 1
[[port]]
name = "main"
size = [80, 40]
[[socket]]
name = "viewer"
rights = ["capture:main", "input:main"]
[[socket]]
name = "plain"
[[guest]]
name = "ivi"
[[layer]]
name = "guest"
port = "main"
guest = "ivi"
rect = [0, 0, 40, 40]
order = 1
[[layer]]
name = "app"
port = "main"
socket = "plain"
app_id = "*"
rect = [40, 0, 40, 40]
order = 2
"#;

fn shown(program: &mut Program, app_id: &str) -> Result<Toplevel> {
    let toplevel = program.toplevel(app_id)?;
    let buffer = program.buffer((40, 40), Format::Xrgb8888, true)?;
    let mark = program.log.len();
    program.frame(&toplevel.surface);
    toplevel.show(&buffer);
    program.wait_for("a frame", mark, |l| l == "frame done")?;
    Ok(toplevel)
}

/// Waits for lamps; the log says `lamps N` with the bits of the protocol.
fn lamps(person: &mut Program, mark: usize, bits: u32) -> Result<()> {
    let line = format!("lamps {bits}");
    person.wait_for(&line, mark, |said| said == line)
}

#[test]
fn the_lamps_of_who_has_the_keyboard_are_on() -> Result<()> {
    let service = Service::start_with(CONFIGURATION)?;
    let mut person = Program::connect(&service.socket("viewer")?)?;
    let seat = person.seat("main")?;
    let keyboard = person.virtual_keyboard(&seat)?;
    let output = person.output("main")?;
    let pointer = person.virtual_pointer(&output)?;
    let all = person.seat_feedback(&seat)?;
    lamps(&mut person, 0, 0)?;
    let mut guest = Program::connect(&service.socket("ivi")?)?;
    let toplevel = shown(&mut guest, "porthole.scanout.0")?;
    let stream = guest.stream(&toplevel.surface)?;
    let mark = person.log.len();
    stream.set_leds(Lamps::Num | Lamps::Scroll);
    guest.roundtrip()?;
    lamps(&mut person, mark, 5)?;
    // The guest decides, whatever the seat's own keymap would say.
    keyboard.key(0, KEY_CAPSLOCK, 1);
    keyboard.key(0, KEY_CAPSLOCK, 0);
    person.roundtrip()?;
    let mark = person.log.len();
    stream.set_leds(Lamps::Caps);
    guest.roundtrip()?;
    lamps(&mut person, mark, 2)?;
    // A program has the lamps of the seat, where Caps Lock is on.
    stream.set_leds(Lamps::empty());
    guest.roundtrip()?;
    lamps(&mut person, mark, 0)?;
    let mut app = Program::connect(&service.socket("plain")?)?;
    let _window = shown(&mut app, "any")?;
    let mark = person.log.len();
    pointer.motion_absolute(0, 60, 20, 80, 40);
    pointer.frame();
    for state in [ButtonState::Pressed, ButtonState::Released] {
        pointer.button(0, BTN_LEFT, state);
        pointer.frame();
    }
    person.roundtrip()?;
    lamps(&mut person, mark, 2)?;
    let mark = person.log.len();
    keyboard.key(0, KEY_CAPSLOCK, 1);
    keyboard.key(0, KEY_CAPSLOCK, 0);
    person.roundtrip()?;
    lamps(&mut person, mark, 0)?;
    // The program goes, and the guest has the keyboard again, and then nobody.
    let mark = person.log.len();
    stream.set_leds(Lamps::Scroll);
    guest.roundtrip()?;
    app.die();
    lamps(&mut person, mark, 4)?;
    let mark = person.log.len();
    guest.die();
    lamps(&mut person, mark, 0)?;
    all.destroy();
    person.roundtrip()
}

#[test]
fn lamps_are_for_those_who_may_send_keys() -> Result<()> {
    let service = Service::start_with(CONFIGURATION)?;
    let names = Program::connect(&service.socket("plain")?)?.global_names();
    assert!(!names.iter().any(|name| name == "porthole_seat_feedback_manager_v1"));
    // The right goes: nothing more is heard.
    let mut person = Program::connect(&service.socket("viewer")?)?;
    let seat = person.seat("main")?;
    let _lamps = person.seat_feedback(&seat)?;
    lamps(&mut person, 0, 0)?;
    service.reload(&CONFIGURATION.replace(", \"input:main\"", ""))?;
    let mut guest = Program::connect(&service.socket("ivi")?)?;
    let toplevel = shown(&mut guest, "porthole.scanout.0")?;
    guest.stream(&toplevel.surface)?.set_leds(Lamps::Caps);
    guest.roundtrip()?;
    person.roundtrip()?;
    let said = person.log.since(0).iter().filter(|line| line.starts_with("lamps ")).count();
    assert_eq!(said, 1);
    Ok(())
}
