//! A guest's device process is killed: what its VM, the layer and the others make of it.

use std::fs;
use std::process::ExitStatus;
use std::time::Duration;

use porthole_guest::Pattern;
use porthole_guest::commands::Command as Order;
use porthole_tests::guest::Options;
use porthole_tests::wait::{GUEST, SHORT, pause, wait_until};
use porthole_tests::{Capture, Guest, Result, Scene, Service};
use rustix::process::Signal;

/// Processor time of a process so far, in hundredths of a second.
fn ticks(id: u32) -> Result<u64> {
    let text = fs::read_to_string(format!("/proc/{id}/stat"))?;
    // The name in parentheses may hold anything.
    let rest = text.rsplit(')').next().unwrap_or_default();
    let numbers = rest.split_whitespace().skip(11).take(2);
    Ok(numbers.filter_map(|number| number.parse::<u64>().ok()).sum())
}

fn scene(seed: u32) -> Scene {
    Scene::new("main", 800, 600).layer("ivi", (0, 0, 640, 480), Pattern::Noise, 1).layer(
        "cluster",
        (100, 100, 640, 480),
        Pattern::Bars,
        seed,
    )
}

fn draw(guest: &mut Guest, pattern: Pattern, seed: u32) -> Result<()> {
    guest.order(&Order::Draw { head: 0, pattern, seed, area: None }).map(drop)
}

/// The VM goes on without a display, its layer falls back, and the other guest notices nothing.
#[test]
fn a_vm_outlives_its_devices_and_the_other_one_goes_on() -> Result<()> {
    let service = Service::start(&[scene(2)])?;
    let capture = Capture::start(&service.socket("viewer")?, "main")?;
    let mut lower = Guest::start(&service, "ivi", &Options::default())?;
    let mut upper = Guest::start(&service, "cluster", &Options::default())?;
    draw(&mut lower, Pattern::Noise, 1)?;
    draw(&mut upper, Pattern::Bars, 2)?;
    capture.expect("device-before", &scene(2).picture(), GUEST)?;
    upper.device.signal(Signal::KILL)?;
    upper.device.wait_end(SHORT)?;
    let mut alone = scene(2);
    alone.layers.pop();
    capture.expect("device-dead", &alone.picture(), SHORT)?;
    draw(&mut lower, Pattern::Noise, 7)?;
    if let Some(layer) = alone.layers.first_mut() {
        layer.seed = 7;
    }
    capture.expect("device-other", &alone.picture(), GUEST)?;
    assert_eq!(upper.order(&Order::Shell("echo alive".to_owned()))?, ["alive"]);
    upper.qemu.must_run()?;
    lower.power_off()
}

/// What became of a QEMU whose devices were killed.
#[derive(Debug)]
struct Outcome {
    ended: Option<ExitStatus>,
    /// Hundredths of a second in two seconds, before and after; the guest is idle.
    load: (u64, u64),
    /// Bytes that QEMU logged.
    logged: usize,
    answers: bool,
}

fn outcome(release: &'static str, display: &str) -> Result<Outcome> {
    const SPAN: Duration = Duration::from_secs(2);
    let mut options = Options { display: display.to_owned(), ..Options::default() };
    options.release = Some(release);
    let service = Service::start(&[scene(2)])?;
    let mut guest = Guest::start(&service, "ivi", &options)?;
    draw(&mut guest, Pattern::Noise, 1)?;
    let id = guest.qemu.id();
    let load = || -> Result<u64> {
        let before = ticks(id)?;
        pause(SPAN);
        Ok(ticks(id)?.saturating_sub(before))
    };
    let before = load()?;
    guest.device.signal(Signal::KILL)?;
    guest.device.wait_end(SHORT)?;
    let after = load().unwrap_or_default();
    let ended = guest.qemu.ended()?;
    let alive = ended.is_none();
    let answers = alive && guest.order(&Order::Shell("echo alive".to_owned())).is_ok();
    Ok(Outcome { ended, load: (before, after), logged: guest.qemu.log().len(), answers })
}

/// None ends and every guest goes on. With the front-ends for GPUs QEMU's main loop spins then, the newest
/// one's with a line in its log for each turn; with the generic one it rests.
#[test]
#[ignore = "needs other QEMUs, which are downloaded"]
fn every_qemu_outlives_its_devices() -> Result<()> {
    let generic = Options::generic(1).display;
    let cases = [
        ("trixie", "vhost-user-gpu-pci"),
        ("trixie", "vhost-user-vga"),
        ("sid", "vhost-user-gpu-pci"),
        ("sid", "vhost-user-vga"),
        ("sid", generic.as_str()),
    ];
    for (release, display) in cases {
        let outcome = outcome(release, display)?;
        eprintln!("{release} {display}: {outcome:?}");
        assert!(outcome.answers && outcome.ended.is_none(), "{release} {display}: {outcome:?}");
        if display == generic {
            // One that spins takes all that it gets of a processor.
            let (before, after) = outcome.load;
            assert!(after < before + 150, "{release} {display}: {outcome:?}");
            assert!(outcome.logged < 10_000, "{release} {display}: {outcome:?}");
        }
    }
    Ok(())
}

/// A guest restarts in its VM: the same device, the same layer, the same picture.
#[test]
fn a_guest_that_reboots_keeps_its_layer() -> Result<()> {
    let text = porthole_tests::service::configuration(&[scene(2)])
        .replace("guest = \"ivi\"\n", "guest = \"ivi\"\nfallback = \"last\"\n");
    let service = Service::start_with(&text)?;
    let capture = Capture::start(&service.socket("viewer")?, "main")?;
    let mut alone = scene(2);
    alone.layers.pop();
    let options = Options { qmp: true, reboots: true, ..Options::default() };
    let mut guest = Guest::start(&service, "ivi", &options)?;
    draw(&mut guest, Pattern::Noise, 1)?;
    capture.expect("reboot-before", &alone.picture(), GUEST)?;
    let mut qmp = guest.qmp()?;
    qmp.execute("system_reset", serde_json::json!({}))?;
    guest.wait_for("STATE up")?;
    guest.device.must_run()?;
    draw(&mut guest, Pattern::Noise, 9)?;
    if let Some(layer) = alone.layers.first_mut() {
        layer.seed = 9;
    }
    capture.expect("reboot-after", &alone.picture(), GUEST)?;
    // The driver goes and comes; the layer shows the last picture meanwhile. The guest's program lets go of
    // the card before: a driver that goes under an open one crashes some of Debian's kernels at its closing.
    guest.order(&Order::Framebuffer { pattern: Pattern::Noise, seed: 9 })?;
    capture.expect("reboot-fbdev", &alone.picture(), GUEST)?;
    let updates = capture.screen.updates();
    let driver = "/sys/bus/virtio/drivers/virtio_gpu";
    let find = format!("cd {driver}; ls -d virtio*");
    let device = guest.order(&Order::Shell(find))?.concat();
    for what in ["unbind", "bind"] {
        guest.order(&Order::Shell(format!("echo {device} > {driver}/{what}")))?;
    }
    guest.device.must_run()?;
    assert!(capture.screen.updates() >= updates);
    wait_until("the driver to be back", SHORT, || {
        let cards = guest.order(&Order::Shell("ls /dev/dri".to_owned()))?;
        Ok(cards.iter().any(|card| card.contains("card")).then_some(()))
    })?;
    // Its power goes, and comes again: another device process with the same name.
    guest.power_off()?;
    capture.expect("reboot-off", &alone.picture(), SHORT)?;
    let mut guest = Guest::start(&service, "ivi", &options)?;
    draw(&mut guest, Pattern::Noise, 3)?;
    if let Some(layer) = alone.layers.first_mut() {
        layer.seed = 3;
    }
    capture.expect("reboot-on", &alone.picture(), GUEST)?;
    guest.power_off()
}
