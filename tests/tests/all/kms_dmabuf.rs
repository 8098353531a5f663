//! Pictures in memory of devices, of a real kernel's: its cards without hardware make some, and one of them
//! says when it has done with a picture. A newer kernel makes some of plain memory.

use porthole_rig::kms::Card;
use porthole_tests::failure::OrFail;
use porthole_tests::process::built;
use porthole_tests::{Failure, KmsGuest, Picture, Result};
use serde_json::Value;

const CONFIGURATION: &str = "version = 1\n[render]\nrenderer = \"cpu\"\n[[port]]\nname = \"main\"\n\
    size = [400, 300]\n\
    [[layer]]\nname = \"app\"\nport = \"main\"\nsocket = \"viewer\"\napp_id = \"*\"\norder = 1\n\
    rect = [40, 30, 320, 240]\n\
    [[socket]]\nname = \"viewer\"\nrights = [\"capture:main\", \"watch\"]\n";
/// In the guest.
const SOCKET: &str = "/run/porthole/viewer/wayland-0";
const LAYER: (u32, u32) = (320, 240);

/// What a viewer sees of a pattern that a program draws so, in so many frames; the program ends then, and
/// its last picture stays.
fn seen(guest: &mut KmsGuest, frames: u32, options: &str) -> Result<Picture> {
    guest.pattern_with(LAYER, frames, options)?;
    let seen = guest.capture("main")?;
    guest.sh("kill $(pidof porthole-pattern)")?;
    Ok(seen)
}

#[test]
#[ignore = "another kernel module"]
fn memory_of_devices_is_shown_when_they_have_done() -> Result<()> {
    let mut guest = KmsGuest::boot(Card::Bochs)?;
    guest.add_vgem()?;
    guest.configure(CONFIGURATION)?;
    guest.start("")?;
    let five = seen(&mut guest, 5, "")?;
    let six = seen(&mut guest, 6, "")?;
    assert!(five.difference(&six).is_some(), "a frame changes something");

    let card = "--device /dev/dri/card1";
    let device = seen(&mut guest, 5, card)?;
    assert!(device.difference(&five).is_none(), "every pixel of the device's memory");
    let [_, copied] = charged(&mut guest)?;
    assert!(copied >= u64::from(LAYER.0 * LAYER.1 * 4), "what may be taken away is copied");
    // The program itself sees to it that the frame is not shown before its fence is over.
    let fenced = seen(&mut guest, 6, &format!("{card} --fence signal"))?;
    assert!(fenced.difference(&six).is_none(), "after its fence");
    let hangs = "a picture that its device has not finished after 5s is shown as it is";
    assert!(!guest.log().contains(hangs), "{}", guest.log());
    // A device that hangs is not waited for without end.
    let late = seen(&mut guest, 5, &format!("{card} --fence never"))?;
    assert!(late.difference(&five).is_none(), "though its fence is not over");
    guest.logs(hangs, 1)?;
    assert!(guest.log().contains("socket=\"viewer\""), "{}", guest.log());
    Ok(())
}

/// How much memory the programs of the socket have, and how much was copied for them so far, in bytes.
fn charged(guest: &mut KmsGuest) -> Result<[u64; 2]> {
    let told = guest.control("guests --json")?;
    let json: Value = serde_json::from_str(&told).or_fail("read the accounts")?;
    let number = |path: &str| json.pointer(&format!("/account/0/{path}")).and_then(Value::as_u64);
    let numbers = number("memory/used").zip(number("total/copied_bytes"));
    numbers.map(Into::into).ok_or_else(|| Failure::new(told))
}

#[test]
#[ignore = "a newer kernel"]
fn plain_memory_of_devices_is_read_where_it_lies_at_night() -> Result<()> {
    let mut guest = KmsGuest::boot_newer(Card::Bochs)?;
    guest.configure(CONFIGURATION)?;
    guest.start("")?;
    let five = seen(&mut guest, 5, "")?;
    let six = seen(&mut guest, 6, "")?;

    let plain = "--device /dev/udmabuf";
    guest.pattern_with(LAYER, 5, plain)?;
    assert!(guest.capture("main")?.difference(&five).is_none(), "every pixel");
    let two = u64::from(LAYER.0 * LAYER.1 * 8);
    assert_eq!(charged(&mut guest)?, [two, 0], "two buffers, and no copy of any");
    guest.sh("kill $(pidof porthole-pattern)")?;
    assert!(seen(&mut guest, 6, plain)?.difference(&six).is_none(), "every change");
    // Its owner has given it back, the device has not.
    let away = seen(&mut guest, 5, &format!("{plain} --take-away"))?;
    assert!(away.difference(&five).is_none(), "the pages stay");

    let (pattern, (width, height)) = (built("porthole-pattern")?, LAYER);
    let pattern = format!("{} {SOCKET} {width} {height} noise 0", pattern.display());
    guest.sh(&format!("{pattern} --mistakes 2>&1"))?;
    assert!(seen(&mut guest, 6, plain)?.difference(&six).is_none(), "after all mistakes");
    Ok(())
}
