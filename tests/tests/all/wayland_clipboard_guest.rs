//! The clipboard of guests: which way copied text goes is the configuration's.

use porthole_tests::{
    Result, Service,
    program::{Program, TEXT, Toplevel},
};
use wayland_client::protocol::{
    wl_data_device_manager::DndAction, wl_pointer::ButtonState, wl_shm::Format,
};

/// `BTN_LEFT` of linux/input-event-codes.h.
const BTN_LEFT: u32 = 0x110;

/// A guest's layer on the left, a program's on the right.
fn configuration(clipboard: &str) -> String {
    format!(
        r#"
version = 1
[[port]]
name = "main"
size = [64, 48]
[[guest]]
name = "ivi"
clipboard = "{clipboard}"
[[socket]]
name = "apps"
[[socket]]
name = "hand"
rights = ["input:main"]
[[socket]]
name = "manager"
rights = ["clipboard:main"]
[[layer]]
name = "left"
port = "main"
guest = "ivi"
rect = [0, 0, 32, 48]
order = 1
[[layer]]
name = "right"
port = "main"
socket = "apps"
app_id = "*"
rect = [32, 0, 32, 48]
order = 2
"#
    )
}

fn shown(service: &Service, socket: &str, app_id: &str) -> Result<(Program, Toplevel)> {
    let mut program = Program::connect(&service.socket(socket)?)?;
    let seat = program.seat("main")?;
    if program.global_names().iter().any(|name| name == "wl_data_device_manager") {
        program.data_device(&seat)?;
    }
    let toplevel = program.toplevel(app_id)?;
    let buffer = program.buffer((32, 48), Format::Xrgb8888, true)?;
    crate::wayland_scene::show(&mut program, &toplevel, &buffer)?;
    Ok((program, toplevel))
}

/// Whether the guest is offered what a person has copied, and whether a person is what the guest has.
fn ways(clipboard: &str) -> Result<(bool, bool)> {
    let service = Service::start_with(&configuration(clipboard))?;
    let mut manager = Program::connect(&service.socket("manager")?)?;
    let seat = manager.seat("main")?;
    let control = manager.data_control(&seat)?;
    let source = manager.control_source("from a person")?;
    control.set_selection(Some(&source));
    manager.wait_for("its own copy", 0, |l| l == format!("control copied {TEXT}"))?;

    let (mut guest, _toplevel) = shown(&service, "ivi", "porthole.scanout.0")?;
    guest.wait_for("the keyboard", 0, |l| l == "keyboard enter")?;
    guest.roundtrip()?;
    let into = guest.log.since(0).contains(&format!("copied {TEXT}"));
    if into {
        assert_eq!(guest.paste(&mut manager)?, "from a person");
    }
    let names = guest.global_names();
    assert!(!names.iter().any(|n| n.contains("primary") || n.contains("data_control")));
    if !names.iter().any(|n| n == "wl_data_device_manager") {
        return Ok((into, false));
    }
    let seat = guest.seat("main")?;
    let source = guest.data_source("from the guest")?;
    let (mark, before) = (manager.log.len(), guest.log.len());
    guest.data_device(&seat)?.set_selection(Some(&source), guest.serial()?);
    guest.roundtrip()?;
    manager.roundtrip()?;
    let copied = format!("control copied {TEXT}");
    let out = manager.log.since(mark).contains(&copied);
    let refused = guest.log.since(before).iter().any(|line| line == "source cancelled");
    assert_eq!(refused, !out, "who is not listened to is told");
    if out {
        assert_eq!(manager.paste_as_manager(&mut guest)?, "from the guest");
        // It goes with its guest.
        let mark = manager.log.len();
        guest.die();
        manager.wait_for("the loss", mark, |l| l == "control copied none")?;
    }
    Ok((into, out))
}

#[test]
fn copied_text_goes_to_and_from_guests_as_configured() -> Result<()> {
    assert_eq!(ways("off")?, (false, false));
    assert_eq!(ways("in")?, (true, false));
    assert_eq!(ways("out")?, (false, true));
    assert_eq!(ways("both")?, (true, true));
    Ok(())
}

#[test]
fn guests_drag_nothing_and_hear_of_no_drag() -> Result<()> {
    let service = Service::start_with(&configuration("both"))?;
    let (mut guest, guest_top) = shown(&service, "ivi", "porthole.scanout.0")?;
    let (mut program, toplevel) = shown(&service, "apps", "right")?;
    let mut hand = Program::connect(&service.socket("hand")?)?;
    let output = hand.output("main")?;
    let pointer = hand.virtual_pointer(&output)?;
    let mut at = |x: u32, button: Option<ButtonState>| -> Result<()> {
        pointer.motion_absolute(0, x, 10, 64, 48);
        pointer.frame();
        if let Some(state) = button {
            pointer.button(0, BTN_LEFT, state);
            pointer.frame();
        }
        hand.roundtrip()
    };
    at(10, Some(ButtonState::Pressed))?;
    guest.wait_for("the button", 0, |l| l == "button 272 pressed")?;
    let serial = guest.serial()?;
    let seat = guest.seat("main")?;
    let source = guest.data_source("dragged")?;
    source.set_actions(DndAction::Copy);
    guest.data_device(&seat)?.start_drag(Some(&source), &guest_top.surface, None, serial);
    guest.roundtrip()?;
    at(40, None)?;
    at(40, Some(ButtonState::Released))?;
    program.roundtrip()?;
    assert!(!program.log.since(0).iter().any(|l| l.starts_with("drag ")));

    at(40, Some(ButtonState::Pressed))?;
    program.wait_for("the button", 0, |l| l == "button 272 pressed")?;
    let serial = program.serial()?;
    let seat = program.seat("main")?;
    let source = program.data_source("dragged")?;
    source.set_actions(DndAction::Copy);
    program.data_device(&seat)?.start_drag(Some(&source), &toplevel.surface, None, serial);
    program.roundtrip()?;
    at(42, None)?;
    program.wait_for("its own drag", 0, |l| l.starts_with("drag enter 10.0"))?;
    at(10, None)?;
    program.wait_for("the drag to leave", 0, |l| l == "drag leave")?;
    at(10, Some(ButtonState::Released))?;
    guest.roundtrip()?;
    assert!(!guest.log.since(0).iter().any(|l| l.starts_with("drag ")));
    Ok(())
}

#[test]
fn a_guest_that_may_no_longer_copy_is_disconnected() -> Result<()> {
    let service = Service::start_with(&configuration("both"))?;
    let (mut guest, _toplevel) = shown(&service, "ivi", "porthole.scanout.0")?;
    service.reload(&configuration("both").replace("order = 2", "order = 3"))?;
    guest.roundtrip()?;
    service.reload(&configuration("in"))?;
    let ended = guest.wait_for("the end", 0, |_| false).expect_err("it could copy");
    assert!(!ended.to_string().contains("no the end"), "{ended}");
    // More than there was changes nothing for who is there.
    let (mut guest, _toplevel) = shown(&service, "ivi", "porthole.scanout.0")?;
    service.reload(&configuration("both"))?;
    guest.roundtrip()
}
