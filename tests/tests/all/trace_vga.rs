//! An adapter's whole life is recorded, and done again without its guest: firmware, boot loader, driver.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use porthole_guest::Pattern;
use porthole_guest::commands::Command as Order;
use porthole_tests::adapter::Wish;
use porthole_tests::failure::OrFail;
use porthole_tests::plain::Boot;
use porthole_tests::process::built;
use porthole_tests::wait::GUEST;
use porthole_tests::{AdapterGuest, Capture, Failure, Picture, Result, Scene, Service};
use serde_json::Value;

use crate::vga_guest::{BACK, GONE, is_text};

const SIZE: (u32, u32) = (1280, 720);

fn scene(pattern: Pattern, seed: u32) -> Scene {
    Scene::new("main", SIZE.0, SIZE.1).layer("ivi", (0, 0, SIZE.0, SIZE.1), pattern, seed)
}

/// A guest whose adapter is recorded in the file.
fn start(boot: Boot) -> Result<(Service, Capture, AdapterGuest, PathBuf)> {
    let service = Service::start(&[scene(Pattern::Noise, 1)])?;
    let capture = Capture::start(&service.socket("viewer")?, "main")?;
    let file = service.folder().join("vga.trace");
    let mut wish = Wish::new(boot).device(&["--trace", &file.display().to_string()]);
    wish.input = true;
    let guest = AdapterGuest::power_on(&service, "ivi", &wish)?;
    Ok((service, capture, guest, file))
}

fn replay(file: &Path, arguments: &[&str]) -> Result<Output> {
    let mut command = Command::new(built("porthole-vga")?);
    let output = command.arg("replay").arg(file).args(arguments).output();
    let output = output.or_fail("run a replay")?;
    if output.status.success() {
        return Ok(output);
    }
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(Failure::new(format!("the replay differs:\n{told}")))
}

/// A replay that goes as recorded, and shows these pictures among others, in this order.
fn shows_again(service: &Service, file: &Path, pictures: &[&Picture]) -> Result<Value> {
    let summary = replay(file, &["--json"])?.stdout;
    let summary: Value = serde_json::from_slice(&summary).or_fail("understand a summary")?;
    assert_eq!(summary["ending"], "whole", "{summary}");
    assert_eq!((&summary["differences"], &summary["lost_records"]), (&0.into(), &0.into()));
    let frames = replay(file, &["--frames"])?.stdout;
    let frames = String::from_utf8_lossy(&frames).into_owned();
    // Number, seconds, display, size, checksum.
    let mut sums = frames.lines().filter_map(|line| line.split(' ').nth(4));
    for (index, picture) in pictures.iter().enumerate() {
        let sum = format!("{:08x}", picture.checksum());
        assert!(sums.any(|shown| shown == sum), "picture {index} is not shown again:\n{frames}");
    }
    // The last one, pixel by pixel.
    let out = service.folder().join("replayed.png");
    replay(file, &["--picture", &out.display().to_string()])?;
    let Some(last) = pictures.last() else { return Ok(summary) };
    assert_eq!(Picture::read(&out)?.difference(last), None);
    Ok(summary)
}

#[test]
#[ignore = "needs the newest QEMU"]
fn an_adapters_life_is_done_again_without_its_guest() -> Result<()> {
    let (service, capture, mut guest, file) = start(Boot::Guest(None))?;
    // What is seen of it now may be half written, as on any screen: no look of the device was at that moment.
    guest.shows("traced-text", &capture.screen, |picture| Ok(is_text(picture)))?;
    guest.machine.line().wait_for("STATE up")?;
    guest.logs("virtio-gpu has the screen", 1)?;
    // The driver goes, and what the firmware wrote is there again; then it comes back.
    guest.machine.order(&Order::Shell(GONE.to_owned()))?;
    let text = guest.shows("traced-between", &capture.screen, |picture| Ok(is_text(picture)))?;
    guest.machine.order(&Order::Shell(BACK.to_owned()))?;
    guest.machine.order(&Order::Draw { head: 0, pattern: Pattern::Noise, seed: 2, area: None })?;
    let drawn = scene(Pattern::Noise, 2).picture();
    capture.expect("traced-driver", &drawn, GUEST)?;
    let (head, pattern, seed, count) = (0, Pattern::Checker, 3, 5);
    guest.machine.order(&Order::Flip { head, pattern, seed, count })?;
    let flipped = scene(Pattern::Checker, 7).picture();
    capture.expect("traced-flips", &flipped, GUEST)?;
    guest.end()?;
    let summary = shows_again(&service, &file, &[&text, &text, &drawn, &flipped])?;
    assert!(summary["commands"]["RESOURCE_FLUSH"].as_u64() >= Some(6), "{summary}");
    Ok(())
}
