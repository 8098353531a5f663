//! Devices that are plugged in and out where no udev runs, and a configuration that wants devices or does not.
//! The service runs in a guest, and QEMU plugs.

use porthole_rig::kms::{CARD, Card};
use porthole_tests::{KmsGuest, Result};
use serde_json::{Value, json};

use crate::kms_input::{guest, key};

/// Where devices are plugged in; q35's own bus takes none later.
const SLOTS: [&str; 2] = ["pcie-root-port,id=slot1,chassis=1", "pcie-root-port,id=slot2,chassis=2"];
/// What is plugged in is told apart from the first keyboard and tablet by a head of the card.
const HEAD: Option<(&str, u32)> = Some((CARD, 1));

fn configuration(devices: &str) -> String {
    format!(
        "version = 1\n[render]\nrenderer = \"cpu\"\n[[port]]\nname = \"main\"\nkind = \"drm\"\n\
         connector = \"Virtual-1\"\nrotation = 180\n{}{}{devices}",
        guest("left", 1),
        guest("right", 501),
    )
}

fn moved(x: i32, y: i32) -> Value {
    let at = |axis: &str, value: i32, all: i32| json!({"type": "abs", "data": {"axis": axis, "value": (value * 2 + 1) * 0x7fff / (2 * all)}});
    json!([at("x", x, 1024), at("y", y, 768)])
}

fn plug(guest: &mut KmsGuest, device: &str, slot: &str) -> Result<()> {
    let arguments = json!({"driver": device, "id": format!("in-{slot}"), "bus": slot, "display": CARD, "head": 1});
    guest.qmp.execute("device_add", arguments).map(drop)
}

#[test]
#[ignore = "takes long"]
fn devices_come_and_go_with_cables_and_configurations_at_night() -> Result<()> {
    let mut guest = KmsGuest::boot_with(Card::Virtio(2), &SLOTS)?;
    guest.sh("mkdir -p /run/udev/data")?;
    guest.configure(&configuration(""))?;
    guest.start("")?;
    assert!(!guest.log().contains("a device is used"), "{}", guest.log());

    // Wanted by a reload, and each where it says; the second one only where the rule is for it.
    let rules = "[seat]\n[[device]]\nproperty = \"ID_INPUT_KEYBOARD\"\nmodel = \"QEMU*\"\nguest = \"left\"\n";
    guest.configure(&configuration(rules))?;
    guest.signal("HUP")?;
    guest.logs("a device is used", 2)?;
    guest.listener("heard-left", "left", "porthole.scanout.0")?;
    guest.listener("heard-right", "right", "porthole.scanout.0")?;
    guest.qmp.input(None, &key("a", true))?;
    guest.qmp.input(None, &key("a", false))?;
    guest.hears("heard-left", "key 30 released")?;
    // What is seen where the device points is what it points at, whichever way the port is turned.
    guest.qmp.input(None, &moved(1023 - 511, 767 - 120))?;
    guest.hears("heard-right", "pointer enter 10.5 20.5")?;

    // A keyboard comes, and is pulled out while a key is held.
    plug(&mut guest, "virtio-keyboard-pci", "slot1")?;
    guest.logs("a device is used", 3)?;
    guest.qmp.input(HEAD, &key("b", true))?;
    guest.hears("heard-left", "key 48 pressed")?;
    guest.qmp.execute("device_del", json!({"id": "in-slot1"}))?;
    guest.hears("heard-left", "key 48 released")?;
    guest.logs("a device is not used any more", 1)?;

    // Another kind of device gets its file.
    plug(&mut guest, "virtio-tablet-pci", "slot2")?;
    guest.logs("a device is used", 4)?;
    guest.qmp.input(HEAD, &moved(1023 - 521, 767 - 130))?;
    guest.hears("heard-right", "pointer motion 20.5 30.5")?;
    let last =
        guest.log().lines().rfind(|line| line.contains("a device is used")).map(str::to_owned);
    let last = last.unwrap_or_default();
    assert!(last.contains("event2") && last.contains("kinds=[Pointer]"), "{last}");

    // Wanted no more, and then again.
    guest.configure(&configuration(""))?;
    guest.signal("HUP")?;
    guest.logs("a device is not used any more", 4)?;
    guest.qmp.input(None, &key("c", true))?;
    guest.qmp.input(None, &key("c", false))?;
    guest.configure(&configuration("[seat]\n"))?;
    guest.signal("HUP")?;
    guest.logs("a device is used", 7)?;
    guest.qmp.input(None, &key("d", true))?;
    guest.hears("heard-left", "key 32 pressed")?;
    let heard = guest.heard("heard-left");
    assert!(!heard.iter().any(|line| line.starts_with("key 46")), "{heard:?}");
    assert!(!guest.log().contains("ERROR"), "{}", guest.log());
    Ok(())
}
