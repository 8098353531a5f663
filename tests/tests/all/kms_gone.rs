//! Cards that go while they are used, and come back.

use porthole_rig::kms::{Card, SHARED};
use porthole_tests::{KmsGuest, Result};

use crate::kms_boot::boot_picture;

/// What unbinds the card's driver, and binds it again.
const DRIVER: &str = "/sys/bus/pci/drivers/virtio-pci";

const CONFIGURATION: &str = "version = 1\n[render]\nrenderer = \"cpu\"\n\
     [[port]]\nname = \"main\"\nkind = \"drm\"\nconnector = \"Virtual-1\"\n\
     boot_picture = true\n\
     [[layer]]\nname = \"app\"\nport = \"main\"\nsocket = \"viewer\"\napp_id = \"*\"\norder = 1\n\
     rect = [200, 100, 320, 240]\n\
     [[socket]]\nname = \"viewer\"\nrights = [\"capture:main\", \"input:main\"]\n";

#[test]
#[ignore = "another boot"]
fn a_card_that_goes_and_comes_back_shows_the_same_layers() -> Result<()> {
    let mut guest = KmsGuest::boot(Card::Virtio(1))?;
    // What the boot left is on the screen until a program shows something, and viewers see it too.
    let boot = boot_picture(&mut guest)?;
    guest.configure(CONFIGURATION)?;
    // In a namespace of processes in which clients have no number.
    guest.begin("unshare --pid --fork", &format!("--config {SHARED}/porthole.toml"))?;
    guest.only_shows("kms-boot-splash", &[&boot], ("INFO ready", 1))?;
    guest.is_ready()?;
    let splash = guest.same("kms-boot-kept", "main", 0)?;
    assert!(splash.difference(&boot).is_none(), "{}", guest.log());
    guest.pattern((320, 240), 3)?;
    let before = guest.same("kms-gone-before", "main", 0)?;
    guest.logs("a client connected socket=\"viewer\" pid=of another PID namespace uid=0", 2)?;
    for times in 1..=2 {
        // Its driver goes, as when the card is pulled out, while it shows the port.
        guest.sh(&format!(
            "basename $(readlink -f /sys/class/drm/card?/device) >/tmp/card; \
             cat /tmp/card >{DRIVER}/unbind"
        ))?;
        guest.logs("is gone", times)?;
        // It was the only one, and the service may open files in the folder of that time alone.
        assert_eq!(guest.sh("ls /dev/dri")?, "");
        guest.logs("the port goes on unseen", times)?;
        let unseen = guest.capture("main")?;
        assert!(unseen.difference(&before).is_none(), "programs and viewers notice nothing");
        guest.sh(&format!("cat /tmp/card >{DRIVER}/bind"))?;
        guest.logs("a screen is taken over", times + 1)?;
        guest.shows("kms-gone-again", 0, &before)?;
    }
    Ok(())
}
