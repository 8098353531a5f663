//! The capture protocol's promises, and who may use it.

use porthole_tests::{Result, program::Program};
use wayland_client::protocol::wl_shm::Format;

use crate::wayland_scene::{APP, service};

#[test]
fn the_first_frame_is_whole_and_later_ones_wait_for_exact_damage() -> Result<()> {
    let service = service()?;
    let mut program = Program::connect(&service.socket("viewer")?)?;
    let toplevel = program.toplevel(APP)?;
    let content = program.buffer((40, 20), Format::Xrgb8888, true)?;
    let mark = program.log.len();
    program.frame(&toplevel.surface);
    toplevel.show(&content);
    program.wait_for("a frame", mark, |line| line == "frame done")?;

    let mut viewer = Program::connect(&service.socket("viewer")?)?;
    let output = viewer.output("main")?;
    let session = viewer.capture(&output)?;
    let buffer = viewer.buffer((64, 48), Format::Xrgb8888, true)?;
    let mark = viewer.log.len();
    viewer.capture_frame(&session, &buffer).destroy();
    let first = viewer.capture_frame(&session, &buffer);
    viewer.wait_for("the first capture", mark, |line| line == "capture ready")?;
    assert_eq!(viewer.log.since(mark), ["damage 64x48+0+0", "capture ready"]);
    first.destroy();

    let mark = viewer.log.len();
    let second = viewer.capture_frame(&session, &buffer);
    viewer.roundtrip()?;
    assert_eq!(viewer.log.since(mark), [""; 0], "nothing changed, so nothing is answered");

    // Two commits between two captures: the damage of both.
    toplevel.show_damaged(&content, [1, 2, 3, 4]);
    program.roundtrip()?;
    viewer.wait_for("the second capture", mark, |line| line == "capture ready")?;
    assert_eq!(viewer.log.since(mark), ["damage 3x4+9+6", "capture ready"]);
    second.destroy();
    let (mark, done) = (viewer.log.len(), program.log.len());
    toplevel.show_damaged(&content, [0, 0, 1, 1]);
    program.frame(&toplevel.surface);
    toplevel.show_damaged(&content, [39, 19, 1, 1]);
    program.wait_for("a frame", done, |line| line == "frame done")?;
    let _third = viewer.capture_frame(&session, &buffer);
    viewer.wait_for("the third capture", mark, |line| line == "capture ready")?;
    assert_eq!(viewer.log.since(mark), ["damage 1x1+8+4", "damage 1x1+47+23", "capture ready"]);
    Ok(())
}

#[test]
fn a_buffer_of_another_size_fails_and_the_next_one_works() -> Result<()> {
    let service = service()?;
    let mut viewer = Program::connect(&service.socket("viewer")?)?;
    let output = viewer.output("main")?;
    let session = viewer.capture(&output)?;
    let small = viewer.buffer((63, 48), Format::Xrgb8888, true)?;
    let mark = viewer.log.len();
    let frame = viewer.capture_frame(&session, &small);
    viewer.wait_for("the refusal", mark, |line| line == "capture failed BufferConstraints")?;
    frame.destroy();
    // Of the right size, but in an order of channels that was not offered.
    for format in [Format::Abgr8888, Format::Argb8888] {
        let other = viewer.buffer((64, 48), format, true)?;
        let mark = viewer.log.len();
        let frame = viewer.capture_frame(&session, &other);
        viewer.wait_for("the refusal", mark, |line| line == "capture failed BufferConstraints")?;
        frame.destroy();
    }
    for sealed in [true, false] {
        let right = viewer.buffer((64, 48), Format::Xrgb8888, sealed)?;
        let mark = viewer.log.len();
        let frame = viewer.capture_frame(&session, &right);
        frame.destroy();
        let session = viewer.capture(&output)?;
        let _frame = viewer.capture_frame(&session, &right);
        viewer.wait_for("a capture", mark, |line| line == "capture ready")?;
        assert!(right.words()?.iter().any(|w| w & 0xff_ffff != 0));
    }
    Ok(())
}

#[test]
fn misuse_is_a_protocol_error() -> Result<()> {
    let service = service()?;
    let mut viewer = Program::connect(&service.socket("viewer")?)?;
    let output = viewer.output("main")?;
    let session = viewer.capture(&output)?;
    session.create_frame(viewer.handle(), ()).capture();
    let error = viewer.roundtrip().expect_err("capture without a buffer").to_string();
    assert!(error.contains("without attach_buffer"), "{error}");

    let mut viewer = Program::connect(&service.socket("viewer")?)?;
    let output = viewer.output("main")?;
    let session = viewer.capture(&output)?;
    session.create_frame(viewer.handle(), ());
    session.create_frame(viewer.handle(), ());
    let error = viewer.roundtrip().expect_err("two frames at once").to_string();
    assert!(error.contains("create_frame before"), "{error}");
    Ok(())
}

#[test]
fn a_socket_without_rights_shows_neither_capture_nor_input() -> Result<()> {
    let service = service()?;
    let needs = [
        "ext_image_copy_capture_manager_v1",
        "ext_output_image_capture_source_manager_v1",
        "ext_foreign_toplevel_image_capture_source_manager_v1",
        "ext_foreign_toplevel_list_v1",
        "zwlr_screencopy_manager_v1",
        "zwp_virtual_keyboard_manager_v1",
        "zwlr_virtual_pointer_manager_v1",
    ];
    for (socket, shown) in [("viewer", true), ("plain", false), ("ivi", false)] {
        let program = Program::connect(&service.socket(socket)?)?;
        let names = program.global_names();
        for need in needs {
            assert_eq!(names.iter().any(|n| n == need), shown, "{need} on {socket}");
        }
        for all in ["wl_compositor", "wl_shm", "xdg_wm_base", "wp_viewporter", "wp_presentation"] {
            assert!(names.iter().any(|n| n == all), "{all} on {socket}");
        }
    }
    Ok(())
}

#[test]
fn rights_that_a_reload_takes_away_are_gone_for_connected_clients_too() -> Result<()> {
    let service = service()?;
    let mut program = Program::connect(&service.socket("viewer")?)?;
    program.seat("main")?;
    let toplevel = program.toplevel(APP)?;
    toplevel.show(&program.buffer((40, 20), Format::Xrgb8888, true)?);
    program.wait_for("the keyboard", 0, |line| line == "keyboard enter")?;
    let mut viewer = Program::connect(&service.socket("viewer")?)?;
    let output = viewer.output("main")?;
    let seat = viewer.seat("main")?;
    let managers = viewer.capture_managers()?;
    let keyboard = viewer.virtual_keyboard(&seat)?;
    let before = viewer.capture_with(&managers, &output)?;
    keyboard.key(0, 30, 1);
    viewer.roundtrip()?;
    program.wait_for("the key", 0, |line| line == "key 30 pressed")?;

    let mark = viewer.log.len();
    let text = crate::wayland_scene::configuration("")
        .replace(r#"rights = ["capture:main", "input:main"]"#, "rights = []");
    service.reload(&text)?;
    viewer.wait_for("the end of the session", mark, |line| line == "capture stopped")?;
    before.destroy();
    // What was held may still be let go; nothing else reaches the program.
    keyboard.key(0, 30, 0);
    keyboard.key(0, 48, 1);
    let mark = viewer.log.len();
    viewer.capture_with(&managers, &output)?;
    assert!(viewer.log.since(mark).iter().any(|line| line == "capture stopped"));
    program.wait_for("the release", 0, |line| line == "key 30 released")?;
    program.roundtrip()?;
    assert!(!program.log.since(0).iter().any(|line| line.starts_with("key 48")));
    let names = |socket| -> Result<Vec<String>> {
        Ok(Program::connect(&service.socket(socket)?)?.global_names())
    };
    assert_eq!(names("viewer")?, names("plain")?);
    Ok(())
}

#[test]
fn a_socket_that_a_reload_takes_away_ends_its_clients() -> Result<()> {
    let service = service()?;
    let mut plain = Program::connect(&service.socket("plain")?)?;
    plain.roundtrip()?;
    let text =
        crate::wayland_scene::configuration("").replace("[[socket]]\nname = \"plain\"\n", "");
    service.reload(&text)?;
    porthole_tests::wait::wait_until("the connection's end", porthole_tests::wait::SHORT, || {
        let told = plain.roundtrip().err().map(|error| error.to_string());
        assert!(!told.as_ref().is_some_and(|t| t.starts_with("no answer")), "{told:?}");
        Ok(told)
    })?;
    assert!(!service.socket("plain")?.exists());
    Program::connect(&service.socket("viewer")?)?.roundtrip()
}
