//! Very many keyboards, and as many cards as a machine has slots for.

use porthole_rig::kms::Card;
use porthole_tests::wait::{GUEST, wait_until};
use porthole_tests::{KmsGuest, Result};

/// How many the service uses; the guest has two more.
const MOST: usize = 64;

/// As many keyboards, eight to a slot. The guest has one already, and a tablet.
fn keyboards() -> Vec<String> {
    let device = |i: usize| {
        let (slot, function) = (0x10 + i / 8, i % 8);
        format!("virtio-keyboard-pci,multifunction=on,addr={slot:#x}.{function}")
    };
    (0..MOST).map(device).collect()
}

#[test]
#[ignore = "boots a guest with very many devices"]
fn sixty_four_devices_are_used_and_others_wait_at_night() -> Result<()> {
    let devices = keyboards();
    let devices: Vec<&str> = devices.iter().map(String::as_str).collect();
    let mut guest = KmsGuest::boot_with(Card::Virtio(1), &devices)?;
    guest.configure(
        "version = 1\n[render]\nrenderer = \"cpu\"\n[seat]\n\
         [[port]]\nname = \"main\"\nkind = \"drm\"\nconnector = \"Virtual-1\"\n\
         [[socket]]\nname = \"viewer\"\nrights = [\"capture:main\"]\n",
    )?;
    guest.start("")?;
    guest.logs("a device is used", MOST)?;
    guest.logs("64 devices are used already", 1)?;
    let log = guest.log();
    assert_eq!(log.matches("a device is used").count(), MOST, "{log}");
    guest.same("kms-devices", "main", 0)?;

    // When one goes, another one takes its place.
    let used =
        log.lines().find_map(|line| line.split_once("path=/dev/input/")?.1.split(' ').next());
    let sys = format!("/sys/class/input/{}/device/device", used.unwrap_or_default());
    guest.sh(&format!(
        "basename $(readlink -f {sys}) >/sys/bus/virtio/drivers/virtio_input/unbind"
    ))?;
    guest.logs("a device is not used any more", 1)?;
    guest.logs("a device is used", MOST + 1)?;
    assert!(!guest.log().contains("ERROR"), "{}", guest.log());
    Ok(())
}

/// QEMU's name of the second card. The third one, vkms, has a screen that nobody sees.
const SECOND: &str = "second";
const CARD: &str = "bochs-display,id=second,edid=on,xres=640,yres=480";

fn port(name: &str, connector: &str, colour: &str) -> String {
    format!(
        "[[port]]\nname = \"{name}\"\nkind = \"drm\"\nconnector = \"{connector}\"\nbackground = \"{colour}\"\n"
    )
}

#[test]
#[ignore = "downloads the kernel's source and builds a driver"]
fn three_cards_of_three_drivers_show_their_ports_at_night() -> Result<()> {
    let mut guest = KmsGuest::boot_with_cards(Card::Virtio(1), &[CARD])?;
    guest.add_vkms()?;
    let ports = [
        port("main", "Virtual-1", "#302010"),
        port("side", "Virtual-2", "#102030"),
        port("unseen", "Virtual-3", "#203010"),
    ];
    guest.configure(&format!(
        "version = 1\n[render]\nrenderer = \"cpu\"\n{}\
         [[layer]]\nname = \"app\"\nport = \"unseen\"\nsocket = \"viewer\"\napp_id = \"*\"\norder = 1\n\
         rect = [40, 30, 320, 240]\n\
         [[socket]]\nname = \"viewer\"\n\
         rights = [\"capture:main\", \"capture:side\", \"capture:unseen\"]\n",
        ports.concat()
    ))?;
    guest.start("")?;
    guest.logs("a screen is taken over", 3)?;
    let main = guest.same("kms-three-main", "main", 0)?;
    let side = guest.same_on("kms-three-side", "side", SECOND)?;
    assert!(main.difference(&side).is_some());
    guest.pattern((320, 240), 3)?;
    assert!(guest.counted("unseen")?["screen_bytes"].as_u64() > Some(0));

    // One goes while the others show on.
    guest.sh(
        "basename $(readlink -f /sys/class/drm/card1/device) >/sys/bus/pci/drivers/bochs-drm/unbind",
    )?;
    guest.logs("/dev/dri/card1 is gone", 1)?;
    let before = guest.counted("unseen")?["frames"].as_u64();
    guest.sh("kill $(pidof porthole-pattern)")?;
    guest.pattern((320, 240), 2)?;
    wait_until("frames of the third card", GUEST, || {
        Ok((guest.counted("unseen")?["frames"].as_u64() > before).then_some(()))
    })?;
    guest.shows("kms-three-still", 0, &main)?;
    assert!(!guest.log().contains("ERROR"), "{}", guest.log());
    Ok(())
}
