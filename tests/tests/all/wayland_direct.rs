//! A picture that fills a port all by itself is not composed: captures read it where it is.

use porthole_tests::{
    Result, Service,
    demo::statistics,
    program::{Buffer, Program},
    wait::{SHORT, wait_until},
};
use wayland_client::{Proxy, protocol::wl_shm::Format};

use crate::wayland_scene::{APP, expect, picture, show};

fn service() -> Result<Service> {
    Service::start_with(&format!(
        r#"
version = 1
[[port]]
name = "main"
size = [64, 48]
[[socket]]
name = "viewer"
rights = ["capture:main", "input:main"]
[[layer]]
name = "app"
port = "main"
socket = "viewer"
app_id = "{APP}"
rect = [0, 0, 64, 48]
order = 1
"#
    ))
}

/// A picture in which every pixel differs from its neighbours.
fn pattern(x: u32, y: u32) -> u32 {
    (x * 3) << 16 | (y * 5) << 8 | (x ^ y)
}

fn composed(service: &Service) -> Result<u64> {
    let all = statistics(&service.process)?;
    Ok(all.pointer("/ports/main/composed_bytes").and_then(|n| n.as_u64()).unwrap_or(0))
}

fn wait_for_release(program: &mut Program, mark: usize, buffer: &Buffer) -> Result<()> {
    let line = format!("buffer {} released", buffer.object.id().protocol_id());
    program.wait_for("the buffer to be released", mark, |said| said == line)
}

#[test]
fn one_picture_that_fills_a_port_is_not_composed() -> Result<()> {
    let service = service()?;
    let mut program = Program::connect(&service.socket("viewer")?)?;
    let toplevel = program.toplevel(APP)?;
    let first = program.buffer((64, 48), Format::Xrgb8888, true)?;
    // The unused byte is nothing to anybody.
    first.paint(|x, y| pattern(x, y) | (x << 24))?;
    show(&mut program, &toplevel, &first)?;
    expect(&picture(&mut program)?, pattern);
    let before = composed(&service)?;

    for round in 1..6_u32 {
        let buffer = program.buffer((64, 48), Format::Xrgb8888, round % 2 == 0)?;
        buffer.paint(|x, y| pattern(x, y) ^ (round << 20))?;
        show(&mut program, &toplevel, &buffer)?;
        expect(&picture(&mut program)?, |x, y| pattern(x, y) ^ (round << 20));
    }
    assert_eq!(composed(&service)?, before, "bytes composed of a picture that needs none");

    // Another picture over it ends that, and nothing of before is left.
    let (surface, _subsurface) = program.subsurface(&toplevel.surface);
    let above = program.buffer((10, 10), Format::Argb8888, true)?;
    above.paint(|x, _| if x < 5 { 0xff00_ff00 } else { 0 })?;
    surface.attach(Some(&above.object), 0, 0);
    surface.damage_buffer(0, 0, 10, 10);
    surface.commit();
    let mark = program.log.len();
    program.frame(&toplevel.surface);
    toplevel.surface.commit();
    program.wait_for("a frame", mark, |line| line == "frame done")?;
    expect(&picture(&mut program)?, |x, y| {
        if x < 5 && y < 10 { 0x00_ff00 } else { pattern(x, y) ^ (5 << 20) }
    });
    let mixed = composed(&service)?;
    assert!(mixed > before, "two pictures are composed");

    // And once more without it.
    let mark = program.log.len();
    surface.attach(None, 0, 0);
    surface.commit();
    program.frame(&toplevel.surface);
    toplevel.surface.commit();
    program.wait_for("a frame", mark, |line| line == "frame done")?;
    expect(&picture(&mut program)?, |x, y| pattern(x, y) ^ (5 << 20));
    assert_eq!(composed(&service)?, mixed);
    Ok(())
}

#[test]
fn a_picture_that_is_shown_directly_is_released_with_the_next_frame() -> Result<()> {
    let service = service()?;
    let mut program = Program::connect(&service.socket("viewer")?)?;
    let toplevel = program.toplevel(APP)?;
    let buffers = [
        program.buffer((64, 48), Format::Xrgb8888, true)?,
        program.buffer((64, 48), Format::Xrgb8888, true)?,
    ];
    for buffer in &buffers {
        buffer.paint(pattern)?;
    }
    let [first, second] = &buffers;
    show(&mut program, &toplevel, first)?;
    let mark = program.log.len();
    show(&mut program, &toplevel, second)?;
    wait_for_release(&mut program, mark, first)?;
    // Nothing changed, but the buffer did.
    let mark = program.log.len();
    toplevel.show_damaged(first, [0, 0, 0, 0]);
    wait_for_release(&mut program, mark, second)?;
    // Nothing is shown any more.
    let mark = program.log.len();
    toplevel.hide();
    wait_for_release(&mut program, mark, first)?;
    wait_until("the port to be empty", SHORT, || {
        Ok(picture(&mut program)?.iter().all(|w| *w == 0).then_some(()))
    })
}

#[test]
fn changes_of_a_part_are_captured_from_the_right_buffer() -> Result<()> {
    let service = service()?;
    let mut program = Program::connect(&service.socket("viewer")?)?;
    let output = program.output("main")?;
    let toplevel = program.toplevel(APP)?;
    let first = program.buffer((64, 48), Format::Xrgb8888, true)?;
    first.paint(pattern)?;
    show(&mut program, &toplevel, &first)?;
    // One session: only what changed is copied after the first time.
    let session = program.capture(&output)?;
    let copy = program.buffer((64, 48), Format::Xrgb8888, true)?;
    for round in 0..4_u32 {
        let changed = |x: u32, y: u32| x / 16 < round && y / 12 < round;
        let want = |x: u32, y: u32| pattern(x, y) ^ if changed(x, y) { 0xff } else { 0 };
        if round > 0 {
            let next = program.buffer((64, 48), Format::Xrgb8888, true)?;
            next.paint(want)?;
            let side = i32::try_from(round).unwrap_or(0);
            let mark = program.log.len();
            program.frame(&toplevel.surface);
            toplevel.show_damaged(&next, [0, 0, side * 16, side * 12]);
            program.wait_for("a frame", mark, |line| line == "frame done")?;
        }
        let mark = program.log.len();
        program.capture_frame(&session, &copy);
        program.wait_for("a capture", mark, |line| line == "capture ready")?;
        let words: Vec<u32> = copy.words()?.into_iter().map(|w| w & 0xff_ffff).collect();
        expect(&words, want);
    }
    Ok(())
}
