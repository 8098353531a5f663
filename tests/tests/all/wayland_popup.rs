//! Menus: where they open, who has keys and clicks meanwhile, and what closes them.

use porthole_tests::{
    Result,
    program::{Popup, Program, Toplevel},
};
use wayland_client::{
    Proxy,
    protocol::{wl_pointer::ButtonState, wl_seat::WlSeat, wl_shm::Format},
};

use crate::wayland_scene::{APP, picture, service};

/// `BTN_LEFT` of linux/input-event-codes.h.
const BTN_LEFT: u32 = 0x110;
const MENU: u32 = 0xc0_ffee;

struct Desk {
    program: Program,
    toplevel: Toplevel,
    seat: WlSeat,
}

/// A toplevel that fills the layer of 40 x 20 at 8, 4 and was clicked.
fn desk(service: &porthole_tests::Service) -> Result<(Desk, Hand)> {
    let mut program = Program::connect(&service.socket("viewer")?)?;
    let seat = program.seat("main")?;
    let toplevel = program.toplevel(APP)?;
    let buffer = program.buffer((40, 20), Format::Xrgb8888, true)?;
    let mark = program.log.len();
    program.frame(&toplevel.surface);
    toplevel.show(&buffer);
    program.wait_for("a frame", mark, |line| line == "frame done")?;
    let mut hand = Hand::new(service)?;
    hand.click(10, 6)?;
    program.wait_for("the click", 0, |l| l == "button 272 released")?;
    Ok((Desk { program, toplevel, seat }, hand))
}

struct Hand {
    program: Program,
    pointer: wayland_protocols_wlr::virtual_pointer::v1::client::zwlr_virtual_pointer_v1::ZwlrVirtualPointerV1,
}

impl Hand {
    fn new(service: &porthole_tests::Service) -> Result<Self> {
        let mut program = Program::connect(&service.socket("viewer")?)?;
        let output = program.output("main")?;
        let pointer = program.virtual_pointer(&output)?;
        Ok(Self { program, pointer })
    }

    fn click(&mut self, x: u32, y: u32) -> Result<()> {
        self.pointer.motion_absolute(0, x, y, 64, 48);
        self.pointer.frame();
        for state in [ButtonState::Pressed, ButtonState::Released] {
            self.pointer.button(0, BTN_LEFT, state);
            self.pointer.frame();
        }
        self.program.roundtrip()
    }
}

/// Opens a menu of 16 x 10 that grabs the seat, and waits until it is shown.
fn open(desk: &mut Desk, at: (i32, i32)) -> Result<Popup> {
    let program = &mut desk.program;
    let popup = program.popup(desk.toplevel.xdg_surface(), at, (16, 10))?;
    popup.popup.grab(&desk.seat, program.serial()?);
    let mark = program.log.len();
    popup.surface.commit();
    program.wait_for("the menu's place", mark, |l| l == "xdg_surface configured")?;
    let buffer = program.buffer((16, 10), Format::Xrgb8888, true)?;
    buffer.paint(|_, _| MENU)?;
    program.frame(&popup.surface);
    popup.surface.attach(Some(&buffer.object), 0, 0);
    popup.surface.commit();
    program.wait_for("a frame", mark, |l| l == "frame done")?;
    Ok(popup)
}

#[test]
fn a_menu_has_the_keyboard_and_closes_when_clicked_outside() -> Result<()> {
    let service = service()?;
    let (mut desk, mut hand) = desk(&service)?;
    let mark = desk.program.log.len();
    let menu = open(&mut desk, (4, 3))?;
    desk.program.wait_for("the menu's place", mark, |l| l == "popup 16x10+4+3")?;
    desk.program.wait_for("the keyboard", mark, |l| l == "keyboard enter")?;
    assert_eq!(desk.program.log.keyboard.as_ref().map(Proxy::id), Some(menu.surface.id()));
    let seen = picture(&mut desk.program)?;
    let is_menu = |i: usize| (12..28).contains(&(i % 64)) && (7..17).contains(&(i / 64));
    assert!(seen.iter().enumerate().all(|(i, w)| (*w == MENU) == is_menu(i)));

    // A click on the program's own window is its own business.
    hand.click(40, 20)?;
    desk.program.roundtrip()?;
    assert!(!desk.program.log.since(mark).iter().any(|l| l == "popup done"));
    // One on the bare port closes the menu.
    hand.click(60, 40)?;
    desk.program.wait_for("the menu's end", mark, |l| l == "popup done")?;
    let mark = desk.program.log.len();
    menu.popup.destroy();
    menu.xdg_surface.destroy();
    menu.surface.destroy();
    desk.program.wait_for("the keyboard back", mark, |l| l == "keyboard enter")?;
    let root = desk.toplevel.surface.id();
    assert_eq!(desk.program.log.keyboard.as_ref().map(Proxy::id), Some(root));
    Ok(())
}

#[test]
fn a_menu_stays_inside_its_layer() -> Result<()> {
    let service = service()?;
    let (mut desk, _hand) = desk(&service)?;
    let mark = desk.program.log.len();
    open(&mut desk, (35, 18))?;
    desk.program.wait_for("the menu's place", mark, |l| l == "popup 16x10+24+10")?;
    Ok(())
}

#[test]
fn a_menu_that_moves_without_end_and_never_answers_is_not_listened_to() -> Result<()> {
    let service = service()?;
    let (mut desk, _hand) = desk(&service)?;
    let menu = open(&mut desk, (4, 3))?;
    let mark = desk.program.log.len();
    desk.program.reposition(&menu, (5, 4), (10, 8))?;
    desk.program.wait_for("another place", mark, |l| l == "popup 10x8+5+4")?;
    // All in one go, so that none is answered meanwhile.
    let mark = desk.program.log.len();
    for _ in 0..500 {
        desk.program.reposition(&menu, (6, 4), (10, 8))?;
    }
    desk.program.roundtrip()?;
    let moved = desk.program.log.since(mark).iter().filter(|l| *l == "popup repositioned").count();
    assert!((1..=66).contains(&moved), "{moved}");
    // Now they are answered, and it is listened to again.
    menu.surface.commit();
    let mark = desk.program.log.len();
    desk.program.reposition(&menu, (7, 5), (10, 8))?;
    desk.program.wait_for("a last place", mark, |l| l == "popup 10x8+7+5")
}

#[test]
fn nobody_grabs_a_seat_that_pays_it_no_attention() -> Result<()> {
    let service = service()?;
    let (mut desk, _hand) = desk(&service)?;
    // Another program of the same name is behind: the newest is shown, and had no click.
    let mut other = Program::connect(&service.socket("plain")?)?;
    let seat = other.seat("main")?;
    let toplevel = other.toplevel("nobody")?;
    let popup = other.popup(toplevel.xdg_surface(), (0, 0), (4, 4))?;
    popup.popup.grab(&seat, desk.program.serial()?);
    popup.surface.commit();
    other.wait_for("the refusal", 0, |l| l == "popup done")?;
    // The one with attention still gets its menu.
    open(&mut desk, (0, 0))?;
    Ok(())
}
