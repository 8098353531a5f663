//! Linux without a driver of virtio-gpu on `porthole-vga`: the firmware's framebuffers, bochs-drm, and a
//! kernel that starts where another one has crashed.

use std::collections::HashMap;

use porthole_guest::Pattern;
use porthole_guest::commands::Command as Order;
use porthole_rig::{packages, roots};
use porthole_tests::adapter::{Wish, judge};
use porthole_tests::plain::{Boot, Machine, on_port};
use porthole_tests::wait::GUEST;
use porthole_tests::{AdapterGuest, Capture, Picture, Result, Scene, Service};

const SIZE: (u32, u32) = (1280, 720);
/// Letters of a line on a screen of that size.
const COLUMNS: u32 = 160;
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

/// QEMU's picture, if it is that which was seen, and of more than one colour.
fn same(judge: &mut Machine, seen: &Picture) -> Result<Option<Picture>> {
    let own = judge.screen()?;
    Ok((*seen == on_port(&own) && own.colours() > 1).then_some(own))
}

/// Two machines whose kernels are about to panic, with a line of text on the screen of each, which is the same
/// on both: ours, and one with QEMU's own device. Programs are where they always are, and nothing tells times.
struct Doomed {
    _service: Service,
    capture: Capture,
    guest: AdapterGuest,
    judge: Machine,
    before: Picture,
}

fn panics(name: &str, wish: &Wish, own: &str) -> Result<Doomed> {
    let service = Service::start_with(&porthole_tests::plain::configuration("ivi"))?;
    let capture = Capture::start(&service.socket("viewer")?, "main")?;
    let mut guest = AdapterGuest::power_on(&service, "ivi", wish)?;
    // One after the other: both at once boot no faster.
    guest.machine.line().wait_for("STATE up")?;
    let mut judge = judge(service.folder(), wish, own)?;
    judge.line().wait_for("STATE up")?;
    for machine in [&mut guest.machine, &mut judge] {
        machine.order(&Order::Shell("echo before the panic > /dev/tty0".to_owned()))?;
    }
    let before = guest.shows(&format!("{name}-before"), &capture.screen, |seen| {
        same(&mut judge, seen).map(|same| same.is_some())
    })?;
    for machine in [&mut guest.machine, &mut judge] {
        machine.line().tell(&Order::Shell("echo c > /proc/sysrq-trigger".to_owned()))?;
        machine.prints("---[ end Kernel panic")?;
    }
    Ok(Doomed { _service: service, capture, guest, judge, before })
}

/// Whether a picture shows these lines from one of its rows on: each letter always looks the same, and like no
/// other one. What letters look like is the guest's own business.
fn reads(picture: &Picture, lines: &[String], row: u32) -> bool {
    let mut letters: HashMap<char, Picture> = HashMap::new();
    for (line, row) in lines.iter().zip(row..) {
        for (letter, column) in line.chars().chain(std::iter::repeat(' ')).zip(0..COLUMNS) {
            let seen = picture.crop((8 * column, 16 * row), (8, 16));
            match letters.get(&letter) {
                Some(known) if *known != seen => return false,
                Some(_) => {}
                None if letters.values().any(|other| *other == seen) => return false,
                None => drop(letters.insert(letter, seen)),
            }
        }
    }
    true
}

/// What a console says of a panic, in lines of a screen's length.
fn last_words(console: &str) -> Vec<String> {
    let lines = console.lines().skip_while(|line| !line.contains("Kernel panic - not syncing"));
    let lines = lines.map(|line| line.trim_end().chars().collect::<Vec<_>>());
    let cut = |line: Vec<char>| {
        let parts = line.chunks(COLUMNS as usize).map(|part| part.iter().collect());
        parts.collect::<Vec<String>>()
    };
    lines.flat_map(cut).collect()
}

/// A console on the firmware's framebuffer draws at once, whatever else has stopped.
#[test]
#[ignore = "needs the newest QEMU"]
fn a_panic_is_read_on_the_firmwares_framebuffer_at_night() -> Result<()> {
    let rom = roots::qemu(roots::NEWEST)?.join("usr/share/seabios/vgabios-bochs-display.bin");
    let kernel = "vga=0x38f panic=0 printk.time=0";
    let wish = Wish { kernel, ..Wish::new(Boot::Vesa) };
    let rom = rom.display().to_string();
    let wish = wish.device(&["--model", "vga", "--size", "1280x720", "--rom", &rom]);
    let service = Service::start_with(&porthole_tests::plain::configuration("ivi"))?;
    let capture = Capture::start(&service.socket("viewer")?, "main")?;
    let mut guest = AdapterGuest::power_on(&service, "ivi", &wish)?;
    guest.machine.line().wait_for("STATE up")?;
    guest.machine.line().tell(&Order::Shell("echo c > /proc/sysrq-trigger".to_owned()))?;
    // The kernel says the same on its serial line.
    guest.machine.prints("---[ end Kernel panic - not syncing: sysrq triggered crash ]---")?;
    let lines = last_words(&guest.machine.console()?);
    assert!(lines.len() > 15, "{lines:?}");
    let last = SIZE.1 / 16 - u32::try_from(lines.len()).unwrap();
    guest.shows("vga-panic", &capture.screen, |seen| {
        Ok((0..=last).any(|row| reads(seen, &lines, row)))
    })?;
    guest.end()
}

/// The drivers of Linux 6.1 draw a console later, by a thread that does not run any more.
#[test]
#[ignore = "needs the newest QEMU"]
fn a_panic_leaves_a_drivers_picture_as_it_is_on_qemus_device_at_night() -> Result<()> {
    let kernel = "panic=0 norandmaps printk.time=0";
    let wish = Wish { kernel, ..Wish::new(Boot::Guest(None)) }.device(&["--size", "1280x720"]);
    let own = "virtio-vga,xres=1280,yres=720";
    let Doomed { capture, mut guest, mut judge, before, _service } =
        panics("vga-panic-virtio", &wish, own)?;
    guest.shows("vga-panic-virtio-after", &capture.screen, |seen| {
        Ok(same(&mut judge, seen)?.is_some() && *seen == before)
    })?;
    guest.end()
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
