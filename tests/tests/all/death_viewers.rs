//! Viewers and their server while others die, and others while they die.

use std::process::Command;
use std::time::Duration;

use porthole_guest::Pattern;
use porthole_guest::commands::Command as Order;
use porthole_tests::guest::Options;
use porthole_tests::process::built;
use porthole_tests::program::{Program, Toplevel};
use porthole_tests::wait::{GUEST, SHORT, pause, wait_until};
use porthole_tests::{Guest, Picture, Process, Result, Scene, Service, Viewer, viewer};
use rustix::process::Signal;
use vnc::VncEncoding;
use wayland_client::protocol::wl_shm::Format;

use crate::wayland_scene::{APP, BACK, in_layer, pattern, service, show};

const EV_KEY: u16 = 1;
const EV_ABS: u16 = 3;
const KEY_A: u16 = 30;
const BTN_LEFT: u16 = 0x110;

/// A program whose picture is in the layer.
fn shown(service: &Service) -> Result<(Program, Toplevel)> {
    let mut program = Program::connect(&service.socket("viewer")?)?;
    let toplevel = program.toplevel(APP)?;
    let buffer = program.buffer((40, 20), Format::Xrgb8888, true)?;
    buffer.paint(pattern)?;
    show(&mut program, &toplevel, &buffer)?;
    Ok((program, toplevel))
}

/// The port with that program.
fn port() -> Picture {
    let want = |x, y| if in_layer(x, y) { pattern(x - 8, y - 4) } else { BACK };
    let words = (0..64 * 48).flat_map(|i: u32| want(i % 64, i / 64).to_le_bytes());
    let mut picture = Picture::new(64, 48, [0; 3]);
    picture.put_bgrx((0, 0), 64, &words.collect::<Vec<u8>>());
    picture
}

/// Waits until a viewer sees the port half as bright.
fn sees_it_dark(viewer: &Viewer) -> Result<()> {
    let mut dark = Picture::new(1, 1, [0; 3]);
    dark.put_bgrx((0, 0), 1, &(BACK >> 1).to_le_bytes());
    wait_until("a dark picture", SHORT, || {
        let corner = viewer.screen.picture().map(|picture| picture.pixel(0, 47));
        Ok((corner == Some(dark.pixel(0, 0))).then_some(()))
    })
}

#[test]
fn viewers_stay_while_the_service_is_away() -> Result<()> {
    let mut service = service()?;
    let mut _program = shown(&service)?;
    let mut server = service.vnc("main")?;
    let first = Viewer::connect(&server.address)?;
    first.expect("away-before", &port(), SHORT)?;
    for signal in [Signal::KILL, Signal::TERM, Signal::KILL] {
        service.process.signal(signal)?;
        service.process.wait_end(SHORT)?;
        sees_it_dark(&first)?;
        // Who comes meanwhile sees the same, and what people do goes nowhere.
        // Its pointer is no part of its picture, in case what it does is read late, by the next service.
        let mut options = viewer::Options::default();
        options.encodings.push(VncEncoding::CursorPseudo);
        let second = Viewer::connect_with(&server.address, options)?;
        sees_it_dark(&second)?;
        second.key(u32::from(b'a'), true)?;
        second.pointer(20, 20, 1)?;
        service.start_again(&[], None)?;
        _program = shown(&service)?;
        first.expect("away-after", &port(), SHORT)?;
        second.expect("away-after-second", &port(), SHORT)?;
        server.process.must_run()?;
    }
    Ok(())
}

#[test]
fn a_vnc_server_waits_for_its_service_and_not_for_ever() -> Result<()> {
    let mut service = service()?;
    let socket = service.socket("viewer")?;
    service.process.terminate()?;
    let vnc = || -> Result<Command> {
        let mut command = Command::new(built("porthole-vnc")?);
        command.args(["--port", "main", "--listen", "127.0.0.1:0", "--wayland"]).arg(&socket);
        Ok(command)
    };
    let mut short = Process::start("short", service.folder(), vnc()?.args(["--wait", "0.2"]))?;
    assert_eq!(short.wait_end(SHORT)?.code(), Some(1));
    assert!(short.log().contains("no display service for 0.2 s"), "{}", short.log());

    let mut long = Process::start("long", service.folder(), &mut vnc()?)?;
    wait_until("that it says so", SHORT, || {
        Ok(long.log().contains("waiting for the display service at").then_some(()))
    })?;
    service.start_again(&[], None)?;
    wait_until("that it listens", SHORT, || {
        Ok(long.log().contains("viewers of port 'main' may connect").then_some(()))
    })?;
    long.must_run()?;
    // And it ends when told to, also while it waits.
    service.kill()?;
    wait_until("that it has noticed", SHORT, || {
        Ok(long.log().contains("viewers wait for it").then_some(()))
    })?;
    assert!(long.terminate()?.success());
    Ok(())
}

/// While the service is away nobody looks for it all the time.
#[test]
fn nobody_wakes_up_while_the_service_is_away() -> Result<()> {
    const SPAN: Duration = Duration::from_secs(1);
    let mut service = service()?;
    let _program = shown(&service)?;
    let server = service.vnc("main")?;
    let viewer = Viewer::connect(&server.address)?;
    viewer.expect("away-idle", &port(), SHORT)?;
    let mut device = Command::new(built("porthole-gpu")?);
    device.args(["--guest", "ivi", "--socket"]).arg(service.folder().join("gpu.sock"));
    device.arg("--wayland").arg(service.socket("ivi")?);
    let (device, _) = Process::start_ready("porthole-gpu", service.folder(), &mut device)?;
    wait_until("a connection", SHORT, || {
        Ok(device.log().contains("connected to the compositor").then_some(()))
    })?;
    service.kill()?;
    sees_it_dark(&viewer)?;
    wait_until("the loss", SHORT, || {
        Ok(device.log().contains("lost the compositor").then_some(()))
    })?;
    for process in [&device, &server.process] {
        // What the loss itself takes may go on for a moment.
        wait_until("a quiet second", SHORT, || {
            let before = process.wake_ups()?;
            pause(SPAN);
            Ok((process.wake_ups()? <= before + 2).then_some(()))
        })?;
    }
    Ok(())
}

/// What the dead held is released in the guest, and the others go on.
#[test]
fn keys_of_the_dead_are_released_in_the_guest() -> Result<()> {
    let scene =
        |seed| Scene::new("main", 640, 480).layer("ivi", (0, 0, 640, 480), Pattern::Noise, seed);
    let mut service = Service::start(&[scene(1)])?;
    let mut server = service.vnc("main")?;
    let mut guest = Guest::start(&service, "ivi", &Options::default())?;
    let draw = |guest: &mut Guest, seed| {
        guest.order(&Order::Draw { head: 0, pattern: Pattern::Noise, seed, area: None }).map(drop)
    };
    draw(&mut guest, 1)?;
    let mut x = 100;
    let mut hold = |viewer: &Viewer, guest: &mut Guest| -> Result<()> {
        // The guest's device has the viewer's seat, its keyboard too, when the pointer arrives.
        x += 32;
        viewer.pointer(x, 100, 0)?;
        guest.wait_event_near(EV_ABS, 0, i32::from(x) * 32767 / 640, 64)?;
        viewer.key(u32::from(b'a'), true)?;
        viewer.pointer(x, 100, 1)?;
        guest.wait_events(&[(EV_KEY, KEY_A, 1), (EV_KEY, BTN_LEFT, 1)])
    };
    let released = |guest: &mut Guest| -> Result<()> {
        guest.wait_events(&[(EV_KEY, KEY_A, 0), (EV_KEY, BTN_LEFT, 0)])
    };
    // A viewer goes in the middle of its updates.
    let watcher = Viewer::connect(&server.address)?;
    watcher.expect("dead-0", &scene(1).picture(), GUEST)?;
    let viewer = Viewer::connect(&server.address)?;
    viewer.expect("dead-1", &scene(1).picture(), GUEST)?;
    hold(&viewer, &mut guest)?;
    draw(&mut guest, 2)?;
    drop(viewer);
    released(&mut guest)?;
    watcher.expect("dead-2", &scene(2).picture(), GUEST)?;
    // The service goes: the guest's device lets go.
    hold(&watcher, &mut guest)?;
    service.kill()?;
    released(&mut guest)?;
    wait_until("the sign", SHORT, || {
        Ok((watcher.screen.picture().as_ref() != Some(&scene(2).picture())).then_some(()))
    })?;
    service.start_again(&[], None)?;
    watcher.expect("dead-3", &scene(2).picture(), GUEST)?;
    // The VNC server goes: the service lets go.
    hold(&watcher, &mut guest)?;
    server.process.signal(Signal::KILL)?;
    released(&mut guest)?;
    server = service.vnc("main")?;
    draw(&mut guest, 3)?;
    let viewer = Viewer::connect(&server.address)?;
    viewer.expect("dead-4", &scene(3).picture(), GUEST)?;
    hold(&viewer, &mut guest)?;
    viewer.key(u32::from(b'a'), false)?;
    viewer.pointer(300, 100, 0)?;
    released(&mut guest)?;
    guest.power_off()
}
