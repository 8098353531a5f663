//! What a guest's devices did is recorded, and done again without the guest.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use porthole_guest::Pattern;
use porthole_guest::commands::Command as Order;
use porthole_guest::pattern::Area;
use porthole_tests::failure::OrFail;
use porthole_tests::guest::Options;
use porthole_tests::process::{Process, built};
use porthole_tests::wait::GUEST;
use porthole_tests::{Capture, Failure, Guest, Picture, Result, Scene, Service};
use serde_json::Value;

const SIZE: (u32, u32) = (1024, 600);

fn replay(file: &Path, arguments: &[&str]) -> Result<Output> {
    let mut command = Command::new(built("porthole-gpu")?);
    command.arg("replay").arg(file).args(arguments);
    command.output().or_fail("run a replay")
}

/// The summary of a replay that went as recorded.
fn good(file: &Path, arguments: &[&str]) -> Result<Value> {
    let output = replay(file, &[arguments, &["--json"]].concat())?;
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    if !output.status.success() {
        return Err(Failure::new(format!("the replay differs:\n{told}")));
    }
    serde_json::from_slice(&output.stdout).or_fail("understand a replay's summary")
}

#[test]
fn a_trace_is_done_again_without_its_guest() -> Result<()> {
    let scene = Scene::new("main", SIZE.0, SIZE.1);
    let scene = scene.layer("ivi", (0, 0, SIZE.0, SIZE.1), Pattern::Noise, 1);
    let service = Service::start(std::slice::from_ref(&scene))?;
    let capture = Capture::start(&service.socket("viewer")?, "main")?;
    let file = service.folder().join("ivi.trace");
    let mut options = Options::default();
    options.device_options.extend(["--trace".to_owned(), file.display().to_string()]);
    let mut guest = Guest::start(&service, "ivi", &options)?;
    let head = 0;
    guest.order(&Order::Draw { head, pattern: Pattern::Noise, seed: 1, area: None })?;
    guest.order(&Order::Flip { head, pattern: Pattern::Checker, seed: 3, count: 5 })?;
    let (pattern, seed) = (Pattern::Gradient, 2);
    let area = Area { x: 301, y: 77, width: 111, height: 53 };
    guest.order(&Order::Draw { head, pattern: Pattern::Noise, seed: 4, area: None })?;
    guest.order(&Order::Draw { head, pattern, seed, area: Some(area) })?;
    let mut picture = Picture::new(SIZE.0, SIZE.1, [0; 3]);
    picture.draw(Pattern::Noise, 4, (0, 0), SIZE);
    for y in area.y..area.y + area.height {
        for x in area.x..area.x + area.width {
            picture.set(x, y, pattern.rgb(seed, SIZE.0, SIZE.1, x, y));
        }
    }
    capture.expect("traced", &picture, GUEST)?;
    // The guest dies at once, as in the field: nothing more is drawn, and the trace has its end.
    guest.qemu.signal(rustix::process::Signal::KILL)?;
    guest.device.wait_end(GUEST)?;
    drop(guest);
    capture.expect("traced-gone", &Scene::new("main", SIZE.0, SIZE.1).picture(), GUEST)?;

    let out = service.folder().join("replayed.png");
    let out_name = out.display().to_string();
    let summary = good(&file, &["--picture", &out_name])?;
    assert_eq!(summary["ending"], "whole", "{summary}");
    assert_eq!((&summary["differences"], &summary["lost_records"]), (&0.into(), &0.into()));
    assert!(summary["commands"]["RESOURCE_FLUSH"].as_u64() >= Some(7), "{summary}");
    let replayed = Picture::read(&out)?;
    assert_eq!(replayed.difference(&picture), None);

    a_cut_trace_is_done_up_to_the_cut(&file, service.folder())?;

    // On the screen, where its guest was: the device's process is gone, so its socket is free.
    let mut command = Command::new(built("porthole-gpu")?);
    command.arg("replay").arg(&file).arg("--wayland").arg(service.socket("ivi")?);
    command.stdout(std::process::Stdio::null());
    let mut shown = Process::start("replay", service.folder(), &mut command)?;
    capture.expect("replayed", &picture, GUEST)?;
    // It reads what may come from anybody, and can do nothing but that.
    assert_eq!((shown.status("NoNewPrivs")?, shown.status("Seccomp")?), (1, 2));
    assert!(shown.terminate()?.success());
    Ok(())
}

fn a_cut_trace_is_done_up_to_the_cut(file: &Path, folder: &Path) -> Result<()> {
    let bytes = fs::read(file)?;
    let cut = folder.join("cut.trace");
    fs::write(&cut, bytes.get(..bytes.len() / 2).unwrap_or_default())?;
    let summary = good(&cut, &[])?;
    assert_eq!((&summary["ending"], &summary["differences"]), (&"cut".into(), &0.into()));

    // One byte of a picture is another one: the checksum tells.
    let mut spoiled = bytes.clone();
    if let Some(byte) = spoiled.get_mut(bytes.len() / 2) {
        *byte ^= 1;
    }
    fs::write(&cut, spoiled)?;
    let ending = good(&cut, &[])?["ending"].clone();
    assert!(ending == "damaged" || ending == "cut", "{ending}");

    fs::write(&cut, b"PORTRACE?")?;
    let output = replay(&cut, &[])?;
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("not a trace"), "{told}");
    Ok(())
}
