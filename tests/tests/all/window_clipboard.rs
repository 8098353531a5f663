//! What is copied on a port and on the parent of its window.

use std::{fs::File, io::Read, os::fd::AsFd};

use porthole_tests::{
    Result, Service,
    program::{Program, TEXT, Toplevel},
    wait::{SHORT, wait_until},
};
use wayland_client::protocol::{wl_pointer::ButtonState, wl_shm::Format};
use wayland_protocols_wlr::virtual_pointer::v1::client::zwlr_virtual_pointer_v1::ZwlrVirtualPointerV1;

use crate::{
    wayland_scene::configuration,
    window::{child_configuration, shown},
};

const BTN_LEFT: u32 = 0x110;
/// In the window, and in the other program of the parent.
const WINDOW: (u32, u32) = (20, 10);
const NOTES: (u32, u32) = (55, 35);

/// Pastes at once, at a port.
const PASTES: usize = 4;

/// A parent with a window and another program, and who is in front of it.
struct Desk {
    child: Service,
    notes: Program,
    _notes: Toplevel,
    /// The one on the port.
    program: Program,
    _program: Toplevel,
    hands: Program,
    pointer: ZwlrVirtualPointerV1,
    parent: Service,
}

impl Desk {
    fn new(port: &str) -> Result<Self> {
        let layer = "[[layer]]\nname = \"notes\"\nport = \"main\"\nsocket = \"viewer\"\n\
                     app_id = \"notes\"\nrect = [50, 30, 10, 10]\norder = 2\n";
        let text = configuration("").replace("input:main", "input:main\", \"clipboard:main");
        let parent = Service::start_with(&format!("{text}{layer}"))?;
        let text = child_configuration(&parent.socket("viewer")?, port);
        let child = Service::start_with(&text)?;
        let (program, of_program) = shown(&child.socket("viewer")?)?;
        let mut notes = Program::connect(&parent.socket("viewer")?)?;
        let of_notes = notes.toplevel("notes")?;
        let buffer = notes.buffer((10, 10), Format::Xrgb8888, true)?;
        crate::wayland_scene::show(&mut notes, &of_notes, &buffer)?;
        let mut hands = Program::connect(&parent.socket("viewer")?)?;
        let output = hands.output("main")?;
        let pointer = hands.virtual_pointer(&output)?;
        let seat = hands.seat("main")?;
        hands.data_control(&seat)?;
        let mut desk = Self {
            child,
            notes,
            _notes: of_notes,
            program,
            _program: of_program,
            hands,
            pointer,
            parent,
        };
        for program in [&mut desk.notes, &mut desk.program] {
            let seat = program.seat("main")?;
            program.data_device(&seat)?;
            program.roundtrip()?;
        }
        Ok(desk)
    }

    /// Clicks there, which gives whoever is there the keyboard.
    fn click(&mut self, (x, y): (u32, u32)) -> Result<()> {
        self.pointer.motion_absolute(0, x, y, 64, 48);
        self.pointer.frame();
        for state in [ButtonState::Pressed, ButtonState::Released] {
            self.pointer.button(0, BTN_LEFT, state);
            self.pointer.frame();
        }
        self.hands.roundtrip()
    }

    /// Has the parent's program copy a text.
    fn note(&mut self, text: &str) -> Result<()> {
        let mark = self.notes.log.len();
        self.click(NOTES)?;
        self.notes.wait_for("the click", mark, |line| line == "button 272 released")?;
        copy(&mut self.notes, text)
    }
}

/// What the parent is told by the window that is copied on the port.
fn of_window(line: &str) -> bool {
    line.contains(&format!("copied {TEXT}")) && line.contains("application/x-porthole-")
}

/// Copies a text; the program has the keyboard.
fn copy(program: &mut Program, text: &str) -> Result<()> {
    let seat = program.seat("main")?;
    let mark = program.log.len();
    let device = program.data_device(&seat)?;
    let source = program.data_source(text)?;
    device.set_selection(Some(&source), program.serial()?);
    program.wait_for("its own copy", mark, |line| line.starts_with("copied text"))
}

fn is_text(line: &str) -> bool {
    line.starts_with(&format!("copied {TEXT}"))
}

#[test]
fn what_is_copied_in_front_of_a_window_is_pasted_behind_it_and_the_other_way() -> Result<()> {
    let mut desk = Desk::new("clipboard = \"both\"")?;
    for text in ["of the parent", "once more"] {
        desk.note(text)?;
        let mark = desk.program.log.len();
        desk.click(WINDOW)?;
        desk.program.wait_for("the parent's text", mark, is_text)?;
        assert_eq!(desk.program.paste(&mut desk.notes)?, text);
    }
    let before = desk.hands.log.len();
    copy(&mut desk.program, "of the port")?;
    desk.hands.wait_for("the port's text", before, of_window)?;
    let mark = desk.notes.log.len();
    desk.click(NOTES)?;
    desk.notes.wait_for("the port's text", mark, is_text)?;
    assert_eq!(desk.notes.paste(&mut desk.program)?, "of the port");
    // A long one, which fits into no pipe.
    let long = "0123456789abcdef".repeat(20_000);
    let mark = desk.program.log.len();
    desk.click(WINDOW)?;
    desk.program.wait_for("the click", mark, |line| line == "button 272 released")?;
    let before = desk.hands.log.len();
    copy(&mut desk.program, &long)?;
    desk.hands.wait_for("the port's text", before, of_window)?;
    let mark = desk.notes.log.len();
    desk.click(NOTES)?;
    desk.notes.wait_for("the port's long text", mark, is_text)?;
    let (mut read, write) = std::io::pipe()?;
    desk.notes.copied()?.receive(TEXT.into(), write.as_fd());
    desk.notes.roundtrip()?;
    drop(write);
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        read.read_to_string(&mut text).map(|_| text)
    });
    desk.program.wait_for("the request", 0, |line| line == format!("source sends {TEXT}"))?;
    desk.program.roundtrip()?;
    wait_until("the long text", SHORT, || {
        desk.program.roundtrip()?;
        Ok(reader.is_finished().then_some(()))
    })?;
    let text = reader.join().expect("it read")?;
    assert_eq!(text.len(), long.len());
    assert!(text == long, "another text");
    // The program that copied is gone, and the parent with all that was copied there.
    desk.note("a last one")?;
    let mark = desk.program.log.len();
    desk.click(WINDOW)?;
    desk.program.wait_for("the last text", mark, is_text)?;
    let mark = desk.program.log.len();
    desk.parent.kill()?;
    desk.program.wait_for("nothing", mark, |line| line == "copied none")
}

#[test]
fn the_policy_says_which_way_and_what() -> Result<()> {
    for (policy, lets_in, lets_out) in [
        ("clipboard = \"in\"", true, false),
        ("clipboard = \"out\"", false, true),
        ("", false, false),
    ] {
        let mut desk = Desk::new(policy)?;
        desk.note("of the parent")?;
        let mark = desk.program.log.len();
        desk.click(WINDOW)?;
        desk.program.wait_for("the click", mark, |line| line == "button 272 released")?;
        // The parent tells of what is copied before it tells of a click.
        desk.program.roundtrip()?;
        let told = desk.program.log.since(0);
        assert_eq!(told.iter().any(|line| is_text(line)), lets_in, "{policy}: {told:?}");
        let before = desk.hands.log.len();
        copy(&mut desk.program, "of the port")?;
        if lets_out {
            desk.hands.wait_for("the port's text", before, of_window)?;
        }
        let mark = desk.notes.log.len();
        desk.click(NOTES)?;
        desk.notes.wait_for("the click", mark, |line| line == "button 272 released")?;
        let told = desk.notes.log.since(mark);
        assert_eq!(told.iter().any(|line| of_window(line)), lets_out, "{policy}: {told:?}");
    }
    Ok(())
}

#[test]
#[ignore = "takes as long as a paste may"]
fn a_paste_that_takes_too_long_is_cut_at_night() -> Result<()> {
    let mut desk = Desk::new("clipboard = \"both\"")?;
    desk.note("never told")?;
    let mark = desk.program.log.len();
    desk.click(WINDOW)?;
    desk.program.wait_for("the parent's text", mark, is_text)?;
    let (mut read, write) = std::io::pipe()?;
    desk.program.copied()?.receive(TEXT.into(), write.as_fd());
    desk.program.roundtrip()?;
    drop(write);
    // Whoever copied it says nothing.
    let mut text = String::new();
    read.read_to_string(&mut text)?;
    assert_eq!(text, "");
    let log = desk.child.process.log();
    assert!(log.contains("a paste is cut after 30 s port=\"main\""), "{log}");
    Ok(())
}

#[test]
fn pastes_that_nobody_answers_or_takes_are_bounded() -> Result<()> {
    let mut desk = Desk::new("clipboard = \"both\"")?;
    desk.note("never told")?;
    let mark = desk.program.log.len();
    desk.click(WINDOW)?;
    desk.program.wait_for("the parent's text", mark, is_text)?;
    let offer = desk.program.copied()?;
    // Something that could make the service wait.
    let file = File::create(desk.child.folder().join("taken"))?;
    offer.receive(TEXT.into(), file.as_fd());
    desk.program.roundtrip()?;
    let logs = |text: &str| desk.child.process.log().contains(text);
    wait_until("the refusal", SHORT, || {
        Ok(logs("nothing is pasted: it is to go into something that is no pipe").then_some(()))
    })?;
    // The parent's program answers none of them.
    let mut pipes = Vec::new();
    for _ in 0..=PASTES {
        let (read, write) = std::io::pipe()?;
        offer.receive(TEXT.into(), write.as_fd());
        pipes.push(read);
    }
    desk.program.roundtrip()?;
    wait_until("the limit", SHORT, || {
        Ok(logs(&format!("{PASTES} pastes are under way: another one gets nothing")).then_some(()))
    })?;
    let mut last = String::new();
    let mut read = pipes.pop().expect("a pipe");
    read.read_to_string(&mut last)?;
    assert_eq!(last, "");
    // Then it does, once it has heard of them, and all get what they wanted.
    wait_until("all requests", SHORT, || {
        desk.notes.roundtrip()?;
        let sent = desk.notes.log.since(0).iter().filter(|line| line.starts_with("source sends"));
        Ok((sent.count() == PASTES).then_some(()))
    })?;
    for mut read in pipes {
        let mut text = String::new();
        read.read_to_string(&mut text)?;
        assert_eq!(text, "never told");
    }
    // Those that are under way end with the window, and count no more at the next one.
    let pasted = |_| {
        let (read, write) = std::io::pipe()?;
        offer.receive(TEXT.into(), write.as_fd());
        desk.program.roundtrip()?;
        Ok(read)
    };
    let pipes: Vec<_> = (0..PASTES).map(pasted).collect::<Result<_>>()?;
    let parent = desk.parent.socket("viewer")?;
    desk.child.reload(&child_configuration(&parent, "clipboard = \"off\""))?;
    for mut read in pipes {
        let mut text = String::new();
        read.read_to_string(&mut text)?;
        assert_eq!(text, "");
    }
    desk.child.reload(&child_configuration(&parent, "clipboard = \"both\""))?;
    desk.note("told")?;
    let mark = desk.program.log.len();
    wait_until("the parent's text behind the next window", SHORT, || {
        desk.click(WINDOW)?;
        desk.program.roundtrip()?;
        Ok(desk.program.log.since(mark).iter().any(|line| is_text(line)).then_some(()))
    })?;
    assert_eq!(desk.program.paste(&mut desk.notes)?, "told");
    Ok(())
}
