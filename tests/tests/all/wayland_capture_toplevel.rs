//! Captures of one toplevel: its own pixels at its own size, whatever its port shows.

use porthole_tests::{
    Result, Service,
    program::{Buffer, Program, Toplevel},
};
use wayland_client::protocol::wl_shm::Format;
use wayland_protocols::ext::image_copy_capture::v1::client::ext_image_copy_capture_session_v1::ExtImageCopyCaptureSessionV1;

use crate::wayland_scene::{APP, configuration, service, service_with};

/// A second layer that hides all of the first one.
const COVER: &str = r#"
[[layer]]
name = "cover"
port = "main"
socket = "viewer"
app_id = "cover"
rect = [0, 0, 64, 48]
order = 2
"#;

/// A word for each pixel that no other pixel nearby has.
fn word(x: u32, y: u32) -> u32 {
    0xff00_0000 | (x * 5) << 16 | (y * 9) << 8 | (x ^ y)
}

/// A program that shows a toplevel, and waits until it is on the port.
fn program(
    service: &Service,
    app_id: &str,
    size: (u32, u32),
    format: Format,
) -> Result<(Program, Toplevel, Buffer)> {
    let mut program = Program::connect(&service.socket("viewer")?)?;
    let toplevel = program.toplevel(app_id)?;
    let buffer = program.buffer(size, format, true)?;
    buffer.paint(word)?;
    let mark = program.log.len();
    program.frame(&toplevel.surface);
    toplevel.show(&buffer);
    program.wait_for("a frame", mark, |line| line == "frame done")?;
    Ok((program, toplevel, buffer))
}

/// A viewer with a session on the toplevel of the tests' layer.
fn viewer(service: &Service) -> Result<(Program, ExtImageCopyCaptureSessionV1)> {
    let mut viewer = Program::connect(&service.socket("viewer")?)?;
    viewer.toplevel_list()?;
    let handle = viewer.listed(APP)?;
    let session = viewer.capture_toplevel(&handle)?;
    Ok((viewer, session))
}

/// Captures one frame and gives what was told of it.
fn frame(
    viewer: &mut Program,
    session: &ExtImageCopyCaptureSessionV1,
    buffer: &Buffer,
) -> Result<Vec<String>> {
    let mark = viewer.log.len();
    let frame = viewer.capture_frame(session, buffer);
    viewer.wait_for("a capture", mark, |line| line.starts_with("capture "))?;
    frame.destroy();
    Ok(viewer.log.since(mark).to_vec())
}

/// The pointer on a toplevel of 20 x 10 in the layer of 40 x 20 at 8, 4, which its program has made look
/// like a red square of 3 with its hot spot in the middle.
#[test]
fn the_pointer_is_in_a_toplevels_own_picture_where_it_is_asked_for() -> Result<()> {
    let service = service()?;
    let size = (20, 10);
    let (mut app, _toplevel, _buffer) = program(&service, APP, size, Format::Xrgb8888)?;
    let pointer = app.relative_pointer("main")?;
    let mut hand = Program::connect(&service.socket("viewer")?)?;
    let output = hand.output("main")?;
    let device = hand.virtual_pointer(&output)?;
    let mut point = |x, y| {
        device.motion_absolute(0, x, y, 64, 48);
        device.frame();
        hand.roundtrip()
    };
    point(28, 14)?;
    app.wait_for("the pointer", 0, |line| line.starts_with("pointer enter"))?;
    let dot = app.surface();
    let red = app.buffer((3, 3), Format::Argb8888, true)?;
    red.paint(|_, _| 0xffff_0000)?;
    pointer.set_cursor(app.pointer_serial()?, Some(&dot), 1, 1);
    dot.attach(Some(&red.object), 0, 0);
    dot.commit();
    app.roundtrip()?;

    let mut viewer = Program::connect(&service.socket("viewer")?)?;
    viewer.toplevel_list()?;
    let handle = viewer.listed(APP)?;
    let seat = viewer.seat("main")?;
    let _cursor = viewer.watch_cursor_of(&handle, &seat)?;
    let session = viewer.capture_toplevel_painted(&handle)?;
    viewer.wait_for("its place", 0, |line| line == "cursor at 10 5")?;
    let with_dot = |x: u32, y: u32| {
        let mut expected = words(size);
        for (index, word) in (0..).zip(&mut expected) {
            let (column, row): (u32, u32) = (index % size.0, index / size.0);
            if column.abs_diff(x) <= 1 && row.abs_diff(y) <= 1 {
                *word = 0xffff_0000;
            }
        }
        expected.into_iter().map(|word| word & 0xff_ffff).collect::<Vec<_>>()
    };
    let buffer = viewer.buffer(size, Format::Xrgb8888, true)?;
    let rgb = |buffer: &Buffer| -> Result<Vec<u32>> {
        Ok(buffer.words()?.into_iter().map(|word| word & 0xff_ffff).collect())
    };
    frame(&mut viewer, &session, &buffer)?;
    assert!(rgb(&buffer)? == with_dot(10, 5));
    // It moves: that alone is news, here and for who follows it.
    let mark = viewer.log.len();
    let next = viewer.capture_frame(&session, &buffer);
    viewer.roundtrip()?;
    point(14, 10)?;
    viewer.wait_for("a capture", mark, |line| line == "capture ready")?;
    next.destroy();
    viewer.wait_for("its next place", mark, |line| line == "cursor at 3 3")?;
    assert!(rgb(&buffer)? == with_dot(3, 3));
    // Beside the layer it is on no toplevel.
    point(60, 40)?;
    viewer.wait_for("its way out", mark, |line| line == "cursor leave")?;
    frame(&mut viewer, &session, &buffer)?;
    assert!(rgb(&buffer)? == words(size).into_iter().map(|w| w & 0xff_ffff).collect::<Vec<_>>());
    Ok(())
}

fn words(size: (u32, u32)) -> Vec<u32> {
    (0..size.1).flat_map(|y| (0..size.0).map(move |x| word(x, y))).collect()
}

#[test]
fn a_hidden_and_scaled_toplevel_is_captured_as_it_is() -> Result<()> {
    let service = service_with(COVER)?;
    let size = (30, 12);
    let (mut app, toplevel, content) = program(&service, APP, size, Format::Xrgb8888)?;
    let _cover = program(&service, "cover", (64, 48), Format::Xrgb8888)?;
    let (mut viewer, session) = viewer(&service)?;
    assert!(viewer.log.since(0).iter().any(|line| line == "capture size 30x12"));
    let buffer = viewer.buffer(size, Format::Xrgb8888, true)?;
    let told = frame(&mut viewer, &session, &buffer)?;
    assert_eq!(told, ["damage 30x12+0+0", "capture ready"]);
    assert!(buffer.words()? == words(size), "pixel for pixel");

    // Nothing changes, nothing is told; then exactly what changed, though the port shows nothing.
    let mark = viewer.log.len();
    let second = viewer.capture_frame(&session, &buffer);
    viewer.roundtrip()?;
    assert_eq!(viewer.log.since(mark), [""; 0]);
    content.paint(|x, y| word(x, y) ^ 0xff)?;
    toplevel.show_damaged(&content, [1, 2, 3, 4]);
    app.roundtrip()?;
    viewer.wait_for("the second capture", mark, |line| line == "capture ready")?;
    assert_eq!(viewer.log.since(mark), ["damage 3x4+1+2", "capture ready"]);
    second.destroy();
    let changed = |x, y| (1..4).contains(&x) && (2..6).contains(&y);
    let want: Vec<u32> = (0..12)
        .flat_map(|y| (0..30).map(move |x| word(x, y) ^ if changed(x, y) { 0xff } else { 0 }))
        .collect();
    assert!(buffer.words()? == want, "only the damage was copied");
    Ok(())
}

#[test]
fn several_commits_between_two_frames_are_one_damage() -> Result<()> {
    let service = service()?;
    let (mut app, toplevel, content) = program(&service, APP, (40, 20), Format::Xrgb8888)?;
    let (mut viewer, session) = viewer(&service)?;
    let buffer = viewer.buffer((40, 20), Format::Xrgb8888, true)?;
    frame(&mut viewer, &session, &buffer)?;
    for at in [0, 10] {
        let mark = app.log.len();
        app.frame(&toplevel.surface);
        toplevel.show_damaged(&content, [at, at, 1, 1]);
        app.wait_for("a frame", mark, |line| line == "frame done")?;
    }
    let told = frame(&mut viewer, &session, &buffer)?;
    assert_eq!(told, ["damage 1x1+0+0", "damage 1x1+10+10", "capture ready"]);

    // A session that comes later begins with the whole picture, and costs the first one nothing.
    let handle = viewer.listed(APP)?;
    let other = viewer.capture_toplevel(&handle)?;
    let told = frame(&mut viewer, &other, &buffer)?;
    assert_eq!(told, ["damage 40x20+0+0", "capture ready"]);
    toplevel.show_damaged(&content, [5, 5, 2, 2]);
    app.roundtrip()?;
    for session in [&session, &other] {
        let told = frame(&mut viewer, session, &buffer)?;
        assert_eq!(told, ["damage 2x2+5+5", "capture ready"]);
    }
    Ok(())
}

#[test]
fn alpha_and_subsurfaces_are_kept() -> Result<()> {
    let service = service()?;
    let (mut app, toplevel, content) = program(&service, APP, (40, 20), Format::Argb8888)?;
    let (child, at) = app.subsurface(&toplevel.surface);
    at.set_position(30, 10);
    let small = app.buffer((20, 5), Format::Xrgb8888, true)?;
    small.paint(|_, _| 0x12_3456)?;
    child.attach(Some(&small.object), 0, 0);
    child.damage_buffer(0, 0, 20, 5);
    child.commit();
    content.paint(|x, _| if x < 20 { 0x4010_2030 } else { 0 })?;
    let mark = app.log.len();
    app.frame(&toplevel.surface);
    toplevel.show(&content);
    app.wait_for("a frame", mark, |line| line == "frame done")?;

    let (mut viewer, session) = viewer(&service)?;
    let buffer = viewer.buffer((40, 20), Format::Argb8888, true)?;
    frame(&mut viewer, &session, &buffer)?;
    let want = |x: u32, y: u32| match (x, y) {
        (30.., 10..15) => 0xff12_3456,
        (0..20, _) => 0x4010_2030,
        _ => 0,
    };
    let want: Vec<u32> = (0..20).flat_map(|y| (0..40).map(move |x| want(x, y))).collect();
    assert!(buffer.words()? == want, "what sticks out is cut, the rest is as it was drawn");
    Ok(())
}

#[test]
fn another_size_asks_for_another_buffer() -> Result<()> {
    let service = service()?;
    let (mut app, toplevel, _content) = program(&service, APP, (40, 20), Format::Xrgb8888)?;
    let (mut viewer, session) = viewer(&service)?;
    let buffer = viewer.buffer((40, 20), Format::Xrgb8888, true)?;
    frame(&mut viewer, &session, &buffer)?;
    let mark = viewer.log.len();
    let larger = app.buffer((50, 30), Format::Xrgb8888, true)?;
    larger.paint(word)?;
    toplevel.show(&larger);
    app.roundtrip()?;
    viewer.wait_for("the new size", mark, |line| line == "capture done")?;
    assert_eq!(viewer.log.since(mark), ["capture size 50x30", "capture done"]);
    let told = frame(&mut viewer, &session, &buffer)?;
    assert_eq!(told, ["capture failed BufferConstraints"]);
    let buffer = viewer.buffer((50, 30), Format::Xrgb8888, true)?;
    let told = frame(&mut viewer, &session, &buffer)?;
    assert_eq!(told, ["damage 50x30+0+0", "capture ready"]);
    assert!(buffer.words()? == words((50, 30)));
    Ok(())
}

#[test]
fn a_session_ends_with_its_toplevel_or_its_right() -> Result<()> {
    let service = service()?;
    let (mut app, toplevel, _content) = program(&service, APP, (40, 20), Format::Xrgb8888)?;
    let (mut viewer, session) = viewer(&service)?;
    let gone = viewer.listed(APP)?;
    let buffer = viewer.buffer((40, 20), Format::Xrgb8888, true)?;
    frame(&mut viewer, &session, &buffer)?;
    let mark = viewer.log.len();
    let _waits = viewer.capture_frame(&session, &buffer);
    viewer.roundtrip()?;
    toplevel.hide();
    app.roundtrip()?;
    viewer.wait_for("the end", mark, |line| line == "capture failed Stopped")?;
    assert_eq!(viewer.log.since(mark), ["closed", "capture stopped", "capture failed Stopped"]);
    // What is gone cannot be captured, and says so.
    let mark = viewer.log.len();
    viewer.capture_toplevel(&gone)?;
    assert_eq!(viewer.log.since(mark), ["capture stopped"]);

    let mark = viewer.log.len();
    let _app = program(&service, APP, (40, 20), Format::Xrgb8888)?;
    viewer.wait_for("the toplevel", mark, |line| line == "told")?;
    let handle = viewer.listed(APP)?;
    viewer.capture_toplevel(&handle)?;
    let mark = viewer.log.len();
    let text = configuration("").replace(r#""capture:main", "#, "");
    service.reload(&text)?;
    viewer.wait_for("the end", mark, |line| line == "capture stopped")?;
    Ok(())
}
