//! Pictures in memory of devices, of a real kernel's: its cards without hardware make some, and one of them
//! says when it has done with a picture.

use porthole_rig::kms::Card;
use porthole_tests::{KmsGuest, Picture, Result};

const CONFIGURATION: &str = "version = 1\n[render]\nrenderer = \"cpu\"\n[[port]]\nname = \"main\"\n\
    size = [400, 300]\n\
    [[layer]]\nname = \"app\"\nport = \"main\"\nsocket = \"viewer\"\napp_id = \"*\"\norder = 1\n\
    rect = [40, 30, 320, 240]\n\
    [[socket]]\nname = \"viewer\"\nrights = [\"capture:main\"]\n";
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
