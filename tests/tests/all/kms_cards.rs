//! Several cards at once: pointers that a card shows by itself, a card that goes while others stay, and
//! another display server that takes one.

use porthole_rig::kms::Card;
use porthole_tests::wait::{GUEST, wait_until};
use porthole_tests::{KmsGuest, Picture, Result};

/// QEMU's name of the second card.
const SECOND: &str = "second";
const DEVICE: &str = "bochs-display,id=second,edid=on,xres=640,yres=480";

/// A port on each card, by connector and by card; a layer for any program on one of them.
const CONFIGURATION: &str = "version = 1\n[render]\nrenderer = \"cpu\"\n\
     [[port]]\nname = \"main\"\nkind = \"drm\"\nconnector = \"Virtual-1\"\n\
     [[port]]\nname = \"side\"\nkind = \"drm\"\nconnector = \"Virtual-2\"\ncard = \"/dev/dri/card1\"\n\
     background = \"#102030\"\n\
     [[layer]]\nname = \"app\"\nport = \"main\"\nsocket = \"viewer\"\napp_id = \"*\"\norder = 1\n\
     rect = [300, 200, 320, 240]\n\
     [[socket]]\nname = \"viewer\"\nrights = [\"capture:main\", \"capture:side\", \"input:main\"]\n";

const LAYER: (u32, u32) = (320, 240);

/// Has a program take the card from whoever has it, and keep it until it is told to end: who shares a
/// descriptor of the card can let go of it.
const RIVAL: &str = "my ($pid, $fd) = @ARGV; my $other = syscall(434, 0 + $pid, 0); \
     open(my $theirs, '+<&=', syscall(438, $other, 0 + $fd, 0)) or die $!; \
     ioctl($theirs, 0x641f, 0) or die $!; close $theirs; \
     open(my $card, '+<', '/dev/dri/card0') or die $!; \
     $| = 1; print qq(mine\\n); sleep 600;";

/// Waits until the kernel says where the one pointer is that a card shows by itself.
fn pointer(guest: &mut KmsGuest, wanted: Option<(i32, i32)>) -> Result<(i32, i32)> {
    wait_until("the pointer's plane", GUEST, || {
        let there = guest.pointer_planes()?;
        Ok(match (there.as_slice(), wanted) {
            ([at], None) => Some(*at),
            ([at], Some(wanted)) => (*at == wanted).then_some(*at),
            _ => None,
        })
    })
}

/// Whether a card's pointer, over a picture without one, is the picture of a viewer who wants it painted.
fn is_pointer(shape: &[u8], (x, y): (i32, i32), without: &Picture, with: &Picture) -> bool {
    let (left, top) = (x.unsigned_abs(), y.unsigned_abs());
    let mut opaque = 0;
    let all = shape.as_chunks::<4>().0.iter().zip(0..).all(|([b, g, r, a], i)| {
        let at = (left + i % 64, top + i / 64);
        opaque += u32::from(*a == 255);
        let expected = match a {
            0 => without.pixel(at.0, at.1),
            255 => Some([*r, *g, *b]),
            _ => return true,
        };
        with.pixel(at.0, at.1) == expected
    });
    all && opaque > 50
}

#[test]
#[ignore = "another boot, with two cards"]
fn cards_show_pointers_by_themselves_and_go_and_come_one_by_one_at_night() -> Result<()> {
    let mut guest = KmsGuest::boot_with_cards(Card::Virtio(1), &[DEVICE])?;
    guest.configure(CONFIGURATION)?;
    guest.start("")?;
    guest.same("kms-cards-main", "main", 0)?;
    guest.same_on("kms-cards-side", "side", SECOND)?;

    // What programs hide is hidden.
    let hidden = |guest: &mut KmsGuest| {
        wait_until("no pointer", GUEST, || Ok(guest.pointer_planes()?.is_empty().then_some(())))
    };
    // The pointer is beside the picture, and moves without one.
    guest.sh("mkfifo /run/go")?;
    guest.pattern_with(LAYER, 3, "--pointer main --walk 20 --hide --when /run/go")?;
    let at = pointer(&mut guest, None)?;
    let plain = guest.same("kms-cards-pattern", "main", 0)?;
    let with = guest.capture_with("main", "--pointer")?;
    assert!(is_pointer(&guest.pointer_shape()?, at, &plain, &with), "another pointer");
    let before = guest.counted("main")?;
    guest.sh("echo >/run/go")?;
    let there = (at.0 - 40, at.1 - 30);
    pointer(&mut guest, Some(there))?;
    let after = guest.counted("main")?;
    for key in ["frames", "composed_bytes", "screen_bytes"] {
        assert_eq!(before[key], after[key], "{key}");
    }
    assert!(after["pointer_moves"].as_u64() > before["pointer_moves"].as_u64(), "{after}");
    let with = guest.capture_with("main", "--pointer")?;
    assert!(is_pointer(&guest.pointer_shape()?, there, &plain, &with), "another pointer");
    guest.shows("kms-cards-moved", 0, &plain)?;
    guest.sh("echo >/run/go")?;
    hidden(&mut guest)?;
    guest.sh("kill $(pidof porthole-pattern)")?;

    // One card goes while the other shows something new, and comes back.
    let driver = "/sys/bus/pci/drivers/bochs-drm";
    guest.sh(&format!(
        "basename $(readlink -f /sys/class/drm/card1/device) >/tmp/card; cat /tmp/card >{driver}/unbind"
    ))?;
    guest.logs("/dev/dri/card1 is gone", 1)?;
    guest.pattern(LAYER, 2)?;
    let alone = guest.same("kms-cards-alone", "main", 0)?;
    guest.sh(&format!("cat /tmp/card >{driver}/bind"))?;
    guest.logs("a screen is taken over", 3)?;
    guest.same_on("kms-cards-again", "side", SECOND)?;

    // Another display server gets the first one, and ends.
    std::fs::write(guest.folder().join("rival.pl"), RIVAL)?;
    guest.sh("pid=$(cat /rig/pid); for fd in /proc/$pid/fd/*; do \
         [ \"$(readlink $fd)\" = /dev/dri/card0 ] && number=${fd##*/}; done; \
         (perl /rig/rival.pl $pid $number >/rig/rival 2>&1 </dev/null & echo $! >/rig/rival-pid)")?;
    let said = guest.folder().join("rival");
    wait_until("another display server", GUEST, || {
        Ok(std::fs::read_to_string(&said).is_ok_and(|text| text == "mine\n").then_some(()))
    })?;
    guest.sh("kill $(pidof porthole-pattern)")?;
    guest.logs("another display server has /dev/dri/card0", 1)?;
    guest.pattern(LAYER, 5)?;
    let unseen = guest.capture("main")?;
    assert!(unseen.difference(&alone).is_some(), "viewers go on");
    guest.same_on("kms-cards-untouched", "side", SECOND)?;
    guest.sh("kill $(cat /rig/rival-pid)")?;
    guest.logs("a screen is taken over", 4)?;
    guest.shows("kms-cards-ours", 0, &unseen)?;
    assert!(!guest.log().contains("ERROR"), "{}", guest.log());
    Ok(())
}
