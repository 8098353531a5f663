//! A guest restarts by itself, or only its driver does: the same device, layer and ids, a new picture.

use porthole_guest::Pattern;
use porthole_guest::commands::Command as Order;
use porthole_tests::guest::Options;
use porthole_tests::wait::{GUEST, SHORT, wait_until};
use porthole_tests::{Capture, Guest, Result, Scene, Service, Viewer};
use serde_json::{Value, json};

use crate::portholectl::ctl;

const EV_KEY: u16 = 1;
const KEY_A: u16 = 30;
const KEYBOARD: &str = "INPUT Porthole_keyboard";

fn scene(pattern: Pattern, seed: u32) -> Scene {
    Scene::new("main", 800, 600).layer("ivi", (0, 0, 640, 480), pattern, seed)
}

fn draw(guest: &mut Guest, pattern: Pattern, seed: u32) -> Result<()> {
    guest.order(&Order::Draw { head: 0, pattern, seed, area: None }).map(drop)
}

fn shell(guest: &mut Guest, line: &str) -> Result<String> {
    Ok(guest.order(&Order::Shell(line.to_owned()))?.concat())
}

/// What layers and guests are called and what was set for them, without what is only so now.
fn identity(service: &Service) -> Result<[Value; 2]> {
    let mut layers = ctl(service, &["layers", "--json"])?.json()?;
    for layer in layers["layer"].as_array_mut().into_iter().flatten() {
        layer.as_object_mut().and_then(|layer| layer.remove("now"));
    }
    let streams = ctl(service, &["guests", "--json"])?.json()?;
    let names = ["id", "guest", "scanout", "layer"];
    let streams = streams["stream"].as_array().into_iter().flatten();
    let names = |stream: &Value| Value::from(names.map(|name| stream[name].clone()).to_vec());
    Ok([layers, streams.map(names).collect()])
}

fn press(viewer: &Viewer, guest: &mut Guest) -> Result<()> {
    viewer.key(u32::from(b'a'), true)?;
    guest.wait_event(EV_KEY, KEY_A, 1)?;
    viewer.key(u32::from(b'a'), false)?;
    guest.wait_event(EV_KEY, KEY_A, 0)
}

/// Nobody outside asks for it: the guest's own kernel resets its machine.
#[test]
fn a_guest_that_reboots_itself_is_the_same_to_everybody() -> Result<()> {
    let service = Service::start(&[scene(Pattern::Noise, 1)])?;
    let server = service.vnc("main")?;
    let viewer = Viewer::connect(&server.address)?;
    let mut guest =
        Guest::start(&service, "ivi", &Options { reboots: true, ..Options::default() })?;
    guest.wait_for(KEYBOARD)?;
    let (device, boot) = (guest.device.id(), "cat /proc/sys/kernel/random/boot_id");
    draw(&mut guest, Pattern::Noise, 1)?;
    viewer.expect("itself-before", &scene(Pattern::Noise, 1).picture(), GUEST)?;
    press(&viewer, &mut guest)?;
    let (before, first) = (identity(&service)?, shell(&mut guest, boot)?);
    let nothing = Scene::new("main", 800, 600).picture();
    let mut black = nothing.clone();
    for (x, y) in (0..480).flat_map(|y| (0..640).map(move |x| (x, y))) {
        black.set(x, y, [0; 3]);
    }
    let nothing = [nothing, black];
    for seed in [5, 6] {
        guest.tell(&Order::Shell("/bin/busybox reboot -f".to_owned()))?;
        guest.wait_for("STATE up")?;
        guest.wait_for(KEYBOARD)?;
        assert_ne!(shell(&mut guest, boot)?, first, "it has not booted again");
        // It shows nothing yet, or the black picture that its kernel has when a display was told of.
        wait_until("nothing of the last boot", SHORT, || {
            let seen = viewer.screen.picture();
            Ok(nothing.iter().any(|nothing| seen.as_ref() == Some(nothing)).then_some(()))
        })?;
        draw(&mut guest, Pattern::Bars, seed)?;
        viewer.expect("itself-after", &scene(Pattern::Bars, seed).picture(), GUEST)?;
        press(&viewer, &mut guest)?;
        guest.device.must_run()?;
        assert_eq!((guest.device.id(), identity(&service)?), (device, before.clone()));
    }
    guest.power_off()
}

/// The layer falls back while there is no driver, to nothing or to the last picture.
#[test]
fn a_driver_that_goes_and_comes_keeps_its_layer() -> Result<()> {
    let last = porthole_tests::service::configuration(&[scene(Pattern::Noise, 1)])
        .replace("\"input:main\"", "\"input:main\", \"layout:main\"");
    let service = Service::start_with(&last)?;
    let capture = Capture::start(&service.socket("viewer")?, "main")?;
    let mut guest = Guest::start(&service, "ivi", &Options::default())?;
    let (cards, driver) = ("echo /dev/dri/card*", "/sys/bus/virtio/drivers/virtio_gpu");
    let device = shell(&mut guest, &format!("cd {driver}; ls -d virtio*"))?;
    for (seed, fallback) in [(1, "hide"), (2, "last")] {
        draw(&mut guest, Pattern::Noise, seed)?;
        capture.expect("driver-drawn", &scene(Pattern::Noise, seed).picture(), GUEST)?;
        // The guest's program lets go of the card, so that the kernel gives the next one its name.
        let pattern = Pattern::Bars;
        guest.order(&Order::Framebuffer { pattern, seed })?;
        capture.expect("driver-before", &scene(pattern, seed).picture(), GUEST)?;
        ctl(&service, &["set", "ivi", &format!("fallback={fallback}")])?.succeeded()?;
        let before = identity(&service)?;
        shell(&mut guest, &format!("echo {device} > {driver}/unbind"))?;
        let alone = Scene::new("main", 800, 600).picture();
        let shown = if fallback == "hide" { alone } else { scene(pattern, seed).picture() };
        capture.expect("driver-gone", &shown, SHORT)?;
        assert_eq!(shell(&mut guest, cards)?, "/dev/dri/card*", "it still has a card");
        shell(&mut guest, &format!("echo {device} > {driver}/bind"))?;
        wait_until("the driver to be back", SHORT, || {
            Ok((shell(&mut guest, cards)? == "/dev/dri/card0").then_some(()))
        })?;
        capture.expect("driver-back", &shown, SHORT)?;
        draw(&mut guest, Pattern::Noise, seed + 7)?;
        capture.expect("driver-after", &scene(Pattern::Noise, seed + 7).picture(), GUEST)?;
        guest.device.must_run()?;
        assert_eq!(identity(&service)?, before);
    }
    guest.power_off()
}

/// QEMU keeps the connection, so the same device process serves the device that is plugged in next.
#[test]
#[ignore = "needs another QEMU, which is downloaded"]
fn a_device_that_is_unplugged_and_plugged_in_again_keeps_its_layer() -> Result<()> {
    let service = Service::start(&[scene(Pattern::Noise, 1)])?;
    let capture = Capture::start(&service.socket("viewer")?, "main")?;
    let mut options = Options { qmp: true, ..Options::generic(1) };
    options.display.push_str(",bus=plug,id=display");
    let port = ["-device", "pcie-root-port,id=plug,chassis=1,slot=1"];
    options.machine = port.map(str::to_owned).to_vec();
    let mut guest = Guest::start(&service, "ivi", &options)?;
    draw(&mut guest, Pattern::Noise, 1)?;
    let (before, cards) = (identity(&service)?, "echo /dev/dri/card*");
    let mut qmp = guest.qmp()?;
    for seed in [2, 3] {
        // The guest's program lets go of the card, so that the kernel gives the next one its name.
        guest.order(&Order::Framebuffer { pattern: Pattern::Bars, seed })?;
        let last = scene(Pattern::Bars, seed).picture();
        capture.expect("plug-before", &last, GUEST)?;
        qmp.execute("device_del", json!({"id": "display"}))?;
        wait_until("that it is unplugged", GUEST, || {
            let list = qmp.execute("qom-list", json!({"path": "/machine/peripheral"}))?;
            Ok((!list.to_string().contains("display")).then_some(()))
        })?;
        assert_eq!(shell(&mut guest, cards)?, "/dev/dri/card*", "it still has a card");
        // This front-end cannot tell a pause from an end: the last picture stays.
        capture.expect("plug-gone", &last, SHORT)?;
        let device = json!({"driver": "vhost-user-test-device-pci", "virtio-id": 16, "num_vqs": 2,
            "config_size": 24, "chardev": "gpu", "bus": "plug", "id": "display"});
        qmp.execute("device_add", device)?;
        wait_until("the driver to be back", GUEST, || {
            Ok((shell(&mut guest, cards)? == "/dev/dri/card0").then_some(()))
        })?;
        draw(&mut guest, Pattern::Noise, seed)?;
        capture.expect("plug-after", &scene(Pattern::Noise, seed).picture(), GUEST)?;
        guest.device.must_run()?;
        assert_eq!(identity(&service)?, before);
    }
    guest.power_off()
}
