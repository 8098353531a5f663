//! The port's pointer over a window: the parent's own, which moves without a picture of the port.

use porthole_rig::parent::{Kind, Parent};
use porthole_tests::{
    Failure, Picture, Result, Service,
    demo::statistics,
    program::{Buffer, Program},
    wait::{GUEST, SHORT, wait_until},
};
use serde_json::Value;
use wayland_client::protocol::{wl_pointer::WlPointer, wl_shm::Format, wl_surface::WlSurface};
use wayland_protocols_wlr::virtual_pointer::v1::client::zwlr_virtual_pointer_v1::ZwlrVirtualPointerV1;

use crate::{
    wayland_scene::{APP, picture, service},
    window::{child, child_configuration, of_parent, parent_shows, shown},
};

const RED: u32 = 0xff_0000;

/// Where a pointer of 4 x 4 pixels, whose hot spot is 1,1, is seen.
fn dot(at: (u32, u32)) -> impl Fn(u32, u32) -> bool {
    move |x, y| (at.0 - 1..at.0 + 3).contains(&x) && (at.1 - 1..at.1 + 3).contains(&y)
}

/// What the parent's port shows with its pointer.
fn with_pointer(program: &mut Program) -> Result<Vec<u32>> {
    let managers = program.capture_managers()?;
    let output = program.output("main")?;
    let session = program.capture_painted(&managers, &output)?;
    let buffer = program.buffer((64, 48), Format::Xrgb8888, true)?;
    let mark = program.log.len();
    program.capture_frame(&session, &buffer);
    program.wait_for("a capture", mark, |line| line == "capture ready")?;
    session.destroy();
    Ok(buffer.words()?.into_iter().map(|word| word & 0xff_ffff).collect())
}

/// Waits until the parent shows a red pointer there over the window's picture, and nowhere else.
fn parent_points(parent: &Service, at: Option<(u32, u32)>) -> Result<()> {
    let socket = parent.socket("viewer")?;
    let is_red = |x, y| at.is_some_and(|at| dot(at)(x, y));
    let want = |x, y| if is_red(x, y) { RED } else { of_parent(x, y) };
    let right = |seen: &[u32]| (0..).zip(seen).all(|(i, word)| *word == want(i % 64, i / 64));
    wait_until(&format!("the parent's pointer at {at:?}"), SHORT, || {
        Ok(right(&with_pointer(&mut Program::connect(&socket)?)?).then_some(()))
    })
}

struct Stage {
    parent: Service,
    child: Service,
    program: Program,
    pointer: WlPointer,
    /// The pointer's surface and picture.
    red: (WlSurface, Buffer),
    hands: Program,
    device: ZwlrVirtualPointerV1,
}

impl Stage {
    /// A program in a window that gives its pointer a picture.
    fn start() -> Result<Self> {
        let parent = service()?;
        let child = child(&parent, "")?;
        let (mut program, _toplevel) = shown(&child.socket("viewer")?)?;
        parent_shows(&parent, of_parent)?;
        let pointer = program.relative_pointer("main")?;
        let hands = Program::connect(&parent.socket("viewer")?)?;
        let mut hands = hands;
        let output = hands.output("main")?;
        let device = hands.virtual_pointer(&output)?;
        let red = (program.surface(), program.buffer((4, 4), Format::Argb8888, true)?);
        red.1.paint(|_, _| 0xff00_0000 | RED)?;
        let mut stage = Self { parent, child, program, pointer, red, hands, device };
        stage.point((28, 14))?;
        stage.program.wait_for("the pointer", 0, |line| line == "pointer enter 20.0 10.0")?;
        stage.look(true)?;
        Ok(stage)
    }

    /// Moves the parent's pointer.
    fn point(&mut self, (x, y): (u32, u32)) -> Result<()> {
        self.device.motion_absolute(0, x, y, 64, 48);
        self.device.frame();
        self.hands.roundtrip()
    }

    /// The program shows its pointer or not.
    fn look(&mut self, visible: bool) -> Result<()> {
        let (surface, buffer) = &self.red;
        let shown = visible.then_some(surface);
        self.pointer.set_cursor(self.program.pointer_serial()?, shown, 1, 1);
        surface.attach(Some(&buffer.object), 0, 0);
        surface.commit();
        self.program.roundtrip()
    }

    fn counted(&self) -> Result<Value> {
        let all = statistics(&self.child.process)?;
        Ok(all.pointer("/ports/main").cloned().unwrap_or_default())
    }
}

#[test]
fn a_pointer_over_a_window_is_the_parents_and_moves_without_a_picture() -> Result<()> {
    let mut stage = Stage::start()?;
    parent_points(&stage.parent, Some((28, 14)))?;
    // It is not in the window's own picture any more.
    parent_shows(&stage.parent, of_parent)?;
    let before = stage.counted()?;
    for x in 0..20 {
        stage.point((15 + x, 10 + x / 2))?;
    }
    parent_points(&stage.parent, Some((34, 19)))?;
    stage.program.wait_for("the way", 0, |line| line.ends_with("26.0 15.0"))?;
    let after = stage.counted()?;
    for key in ["composed_bytes", "screen_bytes"] {
        assert!(before[key].is_u64(), "{before}");
        assert_eq!(after[key], before[key], "{key}");
    }
    // Hidden, seen again, and away.
    stage.look(false)?;
    parent_points(&stage.parent, None)?;
    stage.look(true)?;
    parent_points(&stage.parent, Some((34, 19)))?;
    let mark = stage.program.log.len();
    stage.point((60, 40))?;
    stage.program.wait_for("the end", mark, |line| line == "pointer leave")?;
    stage.point((28, 14))?;
    stage.program.wait_for("the pointer", mark, |line| line == "pointer enter 20.0 10.0")?;
    stage.look(true)?;
    parent_points(&stage.parent, Some((28, 14)))
}

/// A viewer of the port moves its pointer away from the parent's: it is painted where it is.
#[test]
fn a_pointer_that_is_not_the_parents_is_in_the_windows_picture() -> Result<()> {
    let mut stage = Stage::start()?;
    parent_points(&stage.parent, Some((28, 14)))?;
    let mut viewer = Program::connect(&stage.child.socket("viewer")?)?;
    let output = viewer.output("main")?;
    let device = viewer.virtual_pointer(&output)?;
    device.motion_absolute(0, 5, 6, 40, 20);
    device.frame();
    viewer.roundtrip()?;
    let painted = |x, y| if dot((13, 10))(x, y) { RED } else { of_parent(x, y) };
    parent_shows(&stage.parent, painted)?;
    // The parent's own is not seen beside it.
    let mut looker = Program::connect(&stage.parent.socket("viewer")?)?;
    assert_eq!(with_pointer(&mut looker)?, picture(&mut looker)?);
    // Back under the parent's.
    stage.point((30, 14))?;
    parent_points(&stage.parent, Some((30, 14)))?;
    parent_shows(&stage.parent, of_parent)
}

#[test]
#[ignore = "needs sway, which is downloaded"]
fn sway_shows_a_ports_pointer_as_its_own() -> Result<()> {
    const GREY: u32 = 0x40_5060;
    let (width, height) = (160, 120);
    let folder = tempfile::Builder::new().prefix("parent-").tempdir()?;
    let sway = Parent::start(Kind::Sway, folder.path(), (width, height))?;
    let service = Service::start_with(&child_configuration(&sway.socket(), ""))?;
    let mut program = Program::connect(&service.socket("viewer")?)?;
    let toplevel = program.toplevel(APP)?;
    let size = format!("toplevel {width}x{height}");
    program.wait_for("the window's size", 0, |line| line == size)?;
    let buffer = program.buffer((width, height), Format::Xrgb8888, true)?;
    buffer.paint(|_, _| GREY)?;
    crate::wayland_scene::show(&mut program, &toplevel, &buffer)?;
    let mut hands = Program::connect(&sway.socket())?;
    let output = hands.output("HEADLESS-1")?;
    let device = hands.virtual_pointer(&output)?;
    device.motion_absolute(0, 80, 60, width, height);
    device.frame();
    hands.roundtrip()?;
    let pointer = program.relative_pointer("main")?;
    program.wait_for("the pointer", 0, |line| line.starts_with("pointer enter 80.0 60.0"))?;
    let (surface, red) = (program.surface(), program.buffer((4, 4), Format::Argb8888, true)?);
    red.paint(|_, _| 0xff00_0000 | RED)?;
    pointer.set_cursor(program.pointer_serial()?, Some(&surface), 1, 1);
    surface.attach(Some(&red.object), 0, 0);
    surface.commit();
    program.roundtrip()?;
    // Wherever it goes. The headless output has no plane for it: it is in all pictures of that.
    for at in [(80, 60), (20, 90)] {
        device.motion_absolute(0, at.0, at.1, width, height);
        device.frame();
        hands.roundtrip()?;
        let file = folder.path().join("with.file.png");
        let mut wrong = String::new();
        let shown = wait_until("the pointer in sway's picture", GUEST, || {
            sway.picture_with_pointer(&file)?;
            let picture = Picture::read(&file)?;
            let all = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
            let bad = all.filter(|(x, y)| {
                let want = if dot(at)(*x, *y) { RED } else { GREY };
                let [_, red, green, blue] = want.to_be_bytes();
                picture.pixel(*x, *y) != Some([red, green, blue])
            });
            let bad: Vec<_> = bad.collect();
            wrong = format!("{} pixels, first {:?}", bad.len(), bad.first());
            Ok(bad.is_empty().then_some(()))
        });
        let log = || format!("{}\n{}", service.process.log(), sway.log());
        shown.map_err(|error| Failure::new(format!("{error}: {wrong}\n{}", log())))?;
    }
    Ok(())
}
