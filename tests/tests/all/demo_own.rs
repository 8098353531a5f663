//! A guest of the user's own, as `cargo xtask demo` shows it.

use std::process::Command;

use porthole_rig::disks;
use porthole_tests::failure::OrFail;
use porthole_tests::process::built;
use porthole_tests::wait::{GUEST, wait_until};
use porthole_tests::{Failure, Picture, Result};

/// Whether a boot loader's menu of 720 x 400 is on the port: a line that is marked, and nothing below.
fn is_menu(picture: &Picture) -> bool {
    let grey = |pixel: [u8; 3]| pixel.iter().all(|part| (0x90..0xc0).contains(part));
    let marked = (500..1100).step_by(100).filter_map(|x| picture.pixel(x, 144)).all(grey);
    marked && picture.pixel(1000, 400) == Some([0; 3])
}

#[test]
#[ignore = "a machine's boot, looked at as a person would"]
fn a_disk_of_ones_own_is_shown_at_night() -> Result<()> {
    let disk = disks::menu().map_err(|error| Failure::new(error.to_string()))?;
    let folder = tempfile::tempdir()?;
    wait_until("the menu", GUEST, || {
        let mut demo = Command::new(built("porthole-demo")?);
        demo.args(["--after", "15", "--no-network", "--once"]).arg(folder.path());
        let demo = demo.arg("--disk").arg(&disk).output().or_fail("run the demo")?;
        let said = String::from_utf8_lossy(&demo.stderr);
        assert!(demo.status.success(), "{said}");
        let picture = Picture::read(&folder.path().join("screen.png"))?;
        assert_eq!((picture.width(), picture.height()), (1280, 800));
        Ok(is_menu(&picture).then_some(()))
    })?;
    let report = std::fs::read_to_string(folder.path().join("report.json"))?;
    let report: serde_json::Value = serde_json::from_str(&report).or_fail("read the report")?;
    assert_eq!(report.get("guest"), Some(&serde_json::json!("menu")), "{report}");
    Ok(())
}
