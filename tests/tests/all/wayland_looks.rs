//! How surfaces and pointers look when programs say it in words: colours, opacity, scale, shapes.

use std::fs;

use porthole_tests::{Result, Service, demo::statistics, program::Program};
use wayland_client::protocol::wl_shm::Format;
use wayland_protocols::wp::cursor_shape::v1::client::wp_cursor_shape_device_v1::Shape;

use crate::wayland_scene::{APP, configuration, picture, service, service_with};

/// The port's colour around the layer of 40 x 20 at 8, 4.
const BACK: u32 = 0x10_2030;

const fn in_layer(i: usize) -> bool {
    let (x, y) = (i % 64, i / 64);
    x >= 8 && x < 48 && y >= 4 && y < 24
}

/// Waits until the port shows one colour in the layer, and the background around it.
fn shows(program: &mut Program, color: u32) -> Result<()> {
    let seen = picture(program)?;
    let wrong =
        seen.iter().enumerate().find(|(i, word)| **word != if in_layer(*i) { color } else { BACK });
    assert_eq!(wrong.map(|(i, word)| (i % 64, i / 64, format!("{word:06x}"))), None, "{color:06x}");
    Ok(())
}

#[test]
fn one_pixel_fills_a_layer_and_is_free_at_once() -> Result<()> {
    let service = service()?;
    let mut program = Program::connect(&service.socket("viewer")?)?;
    let toplevel = program.toplevel(APP)?;
    let viewport = program.viewport(&toplevel.surface)?;
    viewport.set_destination(40, 20);
    for (color, seen) in [
        ([u32::MAX, 0x8000_0000, 0, u32::MAX], 0xff_8000),
        // Half of white over the background.
        ([0x8000_0000; 4], 0x88_9098),
        ([0, 0, 0, 0], BACK),
    ] {
        let buffer = program.single_pixel(color)?;
        let mark = program.log.len();
        toplevel.surface.attach(Some(&buffer), 0, 0);
        toplevel.surface.damage_buffer(0, 0, 1, 1);
        program.frame(&toplevel.surface);
        toplevel.surface.commit();
        program.wait_for("a frame", mark, |l| l == "frame done")?;
        program.wait_for("the release", mark, |l| l.ends_with("released"))?;
        buffer.destroy();
        shows(&mut program, seen)?;
    }
    Ok(())
}

#[test]
fn a_programs_opacity_multiplies_that_of_its_layer() -> Result<()> {
    let service = service_with("opacity = 0.5")?;
    let mut program = Program::connect(&service.socket("viewer")?)?;
    let toplevel = program.toplevel(APP)?;
    let modifier = program.alpha_modifier(&toplevel.surface)?;
    let buffer = program.buffer((40, 20), Format::Xrgb8888, true)?;
    buffer.paint(|_, _| 0xff_ffff)?;
    modifier.set_multiplier(u32::MAX / 2);
    let mark = program.log.len();
    program.frame(&toplevel.surface);
    toplevel.show(&buffer);
    program.wait_for("a frame", mark, |l| l == "frame done")?;
    // A quarter of white over the background.
    shows(&mut program, 0x4c_5864)?;

    // Only the factor changes: no new buffer, no damage.
    modifier.destroy();
    let mark = program.log.len();
    program.frame(&toplevel.surface);
    toplevel.surface.commit();
    program.wait_for("a frame", mark, |l| l == "frame done")?;
    shows(&mut program, 0x88_9098)?;

    // One object for a surface, and it may outlive the surface.
    let surface = program.surface();
    let late = program.alpha_modifier(&surface)?;
    surface.destroy();
    late.destroy();
    program.roundtrip()?;
    let _first = program.alpha_modifier(&toplevel.surface)?;
    let _second = program.alpha_modifier(&toplevel.surface)?;
    let error = program.roundtrip().expect_err("two objects").to_string();
    assert!(error.contains("wp_alpha_modifier_v1 error 0"), "{error}");
    Ok(())
}

#[test]
fn a_pixel_of_a_program_is_a_pixel_of_its_layer() -> Result<()> {
    let service = service()?;
    let mut program = Program::connect(&service.socket("viewer")?)?;
    let toplevel = program.toplevel(APP)?;
    program.fractional_scale(&toplevel.surface)?;
    program.wait_for("the scale", 0, |l| l == "scale 120/120")
}

#[test]
fn who_keeps_the_port_awake_is_counted_while_shown() -> Result<()> {
    let service = service()?;
    let count = || -> Result<Option<u64>> {
        Ok(statistics(&service.process)?.get("idle_inhibitors").and_then(|n| n.as_u64()))
    };
    let mut program = Program::connect(&service.socket("viewer")?)?;
    let toplevel = program.toplevel(APP)?;
    let first = program.inhibit_idle(&toplevel.surface)?;
    let _hidden = program.inhibit_idle(&program.surface())?;
    program.roundtrip()?;
    assert_eq!(count()?, Some(0), "nothing is shown yet");
    let buffer = program.buffer((40, 20), Format::Xrgb8888, true)?;
    let mark = program.log.len();
    program.frame(&toplevel.surface);
    toplevel.show(&buffer);
    program.wait_for("a frame", mark, |l| l == "frame done")?;
    let second = program.inhibit_idle(&toplevel.surface)?;
    program.roundtrip()?;
    assert_eq!(count()?, Some(1));
    first.destroy();
    program.roundtrip()?;
    assert_eq!(count()?, Some(1), "the other one still asks");
    second.destroy();
    program.roundtrip()?;
    assert_eq!(count()?, Some(0));
    Ok(())
}

/// A pointer theme's file: a square of 4 x 4 of one colour whose hot spot is its lower right pixel.
fn theme_file(color: u32) -> Vec<u8> {
    let words: &[u32] = &[
        // magic, header, version, one entry; image of the nominal size 24, at byte 28
        0x7275_6358,
        16,
        0x1_0000,
        1,
        0xfffd_0002,
        24,
        28,
        // header, type, size, version, width, height, hot spot, delay
        36,
        0xfffd_0002,
        24,
        1,
        4,
        4,
        3,
        3,
        0,
    ];
    words.iter().copied().chain([color; 16]).flat_map(u32::to_le_bytes).collect()
}

#[test]
fn a_pointer_that_is_named_has_the_themes_picture_or_the_arrow() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let cursors = folder.path().join("test-theme/cursors");
    fs::create_dir_all(&cursors)?;
    fs::write(cursors.join("text"), theme_file(0xff00_ff00))?;
    fs::write(cursors.join("wait"), b"Xcur, but not really")?;
    let path = folder.path().to_string_lossy().into_owned();
    let env = [("XCURSOR_PATH", path.as_str()), ("XCURSOR_THEME", "test-theme")];
    let service = Service::start_with_env(&configuration(""), &env)?;

    let mut program = Program::connect(&service.socket("viewer")?)?;
    program.seat("main")?;
    let toplevel = program.toplevel(APP)?;
    let buffer = program.buffer((40, 20), Format::Xrgb8888, true)?;
    let mark = program.log.len();
    program.frame(&toplevel.surface);
    toplevel.show(&buffer);
    program.wait_for("a frame", mark, |l| l == "frame done")?;
    let mut hand = Program::connect(&service.socket("viewer")?)?;
    let output = hand.output("main")?;
    let pointer = hand.virtual_pointer(&output)?;
    pointer.motion_absolute(0, 20, 10, 64, 48);
    pointer.frame();
    hand.roundtrip()?;
    program.wait_for("the pointer", 0, |l| l.starts_with("pointer enter"))?;

    let shape = program.cursor_shape("main")?;
    program.roundtrip()?;
    let mut green_at = |shape_name: Shape| -> Result<Vec<(usize, usize)>> {
        shape.set_shape(program.pointer_serial()?, shape_name);
        program.roundtrip()?;
        let seen = hand.picture_with_pointers(&output, (64, 48))?;
        let green = seen.iter().enumerate().filter(|(_, word)| **word == 0xff00);
        Ok(green.map(|(i, _)| (i % 64, i / 64)).collect())
    };
    let square = green_at(Shape::Text)?;
    assert_eq!(square.len(), 16);
    assert_eq!((square.first(), square.last()), (Some(&(17, 7)), Some(&(20, 10))));
    // A broken file and a missing one: the arrow.
    assert_eq!(green_at(Shape::Wait)?, []);
    assert_eq!(green_at(Shape::Crosshair)?, []);
    assert_eq!(green_at(Shape::Text)?.len(), 16);
    let arrow = hand.picture_with_pointers(&output, (64, 48))?;
    assert!(arrow.contains(&0xff00));
    Ok(())
}
