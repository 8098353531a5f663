//! What the service composes from a program's surfaces, judged by a capture of the port.

use porthole_tests::{
    Result, Service,
    program::{Buffer, Program},
};
use wayland_client::protocol::{wl_output::Transform, wl_shm::Format};

/// The application id that the tests' layer shows.
pub(crate) const APP: &str = "org.porthole.test";

/// A port of 64 x 48 with one layer of 40 x 20 at 8, 4, and a socket that may capture and control.
pub(crate) fn service() -> Result<Service> {
    service_with("")
}

/// The same with more keys for the layer.
pub(crate) fn service_with(layer: &str) -> Result<Service> {
    Service::start_with(&configuration(layer))
}

pub(crate) fn configuration(layer: &str) -> String {
    format!(
        r##"
version = 1
[[port]]
name = "main"
size = [64, 48]
background = "#102030"
[[socket]]
name = "viewer"
rights = ["capture:main", "input:main"]
[[socket]]
name = "plain"
[[guest]]
name = "ivi"
[[layer]]
name = "app"
port = "main"
socket = "viewer"
app_id = "{APP}"
rect = [8, 4, 40, 20]
order = 1
{layer}
"##
    )
}

pub(crate) const BACK: u32 = 0x10_2030;

/// The port's picture once everything sent so far is in it.
pub(crate) fn picture(program: &mut Program) -> Result<Vec<u32>> {
    let output = program.output("main")?;
    let session = program.capture(&output)?;
    let buffer = program.buffer((64, 48), Format::Xrgb8888, true)?;
    let mark = program.log.len();
    program.capture_frame(&session, &buffer);
    program.wait_for("a capture", mark, |line| line == "capture ready")?;
    session.destroy();
    Ok(buffer.words()?.into_iter().map(|w| w & 0xff_ffff).collect())
}

/// Shows a buffer and waits until the port has drawn it.
pub(crate) fn show(
    program: &mut Program,
    toplevel: &porthole_tests::program::Toplevel,
    buffer: &Buffer,
) -> Result<()> {
    let mark = program.log.len();
    program.frame(&toplevel.surface);
    toplevel.show(buffer);
    program.wait_for("a frame", mark, |line| line == "frame done")
}

/// Compares every pixel with what it should be.
pub(crate) fn expect(picture: &[u32], want: impl Fn(u32, u32) -> u32) {
    let wrong: Vec<String> = picture
        .iter()
        .zip(0_u32..)
        .map(|(word, i)| (*word, i % 64, i / 64))
        .filter(|(word, x, y)| *word != want(*x, *y))
        .map(|(word, x, y)| format!("{x},{y} is {word:06x}, not {:06x}", want(x, y)))
        .collect();
    assert!(
        wrong.is_empty(),
        "{} pixels wrong: {:?}",
        wrong.len(),
        wrong.get(..8.min(wrong.len()))
    );
}

/// A picture in which every pixel differs from its neighbours.
pub(crate) fn pattern(x: u32, y: u32) -> u32 {
    (x * 5) << 16 | (y * 11) << 8 | (x ^ y)
}

pub(crate) const fn in_layer(x: u32, y: u32) -> bool {
    x >= 8 && x < 48 && y >= 4 && y < 24
}

#[test]
fn the_splash_gives_way_to_the_first_picture() -> Result<()> {
    let service = service()?;
    let mut program = Program::connect(&service.socket("viewer")?)?;
    let splash = picture(&mut program)?;
    assert!(splash.iter().any(|w| *w != BACK), "the splash shows before any picture");
    let toplevel = program.toplevel(APP)?;
    let buffer = program.buffer((40, 20), Format::Xrgb8888, true)?;
    buffer.paint(pattern)?;
    show(&mut program, &toplevel, &buffer)?;
    let after = picture(&mut program)?;
    expect(&after, |x, y| if in_layer(x, y) { pattern(x - 8, y - 4) } else { BACK });
    Ok(())
}

#[test]
fn a_dead_programs_layer_is_empty_and_comes_back() -> Result<()> {
    let service = service()?;
    let mut watcher = Program::connect(&service.socket("viewer")?)?;
    for round in 0..3_u32 {
        let mut program = Program::connect(&service.socket("viewer")?)?;
        let toplevel = program.toplevel(APP)?;
        let buffer = program.buffer((40, 20), Format::Xrgb8888, round % 2 == 0)?;
        buffer.paint(|x, y| pattern(x, y) ^ round)?;
        show(&mut program, &toplevel, &buffer)?;
        expect(&picture(&mut watcher)?, |x, y| {
            if in_layer(x, y) { pattern(x - 8, y - 4) ^ round } else { BACK }
        });
        program.die();
        porthole_tests::wait::wait_until(
            "the layer to be empty",
            porthole_tests::wait::SHORT,
            || Ok(picture(&mut watcher)?.iter().all(|w| *w == BACK).then_some(())),
        )?;
    }
    Ok(())
}

#[test]
fn subsurfaces_and_their_order() -> Result<()> {
    let service = service()?;
    let mut program = Program::connect(&service.socket("viewer")?)?;
    let toplevel = program.toplevel(APP)?;
    let below = program.buffer((40, 20), Format::Xrgb8888, true)?;
    below.paint(pattern)?;
    let (surface, subsurface) = program.subsurface(&toplevel.surface);
    let above = program.buffer((10, 10), Format::Argb8888, true)?;
    // Premultiplied: opaque red on the left, nothing at all on the right.
    above.paint(|x, _| if x < 5 { 0xffff_0000 } else { 0 })?;
    // It reaches out of the layer at the right: cut there.
    subsurface.set_position(33, 2);
    surface.attach(Some(&above.object), 0, 0);
    surface.commit();
    show(&mut program, &toplevel, &below)?;
    expect(&picture(&mut program)?, |x, y| {
        let red = (41..46).contains(&x) && (6..16).contains(&y);
        match (in_layer(x, y), red) {
            (false, _) => BACK,
            (true, true) => 0xff_0000,
            (true, false) => pattern(x - 8, y - 4),
        }
    });
    Ok(())
}

#[test]
fn a_subsurface_moves_with_its_parents_commit() -> Result<()> {
    let service = service()?;
    let mut program = Program::connect(&service.socket("viewer")?)?;
    let toplevel = program.toplevel(APP)?;
    let below = program.buffer((40, 20), Format::Xrgb8888, true)?;
    below.paint(pattern)?;
    let (surface, subsurface) = program.subsurface(&toplevel.surface);
    let above = program.buffer((4, 4), Format::Xrgb8888, true)?;
    above.paint(|_, _| 0xff_0000)?;
    subsurface.set_desync();
    subsurface.set_position(2, 2);
    surface.attach(Some(&above.object), 0, 0);
    surface.commit();
    show(&mut program, &toplevel, &below)?;
    let seen = |program: &mut Program, left: u32, top: u32| -> Result<()> {
        let inside =
            |x: u32, y: u32| (8 + left..12 + left).contains(&x) && (4 + top..8 + top).contains(&y);
        expect(&picture(program)?, |x, y| match (in_layer(x, y), inside(x, y)) {
            (false, _) => BACK,
            (true, true) => 0xff_0000,
            (true, false) => pattern(x - 8, y - 4),
        });
        Ok(())
    };
    seen(&mut program, 2, 2)?;
    // Its own commit does not move it ...
    subsurface.set_position(20, 10);
    let mark = program.log.len();
    program.frame(&surface);
    surface.damage(0, 0, 4, 4);
    surface.commit();
    program.wait_for("a frame", mark, |line| line == "frame done")?;
    seen(&mut program, 2, 2)?;
    // ... its parent's does.
    for (left, top) in [(20, 10), (30, 12)] {
        subsurface.set_position(i32::try_from(left).unwrap_or(0), i32::try_from(top).unwrap_or(0));
        let mark = program.log.len();
        program.frame(&toplevel.surface);
        toplevel.surface.commit();
        program.wait_for("a frame", mark, |line| line == "frame done")?;
        seen(&mut program, left, top)?;
    }
    Ok(())
}

#[test]
fn opacity_blends_and_rounds_right() -> Result<()> {
    let service = service_with("opacity = 0.5")?;
    let mut program = Program::connect(&service.socket("viewer")?)?;
    let toplevel = program.toplevel(APP)?;
    let buffer = program.buffer((40, 20), Format::Xrgb8888, true)?;
    buffer.paint(|_, _| 0xff_ffff)?;
    show(&mut program, &toplevel, &buffer)?;
    let picture = picture(&mut program)?;
    let want = |below: u32| f64::from(below).mul_add(0.5, 127.5);
    for (word, i) in picture.iter().zip(0_u32..) {
        let (x, y) = (i % 64, i / 64);
        for shift in [0, 8, 16] {
            let got = f64::from(word >> shift & 255);
            let below = BACK >> shift & 255;
            let want = if in_layer(x, y) { want(below) } else { f64::from(below) };
            assert!((got - want).abs() <= 1.0, "{x},{y}: {word:06x}");
        }
    }
    Ok(())
}

#[test]
fn a_viewport_crops_and_scales_by_whole_pixels() -> Result<()> {
    let service = service()?;
    let mut program = Program::connect(&service.socket("viewer")?)?;
    let toplevel = program.toplevel(APP)?;
    let buffer = program.buffer((80, 60), Format::Xrgb8888, true)?;
    buffer.paint(pattern)?;
    let viewport = program.viewport(&toplevel.surface)?;
    viewport.set_source(10.0, 20.0, 40.0, 20.0);
    show(&mut program, &toplevel, &buffer)?;
    expect(&picture(&mut program)?, |x, y| {
        if in_layer(x, y) { pattern(x - 8 + 10, y - 4 + 20) } else { BACK }
    });
    Ok(())
}

#[test]
fn a_turned_buffer_is_shown_upright() -> Result<()> {
    let service = service()?;
    let mut program = Program::connect(&service.socket("viewer")?)?;
    let toplevel = program.toplevel(APP)?;
    // The client's picture of 40 x 20, turned by 90 degrees counter-clockwise, is 20 x 40: its top
    // left corner is at the bottom left.
    let buffer = program.buffer((20, 40), Format::Xrgb8888, true)?;
    buffer.paint(|bx, by| pattern(39 - by, bx))?;
    toplevel.surface.set_buffer_transform(Transform::_90);
    show(&mut program, &toplevel, &buffer)?;
    expect(
        &picture(&mut program)?,
        |x, y| {
            if in_layer(x, y) { pattern(x - 8, y - 4) } else { BACK }
        },
    );
    Ok(())
}

#[test]
fn every_announced_order_of_channels_is_shown_right() -> Result<()> {
    let service = service()?;
    let mut program = Program::connect(&service.socket("viewer")?)?;
    let toplevel = program.toplevel(APP)?;
    // Memory holds B G R X, R G B X, X B G R and X R G B in turn.
    type ToWord = fn(u32) -> u32;
    let formats: [(Format, ToWord); 4] = [
        (Format::Xrgb8888, |w| w),
        (Format::Xbgr8888, |w| (w & 0xff) << 16 | w & 0xff00 | w >> 16),
        (Format::Rgbx8888, |w| w << 8),
        (Format::Bgrx8888, |w| ((w & 0xff) << 16 | w & 0xff00 | w >> 16) << 8),
    ];
    for (format, to_word) in formats {
        let buffer = program.buffer((40, 20), format, true)?;
        buffer.paint(|x, y| to_word(pattern(x, y)))?;
        show(&mut program, &toplevel, &buffer)?;
        expect(
            &picture(&mut program)?,
            |x, y| {
                if in_layer(x, y) { pattern(x - 8, y - 4) } else { BACK }
            },
        );
    }
    Ok(())
}

#[test]
fn a_layer_may_be_for_every_program_of_its_socket() -> Result<()> {
    let text = configuration("").replace(&format!("app_id = \"{APP}\""), "app_id = \"*\"");
    let own = "[[layer]]\nname = \"own\"\nport = \"main\"\nsocket = \"viewer\"\n\
               app_id = \"org.porthole.own\"\nrect = [0, 30, 8, 8]\norder = 2\n";
    let service = Service::start_with(&format!("{text}{own}"))?;
    let mut any = Program::connect(&service.socket("viewer")?)?;
    for id in ["", "something", "another"] {
        let toplevel = any.toplevel(id)?;
        let buffer = any.buffer((40, 20), Format::Xrgb8888, true)?;
        buffer.paint(|x, y| pattern(x, y) ^ u32::try_from(id.len()).unwrap_or(0))?;
        show(&mut any, &toplevel, &buffer)?;
    }
    let toplevel = any.toplevel("org.porthole.own")?;
    let buffer = any.buffer((8, 8), Format::Xrgb8888, true)?;
    buffer.paint(pattern)?;
    show(&mut any, &toplevel, &buffer)?;
    let mut other = Program::connect(&service.socket("plain")?)?;
    other.toplevel("something")?;
    expect(&picture(&mut any)?, |x, y| match (in_layer(x, y), x < 8 && (30..38).contains(&y)) {
        (true, _) => pattern(x - 8, y - 4) ^ 7,
        (_, true) => pattern(x, y - 30),
        _ => BACK,
    });
    Ok(())
}
