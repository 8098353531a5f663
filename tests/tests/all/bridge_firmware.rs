//! What a machine shows before it has an operating system, through `porthole-qemu`: the firmware's
//! text, its video modes, a boot loader's menu. Each picture is compared with QEMU's own.

use porthole_tests::plain::{Boot, Options, configuration};
use porthole_tests::{Capture, Picture, PlainGuest, Result, Service, Viewer};

/// The sizes of what the program on the disk draws, by its letters, and how many colours that has.
const MODES: [(char, (u32, u32), usize); 4] = [
    ('t', (720, 400), 16),
    ('g', (640, 400), 246),
    ('p', (640, 480), 16),
    ('v', (1024, 768), 786_432),
];

/// X11's keys.
const DOWN: u32 = 0xff54;
const RETURN: u32 = 0xff0d;
const ESCAPE: u32 = 0xff1b;

/// A service with one port, where a guest is shown at its own size, and a capture of the port.
pub(crate) fn start() -> Result<(Service, Capture)> {
    let service = Service::start_with(&configuration("plain"))?;
    let capture = Capture::start(&service.socket("viewer")?, "main")?;
    Ok((service, capture))
}

fn press(viewer: &Viewer, key: u32) -> Result<()> {
    viewer.key(key, true)?;
    viewer.key(key, false)
}

fn firmware(options: &Options, name: &str) -> Result<()> {
    let (service, capture) = start()?;
    let mut guest = PlainGuest::start(&service, "plain", options)?;
    guest.machine.says("SeaBIOS (version")?;
    guest.machine.says("No bootable device")?;
    let picture = guest.same_of(&format!("{name}-text"), &capture.screen, (720, 400))?;
    assert!(picture.colours() > 1, "it shows text");
    Ok(())
}

/// The firmware's menu of devices, chosen from by a viewer's keyboard, and then each of its modes.
fn modes(mut options: Options, name: &str) -> Result<()> {
    // Without a key the menu's offer ends after so many milliseconds; what is tested does not wait for it.
    options.machine.boot = ["-boot", "menu=on,splash-time=60000"].map(str::to_owned).to_vec();
    let (service, capture) = start()?;
    let server = service.vnc("main")?;
    let viewer = Viewer::connect(&server.address)?;
    let mut guest = PlainGuest::start(&service, "plain", &options)?;
    guest.machine.says("Press ESC for boot menu")?;
    guest.same_of(&format!("{name}-offer"), &capture.screen, (720, 400))?;
    press(&viewer, ESCAPE)?;
    guest.machine.says("Select boot device")?;
    guest.same_of(&format!("{name}-select"), &capture.screen, (720, 400))?;
    press(&viewer, u32::from(b'1'))?;
    guest.machine.line().wait_for("STATE up")?;
    for (letter, size, colours) in MODES {
        guest.machine.draw(letter)?;
        let step = format!("{name}-mode-{letter}");
        let picture = guest.same_of(&step, &capture.screen, size)?;
        assert_eq!(picture.colours(), colours, "{step}");
        guest.same_of(&format!("{step}-viewer"), &viewer.screen, size)?;
    }
    press(&viewer, u32::from(b'a'))?;
    guest.machine.line().wait_for("KEY 1e")?;
    // Text that scrolls, and then rests.
    guest.machine.line().say("s")?;
    guest.machine.says(" a line of a text that scrolls past")?;
    guest.machine.draw('t')?;
    guest.same_of(&format!("{name}-back"), &capture.screen, (720, 400)).map(drop)
}

/// A boot loader in text and in pictures, with a viewer's keys.
fn menu(options: &Options, name: &str) -> Result<()> {
    let (service, capture) = start()?;
    let server = service.vnc("main")?;
    let viewer = Viewer::connect(&server.address)?;
    let mut guest = PlainGuest::start(&service, "plain", options)?;
    guest.machine.says("Porthole: second entry")?;
    let before = guest.same_of(&format!("{name}-menu"), &capture.screen, (720, 400))?;
    press(&viewer, DOWN)?;
    let moved = guest.same_when(&format!("{name}-moved"), &capture.screen, |own| *own != before)?;
    assert_eq!((moved.width(), moved.height()), (720, 400));
    press(&viewer, DOWN)?;
    press(&viewer, RETURN)?;
    let drawn = |own: &Picture| (own.width(), own.height()) == (800, 600) && own.colours() > 1;
    guest.same_when(&format!("{name}-pictures"), &capture.screen, drawn).map(drop)
}

#[test]
fn the_firmwares_text_is_shown() -> Result<()> {
    firmware(&Options::new(Boot::Firmware), "bridge-firmware")
}

#[test]
fn the_boot_menu_and_every_mode_are_shown() -> Result<()> {
    modes(Options::new(Boot::Modes), "bridge-modes")
}

#[test]
fn a_boot_loaders_menu_is_shown_and_obeys_keys() -> Result<()> {
    menu(&Options::new(Boot::Menu), "bridge-menu")
}

/// Its text comes as shared memory, its other pictures as copies.
#[test]
#[ignore = "needs the newest QEMU"]
fn the_newest_qemu_shows_the_same() -> Result<()> {
    firmware(&Options::new(Boot::Firmware).newest(), "bridge-newest-firmware")?;
    modes(Options::new(Boot::Modes).newest(), "bridge-newest-modes")?;
    menu(&Options::new(Boot::Menu).newest(), "bridge-newest-menu")
}

/// A paravirtual display is a VGA until its driver comes.
#[test]
#[ignore = "other display devices"]
fn other_display_devices_show_the_same() -> Result<()> {
    for card in ["virtio-vga", "qxl-vga", "cirrus-vga"] {
        let name = format!("bridge-{card}");
        firmware(&Options::new(Boot::Firmware).card(card), &name)?;
    }
    menu(&Options::new(Boot::Menu).card("virtio-vga"), "bridge-virtio-vga-menu")?;
    modes(Options::new(Boot::Modes).card("qxl-vga"), "bridge-qxl-modes")
}
