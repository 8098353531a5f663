//! Fingers of virtual touch screens: mapped into the surface on which they came down, and gone with
//! their device.

use std::path::Path;

use porthole_tests::{
    Result,
    program::{OwnSeat, Program},
};
use wayland_client::protocol::wl_shm::Format;

use crate::wayland_scene::{APP, service};

/// A program with a toplevel of 20 x 10 in a layer of 40 x 20 at 8, 4: two port pixels are one of its
/// own.
fn shown(socket: &Path) -> Result<Program> {
    let mut program = Program::connect(socket)?;
    let toplevel = program.toplevel(APP)?;
    let buffer = program.buffer((20, 10), Format::Xrgb8888, true)?;
    let mark = program.log.len();
    program.frame(&toplevel.surface);
    toplevel.show(&buffer);
    program.wait_for("a frame", mark, |line| line == "frame done")?;
    Ok(program)
}

fn touches(program: &Program, mark: usize) -> Vec<String> {
    program.log.since(mark).iter().filter(|line| line.starts_with("touch ")).cloned().collect()
}

#[test]
fn fingers_are_mapped_into_their_surface_and_heard_of_late() -> Result<()> {
    let service = service()?;
    let socket = service.socket("viewer")?;
    let mut program = shown(&socket)?;
    let seat = program.seat("main")?;
    assert!(program.log.since(0).contains(&"seat has Capability(Pointer | Keyboard)".to_owned()));
    let mut hands = Program::connect(&socket)?;
    let output = hands.output("main")?;
    let touch = hands.virtual_touch(None, &output)?;
    touch.down(0, 5, 28, 14, 64, 48);
    touch.frame();
    // Another finger where nothing is, and one of the same number: nobody hears of them.
    touch.down(0, 6, 1, 47, 64, 48);
    touch.down(0, 5, 9, 5, 64, 48);
    touch.frame();
    hands.roundtrip()?;
    // Only now the program hears that there is a touch screen, and listens to it.
    let touch_screen = |line: &str| line.contains("Touch");
    program.wait_for("the touch screen", 0, touch_screen)?;
    seat.get_touch(program.handle(), ());
    program.wait_for("the finger", 0, |line| line == "touch 0 down 10.0 5.0")?;
    program.wait_for("its frame", 0, |line| line == "touch frame")?;
    let mark = program.log.len();
    // Twice the way on the port; and out of the layer, which it does not leave.
    touch.motion(0, 5, 32, 12, 64, 48);
    touch.motion(0, 5, 60, 40, 64, 48);
    touch.frame();
    touch.up(0, 5);
    touch.frame();
    hands.roundtrip()?;
    program.wait_for("the finger's end", mark, |line| line == "touch 0 up")?;
    program.roundtrip()?;
    let heard = touches(&program, mark);
    let expected = [
        "touch 0 motion 12.0 4.0",
        "touch 0 motion 26.0 18.0",
        "touch frame",
        "touch 0 up",
        "touch frame",
    ];
    assert_eq!(heard, expected);
    Ok(())
}

#[test]
fn fingers_leave_with_their_device_and_a_cancel_undoes_them() -> Result<()> {
    let service = service()?;
    let socket = service.socket("viewer")?;
    let mut hands = Program::connect(&socket)?;
    let output = hands.output("main")?;
    let own: OwnSeat = hands.own_seat()?;
    let touch = hands.virtual_touch(Some(&own.seat), &output)?;
    let other = hands.virtual_touch(Some(&own.seat), &output)?;
    hands.roundtrip()?;
    let mut program = shown(&socket)?;
    program.seat("main/viewer-1")?.get_touch(program.handle(), ());
    program.roundtrip()?;
    for (screen, id) in [(&touch, 1), (&touch, 2), (&other, 1)] {
        screen.down(0, id, 28, 14, 64, 48);
    }
    touch.frame();
    hands.roundtrip()?;
    program.wait_for("three fingers", 0, |line| line.starts_with("touch 2 down"))?;
    // The end of what they came with.
    program.roundtrip()?;
    // Not alone on the seat: its fingers leave, the other screen's stays.
    let mark = program.log.len();
    touch.cancel();
    hands.roundtrip()?;
    program.wait_for("the fingers' end", mark, |line| line == "touch frame")?;
    assert_eq!(touches(&program, mark), ["touch 0 up", "touch 1 up", "touch frame"]);
    let mark = program.log.len();
    touch.down(0, 1, 28, 14, 64, 48);
    touch.frame();
    other.destroy();
    hands.roundtrip()?;
    program.wait_for("the other's end", mark, |line| line == "touch 2 up")?;
    let mark = program.log.len();
    touch.cancel();
    hands.roundtrip()?;
    program.wait_for("the cancel", mark, |line| line == "touch cancel")?;
    touch.down(0, 1, 28, 14, 64, 48);
    touch.frame();
    own.transient.destroy();
    hands.roundtrip()?;
    program.wait_for("the seat's end", mark, |line| line == "touch 0 up")?;
    Ok(())
}

#[test]
fn an_extent_of_nothing_is_an_error_and_fingers_are_bounded() -> Result<()> {
    let service = service()?;
    let socket = service.socket("viewer")?;
    let mut program = shown(&socket)?;
    let mut hands = Program::connect(&socket)?;
    let output = hands.output("main")?;
    let touch = hands.virtual_touch(None, &output)?;
    hands.roundtrip()?;
    program.seat("main")?.get_touch(program.handle(), ());
    program.roundtrip()?;
    for id in 0..100 {
        touch.down(0, id, 28, 14, 64, 48);
    }
    touch.frame();
    hands.roundtrip()?;
    program.wait_for("the frame", 0, |line| line == "touch frame")?;
    program.roundtrip()?;
    let downs = touches(&program, 0).iter().filter(|line| line.contains("down")).count();
    assert_eq!(downs, 16);
    touch.motion(0, 1, 0, 0, 0, 48);
    let error = hands.roundtrip().expect_err("no extent").to_string();
    assert!(error.contains("an extent is zero"), "{error}");
    let plain = Program::connect(&service.socket("plain")?)?;
    assert!(!plain.global_names().contains(&"porthole_virtual_touch_manager_v1".to_owned()));
    Ok(())
}
