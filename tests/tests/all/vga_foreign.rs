//! Guests that are not Linux on `porthole-vga`: a program of our own that a BIOS boots from a disk, and iPXE.

use std::time::{Duration, Instant};

use porthole_guest::Pattern;
use porthole_rig::program::{PICTURES, Picture as Known};
use porthole_rig::{packages, roots};
use porthole_tests::adapter::{Wish, judge};
use porthole_tests::plain::{Boot, configuration, on_port};
use porthole_tests::wait::{GUEST, wait_until};
use porthole_tests::{AdapterGuest, Capture, Picture, Result, Scene, Service, Viewer};

const SIZE: (u32, u32) = (1024, 768);
/// QEMU's adapter that firmware drives by the same ROM.
const JUDGE: &str = "bochs-display,xres=1024,yres=768,edid=on";

fn start(wish: &Wish) -> Result<(Service, Capture, AdapterGuest)> {
    let scene = Scene::new("main", SIZE.0, SIZE.1);
    let service = Service::start(&[scene.layer("ivi", (0, 0, SIZE.0, SIZE.1), Pattern::Noise, 1)])?;
    let capture = Capture::start(&service.socket("viewer")?, "main")?;
    let guest = AdapterGuest::power_on(&service, "ivi", wish)?;
    Ok((service, capture, guest))
}

/// With the ROM of the newest QEMU, which the judge has too.
fn wish(boot: Boot) -> Result<Wish> {
    let rom = roots::qemu(roots::NEWEST)?.join("usr/share/seabios/vgabios-bochs-display.bin");
    Ok(Wish::new(boot).device(&["--size", "1024x768", "--rom", &rom.display().to_string()]))
}

#[test]
#[ignore = "needs the newest QEMU"]
fn a_program_that_is_not_linux_draws_through_the_bios() -> Result<()> {
    let wish = wish(Boot::Program)?;
    let (service, capture, mut guest) = start(&wish)?;
    let mut judge = judge(service.folder(), &wish, JUDGE)?;
    for machine in [&mut guest.machine, &mut judge] {
        machine.line().wait_for("up")?;
    }
    for name in ['t', 'v', 'h'] {
        for machine in [&mut guest.machine, &mut judge] {
            machine.ask(name, &format!("drawn {name}"))?;
        }
        let known = PICTURES.iter().find(|known| known.name == name && is_whole(known));
        guest.shows(&format!("vga-program-{name}"), &capture.screen, |seen| {
            let is_it = known.is_none_or(|known| *seen == picture_of(known));
            Ok(is_it && *seen == judge.screen()? && !seen.is_of_one_colour())
        })?;
    }
    guest.end()
}

/// Whether a state of the program fills the screen: the BIOS shows smaller ones with lines of the screen's
/// length, and the program knows nothing of that.
fn is_whole(known: &Known) -> bool {
    (known.width, known.height) == SIZE
}

fn picture_of(known: &Known) -> Picture {
    let mut picture = Picture::new(known.width, known.height, [0; 3]);
    for (x, y) in (0..known.height).flat_map(|y| (0..known.width).map(move |x| (x, y))) {
        let [_, red, green, blue] = known.pixel(x, y).to_be_bytes();
        picture.set(x, y, [red, green, blue]);
    }
    picture
}

/// It has no driver for any device of ours: what is typed goes by QEMU's monitor to the machine's own
/// keyboard.
#[test]
#[ignore = "needs the newest QEMU"]
fn who_has_no_driver_is_typed_at_by_the_monitor() -> Result<()> {
    let wish = Wish { monitor: true, input: true, ..wish(Boot::Program)? };
    let (service, capture, mut guest) = start(&wish)?;
    let server = service.vnc("main")?;
    let viewer = Viewer::connect(&server.address)?;
    guest.machine.line().wait_for("up")?;
    // Keys go to who is shown.
    guest.shows("vga-typed-at", &capture.screen, |seen| Ok(seen.colours() > 1))?;
    for (keysym, told) in [('a', "key 1e61"), ('7', "key 0837")] {
        guest.machine.line().say("k")?;
        viewer.key(u32::from(keysym), true)?;
        viewer.key(u32::from(keysym), false)?;
        guest.machine.line().wait_for(told)?;
    }
    guest.end()
}

#[test]
#[ignore = "needs the newest QEMU and iPXE, which are downloaded"]
fn ipxe_is_shown_as_on_qemus_adapter() -> Result<()> {
    let kernel = packages::unpacked("ipxe")?.join("boot/ipxe.lkrn");
    let wish = wish(Boot::Kernel(kernel))?;
    let (service, capture, mut guest) = start(&wish)?;
    let mut judge = judge(service.folder(), &wish, JUDGE)?;
    // Without a network it gives up, and the BIOS says so in the eighteenth line.
    let last = |seen: &Picture| (0..100).any(|x| seen.pixel(x, 279) != seen.pixel(900, 279));
    guest.shows("vga-ipxe", &capture.screen, |seen| Ok(last(seen) && *seen == judge.screen()?))?;
    guest.end()
}

/// A program that UEFI firmware starts and that goes on without it. It draws nothing until it knows its
/// machine, which takes it most of a minute in an emulated one; until then the screen is black, on QEMU's
/// device as well.
#[test]
#[ignore = "needs the newest QEMU, OVMF and memtest86+, which are downloaded"]
fn memtest86_is_shown_as_on_qemus_adapter_at_night() -> Result<()> {
    let code = packages::unpacked("ovmf")?.join("usr/share/OVMF/OVMF_CODE_4M.fd");
    let kernel = packages::unpacked("memtest86+")?.join("boot/memtest86+x64.efi");
    let mut wish = Wish::new(Boot::Kernel(kernel)).device(&["--size", "1024x768", "--rom", "none"]);
    let drive = format!("if=pflash,unit=0,format=raw,readonly=on,file={}", code.display());
    let line = "nobench nosm nosmp keyboard=legacy";
    wish.machine = ["-machine", "q35", "-drive", &drive, "-append", line].map(str::to_owned).into();
    let service = Service::start_with(&configuration("ivi"))?;
    let capture = Capture::start(&service.socket("viewer")?, "main")?;
    let mut guest = AdapterGuest::power_on(&service, "ivi", &wish)?;
    let mut judge = judge(service.folder(), &wish, JUDGE)?;
    // Each key leads into a menu, in the last of which it does nothing more; nothing moves there.
    let mut pressed = Instant::now();
    let seen = wait_until("memtest86+'s menu", 5 * GUEST, || {
        guest.device.must_run()?;
        if pressed.elapsed() > Duration::from_secs(2) {
            pressed = Instant::now();
            for machine in [&mut guest.machine, &mut judge] {
                machine.qmp.key("f1", true)?;
                machine.qmp.key("f1", false)?;
            }
        }
        let own = judge.screen()?;
        let Some(seen) = capture.screen.picture() else { return Ok(None) };
        // Black on the menu's right edge, blue below: and how fast the machine is, in the corner, differs.
        let menu = own.pixel(460, 300) == Some([0; 3]) && own.pixel(320, 400) == Some([0, 0, 170]);
        let parts = [((168, 88), (472, 392)), ((0, 136), (640, 344))];
        let expected = on_port(&own);
        let same =
            parts.iter().all(|(at, size)| seen.crop(*at, *size) == expected.crop(*at, *size));
        Ok((menu && same).then_some(seen))
    })?;
    assert!(seen.colours() > 3, "{seen:?}");
    guest.end()
}
