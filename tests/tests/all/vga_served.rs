//! Random accesses by QEMU's vfio-user to `porthole-vga` and to QEMU's own device of the kind: read-backs
//! and pictures are the same.

use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use porthole_rig::qemu::Qemu;
use porthole_rig::{cache, roots};
use porthole_tests::plain::{configuration, on_port};
use porthole_tests::process::built;
use porthole_tests::wait::SHORT;
use porthole_tests::{Capture, Failure, Picture, Process, Result, Service};
use porthole_vectors::vga::served::Round;
use porthole_vectors::vga::{Pixels, Qemu as Machine};
use porthole_vga_device::Model;
use serde_json::json;

/// Each kind that QEMU has too: its name here and QEMU's device, both with so much memory.
const KINDS: [(&str, Model, &str, &str); 3] = [
    ("vga", Model::Vga, "VGA,vgamem_mb=16", "16"),
    ("bochs", Model::Bochs, "bochs-display,vgamem=16777216", "16"),
    // Whose memory cannot be chosen.
    ("combined", Model::Combined, "virtio-vga", "8"),
];

/// A number that the environment may give.
fn given(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn picture(pixels: &Pixels) -> Picture {
    let mut picture = Picture::new(pixels.width, pixels.height, [0; 3]);
    let bytes: Vec<u8> = pixels.pixels.iter().flat_map(|pixel| pixel.to_le_bytes()).collect();
    picture.put_bgrx((0, 0), pixels.width, &bytes);
    picture
}

fn round((name, model, device, megabytes): (&str, Model, &str, &str), seed: u64) -> Result<()> {
    let service = Service::start_with(&configuration("ivi"))?;
    let capture = Capture::start(&service.socket("viewer")?, "main")?;
    let folder = service.folder().join("adapter");
    std::fs::create_dir_all(&folder)?;
    let socket = folder.join("vga.sock");
    let mut command = Command::new(built("porthole-vga")?);
    command.args(["--guest", "ivi", "--model", name, "--vram", megabytes, "--rom", "none"]);
    command.arg("--socket").arg(&socket).arg("--wayland").arg(service.socket("ivi")?);
    let (mut process, _) = Process::start_ready("porthole-vga", &folder, &mut command)?;
    let card = json!({
        "driver": "vfio-user-pci",
        "socket": { "type": "unix", "path": socket },
        "romfile": "",
    });
    let qemu = Qemu::of_release(roots::NEWEST)?;
    let ours = Machine::start_with(qemu.command(), &card.to_string(), &folder.join("ours"));
    let judge = Machine::start(qemu.command(), device, &folder.join("judge"));
    let (ours, judge) = (ours.map_err(Failure::new)?, judge.map_err(Failure::new)?);
    let mut shows = |want: &Pixels| {
        process.must_run().map_err(|error| error.to_string())?;
        let expected = on_port(&picture(want));
        let seen = capture.expect(&format!("vga-served-{name}"), &expected, SHORT);
        seen.map_err(|error| error.to_string())
    };
    let record = cache::workspace().join(format!("target/vga-differential/{name}-{seed}.json"));
    let done = Round::new(ours, judge, model, seed).run(&mut shows, &record);
    done.map_err(|why| process.failure(&format!("{name}, seed {seed}: {why}")))
}

fn rounds(seed: u64, count: u64) -> Result<()> {
    let seed = given("PORTHOLE_SEED").unwrap_or(seed);
    for number in 0..given("PORTHOLE_ROUNDS").unwrap_or(count) {
        for kind in KINDS {
            round(kind, seed.wrapping_add(number))?;
        }
    }
    Ok(())
}

/// The seed is fixed here, as that of what else is random in a run before each change; the environment may
/// give another one.
#[test]
#[ignore = "needs the newest QEMU"]
fn random_accesses_by_vfio_user_are_answered_as_by_qemus_devices() -> Result<()> {
    rounds(20_261_122, 1)
}

#[test]
#[ignore = "takes minutes"]
fn new_random_accesses_by_vfio_user_are_answered_alike_at_night() -> Result<()> {
    let clock = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    rounds(clock, 20)
}
