//! Virtual keyboards that bring a keymap, as programs do that type any text.

use porthole_tests::{
    Result,
    program::{Program, keymap_of},
};
use wayland_client::protocol::wl_shm::Format;

use crate::wayland_scene::{APP, service};

/// Codes of linux/input-event-codes.h.
const KEY_Y: u32 = 21;
const KEY_LEFTSHIFT: u32 = 42;
const KEY_Z: u32 = 44;

/// A program that has the keyboard.
fn shown(socket: &std::path::Path) -> Result<Program> {
    let mut program = Program::connect(socket)?;
    program.seat("main")?;
    let toplevel = program.toplevel(APP)?;
    toplevel.show(&program.buffer((40, 20), Format::Xrgb8888, true)?);
    program.wait_for("the keyboard", 0, |line| line == "keyboard enter")?;
    program.roundtrip()?;
    Ok(program)
}

#[test]
fn keys_mean_what_the_devices_keymap_says() -> Result<()> {
    let service = service()?;
    let mut program = shown(&service.socket("viewer")?)?;
    let (seats, told) = (program.log.keymap().0.to_owned(), program.log.keymap().1);
    let mut typist = Program::connect(&service.socket("viewer")?)?;
    let seat = typist.seat("main")?;
    let german = typist.virtual_keyboard_with(&seat, &keymap_of("de")?)?;
    let plain = typist.virtual_keyboard_with(&seat, &seats)?;
    let tap = |keyboard: &wayland_protocols_misc::zwp_virtual_keyboard_v1::client::zwp_virtual_keyboard_v1::ZwpVirtualKeyboardV1, key| {
        keyboard.key(0, key, 1);
        keyboard.key(0, key, 0);
    };
    // The seat's own keymap is no other one: nothing new is told.
    tap(&plain, KEY_Y);
    typist.roundtrip()?;
    program.wait_for("y", 0, |line| line == "key 21 released")?;
    assert_eq!((program.log.typed(), program.log.keymap().1), ("y", told));

    // Two from the one, with its modifiers, then one of the other again.
    tap(&german, KEY_Y);
    german.modifiers(1, 0, 0, 0);
    tap(&german, KEY_Y);
    german.modifiers(0, 0, 0, 0);
    tap(&plain, KEY_Z);
    typist.roundtrip()?;
    program.wait_for("z", 0, |line| line == "key 44 released")?;
    assert_eq!((program.log.typed(), program.log.keymap().1), ("yzZz", told + 2));
    assert!(program.log.keymap().0 == seats, "the seat's keymap is back");

    // A code that the seat calls a modifier is none to the seat when it means something else.
    tap(&german, KEY_Y);
    german.key(0, KEY_LEFTSHIFT, 1);
    let mark = program.log.len();
    typist.roundtrip()?;
    program.wait_for("the key", mark, |line| line == "key 42 pressed")?;
    typist.die();
    program.wait_for("its release", mark, |line| line == "key 42 released")?;
    program.roundtrip()?;
    assert!(program.log.keymap().0 == seats, "a dead device's keymap is not kept");

    let mut typist = Program::connect(&service.socket("viewer")?)?;
    let seat = typist.seat("main")?;
    let plain = typist.virtual_keyboard(&seat)?;
    tap(&plain, KEY_Z);
    typist.roundtrip()?;
    let mark = program.log.len();
    program.wait_for("z", mark, |line| line == "key 44 released")?;
    assert_eq!(program.log.typed(), "yzZzzz", "and not a capital one");
    Ok(())
}

#[test]
fn a_keymap_that_cannot_be_is_as_none() -> Result<()> {
    let service = service()?;
    let mut program = shown(&service.socket("viewer")?)?;
    let told = program.log.keymap().1;
    let mut typist = Program::connect(&service.socket("viewer")?)?;
    let seat = typist.seat("main")?;
    let keyboard = typist.virtual_keyboard(&seat)?;
    let (reader, _writer) = rustix::pipe::pipe().map_err(std::io::Error::from)?;
    keyboard.keymap(1, std::os::fd::AsFd::as_fd(&reader), 4096);
    let memory = porthole_tests::program::PoolMemory::new(16, false)?;
    keyboard.keymap(1, memory.fd(), u32::MAX);
    keyboard.keymap(7, memory.fd(), 16);
    // It says more than the file holds.
    memory.write(b"nonsense")?;
    keyboard.keymap(1, memory.fd(), 4096);
    keyboard.keymap(1, porthole_tests::program::PoolMemory::new(16, false)?.fd(), 4096);
    keyboard.key(0, KEY_Y, 1);
    keyboard.key(0, KEY_Y, 0);
    typist.roundtrip()?;
    program.wait_for("y", 0, |line| line == "key 21 released")?;
    assert_eq!((program.log.typed(), program.log.keymap().1), ("y", told));
    Ok(())
}
