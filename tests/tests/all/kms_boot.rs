//! From the boot's picture over the service in an initial file system, which goes, to its next run in the real
//! one: the screen never shows anything but one of their pictures.

use porthole_rig::kms::{Card, SHARED};
use porthole_tests::process::built;
use porthole_tests::wait::{GUEST, wait_until};
use porthole_tests::{KmsGuest, Picture, Result};

const CONFIGURATION: &str = "version = 1\n[render]\nrenderer = \"cpu\"\n\
     [[port]]\nname = \"main\"\nkind = \"drm\"\nconnector = \"Virtual-1\"\nbackground = \"#203040\"\n\
     [[layer]]\nname = \"app\"\nport = \"main\"\nsocket = \"viewer\"\napp_id = \"*\"\norder = 1\n\
     rect = [0, 0, 320, 240]\n\
     [[socket]]\nname = \"viewer\"\nrights = [\"capture:main\", \"layout:main\"]\n";

/// Makes an initial file system in memory, of what it takes and no more, with the real one mounted in it,
/// and goes there.
const PREPARE: &str = r#"set -e
mkdir -p /initrd; mount -t tmpfs initrd /initrd; cd /initrd
mkdir -p bin sbin dev proc sys run rig etc newroot
copy() {
    cp -L "$1" "./$2"
    echo "copied $2"
    ldd "$1" | grep -o '/[^ ]*' | while read file; do
        [ -e "./$file" ] || { mkdir -p "./${file%/*}"; cp -L "$file" "./$file"; }
    done
}
copy SHARED/porthole bin/porthole; copy /bin/sh bin/sh; copy $(command -v switch_root) sbin/switch_root
cp SHARED/porthole.toml etc/
mount --bind / newroot; mount --bind SHARED newroot/SHARED; mount --bind SHARED rig
mount --bind /dev dev; mount --bind /proc proc; mount --bind /sys sys; mount --bind /run run
mkfifo /run/go
echo prepared
exec chroot /initrd /bin/sh /rig/init
"#;

/// the shell of the initial file system.
const INIT: &str = "/bin/porthole --early --config /etc/porthole.toml --runtime-dir /run/porthole \
     --ready-fd 1 >/rig/ready 2>>/rig/log </dev/null &\n\
     read line </run/go\nexec /sbin/switch_root /newroot /bin/sh SHARED/after\n";

/// the shell of the real one.
const AFTER: &str = "ls -l /proc/*/exe | grep porthole >SHARED/early; read line </run/go\n\
     PORTHOLE --take-over --config SHARED/porthole.toml --runtime-dir /run/porthole \
     --state-dir /var/lib/porthole-early --ready-fd 1 >SHARED/ready 2>>SHARED/log </dev/null &\nwait $!\n";

/// The screen of the guest.
const SIZE: (u32, u32) = (1024, 768);

/// Leaves a picture on the screen as an early stage of a boot does, by the kernel's frame buffer.
pub(crate) fn boot_picture(guest: &mut KmsGuest) -> Result<Picture> {
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
#[ignore = "takes long"]
fn the_scene_of_an_initramfs_is_shown_without_a_gap_by_the_real_system_at_night() -> Result<()> {
    let mut guest = KmsGuest::boot(Card::Virtio(1))?;
    let boot = boot_picture(&mut guest)?;
    let porthole = built("porthole")?;
    // It would choose the same.
    let chosen = guest.sh(&format!("{} --no-config --print-config 2>&1", porthole.display()))?;
    let why = "is wanted: Virtual-1 of /dev/dri/card0 is shown on, as no Wayland session";
    assert!(chosen.contains(why) && chosen.contains("kind = \"drm\""), "{chosen}");
    assert!(chosen.contains("\n[seat]\n"), "{chosen}");
    guest.configure(CONFIGURATION)?;
    // What a distribution installs has no symbols either.
    let stripped = guest.folder().join("porthole");
    let strip =
        std::process::Command::new("strip").arg("-o").arg(&stripped).arg(&porthole).status()?;
    assert!(strip.success(), "{strip}");
    for (name, text) in [("prepare", PREPARE), ("init", INIT), ("after", AFTER)] {
        let text =
            text.replace("SHARED", SHARED).replace("PORTHOLE", &porthole.display().to_string());
        std::fs::write(guest.folder().join(name), text)?;
    }
    guest.sh(&format!("(unshare --mount sh {SHARED}/prepare >{SHARED}/said 2>&1 </dev/null &)"))?;
    // To copy takes longer than all else, and shows nothing.
    for step in ["copied bin/porthole", "copied bin/sh", "copied sbin/switch_root", "prepared"] {
        wait_until(step, GUEST, || {
            let said = std::fs::read_to_string(guest.folder().join("said"))?;
            Ok(said.contains(step).then_some(()))
        })?;
    }
    guest.only_shows("kms-boot-frame", &[&boot], ("INFO ready", 1))?;
    // What a controller changes in the first stage is there in the second one too.
    guest.control("set app rect=64,48,320,240")?;
    guest.pattern((320, 240), 2)?;
    let early = guest.same("kms-early", "main", 0)?;

    guest.sh("echo >/run/go")?;
    wait_until("the new root", GUEST, || {
        let file = guest.folder().join("early");
        Ok(std::fs::read_to_string(file).is_ok_and(|text| text.contains("deleted")).then_some(()))
    })?;
    guest.shows("kms-early-switched", 0, &early)?;
    // The real system's udev has the kernel tell of every device once more.
    guest.sh("echo change >/sys/class/drm/card0/uevent")?;
    guest.sh("echo >/run/go")?;
    // Programs of the first stage end with it, and the splash takes their place.
    guest.only_shows("kms-early-frame", &[&early], ("INFO ready", 2))?;
    guest.pattern((320, 240), 2)?;
    guest.shows("kms-early-end", 0, &early)?;
    let log = guest.log();
    assert!(log.contains("another run takes over") && log.contains("going on as before"), "{log}");
    assert_eq!(log.matches("a screen is taken over as it is").count(), 2, "{log}");
    assert!(!log.contains("has no screen any more"), "{log}");
    // Libraries of an initial file system say what they miss.
    assert!(!log.contains("Z ERROR") && !log.contains("sets the mode once more"), "{log}");
    Ok(())
}
