//! Pointers that a program holds, and how far they went meanwhile.

use porthole_tests::{
    Result, Service,
    program::{Program, Toplevel},
};
use wayland_client::protocol::{
    wl_pointer::{ButtonState, WlPointer},
    wl_shm::Format,
};
use wayland_protocols::wp::pointer_constraints::zv1::client::zwp_pointer_constraints_v1::Lifetime;
use wayland_protocols_wlr::virtual_pointer::v1::client::zwlr_virtual_pointer_v1::ZwlrVirtualPointerV1;

use crate::wayland_scene::{APP, service};

/// A program of 20 x 10 in the layer of 40 x 20 at 8, 4: two port pixels are one of its own.
struct Desk {
    program: Program,
    toplevel: Toplevel,
    pointer: WlPointer,
    hand: Program,
    device: ZwlrVirtualPointerV1,
}

impl Desk {
    fn new(service: &Service) -> Result<Self> {
        let mut program = Program::connect(&service.socket("viewer")?)?;
        let toplevel = program.toplevel(APP)?;
        let buffer = program.buffer((20, 10), Format::Xrgb8888, true)?;
        let mark = program.log.len();
        program.frame(&toplevel.surface);
        toplevel.show(&buffer);
        program.wait_for("a frame", mark, |l| l == "frame done")?;
        let mut hand = Program::connect(&service.socket("viewer")?)?;
        let output = hand.output("main")?;
        let device = hand.virtual_pointer(&output)?;
        hand.roundtrip()?;
        let pointer = program.relative_pointer("main")?;
        program.roundtrip()?;
        Ok(Self { program, toplevel, pointer, hand, device })
    }

    fn point(&mut self, x: u32, y: u32) -> Result<()> {
        self.device.motion_absolute(0, x, y, 64, 48);
        self.device.frame();
        self.hand.roundtrip()
    }

    fn push(&mut self, x: f64, y: f64) -> Result<()> {
        self.device.motion(0, x, y);
        self.device.frame();
        self.hand.roundtrip()
    }

    /// What the program was told of its pointer since a mark.
    fn told(&mut self, mark: usize) -> Result<Vec<String>> {
        self.program.roundtrip()?;
        let lines = self.program.log.since(mark).iter();
        let of_pointer =
            |l: &&String| l.starts_with("pointer") || l.starts_with("rel") || l.contains("lock");
        Ok(lines.filter(of_pointer).cloned().collect())
    }
}

#[test]
fn motion_is_told_both_ways_in_the_surfaces_own_coordinates() -> Result<()> {
    let service = service()?;
    let mut desk = Desk::new(&service)?;
    desk.point(28, 14)?;
    desk.program.wait_for("the pointer", 0, |l| l == "pointer enter 10.0 5.0")?;
    let mark = desk.program.log.len();
    desk.push(4.0, -2.0)?;
    desk.point(30, 14)?;
    let told = desk.told(mark)?;
    // An absolute device went from 28, 14 to 30, 14, wherever the pointer was meanwhile.
    let expected = [
        "relative 2.0 -1.0",
        "pointer motion 12.0 4.0",
        "relative 1.0 0.0",
        "pointer motion 11.0 5.0",
    ];
    assert_eq!(told, expected);
    Ok(())
}

#[test]
fn a_locked_pointer_stays_and_is_told_how_far_its_device_went() -> Result<()> {
    let service = service()?;
    let mut desk = Desk::new(&service)?;
    // Asked for before the pointer is there: it begins when it comes.
    let surface = desk.toplevel.surface.clone();
    let lock = desk.program.lock(&desk.pointer, &surface, Lifetime::Persistent)?;
    desk.program.roundtrip()?;
    assert!(!desk.program.log.since(0).iter().any(|l| l == "locked"));
    desk.point(28, 14)?;
    desk.program.wait_for("the lock", 0, |l| l == "locked")?;
    let mark = desk.program.log.len();
    desk.push(400.0, 0.0)?;
    desk.push(-2.0, 6.0)?;
    assert_eq!(desk.told(mark)?, ["relative 200.0 0.0", "relative -1.0 3.0"]);

    // Where the program drew a pointer of its own is where it goes on from.
    lock.set_cursor_position_hint(3.0, 7.0);
    surface.commit();
    desk.program.roundtrip()?;
    lock.destroy();
    desk.program.roundtrip()?;
    let mark = desk.program.log.len();
    desk.push(2.0, 2.0)?;
    let mut told = desk.told(mark)?;
    // A frame that is drawn in between tells it of its new place.
    told.retain(|line| line != "pointer motion 3.0 7.0");
    assert_eq!(told, ["relative 1.0 1.0", "pointer motion 4.0 8.0"]);
    Ok(())
}

#[test]
fn a_chord_takes_pointer_and_keyboard_back() -> Result<()> {
    /// Left Ctrl, left Alt, right Shift, A and Escape.
    const CHORD: [u32; 3] = [29, 56, 54];
    const KEY_A: u32 = 30;
    const KEY_ESCAPE: u32 = 1;
    let service = service()?;
    let mut desk = Desk::new(&service)?;
    desk.point(28, 14)?;
    let surface = desk.toplevel.surface.clone();
    desk.program.lock(&desk.pointer, &surface, Lifetime::Persistent)?;
    desk.program.wait_for("the lock", 0, |l| l == "locked")?;
    desk.program.seat("main")?;
    let seat = desk.hand.seat("main")?;
    let keyboard = desk.hand.virtual_keyboard(&seat)?;
    // Alone it is a key like any other.
    keyboard.key(0, KEY_ESCAPE, 1);
    keyboard.key(0, KEY_ESCAPE, 0);
    desk.hand.roundtrip()?;
    desk.program.wait_for("a key", 0, |l| l == "key 1 released")?;

    let mark = desk.program.log.len();
    CHORD.iter().for_each(|code| keyboard.key(0, *code, 1));
    keyboard.key(0, KEY_ESCAPE, 1);
    keyboard.key(0, KEY_ESCAPE, 0);
    CHORD.iter().for_each(|code| keyboard.key(0, *code, 0));
    keyboard.key(0, KEY_A, 1);
    desk.hand.roundtrip()?;
    desk.program.wait_for("a later key", mark, |l| l == "key 30 pressed")?;
    let told = desk.program.log.since(mark);
    let at = |what: &str| told.iter().position(|l| l == what);
    assert!(at("unlocked").is_some() && at("keyboard leave") < at("keyboard enter"), "{told:?}");
    assert_eq!((at("key 1 pressed"), at("key 1 released")), (None, None));
    // Free until the next click, which is where the person wants to be.
    let mark = desk.program.log.len();
    desk.push(4.0, 0.0)?;
    // The program listens to the seat twice by now.
    let mut told = desk.told(mark)?;
    told.dedup();
    assert_eq!(told, ["relative 2.0 0.0", "pointer motion 12.0 5.0"]);
    desk.device.button(0, 0x110, ButtonState::Pressed);
    desk.device.frame();
    desk.hand.roundtrip()?;
    desk.program.wait_for("the lock again", mark, |l| l == "locked")?;
    Ok(())
}

#[test]
fn who_moves_a_pointer_hears_that_it_is_locked() -> Result<()> {
    let service = service()?;
    let mut desk = Desk::new(&service)?;
    let seat = desk.hand.seat("main")?;
    let _feedback = desk.hand.seat_feedback(&seat)?;
    desk.hand.wait_for("the pointer", 0, |l| l == "pointer free")?;
    let surface = desk.toplevel.surface.clone();
    let lock = desk.program.lock(&desk.pointer, &surface, Lifetime::Persistent)?;
    desk.program.roundtrip()?;
    desk.point(28, 14)?;
    desk.hand.wait_for("the lock", 0, |l| l == "pointer locked")?;
    let mark = desk.hand.log.len();
    lock.destroy();
    desk.program.roundtrip()?;
    desk.hand.wait_for("freedom", mark, |l| l == "pointer free")?;
    let mark = desk.hand.log.len();
    desk.program.lock(&desk.pointer, &surface, Lifetime::Oneshot)?;
    desk.program.roundtrip()?;
    desk.hand.wait_for("another lock", mark, |l| l == "pointer locked")?;
    let mark = desk.hand.log.len();
    let Desk { program, mut hand, .. } = desk;
    program.die();
    hand.wait_for("the end of it", mark, |l| l == "pointer free")
}

#[test]
fn a_drag_out_of_a_scaled_layer_is_told_in_the_surfaces_own_coordinates() -> Result<()> {
    let service = service()?;
    let mut desk = Desk::new(&service)?;
    desk.point(28, 14)?;
    desk.device.button(0, 0x110, ButtonState::Pressed);
    desk.device.frame();
    desk.point(32, 18)?;
    desk.point(0, 0)?;
    desk.hand.roundtrip()?;
    desk.program.wait_for("the drag", 0, |l| l == "pointer motion 12.0 7.0")?;
    desk.program.wait_for("its way out", 0, |l| l == "pointer motion -4.0 -2.0")?;
    Ok(())
}

#[test]
fn a_lock_for_once_ends_with_its_surface_under_the_pointer() -> Result<()> {
    let service = service()?;
    let mut desk = Desk::new(&service)?;
    desk.point(28, 14)?;
    let surface = desk.toplevel.surface.clone();
    desk.program.lock(&desk.pointer, &surface, Lifetime::Oneshot)?;
    desk.program.wait_for("the lock", 0, |l| l == "locked")?;
    // The picture goes, and with it what the pointer is on.
    let mark = desk.program.log.len();
    surface.attach(None, 0, 0);
    surface.commit();
    desk.program.wait_for("the end of the lock", mark, |l| l == "unlocked")?;
    desk.point(2, 2)?;
    desk.point(30, 14)?;
    desk.program.roundtrip()?;
    assert!(!desk.program.log.since(mark).iter().any(|l| l == "locked"));
    Ok(())
}

#[test]
fn a_confined_pointer_stays_in_its_part_of_the_surface() -> Result<()> {
    let service = service()?;
    let mut desk = Desk::new(&service)?;
    desk.point(28, 14)?;
    let surface = desk.toplevel.surface.clone();
    let confined = desk.program.confine(&desk.pointer, &surface, [5, 2, 10, 6])?;
    desk.program.wait_for("the confinement", 0, |l| l == "confined")?;
    let mark = desk.program.log.len();
    desk.push(300.0, 0.0)?;
    desk.push(0.0, -300.0)?;
    let told = desk.told(mark)?;
    let expected = [
        "relative 150.0 0.0",
        "pointer motion 15.0 5.0",
        "relative 0.0 -150.0",
        "pointer motion 15.0 2.0",
    ];
    assert_eq!(told, expected);
    confined.destroy();
    desk.program.roundtrip()?;
    desk.push(4.0, 0.0)?;
    desk.program.wait_for("freedom", mark, |l| l == "pointer motion 17.0 2.0")?;

    let second = desk.program.lock(&desk.pointer, &surface, Lifetime::Oneshot)?;
    let _third = desk.program.lock(&desk.pointer, &surface, Lifetime::Oneshot)?;
    drop(second);
    let error = desk.program.roundtrip().expect_err("two constraints").to_string();
    assert!(error.contains("zwp_pointer_constraints_v1 error 1"), "{error}");
    Ok(())
}
