//! The service as a user who may open nothing: Debian's seatd opens screens and keyboards for it, udev
//! describes them. QEMU is the person in front of the machine.

use porthole_rig::kms::{Card, SHARED};
use porthole_rig::seat;
use porthole_tests::kms::User;
use porthole_tests::wait::{GUEST, wait_until};
use porthole_tests::{KmsGuest, Picture, Result};
use serde_json::json;

use crate::kms_consoles::{another_text, press};

/// Nobody but root may open devices.
const CLOSED: &str = "SUBSYSTEM==\"input|drm\", GROUP=\"root\", MODE=\"0600\"\n";
const SESSION: &str = "a session opens screens and input devices seat=\"seat0\" active=true";

/// A rule that gives a device to another seat.
fn elsewhere(device: &str) -> String {
    format!(
        "SUBSYSTEM==\"input\", KERNEL==\"event*\", ATTRS{{name}}==\"{device}\", ENV{{ID_SEAT}}=\"seat-desk\"\n"
    )
}

/// A port of this colour and what is shown on it, with a line `[seat]` or none.
fn configuration(colour: &str, seat: &str) -> String {
    format!(
        "version = 1\n[render]\nrenderer = \"cpu\"\n{seat}\
         [[port]]\nname = \"main\"\nkind = \"drm\"\nconnector = \"Virtual-1\"\nbackground = \"{colour}\"\n\
         [[layer]]\nname = \"app\"\nport = \"main\"\nsocket = \"viewer\"\napp_id = \"*\"\norder = 1\n\
         rect = [100, 400, 320, 240]\n\
         [[socket]]\nname = \"viewer\"\nrights = [\"capture:main\", \"input:main\"]\n"
    )
}

const SEAT: &str = "[seat]\nbackend = \"libseat\"\n";

fn options() -> String {
    format!("--config {SHARED}/porthole.toml")
}

/// A guest with consoles that are drawn and hear their keyboard, and devices that only root may open.
fn boot(devices: &[&str], rules: &str) -> Result<KmsGuest> {
    let mut guest = KmsGuest::boot_with_consoles_and(Card::Virtio(1), devices)?;
    guest.sh(
        "echo one >/dev/tty1; echo two >/dev/tty2; echo 0 >/sys/class/graphics/fbcon/cursor_blink",
    )?;
    for console in [1, 2] {
        guest.sh(&format!("(sleep 600 <>/dev/tty{console} >/dev/null 2>&1 &)"))?;
    }
    guest.start_udev(&format!("{CLOSED}{rules}"))?;
    guest.configure(&configuration("#302010", SEAT))?;
    Ok(guest)
}

/// Shows something else on the port, for its viewers alone; what they see then.
fn unseen(guest: &mut KmsGuest, before: &Picture) -> Result<Picture> {
    guest.sh("kill $(pidof porthole-pattern)")?;
    wait_until("a layer that is gone", GUEST, || {
        Ok(guest.capture("main")?.difference(before).map(drop))
    })?;
    guest.pattern((320, 240), 3)?;
    let later = guest.capture("main")?;
    assert!(later.difference(before).is_some());
    Ok(later)
}

#[test]
#[ignore = "takes long"]
fn seatd_gives_a_user_screens_and_keyboards_that_it_may_not_open() -> Result<()> {
    let mut guest = boot(&["virtio-mouse-pci"], &elsewhere("QEMU Virtio Mouse"))?;
    guest.start_seatd()?;
    let stranger = User { name: "stranger", groups: "nogroup", input: "/dev/null" };
    guest.begin_as(stranger, &options())?;
    guest.logs_of(
        stranger,
        "seatd's /run/seatd.sock cannot be opened: Permission denied (os error 13); add the service's user to \
         the group of that file, mostly video",
        1,
    )?;
    guest.end_of(stranger, "TERM")?;

    guest.begin_as(User::OF_SEATD, &options())?;
    guest.is_ready()?;
    guest.logs(SESSION, 1)?;
    guest.logs("a device is used", 2)?;
    guest.listener("heard", "viewer", "pattern")?;
    let ours = guest.same("seatd-ours", "main", 0)?;
    press(&mut guest, &["a"])?;
    guest.hears("heard", "key 30 released")?;
    let at =
        |axis: &str, value: i32| json!({"type": "abs", "data": {"axis": axis, "value": value}});
    guest.qmp.input(None, &json!([at("x", 0x2000), at("y", 0x5000)]))?;
    wait_until("a pointer", GUEST, || {
        Ok(guest.heard("heard").iter().any(|line| line.starts_with("pointer enter")).then_some(()))
    })?;

    // udev gives the mouse to our seat, and the tablet away.
    assert!(!guest.log().contains("QEMU Virtio Mouse"), "{}", guest.log());
    std::fs::write(
        guest.folder().join("rules"),
        format!("{CLOSED}{}", elsewhere("QEMU Virtio Tablet")),
    )?;
    guest.sh(&seat::rules_changed(&format!("{SHARED}/rules")))?;
    guest.logs("a device is used device=\"QEMU Virtio Mouse\"", 1)?;
    guest.logs("a device is not used any more device=\"QEMU Virtio Tablet\"", 1)?;
    // The configuration wants none, and then again.
    guest.configure(&configuration("#302010", ""))?;
    guest.signal("HUP")?;
    guest.logs("no keyboard is used, and so nobody can switch", 1)?;
    guest.configure(&configuration("#302010", SEAT))?;
    guest.signal("HUP")?;
    guest.logs("a device is used", 5)?;

    // The second console is a text, and hears the keyboard alone.
    press(&mut guest, &["ctrl", "alt", "f2"])?;
    guest.logs("another console has screens and keyboards", 1)?;
    guest.hears("heard", "key 29 released")?;
    let text = another_text(&mut guest, &[&ours])?;
    press(&mut guest, &["b"])?;
    another_text(&mut guest, &[&ours, &text])?;
    let later = unseen(&mut guest, &ours)?;
    assert!(!guest.heard("heard").iter().any(|line| line.starts_with("key 48 ")));
    press(&mut guest, &["ctrl", "alt", "f1"])?;
    guest.shows("seatd-back", 0, &later)?;
    guest.logs("screens and keyboards are ours", 1)?;

    guest.signal("KILL")?;
    let left = another_text(&mut guest, &[&later])?;
    press(&mut guest, &["b"])?;
    another_text(&mut guest, &[&later, &left])?;
    assert!(!guest.log().contains("ERROR"), "{}", guest.log());
    Ok(())
}

#[test]
#[ignore = "takes long"]
fn two_services_share_the_consoles_by_seatd() -> Result<()> {
    let mut guest = boot(&[], "")?;
    guest.start_seatd()?;
    guest.begin_as(User::OF_SEATD, &options())?;
    guest.is_ready()?;
    guest.logs("a device is used", 2)?;
    let first = guest.same("seatd-first", "main", 0)?;
    guest.configure(&configuration("#102030", SEAT))?;
    // Each console has one.
    let second = User { name: "second", ..User::OF_SEATD };
    guest.begin_as(second, &options())?;
    guest.logs_of(
        second,
        "seatd has given the console that is shown to another program; end that, or start the service on \
         another console",
        1,
    )?;
    guest.end_of(second, "TERM")?;

    press(&mut guest, &["ctrl", "alt", "f2"])?;
    another_text(&mut guest, &[&first])?;
    guest.begin_as(second, &options())?;
    guest.logs_of(second, SESSION, 1)?;
    guest.logs_of(second, "a device is used", 2)?;
    let theirs = guest.capture_of(second)?;
    assert!(theirs.difference(&first).is_some());
    guest.shows("seatd-second", 0, &theirs)?;
    press(&mut guest, &["ctrl", "alt", "f1"])?;
    guest.shows("seatd-first-again", 0, &first)?;
    guest.logs("a device is used", 4)?;
    press(&mut guest, &["ctrl", "alt", "f2"])?;
    guest.shows("seatd-second-again", 0, &theirs)?;
    guest.logs_of(second, "a device is used", 4)?;
    // It gives the console back, whose keyboard is the kernel's then.
    guest.end_of(second, "KILL")?;
    another_text(&mut guest, &[&first, &theirs])?;
    press(&mut guest, &["ctrl", "alt", "f1"])?;
    guest.shows("seatd-first-alone", 0, &first)?;
    assert!(!guest.log().contains("ERROR"), "{}", guest.log());
    Ok(())
}

/// Waits for a span in which the service uses no processor.
fn sleeps(guest: &mut KmsGuest) -> Result<()> {
    let used = format!("cut -d' ' -f14,15 /proc/$(cat {SHARED}/pid)/stat");
    wait_until("the service to sleep", GUEST, || {
        let told = guest.sh(&format!("{used}; sleep 2; {used}"))?;
        Ok(told.split_once('\n').is_some_and(|(before, after)| before == after).then_some(()))
    })
}

#[test]
#[ignore = "takes long"]
fn seatd_may_come_later_than_the_service_and_be_killed() -> Result<()> {
    let mut guest = boot(&[], "")?;
    guest.begin_as(User::OF_SEATD, &options())?;
    guest.is_ready()?;
    guest.logs("no session: nobody gives us one: nobody listens at /run/seatd.sock", 1)?;
    guest.listener("heard", "viewer", "pattern")?;
    another_text(&mut guest, &[])?;
    guest.start_seatd()?;
    guest.logs(SESSION, 1)?;
    let ours = guest.same("seatd-later", "main", 0)?;
    guest.logs("a device is used", 2)?;

    // Nobody hands out anything any more; guests and viewers go on, and nothing is done again and again.
    guest.kill_seatd()?;
    guest.logs("screens and keyboards are taken again once seatd is back", 1)?;
    sleeps(&mut guest)?;
    let later = unseen(&mut guest, &ours)?;
    guest.start_seatd()?;
    guest.logs(SESSION, 2)?;
    guest.shows("seatd-again", 0, &later)?;
    guest.logs("a device is used", 4)?;

    // It ends in order, and is back when somebody works on another console.
    guest.end_seatd()?;
    guest.logs("screens and keyboards are taken again once seatd is back", 2)?;
    let text = another_text(&mut guest, &[&later])?;
    press(&mut guest, &["ctrl", "alt", "f2"])?;
    let second = another_text(&mut guest, &[&later, &text])?;
    guest.start_seatd()?;
    guest.signal("HUP")?;
    guest.logs("the configuration was read again", 1)?;
    sleeps(&mut guest)?;
    guest.shows("seatd-elsewhere", 0, &second)?;
    press(&mut guest, &["ctrl", "alt", "f1"])?;
    guest.logs(SESSION, 3)?;
    guest.shows("seatd-its-console", 0, &later)?;
    guest.logs("a device is used", 6)?;
    assert_eq!(guest.log().matches("ERROR").count(), 3, "{}", guest.log());
    guest.signal("KILL")?;
    another_text(&mut guest, &[&later]).map(drop)
}

#[test]
#[ignore = "takes long"]
fn without_a_configuration_a_session_opens_what_nobody_else_may() -> Result<()> {
    let mut guest = boot(&[], "")?;
    let card = "Virtual-1 of /dev/dri/card0 is shown on, as no Wayland session is around";
    guest.start_seatd()?;
    // Whether it is on a console or not.
    for (times, input) in [(1, "/dev/tty1"), (2, "/dev/null")] {
        let user = User { input, ..User::OF_SEATD };
        guest.begin_as(user, "--no-config")?;
        guest.is_ready()?;
        guest.logs(SESSION, times)?;
        guest.logs(card, times)?;
        guest.logs("a device is used", 2 * times)?;
        guest.listener("heard", "viewer", "pattern")?;
        let ours = guest.same("seatd-chosen", "main", 0)?;
        press(&mut guest, &["a"])?;
        guest.hears("heard", "key 30 released")?;
        guest.end_of(user, "TERM")?;
        another_text(&mut guest, &[&ours])?;
    }
    // Debian's own: the group may open the card, and no keyboard. On a console all of it is the session's.
    guest.sh("chgrp video /dev/dri/card0; chmod 660 /dev/dri/card0")?;
    let user = User { input: "/dev/tty1", ..User::OF_SEATD };
    guest.begin_as(user, "--no-config")?;
    guest.is_ready()?;
    guest.logs(SESSION, 3)?;
    guest.logs("a device is used", 6)?;
    let ours = guest.same("seatd-chosen-card", "main", 0)?;
    press(&mut guest, &["ctrl", "alt", "f2"])?;
    another_text(&mut guest, &[&ours])?;
    press(&mut guest, &["ctrl", "alt", "f1"])?;
    guest.shows("seatd-chosen-back", 0, &ours)?;
    assert!(!guest.log().contains("ERROR"), "{}", guest.log());
    Ok(())
}
