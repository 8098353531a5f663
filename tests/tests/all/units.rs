//! The units that come with Porthole: systemd understands every word, and finds little that they leave
//! open.

use std::fs;
use std::path::Path;
use std::process::Command;

use porthole_rig::cache;
use porthole_tests::failure::OrFail;
use porthole_tests::{Failure, Result};

/// Units as they are named with an instance, and the most exposure that they may have in tenths, by
/// `systemd-analyze security`: from 0 for none to 100. Newer releases look at more.
const UNITS: [(&str, &str, Option<u32>); 9] = [
    ("porthole.service", "porthole.service", Some(20)),
    ("porthole-early.service", "porthole-early.service", None),
    ("porthole-gpu@.service", "porthole-gpu@ivi.service", Some(12)),
    ("porthole-gpu@.socket", "porthole-gpu@ivi.socket", None),
    ("porthole-vga@.service", "porthole-vga@ivi.service", Some(12)),
    ("porthole-vga@.socket", "porthole-vga@ivi.socket", None),
    ("porthole-qemu@.service", "porthole-qemu@ivi.service", Some(12)),
    ("porthole-vnc@.service", "porthole-vnc@main.service", Some(20)),
    ("porthole-rfb@.service", "porthole-rfb@old.service", Some(22)),
];

/// Copies the units into a folder, with the programs that were built.
fn copy_units(folder: &Path) -> Result<()> {
    let programs = cache::target().join("debug");
    let programs = format!("{}/", programs.display());
    for (file, instance, _) in UNITS {
        let source = cache::workspace().join("data/systemd").join(file);
        let text = fs::read_to_string(&source).or_fail("read a unit")?;
        fs::write(folder.join(instance), text.replace("/usr/bin/", &programs))?;
    }
    Ok(())
}

fn analyze(arguments: &[&str], folder: &Path) -> Result<String> {
    let mut command = Command::new("systemd-analyze");
    let output = command.args(arguments).current_dir(folder).output();
    let output = output.or_fail("run systemd-analyze (package systemd)")?;
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    if output.status.success() {
        return Ok(said);
    }
    Err(Failure::new(format!("systemd-analyze {}: {said}", arguments.join(" "))))
}

#[test]
fn systemd_understands_the_units() -> Result<()> {
    let folder = tempfile::tempdir()?;
    copy_units(folder.path())?;
    for (_, instance, _) in UNITS {
        let said = analyze(&["verify", "--man=no", &format!("./{instance}")], folder.path())?;
        // Words that it does not know are only warnings.
        let ours: Vec<_> = said.lines().filter(|line| line.contains("porthole")).collect();
        assert!(ours.is_empty(), "{ours:#?}");
    }
    Ok(())
}

#[test]
fn the_units_leave_little_open() -> Result<()> {
    let folder = tempfile::tempdir()?;
    copy_units(folder.path())?;
    for (_, instance, exposure) in UNITS {
        let Some(most) = exposure else { continue };
        let (most, unit) = (format!("--threshold={most}"), format!("./{instance}"));
        let said =
            analyze(&["security", "--offline=true", "--no-pager", &most, &unit], folder.path())?;
        assert!(said.contains("Overall exposure level"), "{said}");
    }
    Ok(())
}
