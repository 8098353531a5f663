//! A Linux guest on `porthole-vga`: from the firmware's picture to the driver's and back, in one layer.

use std::io::Write as _;
use std::time::Duration;

use porthole_guest::Pattern;
use porthole_guest::commands::Command as Order;
use porthole_tests::adapter::Wish;
use porthole_tests::plain::Boot;
use porthole_tests::service::configuration;
use porthole_tests::wait::{GUEST, SHORT, pause, wait_until};
use porthole_tests::{AdapterGuest, Capture, Picture, Process, Result, Scene, Service, Viewer};

use crate::processes::said;

fn scene(width: u32, height: u32, pattern: Pattern, seed: u32) -> Scene {
    Scene::new("main", 1280, 720).layer("ivi", (0, 0, width, height), pattern, seed)
}

const fn draw(pattern: Pattern, seed: u32) -> Order {
    Order::Draw { head: 0, pattern, seed, area: None }
}

fn shell(guest: &mut AdapterGuest, line: &str) -> Result<Vec<String>> {
    guest.machine.order(&Order::Shell(line.to_owned()))
}

fn start(wish: &Wish) -> Result<(Service, Capture, AdapterGuest)> {
    let service = Service::start(&[scene(1280, 720, Pattern::Noise, 1)])?;
    let capture = Capture::start(&service.socket("viewer")?, "main")?;
    let guest = AdapterGuest::power_on(&service, "ivi", wish)?;
    Ok((service, capture, guest))
}

fn is_pattern(pattern: Pattern, seed: u32) -> Picture {
    scene(1280, 720, pattern, seed).picture()
}

/// White letters on black, and nothing else: what the firmware wrote.
pub(crate) fn is_text(picture: &Picture) -> bool {
    picture.colours() == 2 && picture.pixel(1000, 700) == Some([0; 3])
}

/// The driver goes, as a guest makes it.
pub(crate) const GONE: &str = "echo 0 > /sys/class/vtconsole/vtcon1/bind; cd /sys/bus/virtio/drivers/virtio_gpu; \
    for d in virtio*; do echo $d > unbind; done";
/// And comes back.
pub(crate) const BACK: &str = "cd /sys/bus/virtio/drivers/virtio_gpu; \
    for d in /sys/bus/virtio/devices/virtio*; do echo ${d##*/} > bind; done; true";

/// Nothing but what the guest draws was seen since this was asked last: no picture of one colour. The guest
/// draws none, because its kernel has no console there.
fn nothing_black(capture: &Capture, when: &str) {
    let (pictures, black) = capture.screen.take_tally();
    assert!(pictures > 0 && black == 0, "{when}: {black} of {pictures} pictures are black");
}

#[test]
#[ignore = "needs the newest QEMU"]
fn a_driver_takes_over_and_gives_back() -> Result<()> {
    let wish = Wish { kernel: "fbcon=map:9", ..Wish::new(Boot::Guest(None)) };
    let (mut service, capture, mut guest) = start(&wish)?;
    guest.shows("vga-before", &capture.screen, |picture| Ok(is_text(picture)))?;
    let _boot = capture.screen.take_tally();
    guest.machine.line().wait_for("STATE up")?;
    guest.machine.order(&draw(Pattern::Noise, 1))?;
    capture.expect("vga-first", &is_pattern(Pattern::Noise, 1), GUEST)?;
    guest.logs("virtio-gpu has the screen", 1)?;
    nothing_black(&capture, "the driver takes over");
    // Nobody may hold the device that goes; what fbdev has at first is black.
    let (pattern, seed) = (Pattern::Gradient, 2);
    guest.machine.order(&Order::Framebuffer { pattern, seed })?;
    capture.expect("vga-console", &is_pattern(pattern, seed), GUEST)?;
    let _console = capture.screen.take_tally();
    // The driver goes: what the firmware wrote is there again.
    shell(&mut guest, GONE)?;
    guest.shows("vga-between", &capture.screen, |picture| Ok(is_text(picture)))?;
    nothing_black(&capture, "the driver goes");
    shell(&mut guest, BACK)?;
    guest.machine.order(&draw(Pattern::Noise, 2))?;
    capture.expect("vga-driver", &is_pattern(Pattern::Noise, 2), GUEST)?;
    let (head, pattern, seed, count) = (0, Pattern::Checker, 3, 5);
    guest.machine.order(&Order::Flip { head, pattern, seed, count })?;
    capture.expect("vga-flips", &is_pattern(Pattern::Checker, 7), GUEST)?;
    nothing_black(&capture, "the driver comes back");
    // The compositor dies; the guest does not notice.
    service.kill()?;
    guest.machine.order(&draw(Pattern::Bars, 4))?;
    service.start_again(&[], None)?;
    let capture = Capture::start(&service.socket("viewer")?, "main")?;
    capture.expect("vga-compositor", &is_pattern(Pattern::Bars, 4), SHORT)?;
    guest.end()
}

#[test]
#[ignore = "needs the newest QEMU"]
fn a_guest_follows_its_layer_and_comes_back_after_a_reboot() -> Result<()> {
    let wish = Wish { reboots: true, ..Wish::new(Boot::Guest(None)) };
    let (service, capture, mut guest) = start(&wish)?;
    guest.machine.line().wait_for("STATE up")?;
    guest.machine.order(&draw(Pattern::Noise, 1))?;
    capture.expect("vga-first-boot", &is_pattern(Pattern::Noise, 1), GUEST)?;
    for (width, height, pattern, seed) in
        [(1000, 600, Pattern::Bars, 2), (640, 480, Pattern::Gradient, 3)]
    {
        let new = scene(u32::from(width), u32::from(height), pattern, seed);
        service.reload(&configuration(std::slice::from_ref(&new)))?;
        guest.machine.order(&Order::WaitSize { head: 0, width, height })?;
        guest.machine.order(&Order::Mode { head: 0, width, height })?;
        guest.machine.order(&draw(pattern, seed))?;
        capture.expect(&format!("vga-resize-{width}"), &new.picture(), GUEST)?;
    }
    guest.machine.line().tell(&Order::Shell("reboot -f".to_owned()))?;
    guest.machine.line().wait_for("STATE up")?;
    guest.machine.order(&draw(Pattern::Noise, 5))?;
    let last = scene(640, 480, Pattern::Noise, 5);
    capture.expect("vga-second-boot", &last.picture(), GUEST)?;
    guest.end()
}

/// Drivers of the guest's own PS/2 mouse and USB tablet hear what goes by QEMU's monitor.
#[test]
#[ignore = "needs the newest QEMU"]
fn a_guests_own_devices_are_moved_by_the_monitor() -> Result<()> {
    const EV_ABS: u16 = 3;
    const EV_KEY: u16 = 1;
    const BTN_LEFT: u16 = 272;
    for (devices, absolute) in
        [(&[][..], false), (&["-device", "qemu-xhci", "-device", "usb-tablet"], true)]
    {
        let machine = devices.iter().map(|word| (*word).to_owned()).collect();
        let wish = Wish { monitor: true, machine, ..Wish::new(Boot::Guest(Some("0:noise:1"))) };
        let (service, capture, mut guest) = start(&wish)?;
        let server = service.vnc("main")?;
        let viewer = Viewer::connect(&server.address)?;
        capture.expect("vga-pointed-at", &is_pattern(Pattern::Noise, 1), GUEST)?;
        let name = if absolute {
            "INPUT QEMU_QEMU_USB_Tablet"
        } else {
            "INPUT ImExPS/2_Generic_Explorer_Mouse"
        };
        guest.machine.line().wait_for(name)?;
        // Which of its devices a guest uses is asked while somebody points, once in a second.
        let wanted = if absolute { " 3 0 " } else { " 2 0 " };
        let mut x: u16 = 100;
        wait_until("the pointer", GUEST, || {
            // Where it is already it does not move.
            x = 100 + (x - 92) % 1000;
            viewer.pointer(x, 360, 0)?;
            shell(&mut guest, "true")?;
            Ok(guest
                .machine
                .line()
                .events()
                .iter()
                .any(|event| event.contains(wanted))
                .then_some(()))
        })?;
        guest.machine.line().forget_events();
        viewer.pointer(x + 8, 360, 0)?;
        if absolute {
            let place = i32::from(x + 8) * 0x7fff / 1280;
            guest.machine.line().wait_event_near(EV_ABS, 0, place, 40)?;
        }
        // A PS/2 mouse that has much to say keeps for its next word what is pressed meanwhile.
        for (buttons, pressed) in
            [(1, format!(" {EV_KEY} {BTN_LEFT} 1")), (0, format!(" {EV_KEY} {BTN_LEFT} 0"))]
        {
            wait_until(&pressed, GUEST, || {
                x ^= 1;
                viewer.pointer(x, 360, buttons)?;
                shell(&mut guest, "true")?;
                let events = guest.machine.line().events();
                Ok(events.iter().any(|event| event.ends_with(&pressed)).then_some(()))
            })?;
        }
        guest.end()?;
    }
    Ok(())
}

/// A guest whose driver is silent and that writes to the VGA's memory has crashed and tells of it.
#[test]
#[ignore = "needs the newest QEMU"]
fn a_blue_screen_is_seen() -> Result<()> {
    let wish = Wish { kernel: "iomem=relaxed", ..Wish::new(Boot::Guest(None)) };
    let (_service, capture, mut guest) = start(&wish)?;
    guest.machine.line().wait_for("STATE up")?;
    guest.machine.order(&draw(Pattern::Noise, 1))?;
    capture.expect("vga-alive", &is_pattern(Pattern::Noise, 1), GUEST)?;
    let find = "for d in /sys/bus/pci/devices/*; do \
        [ $(cat $d/device) = 0x1050 ] && head -1 $d/resource | cut -d' ' -f1; done";
    let base = shell(&mut guest, find)?.concat();
    // Pixel 640, 360.
    let offset = (360 * 1280 + 640) * 4;
    shell(&mut guest, &format!("busybox devmem $(({base} + {offset})) 32 0x0000ff"))?;
    guest.shows("vga-crashed", &capture.screen, |picture| {
        Ok(picture.pixel(640, 360) == Some([0, 0, 255]) && picture.colours() == 3)
    })?;
    guest.machine.order(&draw(Pattern::Bars, 2))?;
    capture.expect("vga-alive-again", &is_pattern(Pattern::Bars, 2), GUEST)?;
    guest.end()
}

/// A service whose viewer may hear what devices say of themselves.
fn watched(scene: Scene) -> Result<(Service, Capture)> {
    let text = configuration(&[scene]).replace("rights = [", "rights = [\"watch\", ");
    let service = Service::start_with(&text)?;
    let capture = Capture::start(&service.socket("viewer")?, "main")?;
    Ok((service, capture))
}

/// Nothing happens: nobody wakes up more than four times in a second. What happened just before may echo.
fn rests(device: &Process) -> Result<()> {
    pause(Duration::from_secs(2));
    let seconds = 5;
    let mut woken = 0;
    let rested = wait_until("a device that rests", SHORT, || {
        let before = device.wake_ups()?;
        pause(Duration::from_secs(seconds));
        woken = device.wake_ups()?.saturating_sub(before);
        Ok((woken <= 4 * seconds + 4).then_some(()))
    });
    rested.map_err(|error| device.failure(&format!("{error}: {woken} times in {seconds} s")))
}

/// A still picture costs less than a hundredth of a core: so much, all of the process together runs in ten
/// seconds. How much it needs does not depend on how busy the machine is, or little.
fn costs_little(device: &Process, model: &str) -> Result<()> {
    let (seconds, most) = (10, Duration::from_millis(100));
    let mut spent = Duration::MAX;
    let little = wait_until("a device that costs little", SHORT, || {
        let before = device.run_time()?;
        pause(Duration::from_secs(seconds));
        spent = device.run_time()?.saturating_sub(before);
        Ok((spent < most).then_some(()))
    });
    let told = format!("{model}: a still picture takes {spent:?} in {seconds} s");
    std::io::stderr().write_all(format!("{told}\n").as_bytes())?;
    little.map_err(|error| device.failure(&format!("{error}: {told}")))
}

#[test]
#[ignore = "needs the newest QEMU"]
fn an_idle_guest_costs_next_to_nothing() -> Result<()> {
    let (service, capture) = watched(scene(1280, 720, Pattern::Noise, 1))?;
    let wish = Wish::new(Boot::Guest(Some("0:noise:1")));
    let guest = AdapterGuest::power_on(&service, "ivi", &wish)?;
    capture.expect("vga-idle", &is_pattern(Pattern::Noise, 1), GUEST)?;
    rests(&guest.device)?;
    // And all that was done until then was told.
    let said = said(&service, "ivi")?;
    let number = |key: &str| said[key].as_u64().unwrap_or(0);
    assert!(number("commands") > 4 && number("kicks") > 0 && number("frames") > 2, "{said}");
    guest.end()
}

#[test]
#[ignore = "needs the newest QEMU"]
fn each_model_rests_at_night() -> Result<()> {
    for model in ["combined", "virtio-vga", "acrn", "vga", "bochs"] {
        let size = (1920, 1080);
        let scene = Scene::new("main", size.0, size.1);
        let scene = scene.layer("ivi", (0, 0, size.0, size.1), Pattern::Noise, 1);
        let (service, capture) = watched(scene)?;
        // Firmware's text has a cursor that blinks; a picture stays as it is.
        let wish = Wish::new(Boot::Program).device(&["--model", model, "--size", "1920x1080"]);
        let mut guest = AdapterGuest::power_on(&service, "ivi", &wish)?;
        guest.machine.line().wait_for("up")?;
        guest.machine.ask('h', "drawn h")?;
        let is_drawn = |picture: &Picture| Ok(picture.colours() > 1000);
        guest.shows(&format!("vga-rests-{model}"), &capture.screen, is_drawn)?;
        rests(&guest.device)?;
        costs_little(&guest.device, model)?;
        let said = said(&service, "ivi")?;
        assert!(said["frames"].as_u64() > Some(1), "{model}: {said}");
        guest.end()?;
    }
    Ok(())
}

#[test]
#[ignore = "needs the newest QEMU"]
fn two_heads_are_two_layers() -> Result<()> {
    let (left, right) = ((0, 0, 640, 480), (640, 100, 512, 384));
    let scene = Scene::new("main", 1280, 720).layer("ivi", left, Pattern::Noise, 1);
    let scene = scene.layer("second", right, Pattern::Bars, 2);
    let text = configuration(std::slice::from_ref(&scene))
        .replace("guest = \"second\"\n", "guest = \"ivi\"\nscanout = 1\n")
        .replace("[[guest]]\nname = \"second\"\n", "")
        .replace("[[guest]]\nname = \"ivi\"\n", "[[guest]]\nname = \"ivi\"\nscanouts = 2\n");
    let service = Service::start_with(&text)?;
    let capture = Capture::start(&service.socket("viewer")?, "main")?;
    let wish = Wish::new(Boot::Guest(None)).device(&["--scanouts", "2"]);
    let mut guest = AdapterGuest::power_on(&service, "ivi", &wish)?;
    guest.machine.line().wait_for("STATE up")?;
    guest.machine.order(&draw(Pattern::Noise, 1))?;
    let (head, pattern, seed) = (1, Pattern::Bars, 2);
    guest.machine.order(&Order::Draw { head, pattern, seed, area: None })?;
    capture.expect("vga-heads", &scene.picture(), GUEST)?;
    guest.end()
}
