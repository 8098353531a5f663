//! What is on a screen before, between and after runs of the service, by pictures of it taken without a pause.

use porthole_rig::kms::{Card, SHARED};
use porthole_tests::{KmsGuest, Picture, Result};

/// The screen of the guest.
const SIZE: (u32, u32) = (1024, 768);

/// Leaves a picture on the screen as an early stage of a boot does, by the kernel's frame buffer.
fn boot_picture(guest: &mut KmsGuest) -> Result<Picture> {
    let bytes: Vec<u8> = (0..SIZE.0 * SIZE.1)
        .flat_map(|i| (i.wrapping_mul(2_654_435_761) | 0xff00_0000).to_le_bytes())
        .collect();
    std::fs::write(guest.folder().join("boot"), &bytes)?;
    // In one piece: some kernels lose parts of many small ones.
    let length = bytes.len();
    guest.sh(&format!(
        "dd if={SHARED}/boot of=/dev/fb0 bs={length} iflag=fullblock 2>/dev/null; \
         echo 0,0 >/sys/class/graphics/fb0/pan"
    ))?;
    let mut picture = Picture::new(SIZE.0, SIZE.1, [0; 3]);
    picture.put_bgrx((0, 0), SIZE.0, &bytes);
    guest.shows("kms-boot", 0, &picture)?;
    Ok(picture)
}

#[test]
#[ignore = "another boot"]
fn from_the_boots_picture_to_the_splash_nothing_else_is_seen() -> Result<()> {
    let mut guest = KmsGuest::boot(Card::Virtio(1))?;
    let boot = boot_picture(&mut guest)?;
    guest.begin("exec", "--no-config")?;
    let seen = guest.only_shows("kms-boot-frame", &[&boot], ("INFO ready", 1))?;
    assert!(seen > 3, "{seen} pictures of the screen");
    guest.is_ready()?;
    guest.same("kms-boot-splash", "main", 0)?;
    let log = guest.log();
    let chosen =
        "no configuration is wanted: Virtual-1 of /dev/dri/card0 is shown on, as no Wayland";
    assert!(log.contains(chosen), "{log}");
    assert!(log.contains("a screen is taken over as it is"), "{log}");
    assert!(!log.contains("ERROR") && !log.contains("sets the mode once more"), "{log}");
    Ok(())
}
