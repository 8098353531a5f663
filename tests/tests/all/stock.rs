//! Stock programs that people use with other compositors, as Debian ships them.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use porthole_rig::roots;
use porthole_tests::program::{Buffer, Program, Toplevel};
use porthole_tests::wait::{SHORT, wait_until};
use porthole_tests::{Picture, Process, Result, Service, Viewer};
use rustix::process::Signal;
use wayland_client::protocol::wl_shm::Format;

use crate::wayland_scene::{APP, picture, service};

/// A stock program as a client of the tests' service.
fn tool(service: &Service, root: &Path, program: &str) -> Result<Command> {
    let mut command = roots::command(root, program);
    command.env("WAYLAND_DISPLAY", service.socket("viewer")?);
    command.env("XDG_RUNTIME_DIR", service.folder()).current_dir(service.folder());
    Ok(command)
}

/// Runs one to its end, which must be a success.
fn run(service: &Service, program: &str, arguments: &[&str]) -> Result<()> {
    let mut command = tool(service, &roots::tools()?, program)?;
    let mut process = Process::start(program, service.folder(), command.args(arguments))?;
    let status = process.wait_end(SHORT)?;
    if status.success() { Ok(()) } else { Err(process.failure(&status.to_string())) }
}

/// A program whose picture is on the port, 40 x 20 at 8, 4.
fn app(service: &Service) -> Result<(Program, Toplevel, Buffer)> {
    let mut program = Program::connect(&service.socket("viewer")?)?;
    let toplevel = program.toplevel(APP)?;
    let buffer = program.buffer((40, 20), Format::Xrgb8888, true)?;
    buffer.paint(|x, y| (x * 6) << 16 | (y * 12) << 8 | (x ^ y))?;
    let mark = program.log.len();
    program.frame(&toplevel.surface);
    toplevel.show(&buffer);
    program.wait_for("a frame", mark, |line| line == "frame done")?;
    Ok((program, toplevel, buffer))
}

/// A part of the port, 64 x 48, as the capture protocol gives it.
fn port(service: &Service, [left, top, width, height]: [u32; 4]) -> Result<Picture> {
    let words = picture(&mut Program::connect(&service.socket("viewer")?)?)?;
    let bytes: Vec<u8> = (top..top + height)
        .flat_map(|y| (left..left + width).map(move |x| (y * 64 + x) as usize))
        .flat_map(|i| words[i].to_le_bytes())
        .collect();
    let mut part = Picture::new(width, height, [0; 3]);
    part.put_bgrx((0, 0), width, &bytes);
    Ok(part)
}

#[test]
#[ignore = "needs grim, which is downloaded"]
fn grim_takes_the_picture_to_the_pixel() -> Result<()> {
    let service = service()?;
    let _app = app(&service)?;
    let cases: [(&[&str], [u32; 4]); 3] = [
        (&["-l", "0", "grim.png"], [0, 0, 64, 48]),
        (&["-o", "main", "grim.png"], [0, 0, 64, 48]),
        (&["-g", "10,6 30x17", "grim.png"], [10, 6, 30, 17]),
    ];
    for (arguments, part) in cases {
        run(&service, "grim", arguments)?;
        let seen = Picture::read(&service.folder().join("grim.png"))?;
        let difference = seen.difference(&port(&service, part)?);
        assert!(difference.is_none(), "{arguments:?}: {difference:?}");
    }
    Ok(())
}

#[test]
#[ignore = "needs wayvnc, which is downloaded"]
fn wayvnc_serves_a_port() -> Result<()> {
    let service = service()?;
    let (mut app, toplevel, buffer) = app(&service)?;
    app.seat("main")?;
    let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let mut command = tool(&service, &roots::tools()?, "wayvnc")?;
    command.args(["-o", "main", "127.0.0.1", &address.port().to_string()]);
    let mut server = Process::start("wayvnc", service.folder(), &mut command)?;
    let viewer = wait_until("wayvnc", SHORT, || {
        server.must_run()?;
        Ok(Viewer::connect(&address.to_string()).ok())
    })?;
    viewer.expect("wayvnc", &port(&service, [0, 0, 64, 48])?, SHORT)?;

    // What changes comes too.
    buffer.paint(|x, y| (y * 6) << 16 | (x * 6) << 8 | 0x40)?;
    let mark = app.log.len();
    app.frame(&toplevel.surface);
    toplevel.show(&buffer);
    app.wait_for("a frame", mark, |line| line == "frame done")?;
    viewer.expect("wayvnc-changed", &port(&service, [0, 0, 64, 48])?, SHORT)?;

    // And back: the pointer and its button.
    let mark = app.log.len();
    viewer.pointer(28, 14, 0)?;
    app.wait_for("the pointer", mark, |line| line.starts_with("pointer enter 20.0 10.0"))?;
    viewer.pointer(28, 14, 1)?;
    app.wait_for("the button", mark, |line| line == "button 272 pressed")?;
    viewer.pointer(28, 14, 0)?;
    app.wait_for("its release", mark, |line| line == "button 272 released")?;
    // And keys: a letter, and a capital one.
    for keysym in [u32::from(b'q'), 0xffe1, u32::from(b'Z')] {
        viewer.key(keysym, true)?;
    }
    app.wait_for("the keys", mark, |line| line == "key 44 pressed")?;
    assert_eq!(app.log.typed(), "qZ");
    Ok(())
}

#[test]
#[ignore = "needs wlrctl, which is downloaded"]
fn wlrctl_moves_the_pointer_and_clicks() -> Result<()> {
    let service = service()?;
    let (mut app, ..) = app(&service)?;
    app.seat("main")?;
    let mut viewer = Program::connect(&service.socket("viewer")?)?;
    let output = viewer.output("main")?;
    let device = viewer.virtual_pointer(&output)?;
    device.motion_absolute(0, 18, 14, 64, 48);
    device.frame();
    viewer.roundtrip()?;
    app.wait_for("the pointer", 0, |line| line == "pointer enter 10.0 10.0")?;
    let mark = app.log.len();
    run(&service, "wlrctl", &["pointer", "move", "5", "-3"])?;
    app.wait_for("the motion", mark, |line| line == "pointer motion 15.0 7.0")?;
    run(&service, "wlrctl", &["pointer", "click", "right"])?;
    app.wait_for("the button", mark, |line| line == "button 273 pressed")?;
    app.wait_for("its release", mark, |line| line == "button 273 released")
}

#[test]
#[ignore = "needs wtype and wlrctl, which are downloaded"]
fn wtype_and_wlrctl_type_any_text() -> Result<()> {
    let service = service()?;
    let (mut app, ..) = app(&service)?;
    app.seat("main")?;
    app.wait_for("the keyboard", 0, |line| line == "keyboard enter")?;
    // Letters and signs, with and without a key of their own on the seat's keyboard.
    let text = "Hello, Wörld! €5 {ab}";
    run(&service, "wtype", &[text])?;
    app.roundtrip()?;
    wait_until("the text", SHORT, || {
        app.roundtrip()?;
        Ok((app.log.typed() == text).then_some(()))
    })?;
    run(&service, "wtype", &["-M", "ctrl", "c"])?;
    run(&service, "wlrctl", &["keyboard", "type", "Abc1"])?;
    let all = format!("{text}\u{3}Abc1");
    wait_until("more text", SHORT, || {
        app.roundtrip()?;
        Ok((app.log.typed() == all).then_some(()))
    })
    .map_err(|error| porthole_tests::Failure::new(format!("{error}: {:?}", app.log.typed())))
}

#[test]
#[ignore = "needs wf-recorder, which is downloaded"]
fn wf_recorder_records_a_film() -> Result<()> {
    let service = service()?;
    let _app = app(&service)?;
    let mut command = tool(&service, &roots::recorder()?, "wf-recorder")?;
    // Every frame, and not only those that change, or it would wait for one more to end.
    command.args(["--no-damage", "-o", "main", "-c", "libx264", "-f", "film.mkv"]);
    let mut recorder = Process::start("wf-recorder", service.folder(), &mut command)?;
    let film = service.folder().join("film.mkv");
    // The head of the film is written with its first picture.
    wait_until("the film's beginning", SHORT, || {
        recorder.must_run()?;
        Ok(std::fs::metadata(&film).ok().filter(|m| m.len() > 0))
    })?;
    recorder.signal(Signal::INT)?;
    let status = recorder.wait_end(SHORT)?;
    assert!(status.success(), "{}", recorder.failure(&status.to_string()));
    let log = recorder.log();
    // The codec counts its pictures when it ends.
    let first = log.lines().find(|line| line.contains("frame I:"));
    assert!(first.is_some_and(|line| !line.contains("frame I:0")), "{log}");
    let bytes = std::fs::read(&film)?;
    assert_eq!(bytes[..4], [0x1a, 0x45, 0xdf, 0xa3], "a Matroska file");
    Ok(())
}
