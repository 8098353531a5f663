//! Fingers on a parent's touch screen: in which layer they are, and how they end.

use porthole_rig::parent::Parent;
use porthole_tests::{
    Failure, Result, Service,
    filter::{Filter, LIFT, Without},
    program::Program,
    wait::{GUEST, wait_until},
};
use wayland_client::protocol::wl_shm::Format;

use crate::{
    wayland_scene::{APP, pattern, service, show},
    window::{child_configuration, of_parent, parent_shows, shown},
};

const OTHER: &str = "org.porthole.other";

/// Hears of fingers on the port's own seat, once it has any.
fn listen(program: &mut Program) -> Result<()> {
    program.wait_for("the touch screen", 0, |line| line.contains("Touch"))?;
    program.seat("main")?.get_touch(program.handle(), ());
    program.roundtrip()
}

#[test]
fn fingers_reach_their_layers_and_are_taken_back() -> Result<()> {
    let parent = service()?;
    let text = child_configuration(&parent.socket("viewer")?, "");
    let other = format!(
        "[[layer]]\nname = \"other\"\nport = \"main\"\nsocket = \"viewer\"\n\
         app_id = \"{OTHER}\"\norder = 2\nrect = [0, 0, 10, 20]\n"
    );
    let child = Service::start_with(&format!("{text}{other}"))?;
    let socket = child.socket("viewer")?;
    let mut above = Program::connect(&socket)?;
    above.seat("main")?;
    let toplevel = above.toplevel(OTHER)?;
    let buffer = above.buffer((10, 20), Format::Xrgb8888, true)?;
    buffer.paint(pattern)?;
    show(&mut above, &toplevel, &buffer)?;
    let (mut program, _toplevel) = shown(&socket)?;
    parent_shows(&parent, of_parent)?;

    let mut hands = Program::connect(&parent.socket("viewer")?)?;
    let output = hands.output("main")?;
    let touch = hands.virtual_touch(None, &output)?;
    // One in each layer: the window is at 8,4 of the parent.
    touch.down(0, 5, 12, 9, 64, 48);
    touch.down(0, 6, 38, 14, 64, 48);
    touch.frame();
    hands.roundtrip()?;
    listen(&mut above)?;
    listen(&mut program)?;
    above.wait_for("its finger", 0, |line| line == "touch 0 down 4.0 5.0")?;
    program.wait_for("its finger", 0, |line| line == "touch 1 down 30.0 10.0")?;
    // A finger stays in the layer in which it came down.
    let marks = [above.log.len(), program.log.len()];
    touch.motion(0, 5, 28, 14, 64, 48);
    touch.up(0, 6);
    touch.frame();
    hands.roundtrip()?;
    above.wait_for("the motion", marks[0], |line| line == "touch 0 motion 20.0 10.0")?;
    program.wait_for("the lift", marks[1], |line| line == "touch 1 up")?;
    // What was done was not meant.
    let mark = above.log.len();
    touch.cancel();
    hands.roundtrip()?;
    above.wait_for("the cancel", mark, |line| line == "touch cancel")
}

/// A parent whose touch screen goes without a word of the fingers on it.
#[test]
fn fingers_leave_with_the_parents_touch_screen() -> Result<()> {
    let parent = service()?;
    let lacks = [Without { interface: LIFT.to_owned(), version: None }];
    let filter = Filter::start(&parent.socket("viewer")?, &lacks)?;
    let child = Service::start_with(&child_configuration(filter.socket(), ""))?;
    let (mut program, _toplevel) = shown(&child.socket("viewer")?)?;
    parent_shows(&parent, of_parent)?;
    let mut hands = Program::connect(&parent.socket("viewer")?)?;
    let output = hands.output("main")?;
    let own = hands.own_seat()?;
    let touch = hands.virtual_touch(Some(&own.seat), &output)?;
    touch.down(0, 5, 18, 9, 64, 48);
    touch.frame();
    hands.roundtrip()?;
    listen(&mut program)?;
    program.wait_for("the finger", 0, |line| line == "touch 0 down 10.0 5.0")?;
    own.transient.destroy();
    hands.roundtrip()?;
    program.wait_for("the finger's end", 0, |line| line == "touch 0 up")
}

/// sway's own touch screen is that of the compositor in whose window it is: fingers go by real programs
/// of both sides.
#[test]
#[ignore = "needs sway, which is downloaded"]
fn fingers_come_through_sway() -> Result<()> {
    let (width, height) = (160, 120);
    let host = Service::start_with(&format!(
        r##"
version = 1
[[port]]
name = "main"
size = [{width}, {height}]
[[socket]]
name = "viewer"
rights = ["capture:main", "input:main"]
[[layer]]
name = "sway"
port = "main"
socket = "viewer"
app_id = "wlroots"
order = 1
"##
    ))?;
    let folder = tempfile::Builder::new().prefix("parent-").tempdir()?;
    let socket = host.socket("viewer")?;
    let sway = Parent::start_in(&socket, folder.path(), (width, height))?;
    let child = Service::start_with(&child_configuration(&sway.socket(), ""))?;
    let mut program = Program::connect(&child.socket("viewer")?)?;
    program.seat("main")?;
    let toplevel = program.toplevel(APP)?;
    let told = program
        .wait_for("the window's size", 0, |line| line == format!("toplevel {width}x{height}"));
    let failure = |why| Failure::new(format!("{why}\n{}\n{}", child.process.log(), sway.log()));
    told.map_err(failure)?;
    let buffer = program.buffer((width, height), Format::Xrgb8888, true)?;
    buffer.paint(pattern)?;
    show(&mut program, &toplevel, &buffer)?;

    let mut hands = Program::connect(&socket)?;
    let output = hands.output("main")?;
    let touch = hands.virtual_touch(None, &output)?;
    let mut is_heard = false;
    // Each tells the next of its first touch screen when there is one, and of fingers from then on.
    let seen = wait_until("the finger", GUEST, || {
        touch.down(0, 5, 50, 40, width, height);
        touch.frame();
        hands.roundtrip()?;
        program.roundtrip()?;
        if !is_heard && program.log.since(0).iter().any(|line| line.contains("Touch")) {
            program.seat("main")?.get_touch(program.handle(), ());
            is_heard = true;
        }
        program.roundtrip()?;
        let lines = program.log.since(0);
        let is_down =
            |line: &String| line.starts_with("touch ") && line.ends_with(" down 50.0 40.0");
        let down = lines.iter().any(is_down);
        if !down {
            touch.up(0, 5);
            touch.frame();
            hands.roundtrip()?;
        }
        Ok(down.then_some(()))
    });
    seen.map_err(failure)?;
    let mark = program.log.len();
    touch.motion(0, 5, 60, 45, width, height);
    touch.frame();
    touch.up(0, 5);
    touch.frame();
    hands.roundtrip()?;
    program.wait_for("the motion", mark, |line| line.ends_with(" motion 60.0 45.0"))?;
    program.wait_for("the end", mark, |line| line.ends_with(" up"))
}
