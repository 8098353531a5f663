//! What firmware and boot loaders draw on `porthole-vga`, pixel by pixel as on QEMU's own adapter.

use porthole_guest::Pattern;
use porthole_rig::{packages, roots};
use porthole_tests::adapter::{Wish, judge};
use porthole_tests::plain::Boot;
use porthole_tests::service::configuration;
use porthole_tests::{AdapterGuest, Capture, Result, Scene, Service};

const SIZE: (u32, u32) = (1024, 600);
/// QEMU's adapter that firmware drives by the same ROM.
const JUDGE: &str = "bochs-display,xres=1024,yres=600,edid=on";

fn service() -> Result<(Service, Capture)> {
    let scene = Scene::new("main", SIZE.0, SIZE.1);
    let scene = scene.layer("ivi", (0, 0, SIZE.0, SIZE.1), Pattern::Noise, 1);
    let service = Service::start_with(&configuration(&[scene]))?;
    let capture = Capture::start(&service.socket("viewer")?, "main")?;
    Ok((service, capture))
}

/// An adapter with the ROM of the newest QEMU, which the judge has too.
fn wish(boot: Boot, model: &str) -> Result<Wish> {
    let rom = roots::qemu(roots::NEWEST)?.join("usr/share/seabios/vgabios-bochs-display.bin");
    let size = format!("{}x{}", SIZE.0, SIZE.1);
    let rom = rom.display().to_string();
    Ok(Wish::new(boot).device(&["--model", model, "--size", &size, "--rom", &rom]))
}

/// Boots something on both adapters, and waits until both show the same, which is more than nothing.
fn same(name: &str, boot: Boot, model: &str) -> Result<()> {
    same_of(name, &wish(boot, model)?)
}

fn same_of(name: &str, wish: &Wish) -> Result<()> {
    let (service, capture) = service()?;
    let mut judge = judge(service.folder(), wish, JUDGE)?;
    let mut guest = AdapterGuest::power_on(&service, "ivi", wish)?;
    let mut last = None;
    // QEMU's picture is taken anew each time: a cursor blinks in it. What stays the same for a while is
    // the firmware's last word.
    guest.shows(name, &capture.screen, |picture| {
        let own = judge.screen()?;
        let is_it = *picture == own && own.colours() > 1;
        let settled = is_it && last.as_ref() == Some(&own);
        last = Some(own);
        Ok(settled)
    })?;
    guest.end()
}

#[test]
#[ignore = "needs the newest QEMU"]
fn the_firmwares_text_is_that_of_qemus_adapter() -> Result<()> {
    same("vga-firmware", Boot::Firmware, "combined")
}

#[test]
#[ignore = "needs the newest QEMU"]
fn a_boot_loaders_menu_is_that_of_qemus_adapter() -> Result<()> {
    same("vga-menu", Boot::Menu, "combined")
}

#[test]
#[ignore = "needs the newest QEMU"]
fn each_model_shows_the_firmwares_text() -> Result<()> {
    for model in ["acrn", "vga", "bochs"] {
        same(&format!("vga-model-{model}"), Boot::Firmware, model)?;
    }
    Ok(())
}

/// UEFI firmware has a driver of its own and needs no ROM.
#[test]
#[ignore = "needs the newest QEMU and OVMF, which are downloaded"]
fn uefi_firmwares_text_is_that_of_qemus_adapter() -> Result<()> {
    let code = packages::unpacked("ovmf")?.join("usr/share/OVMF/OVMF_CODE_4M.fd");
    let mut wish = Wish::new(Boot::Firmware).device(&["--size", "1024x600", "--rom", "none"]);
    let drive = format!("if=pflash,unit=0,format=raw,readonly=on,file={}", code.display());
    wish.machine = ["-machine", "q35", "-drive", &drive].map(str::to_owned).to_vec();
    same_of("vga-uefi", &wish)
}
