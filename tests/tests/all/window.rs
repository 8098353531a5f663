//! Ports in windows. The parent is another run of the service: what it shows and sends is known to the
//! pixel and to the key.

use std::path::Path;

use porthole_tests::{
    Result, Service,
    program::{Program, Toplevel},
    wait::{SHORT, wait_until},
};
use wayland_client::protocol::{wl_pointer::ButtonState, wl_shm::Format};
use wayland_protocols::wp::pointer_constraints::zv1::client::zwp_pointer_constraints_v1::Lifetime;

use crate::wayland_scene::{
    APP, BACK, configuration, expect, in_layer, pattern, picture, service, service_with,
};

const KEY_A: u32 = 30;
const BTN_LEFT: u32 = 0x110;

/// A port in a window of the parent, with a layer that fills it.
pub(crate) fn child_configuration(parent: &Path, port: &str) -> String {
    format!(
        r##"
version = 1
[[port]]
name = "main"
kind = "window"
parent = "{}"
app_id = "{APP}"
{port}
[[socket]]
name = "viewer"
rights = ["capture:main", "input:main"]
[[layer]]
name = "app"
port = "main"
socket = "viewer"
app_id = "{APP}"
order = 1
"##,
        parent.display()
    )
}

pub(crate) fn child(parent: &Service, port: &str) -> Result<Service> {
    Service::start_with(&child_configuration(&parent.socket("viewer")?, port))
}

/// A program of 40 x 20 that shows the pattern.
pub(crate) fn shown(socket: &Path) -> Result<(Program, Toplevel)> {
    let mut program = Program::connect(socket)?;
    program.seat("main")?;
    let toplevel = program.toplevel(APP)?;
    let buffer = program.buffer((40, 20), Format::Xrgb8888, true)?;
    buffer.paint(pattern)?;
    let mark = program.log.len();
    program.frame(&toplevel.surface);
    toplevel.show(&buffer);
    program.wait_for("a frame", mark, |line| line == "frame done")?;
    Ok((program, toplevel))
}

/// What the parent's port should show with the pattern in its layer.
pub(crate) fn of_parent(x: u32, y: u32) -> u32 {
    if in_layer(x, y) { pattern(x - 8, y - 4) } else { BACK }
}

/// Waits until the parent shows this.
pub(crate) fn parent_shows(parent: &Service, want: impl Fn(u32, u32) -> u32) -> Result<()> {
    let socket = parent.socket("viewer")?;
    let mut last = Vec::new();
    let right = |seen: &[u32]| (0..).zip(seen).all(|(i, word)| *word == want(i % 64, i / 64));
    let shown = wait_until("the picture in the window", SHORT, || {
        // Each picture leaves objects behind, of which a client may have so many only.
        last = picture(&mut Program::connect(&socket)?)?;
        Ok(right(&last).then_some(()))
    });
    if shown.is_err() {
        expect(&last, want);
    }
    shown
}

#[test]
fn a_window_shows_its_port_to_the_pixel_and_gives_it_its_size() -> Result<()> {
    let parent = service()?;
    let child = child(&parent, "")?;
    let (mut program, toplevel) = shown(&child.socket("viewer")?)?;
    parent_shows(&parent, of_parent)?;
    // Another place and size: the port follows, and asks its program to follow too.
    let mark = program.log.len();
    parent.reload(&configuration("").replace("[8, 4, 40, 20]", "[0, 0, 20, 16]"))?;
    program.wait_for("another size", mark, |line| line == "toplevel 20x16")?;
    let buffer = program.buffer((20, 16), Format::Xrgb8888, true)?;
    buffer.paint(pattern)?;
    toplevel.show(&buffer);
    program.roundtrip()?;
    parent_shows(&parent, |x, y| if x < 20 && y < 16 { pattern(x, y) } else { BACK })
}

#[test]
fn a_port_that_keeps_its_size_is_scaled() -> Result<()> {
    // The parent shows a window of another size in the middle of its layer, as it is.
    let parent = service_with("fit = \"centre\"")?;
    let port = "size = [16, 16]\nresize = \"config\"\nbackground = \"#405060\"";
    let child = child(&parent, &format!("{port}\ntitle = \"A title\""))?;
    let mut program = Program::connect(&child.socket("viewer")?)?;
    // The program covers the splash.
    let toplevel = program.toplevel(APP)?;
    let buffer = program.buffer((16, 16), Format::Xrgb8888, true)?;
    buffer.paint(|_, _| 0x40_5060)?;
    toplevel.show(&buffer);
    program.roundtrip()?;
    // The picture keeps its proportions: it is 20 x 20 in the window of 40 x 20.
    let is_in = |x: u32, y: u32| (18..38).contains(&x) && (4..24).contains(&y);
    parent_shows(&parent, |x, y| if is_in(x, y) { 0x40_5060 } else { BACK })?;
    let mark = program.log.len();
    program.output("main")?;
    assert!(program.log.since(mark).iter().any(|line| line.starts_with("output mode 16x16")));
    Ok(())
}

#[test]
fn what_a_person_does_in_the_window_reaches_the_layer() -> Result<()> {
    let parent = service()?;
    let child = child(&parent, "")?;
    let (mut program, _toplevel) = shown(&child.socket("viewer")?)?;
    parent_shows(&parent, of_parent)?;
    let mut hands = Program::connect(&parent.socket("viewer")?)?;
    let output = hands.output("main")?;
    let pointer = hands.virtual_pointer(&output)?;
    pointer.motion_absolute(0, 28, 14, 64, 48);
    pointer.frame();
    pointer.button(0, BTN_LEFT, ButtonState::Pressed);
    pointer.frame();
    hands.roundtrip()?;
    program.wait_for("the pointer", 0, |line| line == "pointer enter 20.0 10.0")?;
    program.wait_for("the button", 0, |line| line == "button 272 pressed")?;
    let seat = hands.seat("main")?;
    let keyboard = hands.virtual_keyboard(&seat)?;
    keyboard.key(0, KEY_A, 1);
    hands.roundtrip()?;
    program.wait_for("the key", 0, |line| line == "key 30 pressed")?;
    // Out of the window: the port's pointer is nowhere.
    pointer.button(0, BTN_LEFT, ButtonState::Released);
    pointer.motion_absolute(0, 60, 40, 64, 48);
    pointer.frame();
    hands.roundtrip()?;
    program.wait_for("the release", 0, |line| line == "button 272 released")?;
    program.wait_for("the end", 0, |line| line == "pointer leave")?;
    // A finger.
    let touch = hands.virtual_touch(None, &output)?;
    touch.down(0, 5, 18, 9, 64, 48);
    touch.frame();
    hands.roundtrip()?;
    program.wait_for("the touch screen", 0, |line| line.contains("Touch"))?;
    program.seat("main")?.get_touch(program.handle(), ());
    program.wait_for("the finger", 0, |line| line == "touch 0 down 10.0 5.0")?;
    // Whoever held something is gone.
    hands.die();
    program.wait_for("the key's release", 0, |line| line == "key 30 released")?;
    program.wait_for("the finger's leave", 0, |line| line == "touch 0 up")
}

#[test]
fn a_locked_pointer_is_locked_in_the_parent_too() -> Result<()> {
    let parent = service()?;
    let child = child(&parent, "")?;
    let (mut program, toplevel) = shown(&child.socket("viewer")?)?;
    parent_shows(&parent, of_parent)?;
    let mut hands = Program::connect(&parent.socket("viewer")?)?;
    let output = hands.output("main")?;
    let device = hands.virtual_pointer(&output)?;
    device.motion_absolute(0, 28, 14, 64, 48);
    device.frame();
    hands.roundtrip()?;
    program.wait_for("the pointer", 0, |line| line == "pointer enter 20.0 10.0")?;
    let pointer = program.relative_pointer("main")?;
    let _lock = program.lock(&pointer, &toplevel.surface, Lifetime::Persistent)?;
    program.wait_for("the lock", 0, |line| line == "locked")?;
    // The parent is asked a little later. Until it has locked its pointer, that may leave the window, and
    // is brought back.
    let mut turns = 0;
    wait_until("motion that only says how far", SHORT, || {
        device.motion_absolute(0, 28, 14, 64, 48);
        device.frame();
        // A pointer that leaves unlocks the window, which asks again once it is back. Each time it has
        // longer.
        turns += 1;
        for _ in 0..turns {
            hands.roundtrip()?;
            program.roundtrip()?;
        }
        let mark = program.log.len();
        device.motion(0, 50.0, 0.0);
        device.frame();
        hands.roundtrip()?;
        program.roundtrip()?;
        let told = program.log.since(mark);
        Ok(told.iter().any(|line| line.starts_with("relative 50.0")).then_some(()))
    })?;
    // Without the lock it would be far out of the window by then.
    for _ in 0..2 {
        let mark = program.log.len();
        device.motion(0, 50.0, 0.0);
        device.frame();
        hands.roundtrip()?;
        program.wait_for("the motion", mark, |line| line.starts_with("relative 50.0"))?;
    }
    Ok(())
}

#[test]
fn guests_go_on_without_the_parent_and_the_window_comes_back() -> Result<()> {
    let mut parent = service()?;
    let child = child(&parent, "")?;
    let (mut program, toplevel) = shown(&child.socket("viewer")?)?;
    parent_shows(&parent, of_parent)?;
    parent.kill()?;
    let other = program.buffer((40, 20), Format::Xrgb8888, true)?;
    other.paint(|x, y| pattern(y, x))?;
    let mark = program.log.len();
    program.frame(&toplevel.surface);
    toplevel.show(&other);
    program.wait_for("a frame without a parent", mark, |line| line == "frame done")?;
    parent.start_again(&[], None)?;
    parent_shows(&parent, |x, y| if in_layer(x, y) { pattern(y - 4, x - 8) } else { BACK })?;
    let log = child.process.log();
    assert!(log.contains("the parent is gone"), "{log}");
    Ok(())
}

#[test]
fn a_window_that_nobody_sees_holds_up_nobody() -> Result<()> {
    let parent = service()?;
    let child = child(&parent, "")?;
    let (mut program, toplevel) = shown(&child.socket("viewer")?)?;
    parent_shows(&parent, of_parent)?;
    // The parent's layer is another program's: ours gets no frame callbacks.
    parent.reload(&configuration("").replace(APP, "org.porthole.other"))?;
    parent_shows(&parent, |_, _| BACK)?;
    let other = program.buffer((40, 20), Format::Xrgb8888, true)?;
    other.paint(|x, y| pattern(y, x))?;
    for _ in 0..5 {
        let mark = program.log.len();
        program.frame(&toplevel.surface);
        toplevel.show(&other);
        program.wait_for("a frame that nobody sees", mark, |line| line == "frame done")?;
    }
    parent.reload(&configuration(""))?;
    parent_shows(&parent, |x, y| if in_layer(x, y) { pattern(y - 4, x - 8) } else { BACK })
}

#[test]
fn a_port_says_why_it_has_no_window_and_gets_one_later() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let socket = folder.path().join("not/yet/wayland-7");
    let child = Service::start_with(&child_configuration(&socket, ""))?;
    let log = child.process.log();
    assert!(log.contains("nobody can be reached at"), "{log}");
    assert!(log.contains("the window comes when somebody listens there"), "{log}");
    let (_program, _toplevel) = shown(&child.socket("viewer")?)?;
    let parent = service()?;
    // A session begins: first its folder, then its socket.
    std::fs::create_dir_all(folder.path().join("not/yet"))?;
    std::os::unix::fs::symlink(parent.socket("viewer")?, &socket)?;
    parent_shows(&parent, of_parent)
}
