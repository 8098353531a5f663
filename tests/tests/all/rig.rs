//! The rig itself: the guest's program on QEMU's own devices, judged by QEMU. What fails here is no
//! fault of Porthole.

use std::process::Stdio;

use porthole_guest::Pattern;
use porthole_guest::commands::Command as Order;
use porthole_guest::pattern::Area;
use porthole_rig::Qemu;
use porthole_rig::qemu::Machine;
use porthole_tests::guest::image;
use porthole_tests::line::Line;
use porthole_tests::qmp::Qmp;
use porthole_tests::wait::{SHORT, wait_until};
use porthole_tests::{Failure, Picture, Process, Result};

/// A guest with QEMU's own virtio-gpu and keyboard.
struct Plain {
    line: Line,
    qmp: Qmp,
    qemu: Process,
    folder: tempfile::TempDir,
}

impl Plain {
    fn boot(qemu: &Qemu) -> Result<Plain> {
        let folder = tempfile::tempdir()?;
        let mut machine = Machine::new(folder.path());
        machine.qmp = Some(folder.path().join("qmp.sock"));
        machine.draw = Some("0:bars:1".to_owned());
        let devices = ["virtio-gpu-pci,xres=1280,yres=720", "virtio-keyboard-pci"];
        for device in devices {
            machine.options.extend(["-device".to_owned(), device.to_owned()]);
        }
        let mut command = qemu.boot(image()?, &machine);
        let mut qemu = Process::start("qemu", folder.path(), command.stdout(Stdio::null()))?;
        let mut line = Line::connect(&machine.control, &mut qemu)?;
        let qmp = Qmp::connect(&folder.path().join("qmp.sock"))?;
        line.wait_for("STATE drawn")?;
        Ok(Plain { line, qmp, qemu, folder })
    }

    /// QEMU draws its picture some time after the guest's flush, hence the wait.
    fn expect(&mut self, name: &str, expected: &Picture) -> Result<()> {
        let mut last = None;
        let seen = wait_until(name, SHORT, || {
            let picture = self.qmp.screen(self.folder.path())?;
            let same = picture.difference(expected).is_none();
            last = Some(picture);
            Ok(same.then_some(()))
        });
        match (seen, last) {
            (Err(error), Some(last)) => {
                let folder = last.write_comparison(expected, name)?;
                Err(Failure::new(format!("{error}, see {}", folder.display())))
            }
            (seen, _) => seen,
        }
    }
}

fn draws_what_it_says(qemu: &Qemu) -> Result<()> {
    let mut guest = Plain::boot(qemu)?;
    let (head, size) = (0, (1280, 720));
    let mut expected = Picture::new(size.0, size.1, [0; 3]);
    expected.draw(Pattern::Bars, 1, (0, 0), size);
    guest.expect("rig-start", &expected)?;

    let (pattern, seed) = (Pattern::Noise, 3);
    let area = Area { x: 100, y: 50, width: 333, height: 77 };
    guest.line.order(&Order::Draw { head, pattern, seed, area: Some(area) })?;
    for y in area.y..area.y + area.height {
        for x in area.x..area.x + area.width {
            expected.set(x, y, pattern.rgb(seed, size.0, size.1, x, y));
        }
    }
    guest.expect("rig-part", &expected)?;

    guest.line.order(&Order::Flip { head, pattern: Pattern::Checker, seed: 5, count: 4 })?;
    expected.draw(Pattern::Checker, 8, (0, 0), size);
    guest.expect("rig-flip", &expected)?;

    guest.line.order(&Order::Mode { head, width: 800, height: 600 })?;
    guest.line.order(&Order::Draw { head, pattern: Pattern::Gradient, seed: 9, area: None })?;
    let mut smaller = Picture::new(800, 600, [0; 3]);
    smaller.draw(Pattern::Gradient, 9, (0, 0), (800, 600));
    guest.expect("rig-mode", &smaller)?;

    guest.line.order(&Order::Framebuffer { pattern: Pattern::Infotainment, seed: 2 })?;
    expected.draw(Pattern::Infotainment, 2, (0, 0), size);
    guest.expect("rig-fbdev", &expected)?;

    guest.qmp.key("a", true)?;
    guest.line.wait_event(1, 30, 1)?;
    guest.qmp.key("a", false)?;
    guest.line.wait_event(1, 30, 0)?;
    let told = guest.line.order(&Order::Shell("echo $((6 * 7))".to_owned()))?;
    assert_eq!(told, ["42"]);
    guest.line.order(&Order::PowerOff)?;
    assert!(guest.qemu.wait_end(SHORT)?.success());
    Ok(())
}

#[test]
fn guest_draws_what_it_says_on_the_installed_qemu() -> Result<()> {
    draws_what_it_says(&Qemu::installed()?)
}

#[test]
#[ignore = "other QEMUs"]
fn guest_draws_what_it_says_on_trixies_qemu() -> Result<()> {
    draws_what_it_says(&Qemu::of_release("trixie")?)
}

#[test]
#[ignore = "other QEMUs"]
fn guest_draws_what_it_says_on_the_newest_qemu() -> Result<()> {
    draws_what_it_says(&Qemu::of_release("sid")?)
}
