//! A real VGA BIOS on our device, and on QEMU's.

use porthole_firmware::sectors::SECTORS;
use porthole_firmware::{Check, Peer, program, sweep};
use porthole_rig::cache;

/// What there is to compare, at least: a BIOS of another release may have a mode more or less.
const CHECKS: usize = 200;
/// The first release whose pictures are ours to the last pixel.
const EXACT: u32 = 11;

fn compare(release: Option<&str>) {
    let peer = Peer::of(release).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let checks = sweep(&peer, folder.path()).unwrap();
    let failed: Vec<String> = checks
        .iter()
        .filter_map(|Check { name, result, .. }| {
            result.as_ref().err().map(|why| format!("{name}: {why}"))
        })
        .collect();
    assert!(failed.is_empty(), "{} of {}:\n{}", failed.len(), checks.len(), failed.join("\n"));
    assert!(checks.len() > CHECKS, "{}", checks.len());
    let accesses: usize = checks.iter().map(|check| check.accesses).sum();
    assert!(accesses > 100_000, "{accesses} accesses");
    let pictures = checks.iter().filter(|check| check.picture.is_some()).count();
    assert!(pictures > 150 || peer.release < EXACT, "{pictures} pictures");
}

#[test]
fn a_vga_bios_finds_the_vga_that_qemu_has() {
    compare(None);
}

#[test]
#[ignore = "needs QEMU 11, which is downloaded"]
fn the_newest_vga_bios_shows_what_the_newest_qemu_shows() {
    compare(Some("sid"));
}

#[test]
fn boot_sectors_draw_on_our_vga_what_they_drew_on_qemus() {
    let peer = Peer::of(None).unwrap();
    let rom = std::fs::read(&peer.rom).unwrap();
    let folder = cache::workspace().join("target/test-pictures/boot-sectors");
    let failed: Vec<String> = SECTORS
        .iter()
        .filter_map(|sector| Some(format!("{}: {}", sector.name, sector.run(&rom, &folder).err()?)))
        .collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn a_program_that_is_not_linux_draws_in_every_kind_of_mode() {
    let folder = tempfile::tempdir().unwrap();
    program::run(&Peer::of(None).unwrap(), folder.path()).unwrap();
}
