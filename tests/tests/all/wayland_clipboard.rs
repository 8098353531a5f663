//! Copy and paste, drag and drop, the keyboard: from whom to whom, and from whom not.

use porthole_tests::{
    Result, Service,
    program::{Program, TEXT, Toplevel},
};
use wayland_client::protocol::{
    wl_data_device_manager::DndAction, wl_pointer::ButtonState, wl_shm::Format,
};
use wayland_protocols_wlr::virtual_pointer::v1::client::zwlr_virtual_pointer_v1::ZwlrVirtualPointerV1;

/// `BTN_LEFT` of linux/input-event-codes.h.
const BTN_LEFT: u32 = 0x110;

/// Two ports; on the first a program's layer on the left and another's on the right.
fn service(manager: &str) -> Result<Service> {
    Service::start_with(&configuration(manager))
}

fn configuration(manager: &str) -> String {
    format!(
        r#"
version = 1
[[port]]
name = "main"
size = [64, 48]
[[port]]
name = "side"
size = [64, 48]
[[guest]]
name = "ivi"
[[socket]]
name = "left"
[[socket]]
name = "right"
[[socket]]
name = "hand"
rights = ["input:main"]
[[socket]]
name = "eye"
rights = ["capture:main"]
[[socket]]
name = "manager"
rights = [{manager}]
[[layer]]
name = "left"
port = "main"
socket = "left"
app_id = "left"
rect = [0, 0, 32, 48]
order = 1
[[layer]]
name = "right"
port = "main"
socket = "right"
app_id = "right"
rect = [32, 0, 32, 48]
order = 2
"#
    )
}

const BOTH: &str = r#""clipboard:main", "clipboard:side""#;

/// A program whose toplevel is shown.
fn shown(service: &Service, name: &str) -> Result<(Program, Toplevel)> {
    let mut program = Program::connect(&service.socket(name)?)?;
    let seat = program.seat("main")?;
    program.data_device(&seat)?;
    program.primary_device(&seat)?;
    let toplevel = program.toplevel(name)?;
    let buffer = program.buffer((32, 48), Format::Xrgb8888, true)?;
    crate::wayland_scene::show(&mut program, &toplevel, &buffer)?;
    Ok((program, toplevel))
}

/// A pointer on the port.
fn hand(service: &Service) -> Result<(Program, ZwlrVirtualPointerV1)> {
    let mut hand = Program::connect(&service.socket("hand")?)?;
    let output = hand.output("main")?;
    let pointer = hand.virtual_pointer(&output)?;
    Ok((hand, pointer))
}

fn point(hand: &mut Program, pointer: &ZwlrVirtualPointerV1, x: u32, y: u32) -> Result<()> {
    pointer.motion_absolute(0, x, y, 64, 48);
    pointer.frame();
    hand.roundtrip()
}

fn press(hand: &mut Program, pointer: &ZwlrVirtualPointerV1, state: ButtonState) -> Result<()> {
    pointer.button(0, BTN_LEFT, state);
    pointer.frame();
    hand.roundtrip()
}

#[test]
fn what_the_focused_program_copies_the_next_focused_one_pastes() -> Result<()> {
    let service = service(BOTH)?;
    let (mut left, _toplevel) = shown(&service, "left")?;
    left.wait_for("the keyboard", 0, |l| l == "keyboard enter")?;
    let (mut right, _toplevel) = shown(&service, "right")?;

    // Who has no keyboard cannot copy, whatever serial it names.
    let stolen = right.data_source("stolen")?;
    let seat = right.seat("main")?;
    let device = right.data_device(&seat)?;
    device.set_selection(Some(&stolen), left.serial()?);
    right.roundtrip()?;
    left.roundtrip()?;
    assert!(!left.log.since(0).iter().any(|l| l.starts_with("copied text")));
    right.wait_for("that it could not", 0, |l| l == "source cancelled")?;

    let seat = left.seat("main")?;
    let device = left.data_device(&seat)?;
    let source = left.data_source("a text")?;
    device.set_selection(Some(&source), left.serial()?);
    let primary = left.primary_device(&seat)?;
    let selected = left.primary_source("a text")?;
    primary.set_selection(Some(&selected), left.serial()?);
    left.wait_for("its own copy", 0, |l| l == format!("copied {TEXT}"))?;
    right.roundtrip()?;
    assert!(!right.log.since(0).iter().any(|l| l.starts_with("copied text")));

    let (mut hand, pointer) = hand(&service)?;
    point(&mut hand, &pointer, 40, 10)?;
    press(&mut hand, &pointer, ButtonState::Pressed)?;
    press(&mut hand, &pointer, ButtonState::Released)?;
    right.wait_for("the keyboard", 0, |l| l == "keyboard enter")?;
    right.wait_for("the offer", 0, |l| l == format!("copied {TEXT}"))?;
    right.wait_for("the selection", 0, |l| l == format!("selected {TEXT}"))?;
    assert_eq!(right.paste(&mut left)?, "a text");
    assert_eq!(right.paste_primary(&mut left)?, "a text");

    // What was copied goes with its program.
    let mark = right.log.len();
    left.die();
    right.wait_for("the end of the offer", 0, |_| true)?;
    let device = right.data_source("another")?;
    let seat = right.seat("main")?;
    right.data_device(&seat)?.set_selection(Some(&device), right.serial()?);
    right.wait_for("its own copy", mark, |l| l == format!("copied {TEXT}"))?;
    Ok(())
}

#[test]
fn guests_have_no_clipboard_and_managers_only_that_of_their_ports() -> Result<()> {
    let service = service(r#""clipboard:main""#)?;
    let clipboard = [
        "wl_data_device_manager",
        "zwp_primary_selection_device_manager_v1",
        "ext_data_control_manager_v1",
        "zwlr_data_control_manager_v1",
    ];
    let sees = |socket: &str| -> Result<Vec<bool>> {
        let names = Program::connect(&service.socket(socket)?)?.global_names();
        Ok(clipboard.iter().map(|c| names.iter().any(|n| n == c)).collect())
    };
    assert_eq!(sees("ivi")?, [false, false, false, false]);
    assert_eq!(sees("left")?, [true, true, false, false]);
    assert_eq!(sees("manager")?, [true, true, true, true]);

    let mut manager = Program::connect(&service.socket("manager")?)?;
    let side = manager.seat("side")?;
    manager.data_control(&side)?;
    manager.wait_for("the refusal", 0, |l| l == "control finished")?;
    let mark = manager.log.len();
    let main = manager.seat("main")?;
    manager.data_control(&main)?;
    manager.wait_for("the clipboard", mark, |l| l == "control copied none")?;
    Ok(())
}

#[test]
fn a_clipboard_manager_reads_and_sets_without_the_keyboard() -> Result<()> {
    let service = service(BOTH)?;
    let (mut left, _toplevel) = shown(&service, "left")?;
    left.wait_for("the keyboard", 0, |l| l == "keyboard enter")?;
    let seat = left.seat("main")?;
    let source = left.data_source("from left")?;
    left.data_device(&seat)?.set_selection(Some(&source), left.serial()?);
    left.roundtrip()?;

    let mut manager = Program::connect(&service.socket("manager")?)?;
    let seat = manager.seat("main")?;
    let control = manager.data_control(&seat)?;
    manager.wait_for("the offer", 0, |l| l == format!("control copied {TEXT}"))?;
    assert_eq!(manager.paste_as_manager(&mut left)?, "from left");
    let source = manager.control_source("from the manager")?;
    let mark = left.log.len();
    control.set_selection(Some(&source));
    manager.roundtrip()?;
    left.wait_for("the offer", mark, |l| l == format!("copied {TEXT}"))?;
    assert_eq!(left.paste(&mut manager)?, "from the manager");

    // Another seat has a clipboard of its own.
    let mark = manager.log.len();
    let side = manager.seat("side")?;
    manager.data_control(&side)?;
    manager.wait_for("the other clipboard", mark, |l| l == "control copied none")?;

    // Without the right the connection ends: what a device was promised cannot be taken back.
    service.reload(&configuration(r#""clipboard:side""#))?;
    let ended = manager.wait_for("the end", 0, |_| false).expect_err("the right is gone");
    assert!(!ended.to_string().contains("no the end"), "{ended}");
    Ok(())
}

const DRAGGED: u32 = 0x12_ab_34;

/// Where the diagonal of what is dragged is seen on the port, with pointers painted in.
fn squares(service: &Service) -> Result<Vec<(usize, usize)>> {
    let mut viewer = Program::connect(&service.socket("eye")?)?;
    let output = viewer.output("main")?;
    let managers = viewer.capture_managers()?;
    let session = viewer.capture_painted(&managers, &output)?;
    let buffer = viewer.buffer((64, 48), Format::Xrgb8888, true)?;
    let mark = viewer.log.len();
    viewer.capture_frame(&session, &buffer);
    viewer.wait_for("a capture", mark, |line| line == "capture ready")?;
    let words = buffer.words()?;
    let found: Vec<(usize, usize)> = words
        .iter()
        .enumerate()
        .filter(|(_, word)| *word & 0xff_ffff == DRAGGED)
        .map(|(index, _)| (index % 64, index / 64))
        .collect();
    assert!(found.is_empty() || found.len() == 9, "{found:?}");
    Ok(found.into_iter().step_by(4).collect())
}

#[test]
fn what_is_dragged_is_dropped_where_the_button_is_let_go() -> Result<()> {
    let service = service(BOTH)?;
    let (mut left, toplevel) = shown(&service, "left")?;
    let (mut right, _toplevel) = shown(&service, "right")?;
    let (mut hand, pointer) = hand(&service)?;
    point(&mut hand, &pointer, 10, 10)?;
    press(&mut hand, &pointer, ButtonState::Pressed)?;
    left.wait_for("the button", 0, |l| l == "button 272 pressed")?;
    let serial = left.serial()?;

    // Another program that guesses the serial does not get to drag.
    let seat = right.seat("main")?;
    let thief = right.data_source("stolen")?;
    let own = right.surface();
    right.data_device(&seat)?.start_drag(Some(&thief), &own, None, serial);
    right.roundtrip()?;

    let seat = left.seat("main")?;
    let source = left.data_source("dragged")?;
    source.set_actions(DndAction::Copy);
    let device = left.data_device(&seat)?;
    // A square of 3 goes with the pointer, far from what the pointer itself covers.
    let icon = left.surface();
    let square = left.buffer((3, 3), Format::Xrgb8888, true)?;
    square.paint(|_, _| DRAGGED)?;
    device.start_drag(Some(&source), &toplevel.surface, Some(&icon), serial);
    icon.offset(-20, 12);
    icon.attach(Some(&square.object), 0, 0);
    icon.frame(left.handle(), ());
    icon.commit();
    let mark = left.log.len();
    left.wait_for("the square's frame", mark, |l| l == "frame done")?;
    point(&mut hand, &pointer, 42, 20)?;
    assert_eq!(squares(&service)?, [(22, 32), (23, 33), (24, 34)]);
    right.wait_for("the drag", 0, |l| l == "drag enter 10.0 20.0")?;
    let offer = right.dragged()?;
    offer.accept(0, Some(TEXT.into()));
    offer.set_actions(DndAction::Copy, DndAction::Copy);
    right.roundtrip()?;
    press(&mut hand, &pointer, ButtonState::Released)?;
    right.wait_for("the drop", 0, |l| l == "drag drop")?;
    assert_eq!(squares(&service)?, [], "it is gone with the drop");
    assert_eq!(right.take_drop(&mut left)?, "dragged");
    offer.finish();
    right.roundtrip()?;
    left.wait_for("the end", 0, |l| l == "source finished")?;
    Ok(())
}

#[test]
fn who_has_the_keyboard_hands_it_on_once() -> Result<()> {
    let service = service(BOTH)?;
    let (mut left, _toplevel) = shown(&service, "left")?;
    left.wait_for("the keyboard", 0, |l| l == "keyboard enter")?;
    let (mut right, toplevel) = shown(&service, "right")?;
    // Who has no keyboard gets a token as well, which does nothing.
    let seat = right.seat("main")?;
    let stolen = right.activation_token(&seat, left.serial()?)?;
    right.activate(&toplevel, &stolen)?;
    assert!(!right.log.since(0).iter().any(|l| l == "keyboard enter"));

    let seat = left.seat("main")?;
    let token = left.activation_token(&seat, left.serial()?)?;
    right.activate(&toplevel, &token)?;
    right.wait_for("the keyboard", 0, |l| l == "keyboard enter")?;
    // Used once: the left one gets it back, and the same token is worth nothing.
    let (mut hand, pointer) = hand(&service)?;
    point(&mut hand, &pointer, 10, 10)?;
    press(&mut hand, &pointer, ButtonState::Pressed)?;
    right.wait_for("the loss of it", 0, |l| l == "keyboard leave")?;
    let mark = right.log.len();
    right.activate(&toplevel, &token)?;
    assert!(!right.log.since(mark).iter().any(|l| l == "keyboard enter"));
    Ok(())
}

#[test]
fn programs_that_come_and_go_leave_nothing_behind() -> Result<()> {
    let service = service(BOTH)?;
    let visit = |times: u32| -> Result<u64> {
        for _ in 0..times {
            let mut program = Program::connect(&service.socket("left")?)?;
            let seat = program.seat("main")?;
            for _ in 0..60 {
                program.data_device(&seat)?;
                program.primary_device(&seat)?;
            }
            program.roundtrip()?;
            // Without a word to its devices.
            program.die();
        }
        service.process.status("VmRSS")
    };
    // What the memory's own bookkeeping needs is there after some visits.
    let before = visit(100)?;
    let after = visit(400)?;
    // 48000 devices of some 300 bytes each would be 14 MB.
    assert!(after < before + 5_000, "from {before} kB to {after} kB");
    Ok(())
}

#[test]
fn who_comes_next_does_not_find_what_the_last_one_copied() -> Result<()> {
    let service = service(r#""clipboard:main", "input:main""#)?;
    let (_left, _toplevel) = shown(&service, "left")?;
    let mut manager = Program::connect(&service.socket("manager")?)?;
    let output = manager.output("main")?;
    let mut names = Vec::new();
    for text in ["a secret", "another one"] {
        let mark = manager.log.len();
        let seat = manager.own_seat()?;
        names.extend(manager.log.since(mark).iter().find(|l| l.starts_with("seat name ")).cloned());
        // A seat is at the port at which it has a pointer.
        let pointer = manager.virtual_pointer_of(&seat.seat, &output)?;
        let mark = manager.log.len();
        let control = manager.data_control(&seat.seat)?;
        manager.wait_for("a first word", mark, |l| l.starts_with("control copied"))?;
        let said = manager.log.since(mark).iter().find(|l| l.starts_with("control copied"));
        assert_eq!(said.map(String::as_str), Some("control copied none"), "before {text}");
        let source = manager.control_source(text)?;
        control.set_selection(Some(&source));
        manager.wait_for("its own copy", mark, |l| l == format!("control copied {TEXT}"))?;
        let mark = manager.log.len();
        pointer.destroy();
        seat.transient.destroy();
        manager.wait_for("the end of the seat", mark, |l| l == "global removed")?;
    }
    assert_eq!(names[0], names[1], "the second person has the seat of the first");
    Ok(())
}
