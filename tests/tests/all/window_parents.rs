//! Ports in windows of the compositors that people use, without a screen.

use porthole_rig::parent::{Kind, Parent};
use porthole_tests::{
    Failure, Picture, Result, Service,
    program::{Program, Toplevel, keymap_of},
    wait::{GUEST, wait_until},
};
use tempfile::TempDir;
use wayland_client::{
    Proxy,
    protocol::{wl_pointer::ButtonState, wl_seat::WlSeat},
};
use wayland_protocols::wp::pointer_constraints::zv1::client::zwp_pointer_constraints_v1::Lifetime;

use crate::{
    wayland_scene::{APP, pattern},
    window_handed::{counted, sealed},
};

const SIZE: (u32, u32) = (160, 120);
const KEY_A: u32 = 30;
const BTN_LEFT: u32 = 0x110;

/// A compositor, the service with a port in a window of it, and a program that fills the port.
struct Desk {
    parent: Parent,
    service: Service,
    program: Program,
    toplevel: Toplevel,
    folder: TempDir,
}

/// A port in a window of a parent, with a layer that fills it.
fn configuration(parent: &Parent, port: &str) -> String {
    format!(
        r##"
version = 1
[[port]]
name = "main"
kind = "window"
parent = "{}"
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
        parent.socket().display()
    )
}

impl Desk {
    fn new(kind: Kind, port: &str) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("parent-").tempdir()?;
        let parent = Parent::start(kind, folder.path(), SIZE)?;
        let service = Service::start_with(&configuration(&parent, port))?;
        let mut program = Program::connect(&service.socket("viewer")?)?;
        program.seat("main")?;
        let toplevel = program.toplevel(APP)?;
        let size = format!("toplevel {}x{}", SIZE.0, SIZE.1);
        program.wait_for("the window's size", 0, |line| line == size)?;
        let mut desk = Self { parent, service, program, toplevel, folder };
        desk.show(SIZE)?;
        desk.seen("what the window shows", pattern)?;
        Ok(desk)
    }

    /// Has the program show the pattern in a size.
    fn show(&mut self, size: (u32, u32)) -> Result<()> {
        let buffer = sealed(&self.program, size)?;
        buffer.paint(|x, y| pattern(x, y) & 0xff_ffff)?;
        let mark = self.program.log.len();
        self.program.frame(&self.toplevel.surface);
        self.toplevel.show(&buffer);
        self.program.wait_for("a frame", mark, |line| line == "frame done")
    }

    /// Waits until the parent's output shows this everywhere.
    fn seen(&mut self, what: &str, want: impl Fn(u32, u32) -> u32) -> Result<()> {
        let file = self.folder.path().join("seen.file.png");
        let mut wrong = String::new();
        let seen = wait_until(what, GUEST, || {
            self.parent.picture(&file)?;
            let picture = Picture::read(&file)?;
            let (width, height) = (picture.width(), picture.height());
            let all = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
            let bad: Vec<_> = all
                .filter(|(x, y)| {
                    let [_, red, green, blue] = want(*x, *y).to_be_bytes();
                    picture.pixel(*x, *y) != Some([red, green, blue])
                })
                .collect();
            wrong = format!("{} of {width}x{height} pixels, first {:?}", bad.len(), bad.first());
            Ok(bad.is_empty().then_some(()))
        });
        seen.map_err(|error| {
            let log = self.service.process.log();
            Failure::new(format!("{error}: {wrong}\n{log}\n{}", self.parent.log()))
        })
    }
}

#[test]
#[ignore = "needs sway, which is downloaded"]
fn sway_shows_a_port_and_its_person_uses_it() -> Result<()> {
    let mut desk = Desk::new(Kind::Sway, "on_close = \"off\"\nshortcuts = \"port\"")?;
    // Input.
    let mut hands = Program::connect(&desk.parent.socket())?;
    let output = hands.output("HEADLESS-1")?;
    let pointer = hands.virtual_pointer(&output)?;
    pointer.motion_absolute(0, 80, 60, SIZE.0, SIZE.1);
    pointer.frame();
    hands.roundtrip()?;
    // A seat without devices tells its clients of the first one; who has not heard of it hears no button.
    desk.program.wait_for("the pointer", 0, |line| line.starts_with("pointer enter 80.0 60.0"))?;
    pointer.button(0, BTN_LEFT, ButtonState::Pressed);
    pointer.frame();
    hands.roundtrip()?;
    desk.program.wait_for("the button", 0, |line| line == "button 272 pressed")?;
    pointer.button(0, BTN_LEFT, ButtonState::Released);
    pointer.frame();
    let seat: WlSeat = hands.bind()?;
    let keyboard = hands.virtual_keyboard_with(&seat, &keymap_of("us")?)?;
    wait_until("the key", GUEST, || {
        keyboard.key(0, KEY_A, 1);
        keyboard.key(0, KEY_A, 0);
        hands.roundtrip()?;
        desk.program.roundtrip()?;
        let told = desk.program.log.since(0);
        Ok(told.iter().any(|line| line == "key 30 released").then_some(()))
    })?;
    // Another size of the window.
    let mark = desk.program.log.len();
    desk.parent.tell(&["output", "HEADLESS-1", "mode", "200x150@60Hz"])?;
    desk.program.wait_for("another size", mark, |line| line == "toplevel 200x150")?;
    pointer.motion_absolute(0, 199, 149, 200, 150);
    pointer.frame();
    hands.roundtrip()?;
    desk.show((200, 150))?;
    // The parent crashes, and comes back.
    desk.parent.kill()?;
    desk.show((200, 150))?;
    desk.parent.start_again()?;
    let mark = desk.program.log.len();
    desk.program.wait_for("its size", mark, |line| line == "toplevel 160x120")?;
    desk.show(SIZE)?;
    desk.seen("the window that is back", pattern)?;
    // Closed: the port is off, and the window gone.
    desk.parent.tell(&["kill"])?;
    desk.seen("no window", |_, _| 0)?;
    let log = desk.service.process.log();
    assert!(log.contains("its window is closed: it is off"), "{log}");
    Ok(())
}

#[test]
#[ignore = "needs sway, which is downloaded"]
fn sway_names_locks_scales_and_closes_a_window() -> Result<()> {
    let port = "title = \"A cockpit\"\napp_id = \"org.example.cockpit\"\nfullscreen = true";
    let mut desk = Desk::new(Kind::Sway, port)?;
    let tree: String = desk.parent.tell(&["-t", "get_tree"])?.split_whitespace().collect();
    for told in
        ["\"name\":\"Acockpit\"", "\"app_id\":\"org.example.cockpit\"", "\"fullscreen_mode\":1"]
    {
        assert!(tree.contains(told), "no {told} in {tree}");
    }

    // As `cargo xtask rig window` takes pictures.
    desk.parent.run("shot named")?;
    let named = Picture::read(&desk.folder.path().join("named.png"))?;
    assert_eq!((named.width(), named.height()), SIZE);

    // A lock of the port's pointer is one of sway's.
    let mut hands = Program::connect(&desk.parent.socket())?;
    let output = hands.output("HEADLESS-1")?;
    let device = hands.virtual_pointer(&output)?;
    device.motion_absolute(0, 80, 60, SIZE.0, SIZE.1);
    device.frame();
    hands.roundtrip()?;
    desk.program.wait_for("the pointer", 0, |line| line.starts_with("pointer enter 80.0 60.0"))?;
    let pointer = desk.program.relative_pointer("main")?;
    let lock = desk.program.lock(&pointer, &desk.toplevel.surface, Lifetime::Persistent)?;
    desk.program.wait_for("the lock", 0, |line| line == "locked")?;
    let mut moved = |what: &str, told: &str| {
        wait_until(what, GUEST, || {
            let mark = desk.program.log.len();
            device.motion(0, 50.0, 0.0);
            device.frame();
            hands.roundtrip()?;
            desk.program.roundtrip()?;
            let since = desk.program.log.since(mark);
            Ok(since.iter().any(|line| line.starts_with(told)).then_some(()))
        })
    };
    moved("motion out of the window", "relative 50.0")?;
    // Without a device there is no pointer in the picture.
    lock.destroy();
    hands.die();

    // By a fraction: the port has the pixels of the screen.
    let mark = desk.program.log.len();
    desk.parent.tell(&["output", "HEADLESS-1", "mode", "240x180@60Hz", "scale", "1.5"])?;
    desk.program.wait_for("the screen's size", mark, |line| line == "toplevel 240x180")?;
    desk.show((240, 180))?;
    desk.seen("what a scaled screen shows", pattern)?;

    // A person's wish to close it: nothing, and the end.
    desk.parent.tell(&["kill"])?;
    wait_until("the wish", GUEST, || {
        let log = desk.service.process.log();
        Ok(log.contains("its window stays: on_close is \"ignore\"").then_some(()))
    })?;
    desk.show((240, 180))?;
    desk.seen("the window that stays", pattern)?;
    desk.service.reload(&configuration(&desk.parent, &format!("{port}\non_close = \"end\"")))?;
    let ended = wait_until("the end of the service", GUEST, || {
        // It may be asked before the reload.
        desk.parent.tell(&["kill"])?;
        desk.service.process.ended()
    })?;
    assert!(ended.success(), "{ended}");
    Ok(())
}

#[test]
#[ignore = "needs weston, which is downloaded"]
fn weston_shows_a_port() -> Result<()> {
    let mut desk = Desk::new(Kind::Weston, "fullscreen = true")?;
    desk.parent.kill()?;
    desk.show(SIZE)?;
    desk.parent.start_again()?;
    desk.seen("the window that is back", pattern)
}

/// A film of two buffers: the parent reads each where the program wrote it.
fn film(kind: Kind) -> Result<()> {
    let mut desk = Desk::new(kind, "fullscreen = true")?;
    let buffers = [sealed(&desk.program, SIZE)?, sealed(&desk.program, SIZE)?];
    let before = counted(&desk.service, SIZE)?;
    let word = |round: u32, x, y| (pattern(x, y) & 0xff_ffff) ^ (round * 0x3_0507);
    let mut shown = [None, None];
    for round in 0..20_u32 {
        let index = usize::from(round % 2 == 1);
        let (Some(buffer), Some(shown)) = (buffers.get(index), shown.get_mut(index)) else {
            return Err(Failure::new("no buffer"));
        };
        if let Some(mark) = *shown {
            let line = format!("buffer {} released", buffer.object.id().protocol_id());
            desk.program.wait_for("the buffer to be released", mark, |said| said == line)?;
        }
        buffer.paint(|x, y| word(round, x, y))?;
        let mark = desk.program.log.len();
        *shown = Some(mark);
        desk.program.frame(&desk.toplevel.surface);
        desk.toplevel.show(buffer);
        desk.program.wait_for("a frame", mark, |line| line == "frame done")?;
    }
    desk.seen("the last of the film", |x, y| word(19, x, y))?;
    let after = counted(&desk.service, SIZE)?;
    assert!(after.1 > before.1 + 10, "{after:?} after {before:?}");
    assert!(after.0 <= before.0, "bytes copied: {after:?} after {before:?}");
    Ok(())
}

#[test]
#[ignore = "needs sway, which is downloaded"]
fn sway_reads_a_film_where_it_is_written() -> Result<()> {
    film(Kind::Sway)
}

#[test]
#[ignore = "needs weston, which is downloaded"]
fn weston_reads_a_film_where_it_is_written() -> Result<()> {
    film(Kind::Weston)
}
