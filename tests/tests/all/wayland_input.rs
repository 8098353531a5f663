//! Virtual devices through the seat: focus, mapping, and that nothing stays pressed.

use porthole_tests::{Result, Service, program::Program};
use wayland_client::protocol::{wl_pointer::ButtonState, wl_shm::Format};

use crate::wayland_scene::{APP, configuration, service, service_with};

/// `KEY_A` and `BTN_LEFT` of linux/input-event-codes.h.
const KEY_A: u32 = 30;
const BTN_LEFT: u32 = 0x110;

/// A program whose toplevel is shown; dropping the objects here destroys nothing at the service.
fn shown(socket: &std::path::Path, size: (u32, u32)) -> Result<Program> {
    let mut program = Program::connect(socket)?;
    program.seat("main")?;
    let toplevel = program.toplevel(APP)?;
    let buffer = program.buffer(size, Format::Xrgb8888, true)?;
    let mark = program.log.len();
    program.frame(&toplevel.surface);
    toplevel.show(&buffer);
    program.wait_for("a frame", mark, |line| line == "frame done")?;
    Ok(program)
}

#[test]
fn keys_reach_the_first_layer_and_a_killed_device_releases_them() -> Result<()> {
    let service = service()?;
    let mut program = shown(&service.socket("viewer")?, (40, 20))?;
    program.wait_for("the keyboard", 0, |line| line == "keyboard enter")?;

    let mut typist = Program::connect(&service.socket("viewer")?)?;
    let seat = typist.seat("main")?;
    let keyboard = typist.virtual_keyboard(&seat)?;
    keyboard.key(0, KEY_A, 1);
    // Pressed again without a release, and a code that no keyboard has: ignored.
    keyboard.key(0, KEY_A, 1);
    keyboard.key(0, 70_000, 1);
    typist.roundtrip()?;
    program.wait_for("the key", 0, |line| line == "key 30 pressed")?;
    typist.die();
    program.wait_for("the release", 0, |line| line == "key 30 released")?;
    let keys: Vec<_> = program.log.since(0).iter().filter(|l| l.starts_with("key ")).collect();
    assert_eq!(keys, ["key 30 pressed", "key 30 released"]);
    Ok(())
}

#[test]
fn the_pointer_is_in_the_surfaces_own_coordinates_under_any_scale() -> Result<()> {
    // A surface of 20 x 10 fills the layer of 40 x 20 at 8, 4: two port pixels are one of its own.
    let service = service()?;
    let mut program = shown(&service.socket("viewer")?, (20, 10))?;
    let mut hand = Program::connect(&service.socket("viewer")?)?;
    let output = hand.output("main")?;
    let pointer = hand.virtual_pointer(&output)?;
    pointer.motion_absolute(0, 28, 14, 64, 48);
    pointer.frame();
    hand.roundtrip()?;
    program.wait_for("the pointer", 0, |line| line == "pointer enter 10.0 5.0")?;
    pointer.motion(0, 4.0, -2.0);
    pointer.frame();
    pointer.button(0, BTN_LEFT, ButtonState::Pressed);
    pointer.frame();
    hand.roundtrip()?;
    program.wait_for("the motion", 0, |line| line == "pointer motion 12.0 4.0")?;
    program.wait_for("the button", 0, |line| line == "button 272 pressed")?;
    hand.die();
    program.wait_for("the release", 0, |line| line == "button 272 released")?;
    Ok(())
}

#[test]
fn held_keys_repeat_as_the_configuration_says() -> Result<()> {
    let configuration = configuration("");
    let with =
        |repeat: &str| configuration.replace("[[port]]", &format!("[input]\n{repeat}\n[[port]]"));
    let service = Service::start_with(&with("repeat_rate = 40"))?;
    let mut program = Program::connect(&service.socket("viewer")?)?;
    program.seat("main")?;
    program.wait_for("the rate", 0, |line| line == "repeats 40 after 600")?;
    service.reload(&with("repeat_rate = 0\nrepeat_delay = 300"))?;
    program.wait_for("another rate", 0, |line| line == "repeats 0 after 300")
}

#[test]
fn a_layer_may_refuse_the_keyboard() -> Result<()> {
    let service = service_with("keyboard = false")?;
    let mut program = shown(&service.socket("viewer")?, (40, 20))?;
    let mut hand = Program::connect(&service.socket("viewer")?)?;
    let output = hand.output("main")?;
    let pointer = hand.virtual_pointer(&output)?;
    pointer.motion_absolute(0, 28, 14, 64, 48);
    pointer.frame();
    pointer.button(0, BTN_LEFT, ButtonState::Pressed);
    pointer.frame();
    hand.roundtrip()?;
    program.wait_for("the button", 0, |line| line == "button 272 pressed")?;
    let seat = hand.seat("main")?;
    hand.virtual_keyboard(&seat)?.key(0, KEY_A, 1);
    hand.roundtrip()?;
    program.roundtrip()?;
    assert!(!program.log.since(0).iter().any(|l| l.starts_with("key")));
    Ok(())
}

#[test]
fn a_key_before_its_keymap_is_an_error() -> Result<()> {
    use wayland_protocols_misc::zwp_virtual_keyboard_v1::client::zwp_virtual_keyboard_manager_v1::ZwpVirtualKeyboardManagerV1;
    let service = service()?;
    let mut typist = Program::connect(&service.socket("viewer")?)?;
    let seat = typist.seat("main")?;
    let manager: ZwpVirtualKeyboardManagerV1 = typist.bind()?;
    manager.create_virtual_keyboard(&seat, typist.handle(), ()).key(0, KEY_A, 1);
    let error = typist.roundtrip().expect_err("no keymap").to_string();
    assert!(error.contains("key before keymap"), "{error}");
    Ok(())
}

#[test]
fn a_surface_that_moves_under_a_resting_pointer_is_told() -> Result<()> {
    let service = service()?;
    let mut program = Program::connect(&service.socket("viewer")?)?;
    program.seat("main")?;
    let toplevel = program.toplevel(APP)?;
    let buffer = program.buffer((40, 20), Format::Xrgb8888, true)?;
    toplevel.show(&buffer);
    let output = program.output("main")?;
    let device = program.virtual_pointer(&output)?;
    device.motion_absolute(0, 28, 14, 64, 48);
    device.frame();
    program.wait_for("the pointer", 0, |line| line == "pointer enter 20.0 10.0")?;
    let mark = program.log.len();
    service
        .reload(&configuration("").replace("rect = [8, 4, 40, 20]", "rect = [10, 8, 40, 20]"))?;
    program.wait_for("its new place", mark, |line| line == "pointer motion 18.0 6.0")
}
