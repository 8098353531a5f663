//! Linux without a driver of virtio-gpu on `porthole-vga`: the firmware's framebuffers, bochs-drm, and a
//! kernel that starts where another one has crashed.

use porthole_guest::Pattern;
use porthole_guest::commands::Command as Order;
use porthole_rig::packages;
use porthole_tests::adapter::Wish;
use porthole_tests::plain::Boot;
use porthole_tests::wait::GUEST;
use porthole_tests::{AdapterGuest, Capture, Picture, Result, Scene, Service};

const SIZE: (u32, u32) = (1280, 720);
/// VESA's mode of the layer's size and 32 bits.
const MODE: &str = "vga=0x38f";

fn picture(pattern: Pattern, seed: u32) -> Scene {
    Scene::new("main", SIZE.0, SIZE.1).layer("ivi", (0, 0, SIZE.0, SIZE.1), pattern, seed)
}

fn is_pattern(pattern: Pattern, seed: u32) -> Picture {
    picture(pattern, seed).picture()
}

const fn draw(pattern: Pattern, seed: u32) -> Order {
    Order::Draw { head: 0, pattern, seed, area: None }
}

fn start(wish: &Wish) -> Result<(Service, Capture, AdapterGuest)> {
    let service = Service::start(&[picture(Pattern::Noise, 1)])?;
    let capture = Capture::start(&service.socket("viewer")?, "main")?;
    let guest = AdapterGuest::power_on(&service, "ivi", wish)?;
    Ok((service, capture, guest))
}

/// A guest that draws on a framebuffer of the firmware's, of a kind.
fn framebuffer(wish: &Wish, kind: &str) -> Result<()> {
    let (_service, capture, mut guest) = start(wish)?;
    guest.machine.line().wait_for("STATE up")?;
    let name = Order::Shell("cat /sys/class/graphics/fb0/name".to_owned());
    assert_eq!(guest.machine.order(&name)?, [kind]);
    for (pattern, seed) in [(Pattern::Noise, 3), (Pattern::Gradient, 4)] {
        guest.machine.order(&Order::Framebuffer { pattern, seed })?;
        capture.expect(&format!("vga-{kind}-{seed}"), &is_pattern(pattern, seed), GUEST)?;
    }
    guest.end()
}

#[test]
#[ignore = "needs the newest QEMU"]
fn linux_draws_on_vesas_framebuffer() -> Result<()> {
    framebuffer(
        &Wish { kernel: MODE, ..Wish::new(Boot::Vesa) }.device(&["--model", "vga"]),
        "VESA VGA",
    )
}

#[test]
#[ignore = "needs the newest QEMU and OVMF, which are downloaded"]
fn linux_draws_on_uefis_framebuffer_at_night() -> Result<()> {
    let code = packages::unpacked("ovmf")?.join("usr/share/OVMF/OVMF_CODE_4M.fd");
    let drive = format!("if=pflash,unit=0,format=raw,readonly=on,file={}", code.display());
    let mut wish = Wish::new(Boot::Vesa).device(&["--model", "vga", "--rom", "none"]);
    wish.machine = ["-machine", "q35", "-drive", &drive].map(str::to_owned).to_vec();
    framebuffer(&wish, "EFI VGA")
}

/// The driver that QEMU's own adapters have in Linux.
#[test]
#[ignore = "needs the newest QEMU"]
fn bochs_drm_drives_both_models_that_are_no_virtio_gpu() -> Result<()> {
    for model in ["bochs", "vga"] {
        let (_service, capture, mut guest) =
            start(&Wish::new(Boot::Guest(None)).device(&["--model", model]))?;
        guest.machine.line().wait_for("STATE up")?;
        guest.machine.order(&draw(Pattern::Noise, 2))?;
        capture.expect(&format!("vga-{model}-drm"), &is_pattern(Pattern::Noise, 2), GUEST)?;
        let (head, pattern, seed, count) = (0, Pattern::Checker, 3, 4);
        guest.machine.order(&Order::Flip { head, pattern, seed, count })?;
        capture.expect(&format!("vga-{model}-flips"), &is_pattern(pattern, 6), GUEST)?;
        guest.end()?;
    }
    Ok(())
}

/// A kernel crashes while its virtio-gpu driver has the screen. The kernel that takes over knows nothing of
/// that driver and draws on the firmware's framebuffer, and that is seen without any reset of the device.
#[test]
#[ignore = "needs the newest QEMU"]
fn a_crash_kernel_is_seen_at_night() -> Result<()> {
    // A kernel that waits for the crash may have half of what is left beside its place.
    let kernel = "vga=0x38f crashkernel=128M panic=0";
    let wish = Wish { kernel, memory: 512, ..Wish::new(Boot::Twice) };
    let (_service, capture, mut guest) = start(&wish)?;
    guest.machine.line().wait_for("STATE up")?;
    guest.machine.order(&draw(Pattern::Noise, 1))?;
    capture.expect("vga-before-crash", &is_pattern(Pattern::Noise, 1), GUEST)?;
    let line = "console=ttyS0 quiet rdinit=/init vt.global_cursor_default=0 reset_devices irqpoll nr_cpus=1";
    let reserve = format!("/bin/reserve /second-kernel /second-archive '{line}'");
    guest.machine.order(&Order::Shell(reserve))?;
    guest.machine.line().tell(&Order::Shell("echo c > /proc/sysrq-trigger".to_owned()))?;
    guest.machine.line().wait_for("STATE up")?;
    let (pattern, seed) = (Pattern::Bars, 5);
    guest.machine.order(&Order::Framebuffer { pattern, seed })?;
    capture.expect("vga-crash-kernel", &is_pattern(pattern, seed), GUEST)?;
    guest.logs("the virtio-gpu driver is silent and the VGA is used", 1)?;
    guest.end()
}
