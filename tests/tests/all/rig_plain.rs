//! Guests on QEMU's own devices without anything of Porthole, judged by QEMU: what fails here is no
//! fault of Porthole.

use porthole_guest::Pattern;
use porthole_guest::commands::Command as Order;
use porthole_tests::plain::{Boot, Machine, Options};
use porthole_tests::wait::{GUEST, wait_until};
use porthole_tests::{Picture, Result};

fn on(boot: Boot) -> Result<(tempfile::TempDir, Machine)> {
    let folder = tempfile::tempdir()?;
    let machine = Machine::power_on(folder.path(), &Options::new(boot))?;
    Ok((folder, machine))
}

/// What the screen shows once it has a size.
fn screen(machine: &mut Machine, size: (u32, u32)) -> Result<Picture> {
    wait_until("the picture's size", GUEST, || {
        let picture = machine.screen()?;
        Ok(((picture.width(), picture.height()) == size).then_some(picture))
    })
}

#[test]
fn a_program_draws_in_the_firmwares_modes() -> Result<()> {
    let (_folder, mut machine) = on(Boot::Modes)?;
    machine.line().wait_for("STATE up")?;
    // Number of colours: of the text, of the sum of two positions, of the planes, of all pixels.
    let modes = [
        ('t', (720, 400), 16),
        ('g', (640, 400), 246),
        ('p', (640, 480), 16),
        ('v', (1024, 768), 786_432),
    ];
    for (letter, size, colours) in modes {
        machine.draw(letter)?;
        assert_eq!(screen(&mut machine, size)?.colours(), colours, "mode {letter}");
    }
    machine.qmp.key("a", true)?;
    machine.line().wait_for("KEY 1e")?;
    machine.line().say("s")?;
    machine.says(" a line of a text that scrolls past")?;
    machine.draw('t')
}

#[test]
fn a_boot_loaders_menu_waits_for_a_key() -> Result<()> {
    let (_folder, mut machine) = on(Boot::Menu)?;
    machine.says("Porthole: second entry")?;
    screen(&mut machine, (720, 400))?;
    for name in ["down", "ret"] {
        machine.qmp.key(name, true)?;
        machine.qmp.key(name, false)?;
    }
    machine.says("the second entry was chosen")
}

#[test]
#[ignore = "what the tests of the bridge begin with"]
fn the_test_guest_draws_on_a_standard_vga() -> Result<()> {
    let (_folder, mut machine) = on(Boot::Guest(None))?;
    machine.line().wait_for("STATE up")?;
    let (head, pattern, seed) = (0, Pattern::Noise, 7);
    machine.order(&Order::Draw { head, pattern, seed, area: None })?;
    let mut expected = Picture::new(1280, 800, [0; 3]);
    expected.draw(pattern, seed, (0, 0), (1280, 800));
    wait_until("the pattern", GUEST, || Ok((machine.screen()? == expected).then_some(())))?;
    machine.line().wait_for("INPUT ImExPS/2_Generic_Explorer_Mouse").map(drop)
}

#[test]
#[ignore = "what the tests of the bridge begin with"]
fn the_test_guest_has_a_console_on_the_firmwares_framebuffer() -> Result<()> {
    let (_folder, mut machine) = on(Boot::Vesa)?;
    machine.line().wait_for("STATE up")?;
    machine.order(&Order::Shell("echo A text console > /dev/tty1".to_owned()))?;
    wait_until("the text", GUEST, || {
        let own = screen(&mut machine, (800, 600))?;
        Ok((own.colours() > 1).then_some(()))
    })
}
