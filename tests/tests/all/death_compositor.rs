//! The service is killed and started again: the same scene, under the same ids, without anybody's doing.

use std::fs;
use std::process::Command;

use porthole_guest::Pattern;
use porthole_guest::commands::Command as Order;
use porthole_tests::guest::Options;
use porthole_tests::process::built;
use porthole_tests::program::{Program, Toplevel};
use porthole_tests::service::configuration as of_scenes;
use porthole_tests::wait::{GUEST, SHORT, wait_until};
use porthole_tests::{Capture, Guest, Process, Result, Scene, Service};
use porthole_wayland::wfd::client::wfd_device_v1::CommitFlags;
use porthole_wayland::wfd::client::wfd_manager_v1::Access;
use porthole_wayland::wfd::client::wfd_pipeline_v1::{Transition, Transparency};
use porthole_wayland::wfd::client::wfd_port_v1::PowerMode;
use wayland_client::protocol::wl_shm::Format;

use crate::wayland_scene::{APP, BACK, expect, in_layer, pattern, picture, show};
use crate::wfd_control::{DEVICE, configuration, controller, service};

const MODESET: CommitFlags = CommitFlags::AllowModeset;

/// A program whose picture is in the layer.
fn shown(service: &Service) -> Result<(Program, Toplevel)> {
    let mut program = Program::connect(&service.socket("viewer")?)?;
    let toplevel = program.toplevel(APP)?;
    let buffer = program.buffer((40, 20), Format::Xrgb8888, true)?;
    buffer.paint(pattern)?;
    show(&mut program, &toplevel, &buffer)?;
    Ok((program, toplevel))
}

fn look(service: &Service) -> Result<Vec<u32>> {
    picture(&mut Program::connect(&service.socket("viewer")?)?)
}

/// Kills the service and starts it again; what it told of its start.
fn again(service: &mut Service) -> Result<String> {
    service.kill()?;
    service.start_again(&[], None)?;
    Ok(service.process.log())
}

#[test]
fn a_killed_service_comes_back_with_the_same_scene_and_ids() -> Result<()> {
    let mut service = service()?;
    let (program, toplevel) = shown(&service)?;
    let (mut hand, device, port, pipelines) = controller(&service)?;
    let layer = hand.wfd_pipeline(&device, pipelines[0]);
    layer.set_destination_rectangle(16, 12, 40, 20);
    layer.set_hole(Some(&hand.region(&[[4, 4, 8, 8]])));
    layer.set_transparency(Transparency::Hole);
    hand.wfd_port(&device, port).set_background_color(0x0a0a, 0x0b0b, 0x0c0c);
    assert_eq!(hand.wfd_commit(&device, DEVICE, MODESET)?, "presented");
    let want = |x: u32, y: u32| {
        let inside = (16..56).contains(&x) && (12..32).contains(&y);
        let hole = (20..28).contains(&x) && (16..24).contains(&y);
        if inside && !hole { pattern(x - 16, y - 12) } else { 0x0a_0b0c }
    };
    expect(&look(&service)?, want);
    service.remembers("\"rect\":[16,12,40,20]")?;
    drop((program, toplevel));
    for _ in 0..2 {
        let log = again(&mut service)?;
        assert!(log.contains("going on as before"), "{log}");
        let (_program, _toplevel) = shown(&service)?;
        expect(&look(&service)?, want);
        let (_, _, same_port, same_pipelines) = controller(&service)?;
        assert_eq!((same_port, &same_pipelines), (port, &pipelines));
    }
    // Who wants the configuration back says so.
    service.reload(&configuration(""))?;
    service.remembers("\"rect\":[8,4,40,20]")
}

/// A picture and a mask that only a controller had.
#[test]
fn what_a_controller_gave_is_shown_again() -> Result<()> {
    let mut service = service()?;
    let (mut hand, device, _, pipelines) = controller(&service)?;
    let layer = hand.wfd_pipeline(&device, pipelines[1]);
    let given = hand.buffer((16, 8), Format::Xrgb8888, true)?;
    given.paint(|x, y| x << 16 | y << 8 | 7)?;
    let weights = hand.buffer((16, 8), Format::Argb8888, true)?;
    weights.paint(|x, _| if x < 8 { 0xff00_0000 } else { 0 })?;
    let (source, mask) = (hand.wfd_image(&layer, &given), hand.wfd_mask(&layer, &weights));
    layer.bind_source(Some(&source), Transition::AtVsync, 0);
    layer.bind_mask(Some(&mask), Transition::AtVsync);
    layer.set_transparency(Transparency::Mask);
    layer.set_layer(5);
    layer.set_destination_rectangle(2, 30, 16, 8);
    assert_eq!(hand.wfd_commit(&device, DEVICE, MODESET)?, "presented");
    let (_program, _toplevel) = shown(&service)?;
    let want = |x: u32, y: u32| {
        if (2..10).contains(&x) && (30..38).contains(&y) {
            (x - 2) << 16 | (y - 30) << 8 | 7
        } else if in_layer(x, y) {
            pattern(x - 8, y - 4)
        } else {
            BACK
        }
    };
    expect(&look(&service)?, want);
    service.remembers("\"rect\":[2,30,16,8]")?;
    drop(hand);
    for _ in 0..2 {
        let log = again(&mut service)?;
        assert!(log.contains("going on as before"), "{log}");
        let (_program, _toplevel) = shown(&service)?;
        expect(&look(&service)?, want);
    }
    // One that is gone or changed is missed.
    service.kill()?;
    let folder = service.remembered();
    let folder = folder.parent().into_iter().flat_map(fs::read_dir).flatten().flatten();
    let pictures = folder.map(|entry| entry.path());
    let picture = pictures.filter(|path| path.to_string_lossy().contains("picture-")).max();
    fs::write(picture.unwrap(), b"porthole-picture 1 16 8 128 0\n")?;
    service.start_again(&[], None)?;
    assert!(service.process.log().contains("are lost"), "{}", service.process.log());
    let (_program, _toplevel) = shown(&service)?;
    expect(&look(&service)?, |x, y| if in_layer(x, y) { pattern(x - 8, y - 4) } else { BACK });
    Ok(())
}

#[test]
fn a_port_that_was_switched_off_stays_off() -> Result<()> {
    let mut service = service()?;
    let mut switch = Program::connect(&service.socket("switch")?)?;
    let device = switch.wfd(Access::Control)?;
    let port = switch.wfd_ports()[0];
    switch.wfd_port(&device, port).set_power_mode(PowerMode::Off);
    switch.wfd_commit(&device, DEVICE, MODESET)?;
    service.remembers("\"power\":\"off\"")?;
    again(&mut service)?;
    let mut looker = Program::connect(&service.socket("looker")?)?;
    let device = looker.wfd(Access::Observe)?;
    looker.wfd_port(&device, port);
    let line = format!("port {port} PowerMode {{ mode: Value(Off) }}");
    looker.wait_for("the port's power", 0, |said| said == line)
}

#[test]
fn another_configuration_has_the_last_word() -> Result<()> {
    let mut service = service()?;
    let (mut hand, device, _, pipelines) = controller(&service)?;
    hand.wfd_pipeline(&device, pipelines[0]).set_destination_rectangle(16, 12, 40, 20);
    hand.wfd_commit(&device, DEVICE, MODESET)?;
    service.remembers("\"rect\":[16,12,40,20]")?;
    fs::write(
        service.configuration(),
        configuration("").replace("[8, 4, 40, 20]", "[0, 0, 40, 20]"),
    )?;
    let log = again(&mut service)?;
    assert!(log.contains("the configuration was changed"), "{log}");
    let (_program, _toplevel) = shown(&service)?;
    expect(&look(&service)?, |x, y| if x < 40 && y < 20 { pattern(x, y) } else { BACK });
    let (.., same) = controller(&service)?;
    assert_eq!(same, pipelines, "what keeps its name keeps its id");
    Ok(())
}

#[test]
fn an_id_is_never_given_out_twice() -> Result<()> {
    let more = configuration("").replace("pipelines = 4", "pipelines = 5");
    let mut service = Service::start_with(&more)?;
    let (.., five) = controller(&service)?;
    let gone = five[4];
    service.remembers(&format!("\"id\":{gone},"))?;
    service.reload(&configuration(""))?;
    wait_until("the pipeline to go, and that to be remembered", SHORT, || {
        let text = fs::read_to_string(service.remembered())?;
        Ok((!text.contains(&format!("\"id\":{gone},"))).then_some(()))
    })?;
    fs::write(service.configuration(), &more)?;
    again(&mut service)?;
    let (.., now) = controller(&service)?;
    assert_eq!(now[..4], five[..4]);
    assert!(now[4] > gone, "{now:?} after {five:?}");
    Ok(())
}

#[test]
fn what_cannot_be_read_costs_only_what_was_changed() -> Result<()> {
    let mut service = service()?;
    service.remembers("\"last_id\":")?;
    let (.., before) = controller(&service)?;
    let good = fs::read(service.remembered())?;
    let mut flipped = good.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 4;
    let other = [b"porthole-scene 9".as_slice(), &good[16..]].concat();
    let wrong: [(&[u8], &str); 5] = [
        (&good[..good.len() - 5], "cut short"),
        (&flipped, "cut short, or changed"),
        (&other, "version 9"),
        (&[0xff; 100_000], "cut short"),
        (b"", "cut short"),
    ];
    for (bytes, why) in wrong {
        service.kill()?;
        fs::write(service.remembered(), bytes)?;
        service.start_again(&[], None)?;
        let log = service.process.log();
        assert!(log.contains("is lost") && log.contains(why), "{log}");
        let (_program, _toplevel) = shown(&service)?;
        expect(&look(&service)?, |x, y| if in_layer(x, y) { pattern(x - 8, y - 4) } else { BACK });
        let (.., now) = controller(&service)?;
        assert!(now.iter().all(|id| !before.contains(id)), "{now:?} after {before:?}");
        service.remembers("\"last_id\":")?;
    }
    Ok(())
}

/// The guest draws nothing and knows nothing: its device shows the picture again by itself.
#[test]
fn a_guest_is_shown_again_as_it_was() -> Result<()> {
    let scene =
        |x, y| Scene::new("main", 800, 600).layer("ivi", (x, y, 640, 480), Pattern::Noise, 5);
    let text =
        of_scenes(&[scene(0, 0)]).replace("\"input:main\"", "\"input:main\", \"layout:main\"");
    let mut service = Service::start_with(&text)?;
    let mut guest = Guest::start(&service, "ivi", &Options::default())?;
    guest.order(&Order::Draw { head: 0, pattern: Pattern::Noise, seed: 5, area: None })?;
    Capture::start(&service.socket("viewer")?, "main")?.expect(
        "killed-0",
        &scene(0, 0).picture(),
        GUEST,
    )?;
    let (mut hand, device, _, pipelines) = controller(&service)?;
    hand.wfd_pipeline(&device, pipelines[0]).set_destination_rectangle(100, 50, 640, 480);
    assert_eq!(hand.wfd_commit(&device, DEVICE, MODESET)?, "presented");
    service.remembers("\"rect\":[100,50,640,480]")?;
    drop(hand);
    for name in ["killed-1", "killed-2"] {
        again(&mut service)?;
        let capture = Capture::start(&service.socket("viewer")?, "main")?;
        capture.expect(name, &scene(100, 50).picture(), GUEST)?;
        guest.device.must_run()?;
    }
    // It can still be drawn on, and its keyboard is its own.
    guest.order(&Order::Draw { head: 0, pattern: Pattern::Bars, seed: 6, area: None })?;
    let capture = Capture::start(&service.socket("viewer")?, "main")?;
    let bars = Scene::new("main", 800, 600).layer("ivi", (100, 50, 640, 480), Pattern::Bars, 6);
    capture.expect("killed-bars", &bars.picture(), GUEST)?;
    drop(device);
    guest.power_off()
}

#[test]
fn a_service_that_is_told_to_end_before_it_has_begun_ends() -> Result<()> {
    let folder = tempfile::tempdir()?;
    // The signal waits for whoever asks first.
    let mut command = Command::new("env");
    command.args(["--block-signal=TERM", "sh", "-c", "kill -TERM $$; exec \"$@\"", "sh"]);
    command.arg(built("porthole")?).arg("--no-config").env_remove("WAYLAND_DISPLAY");
    command.arg("--runtime-dir").arg(folder.path().join("run"));
    let mut service = Process::start("porthole", folder.path(), &mut command)?;
    assert!(service.wait_end(SHORT)?.success(), "{}", service.log());
    Ok(())
}
