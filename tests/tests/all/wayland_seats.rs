//! A seat for each person: announced to everybody, apart from all others, and gone with its client.

use std::path::Path;
use std::time::{Duration, Instant};

use porthole_tests::{Result, Service, program::Program};
use wayland_client::protocol::{wl_pointer::ButtonState, wl_shm::Format};

use crate::wayland_scene::{APP, picture, service};

const KEY_A: u32 = 30;
const KEY_B: u32 = 48;
const BTN_LEFT: u32 = 0x110;

/// A program that is shown, and listens to no seat yet.
fn shown(socket: &Path) -> Result<Program> {
    let mut program = Program::connect(socket)?;
    let toplevel = program.toplevel(APP)?;
    let buffer = program.buffer((40, 20), Format::Xrgb8888, true)?;
    let mark = program.log.len();
    program.frame(&toplevel.surface);
    toplevel.show(&buffer);
    program.wait_for("a frame", mark, |line| line == "frame done")?;
    Ok(program)
}

fn said(program: &Program, what: &str) -> Vec<String> {
    program.log.since(0).iter().filter(|line| line.starts_with(what)).cloned().collect()
}

#[test]
fn a_seat_is_announced_named_after_its_port_and_gone_with_its_object() -> Result<()> {
    let service = service()?;
    let mut other = Program::connect(&service.socket("plain")?)?;
    let mut person = Program::connect(&service.socket("viewer")?)?;
    let own = person.own_seat()?;
    assert_eq!(said(&person, "seat name"), ["seat name main/viewer-1"]);
    assert_eq!(said(&person, "seat has"), ["seat has Capability(0x0)"], "no device yet");
    let output = person.output("main")?;
    person.virtual_pointer_of(&own.seat, &output)?;
    person.virtual_keyboard(&own.seat)?;
    person.roundtrip()?;
    assert!(said(&person, "seat has").contains(&"seat has Capability(Pointer | Keyboard)".into()));
    let second = person.own_seat()?;
    assert!(said(&person, "seat name").contains(&"seat name main/viewer-2".into()));
    other.wait_for("both seats", 0, |line| line == "global wl_seat")?;
    other.roundtrip()?;
    assert_eq!(said(&other, "global wl_seat").len(), 2);

    let mark = other.log.len();
    own.transient.destroy();
    person.roundtrip()?;
    other.wait_for("the seat's end", mark, |line| line == "global removed")?;
    // Pens of a seat that is gone are none.
    person.pens(&own.seat)?;
    person.roundtrip()?;
    // The name is free again, the other seat stays.
    person.own_seat()?;
    assert_eq!(said(&person, "seat name main/viewer-1").len(), 2);
    person.virtual_keyboard(&second.seat)?;
    person.roundtrip()?;
    let mark = other.log.len();
    person.die();
    for _ in 0..2 {
        other.wait_for("the seats' end", mark, |line| line == "global removed")?;
    }
    other.roundtrip()?;
    assert_eq!(other.log.since(mark).iter().filter(|l| *l == "global removed").count(), 2);
    Ok(())
}

#[test]
fn keys_and_buttons_of_two_people_are_apart_and_released_with_their_seat() -> Result<()> {
    let service = service()?;
    let socket = service.socket("viewer")?;
    let mut hands = Program::connect(&socket)?;
    let output = hands.output("main")?;
    let one = hands.own_seat()?;
    let two = hands.own_seat()?;
    let (keys_one, keys_two) =
        (hands.virtual_keyboard(&one.seat)?, hands.virtual_keyboard(&two.seat)?);
    let pointer = hands.virtual_pointer_of(&two.seat, &output)?;
    hands.roundtrip()?;

    // The same toplevel is watched through one seat and then through the other.
    let mut program = shown(&socket)?;
    program.seat("main/viewer-1")?;
    program.wait_for("the keyboard", 0, |line| line == "keyboard enter")?;
    keys_one.key(0, KEY_A, 1);
    keys_two.key(0, KEY_B, 1);
    hands.roundtrip()?;
    program.wait_for("the key", 0, |line| line == "key 30 pressed")?;
    program.roundtrip()?;
    assert_eq!(said(&program, "key "), ["key 30 pressed"], "of this seat only");

    // Heard of late: the pointer is over the toplevel already.
    pointer.motion_absolute(0, 28, 14, 64, 48);
    pointer.frame();
    pointer.button(0, BTN_LEFT, ButtonState::Pressed);
    pointer.frame();
    hands.roundtrip()?;
    let mark = program.log.len();
    program.seat("main/viewer-2")?;
    program.wait_for("the pointer", mark, |line| line == "pointer enter 20.0 10.0")?;
    program.wait_for("the keyboard", mark, |line| line == "keyboard enter")?;

    // Everything of the second seat goes, while its devices are still there.
    let mark = program.log.len();
    two.transient.destroy();
    hands.roundtrip()?;
    program.wait_for("the key's end", mark, |line| line == "key 48 released")?;
    program.wait_for("the button's end", mark, |line| line == "button 272 released")?;
    program.wait_for("the pointer's end", mark, |line| line == "pointer leave")?;
    // What is left of it reaches nobody and does no harm.
    keys_two.key(0, KEY_A, 1);
    pointer.motion(0, 1.0, 1.0);
    pointer.frame();
    hands.roundtrip()?;
    let mark = program.log.len();
    keys_one.key(0, KEY_A, 0);
    hands.roundtrip()?;
    program.wait_for("the first seat's key", mark, |line| line == "key 30 released")?;
    Ok(())
}

#[test]
fn a_key_that_two_devices_of_a_seat_hold_goes_up_with_the_second() -> Result<()> {
    let service = service()?;
    let socket = service.socket("viewer")?;
    let mut program = shown(&socket)?;
    program.seat("main")?;
    let mut hands = Program::connect(&socket)?;
    let seat = hands.seat("main")?;
    let (left, right) = (hands.virtual_keyboard(&seat)?, hands.virtual_keyboard(&seat)?);
    left.key(0, KEY_A, 1);
    right.key(0, KEY_A, 1);
    left.key(0, KEY_A, 0);
    right.key(0, KEY_B, 1);
    hands.roundtrip()?;
    program.wait_for("the second key", 0, |line| line == "key 48 pressed")?;
    assert_eq!(said(&program, "key "), ["key 30 pressed", "key 48 pressed"]);
    right.destroy();
    hands.roundtrip()?;
    program.wait_for("the release", 0, |line| line == "key 30 released")?;
    Ok(())
}

#[test]
fn each_pointer_is_seen_where_it_is_and_all_where_pointers_are_painted() -> Result<()> {
    let service = service()?;
    let socket = service.socket("viewer")?;
    let mut hands = Program::connect(&socket)?;
    let output = hands.output("main")?;
    let managers = hands.capture_managers()?;
    let mut pointers = Vec::new();
    for name in ["main/viewer-1", "main/viewer-2"] {
        let own = hands.own_seat()?;
        let pointer = hands.virtual_pointer_of(&own.seat, &output)?;
        hands.roundtrip()?;
        let seen = own.seat.get_pointer(hands.handle(), ());
        pointers.push((name, own, pointer, hands.watch_cursor(&managers, &output, &seen)));
    }
    // The second moves, and only its watcher hears of it.
    let Some((_, second, pointer, watch)) = pointers.pop() else { unreachable!() };
    let mark = hands.log.len();
    pointer.motion_absolute(0, 60, 40, 64, 48);
    pointer.frame();
    hands.roundtrip()?;
    let heard = |hands: &Program, mark| -> Vec<String> {
        let lines = hands.log.since(mark).iter();
        // The hot spot is that of the machine's pointer theme.
        let lines = lines.filter(|line| line.starts_with("cursor "));
        lines.filter(|line| !line.starts_with("cursor hotspot")).cloned().collect()
    };
    assert_eq!(heard(&hands, mark), ["cursor enter", "cursor at 60 40"]);
    let mark = hands.log.len();
    let Some((_, _, pointer, _)) = pointers.first() else { unreachable!() };
    pointer.motion_absolute(0, 2, 30, 64, 48);
    pointer.frame();
    hands.roundtrip()?;
    assert_eq!(heard(&hands, mark), ["cursor enter", "cursor at 2 30"]);

    let session = hands.capture_painted(&managers, &output)?;
    let buffer = hands.buffer((64, 48), Format::Xrgb8888, true)?;
    let mark = hands.log.len();
    hands.capture_frame(&session, &buffer);
    hands.wait_for("a capture", mark, |line| line == "capture ready")?;
    let painted: Vec<u32> = buffer.words()?.into_iter().map(|word| word & 0xff_ffff).collect();
    let plain = picture(&mut hands)?;
    let differ = |columns: std::ops::Range<usize>| {
        let changed = (0..64 * 48).filter(|at| columns.contains(&(at % 64)));
        changed.into_iter().any(|at| painted[at] != plain[at])
    };
    assert!(differ(0..32), "the first pointer");
    assert!(differ(40..64), "the second pointer");
    // A seat that goes takes its pointer along.
    let mark = hands.log.len();
    second.transient.destroy();
    hands.roundtrip()?;
    assert_eq!(heard(&hands, mark), ["cursor leave"]);
    drop(watch);
    Ok(())
}

#[test]
fn without_the_right_to_send_input_there_are_no_seats_to_make() -> Result<()> {
    let service: Service = service()?;
    let plain = Program::connect(&service.socket("plain")?)?;
    assert!(!plain.global_names().contains(&"ext_transient_seat_manager_v1".to_owned()));
    Ok(())
}

#[test]
fn seats_without_end_are_denied() -> Result<()> {
    let service = service()?;
    let mut greedy = Program::connect(&service.socket("viewer")?)?;
    let mut seats = 0;
    while greedy.own_seat().is_ok() {
        seats += 1;
        assert!(seats <= 64, "there is no end to it");
    }
    assert_eq!(seats, 64);
    // Another client's one is free again when they are gone.
    greedy.die();
    let mut next = Program::connect(&service.socket("viewer")?)?;
    next.own_seat()?;
    Ok(())
}

#[test]
fn seats_that_come_and_go_without_end_are_denied_for_a_while() -> Result<()> {
    let service = service()?;
    let mut restless = Program::connect(&service.socket("viewer")?)?;
    // As fast as the service takes them: those that went five seconds ago count no more.
    let start = Instant::now();
    let seats = restless.seats_of_a_moment(400)?;
    if start.elapsed() < Duration::from_secs(5) {
        assert_eq!(seats, 256);
    }
    assert!(seats >= 256, "only {seats}");
    // What the log leaves out of that is this socket's, and nobody else's.
    let log = service.process.log();
    let lines: Vec<_> = log.lines().filter(|line| line.contains("seat 'main/viewer-")).collect();
    assert!(
        !lines.is_empty() && lines.iter().all(|line| line.contains("socket=\"viewer\"")),
        "{log}"
    );
    Ok(())
}
