//! The older capture protocol, which most stock tools speak.

use porthole_tests::{
    Result, Service,
    program::{Buffer, Program, Toplevel},
};
use wayland_client::protocol::wl_shm::Format;

use crate::wayland_scene::{APP, configuration, picture, service, service_with};

/// A program whose picture is on the port, 40 x 20 at 8, 4.
fn app(service: &Service) -> Result<(Program, Toplevel, Buffer)> {
    let mut program = Program::connect(&service.socket("viewer")?)?;
    let toplevel = program.toplevel(APP)?;
    let buffer = program.buffer((40, 20), Format::Xrgb8888, true)?;
    buffer.paint(|x, y| x << 16 | y << 8 | (x ^ y))?;
    let mark = program.log.len();
    program.frame(&toplevel.surface);
    toplevel.show(&buffer);
    program.wait_for("a frame", mark, |line| line == "frame done")?;
    Ok((program, toplevel, buffer))
}

fn words(buffer: &Buffer) -> Result<Vec<u32>> {
    Ok(buffer.words()?.into_iter().map(|w| w & 0xff_ffff).collect())
}

#[test]
fn an_idle_port_is_copied_at_once_and_pixel_for_pixel() -> Result<()> {
    let service = service()?;
    let _app = app(&service)?;
    let mut viewer = Program::connect(&service.socket("viewer")?)?;
    let want = picture(&mut viewer)?;
    let output = viewer.output("main")?;
    let copies = viewer.copies()?;
    for _ in 0..2 {
        let mark = viewer.log.len();
        let frame = viewer.copy_frame(&copies, &output, None)?;
        let buffer = viewer.buffer((64, 48), Format::Xrgb8888, true)?;
        frame.copy(&buffer.object);
        viewer.wait_for("the copy", mark, |line| line == "copy ready")?;
        frame.destroy();
        assert_eq!(viewer.log.since(mark), ["copy Xrgb8888 64x48 256", "copy told", "copy ready"]);
        assert!(words(&buffer)? == want);
    }
    Ok(())
}

#[test]
fn a_part_is_cut_to_the_port() -> Result<()> {
    let service = service()?;
    let _app = app(&service)?;
    let mut viewer = Program::connect(&service.socket("viewer")?)?;
    let whole = picture(&mut viewer)?;
    let output = viewer.output("main")?;
    let copies = viewer.copies()?;
    let cases = [([10, 6, 5, 7], [10, 6, 5, 7]), ([-3, 40, 10, 100], [0, 40, 7, 8])];
    for (asked, [x, y, width, height]) in cases {
        let mark = viewer.log.len();
        let frame = viewer.copy_frame(&copies, &output, Some(asked))?;
        let told = format!("copy Xrgb8888 {width}x{height} {}", width * 4);
        assert!(viewer.log.since(mark).contains(&told), "{:?}", viewer.log.since(mark));
        let buffer = viewer.buffer((width, height), Format::Xrgb8888, true)?;
        frame.copy(&buffer.object);
        viewer.wait_for("the copy", mark, |line| line == "copy ready")?;
        let want: Vec<u32> = (y..y + height)
            .flat_map(|y| (x..x + width).map(move |x| (y * 64 + x) as usize))
            .map(|i| whole[i])
            .collect();
        assert!(words(&buffer)? == want, "{asked:?}");
    }
    for nothing in [[64, 0, 5, 5], [0, 0, 0, 5], [0, 0, -5, 5], [i32::MAX, 0, i32::MAX, 1]] {
        let mark = viewer.log.len();
        viewer.copy_frame(&copies, &output, Some(nothing))?.destroy();
        assert_eq!(viewer.log.since(mark), ["copy failed"], "{nothing:?}");
    }
    Ok(())
}

#[test]
fn a_part_of_a_scaled_port_is_in_its_logical_coordinates() -> Result<()> {
    let text = configuration("").replace("size = [64, 48]", "size = [64, 48]\nscale = 1.5");
    let service = Service::start_with(&text)?;
    let mut viewer = Program::connect(&service.socket("viewer")?)?;
    let output = viewer.output("main")?;
    let copies = viewer.copies()?;
    let mark = viewer.log.len();
    viewer.copy_frame(&copies, &output, Some([1, 2, 3, 4]))?;
    // From 1.5 to 6 and from 3 to 9.
    assert!(viewer.log.since(mark).contains(&"copy Xrgb8888 5x6 20".to_owned()));
    Ok(())
}

#[test]
fn a_copy_with_damage_waits_for_news_since_its_managers_last_copy() -> Result<()> {
    let service = service()?;
    let (mut app, toplevel, content) = app(&service)?;
    let mut viewer = Program::connect(&service.socket("viewer")?)?;
    let output = viewer.output("main")?;
    let copies = viewer.copies()?;
    let buffer = viewer.buffer((64, 48), Format::Xrgb8888, true)?;
    let mark = viewer.log.len();
    let first = viewer.copy_frame(&copies, &output, None)?;
    first.copy_with_damage(&buffer.object);
    viewer.wait_for("the first copy", mark, |line| line == "copy ready")?;
    assert_eq!(viewer.log.since(mark)[2..], ["copy damage 64x48+0+0", "copy ready"]);

    let mark = viewer.log.len();
    let second = viewer.copy_frame(&copies, &output, None)?;
    second.copy_with_damage(&buffer.object);
    viewer.roundtrip()?;
    assert_eq!(viewer.log.since(mark).len(), 2, "nothing changed");
    content.paint(|x, y| (x * y) & 0xff)?;
    toplevel.show_damaged(&content, [1, 2, 3, 4]);
    app.roundtrip()?;
    viewer.wait_for("the second copy", mark, |line| line == "copy ready")?;
    assert_eq!(viewer.log.since(mark)[2..], ["copy damage 3x4+9+6", "copy ready"]);
    // Whatever the damage, all of the buffer is the port's picture.
    let got = words(&buffer)?;
    assert!(got == picture(&mut viewer)?);

    // A part is news only where it changed; coordinates are the part's own.
    let small = viewer.buffer((10, 10), Format::Xrgb8888, true)?;
    let part = viewer.copy_frame(&copies, &output, Some([8, 4, 10, 10]))?;
    let mark = viewer.log.len();
    part.copy_with_damage(&small.object);
    toplevel.show_damaged(&content, [20, 10, 1, 1]);
    let done = app.log.len();
    app.frame(&toplevel.surface);
    toplevel.surface.commit();
    app.wait_for("a frame", done, |line| line == "frame done")?;
    viewer.roundtrip()?;
    assert_eq!(viewer.log.since(mark), [""; 0], "beside the part");
    toplevel.show_damaged(&content, [2, 3, 1, 1]);
    app.roundtrip()?;
    viewer.wait_for("the part", mark, |line| line == "copy ready")?;
    assert_eq!(viewer.log.since(mark), ["copy damage 1x1+2+3", "copy ready"]);
    // What the part did not show is still news to the whole.
    let mark = viewer.log.len();
    let whole = viewer.copy_frame(&copies, &output, None)?;
    whole.copy_with_damage(&buffer.object);
    viewer.wait_for("the rest", mark, |line| line == "copy ready")?;
    assert_eq!(viewer.log.since(mark)[2..], ["copy damage 1x1+28+14", "copy ready"]);
    Ok(())
}

#[test]
fn the_pointer_is_in_the_copy_only_when_asked() -> Result<()> {
    let service = service()?;
    let _app = app(&service)?;
    let mut viewer = Program::connect(&service.socket("viewer")?)?;
    let output = viewer.output("main")?;
    let device = viewer.virtual_pointer(&output)?;
    // Over the program, which sets no picture, and out again: there it is the arrow.
    for y in [10, 30] {
        device.motion_absolute(0, 20, y, 64, 48);
        device.frame();
    }
    viewer.roundtrip()?;
    let copies = viewer.copies()?;
    let plain = picture(&mut viewer)?;
    let mut seen = Vec::new();
    for overlay in [0, 1] {
        let buffer = viewer.buffer((64, 48), Format::Xrgb8888, true)?;
        let frame = copies.capture_output(overlay, &output, viewer.handle(), ());
        frame.copy(&buffer.object);
        let mark = viewer.log.len();
        viewer.wait_for("the copy", mark, |line| line == "copy ready")?;
        seen.push(words(&buffer)?);
    }
    assert!(seen[0] == plain);
    let changed: Vec<(usize, usize)> =
        (0..64 * 48).filter(|i| seen[1][*i] != plain[*i]).map(|i| (i % 64, i / 64)).collect();
    assert!(!changed.is_empty());
    assert!(changed.iter().all(|(x, y)| x.abs_diff(20) < 32 && y.abs_diff(30) < 32), "{changed:?}");

    // The same in a part that begins beside the tip: its own coordinates begin there.
    let buffer = viewer.buffer((8, 8), Format::Xrgb8888, true)?;
    let frame = copies.capture_output_region(1, &output, 21, 31, 8, 8, viewer.handle(), ());
    frame.copy(&buffer.object);
    let mark = viewer.log.len();
    viewer.wait_for("the copy", mark, |line| line == "copy ready")?;
    let want: Vec<u32> =
        (31..39).flat_map(|y| (21..29).map(move |x| y * 64 + x)).map(|i| seen[1][i]).collect();
    assert!(words(&buffer)? == want);

    // It moves: news for copies that show it, and for no others.
    let with = copies.capture_output(1, &output, viewer.handle(), ());
    let without = copies.capture_output(0, &output, viewer.handle(), ());
    let buffer = viewer.buffer((64, 48), Format::Xrgb8888, true)?;
    let other = viewer.buffer((64, 48), Format::Xrgb8888, true)?;
    with.copy_with_damage(&buffer.object);
    without.copy_with_damage(&other.object);
    viewer.roundtrip()?;
    let mark = viewer.log.len();
    device.motion_absolute(0, 40, 30, 64, 48);
    device.frame();
    viewer.wait_for("the copy", mark, |line| line == "copy ready")?;
    viewer.roundtrip()?;
    assert_eq!(viewer.log.since(mark).iter().filter(|line| *line == "copy ready").count(), 1);
    Ok(())
}

#[test]
fn misuse_is_a_protocol_error_and_a_lost_right_a_failure() -> Result<()> {
    let service = service_with("")?;
    let mistakes = [((63, 48), Format::Xrgb8888), ((64, 48), Format::Argb8888)];
    for (size, format) in mistakes {
        let mut viewer = Program::connect(&service.socket("viewer")?)?;
        let output = viewer.output("main")?;
        let copies = viewer.copies()?;
        let frame = viewer.copy_frame(&copies, &output, None)?;
        frame.copy(&viewer.buffer(size, format, true)?.object);
        let error = viewer.roundtrip().expect_err("a wrong buffer").to_string();
        assert!(error.contains("zwlr_screencopy_frame_v1 error 1"), "{error}");
    }
    let mut viewer = Program::connect(&service.socket("viewer")?)?;
    let output = viewer.output("main")?;
    let copies = viewer.copies()?;
    let frame = viewer.copy_frame(&copies, &output, None)?;
    let buffer = viewer.buffer((64, 48), Format::Xrgb8888, true)?;
    frame.copy(&buffer.object);
    frame.copy(&buffer.object);
    let error = viewer.roundtrip().expect_err("copied twice").to_string();
    assert!(error.contains("zwlr_screencopy_frame_v1 error 0"), "{error}");

    let mut viewer = Program::connect(&service.socket("viewer")?)?;
    let output = viewer.output("main")?;
    let copies = viewer.copies()?;
    let buffer = viewer.buffer((64, 48), Format::Xrgb8888, true)?;
    let frame = viewer.copy_frame(&copies, &output, None)?;
    frame.copy(&buffer.object);
    viewer.wait_for("the copy", 0, |line| line == "copy ready")?;
    frame.destroy();
    let waits = viewer.copy_frame(&copies, &output, None)?;
    waits.copy_with_damage(&buffer.object);
    viewer.roundtrip()?;
    let mark = viewer.log.len();
    service.reload(&configuration("").replace(r#""capture:main", "#, ""))?;
    viewer.wait_for("the failure", mark, |line| line == "copy failed")?;
    let mark = viewer.log.len();
    viewer.copy_frame(&copies, &output, None)?;
    assert_eq!(viewer.log.since(mark), ["copy failed"]);
    Ok(())
}
