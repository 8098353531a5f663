//! The service on a console of a machine with systemd: logind opens its card and its keyboards, udev describes
//! them. QEMU is the person in front of it.

use std::fs;

use porthole_rig::System;
use porthole_rig::kms::CARD;
use porthole_tests::failure::OrFail;
use porthole_tests::process::built;
use porthole_tests::system::SHARED;
use porthole_tests::wait::{GUEST, wait_until};
use porthole_tests::{Picture, Result, SystemGuest};
use serde_json::json;

use crate::kms_input::key;

const CONFIGURATION: &str = "version = 1\n[render]\nrenderer = \"cpu\"\n[seat]\nbackend = \"libseat\"\n\
    [[port]]\nname = \"main\"\nkind = \"drm\"\nconnector = \"Virtual-1\"\n\
    [[guest]]\nname = \"right\"\n\
    [[layer]]\nname = \"app\"\nport = \"main\"\nsocket = \"viewer\"\napp_id = \"*\"\norder = 1\n\
    rect = [100, 400, 320, 240]\n\
    [[layer]]\nname = \"right\"\nport = \"main\"\nguest = \"right\"\norder = 2\nrect = [500, 100, 320, 240]\n\
    [[socket]]\nname = \"viewer\"\nrights = [\"capture:main\", \"input:main\"]\n\
    [[device]]\nproperty = \"ID_DESK=ri*\"\nguest = \"right\"\n";

/// An administrator's rules of udev's: nobody but root opens the card, said before udev asks whose seat it is;
const CARD_RULE: &str = "SUBSYSTEM==\"drm\", TAG-=\"uaccess\", GROUP=\"root\", MODE=\"0600\"\n";
/// and whose the tablet is.
const RULE: &str = "SUBSYSTEM==\"input\", KERNEL==\"event*\", ATTRS{name}==\"QEMU Virtio Tablet\", \
    ENV{ID_DESK}=\"right\"\n";
const LOGIN: &str = "auth required pam_permit.so\naccount required pam_permit.so\n\
    session required pam_permit.so\nsession required pam_systemd.so\n";
const PORTHOLE: &str = "porthole.service";

/// The machine with everything that Porthole installs, and the drop-in for consoles.
fn system() -> Result<System> {
    let mut system = System::default();
    for program in ["porthole", "porthole-pattern", "porthole-shot"] {
        system = system.program(&format!("usr/bin/{program}"), &built(program)?);
    }
    for (file, place) in [
        ("porthole.service", "usr/lib/systemd/system/porthole.service"),
        ("porthole-console.conf", "etc/systemd/system/porthole.service.d/console.conf"),
        ("porthole.sysusers", "usr/lib/sysusers.d/porthole.conf"),
        ("porthole.tmpfiles", "usr/lib/tmpfiles.d/porthole.conf"),
    ] {
        system = system.installed(file, place).or_fail("install a unit")?;
    }
    Ok(system
        .text("etc/porthole/porthole.toml", CONFIGURATION)
        .text("etc/pam.d/login", LOGIN)
        .text("etc/pam.d/systemd-user", LOGIN)
        .text("etc/udev/rules.d/72-card.rules", CARD_RULE)
        .text("etc/udev/rules.d/90-desk.rules", RULE)
        .text(
            "etc/sysusers.d/bus.conf",
            "u messagebus - \"Bus\"\ng input -\ng video -\ng tty -\ng kvm -\ng render -\n",
        ))
}

fn press(guest: &mut SystemGuest, names: &[&str]) -> Result<()> {
    for name in names {
        guest.qmp.input(None, &key(name, true))?;
    }
    for name in names.iter().rev() {
        guest.qmp.input(None, &key(name, false))?;
    }
    Ok(())
}

fn listener(guest: &mut SystemGuest, name: &str, socket: &str, app_id: &str) -> Result<()> {
    guest.sh(&format!(
        "(porthole-pattern /run/porthole/{socket}/wayland-0 320 240 noise 0 --listen --app-id {app_id} \
         >{SHARED}/{name} 2>&1 </dev/null &)"
    ))?;
    hears(guest, name, "shown")
}

fn hears(guest: &SystemGuest, name: &str, line: &str) -> Result<()> {
    let file = guest.folder().join(name);
    wait_until(line, GUEST, || {
        let heard = fs::read_to_string(&file).unwrap_or_default();
        Ok(heard.lines().any(|heard| heard == line).then_some(()))
    })
}

/// Waits until the screen shows none of these pictures, and the same twice.
fn another(guest: &mut SystemGuest, known: &[&Picture]) -> Result<Picture> {
    let mut last: Option<Picture> = None;
    wait_until("another picture", GUEST, || {
        let screen = guest.screen()?;
        let rests = last.as_ref().is_some_and(|last| last.difference(&screen).is_none());
        let is_new = known.iter().all(|known| screen.difference(known).is_some());
        last = Some(screen.clone());
        Ok((rests && is_new).then_some(screen))
    })
}

#[test]
#[ignore = "boots a machine with systemd"]
fn logind_and_udev_give_the_service_its_seat_at_night() -> Result<()> {
    let mut guest = SystemGuest::boot(system()?, PORTHOLE)?;
    guest.says(&format!("systemctl show -p ActiveState {PORTHOLE}"), "=active")?;
    let log = guest.logs(PORTHOLE, "a device is used", 2)?;
    assert!(log.contains("a session opens screens and input devices seat=\"seat0\""), "{log}");
    assert!(log.contains("the machine's devices are described by udev"), "{log}");
    let sessions = guest.sh("loginctl list-sessions --no-legend")?;
    assert!(sessions.contains("porthole") && sessions.contains("tty1"), "{sessions}");

    listener(&mut guest, "heard", "viewer", "pattern")?;
    listener(&mut guest, "heard-right", "right", "porthole.scanout.0")?;
    guest.sh(&format!(
        "porthole-shot capture --wayland /run/porthole/viewer/wayland-0 --port main {SHARED}/capture.png"
    ))?;
    let ours = Picture::read(&guest.folder().join("capture.png"))?;
    guest.shows("logind-ours", &ours)?;

    // Keys go to the first layer, the tablet to the guest that udev's rule names.
    press(&mut guest, &["a"])?;
    hears(&guest, "heard", "key 30 released")?;
    let at =
        |axis: &str, value: i32| json!({"type": "abs", "data": {"axis": axis, "value": value}});
    guest.qmp.input(None, &json!([at("x", 0x4000), at("y", 0x4000)]))?;
    guest.says(&format!("cat {SHARED}/heard-right"), "pointer enter 16")?;

    // A keyboard comes, and is pulled out while a key is held.
    let keyboard = json!({"driver": "virtio-keyboard-pci", "id": "second", "bus": "slot1", "display": CARD, "head": 1});
    guest.qmp.execute("device_add", keyboard)?;
    guest.logs(PORTHOLE, "a device is used", 3)?;
    guest.qmp.input(Some((CARD, 1)), &key("b", true))?;
    hears(&guest, "heard", "key 48 pressed")?;
    guest.qmp.execute("device_del", json!({"id": "second"}))?;
    hears(&guest, "heard", "key 48 released")?;
    guest.logs(PORTHOLE, "a device is not used any more", 1)?;
    // A pointer gets its file's name.
    let tablet = json!({"driver": "virtio-mouse-pci", "id": "third", "bus": "slot2", "display": CARD, "head": 1});
    guest.qmp.execute("device_add", tablet)?;
    let log = guest.logs(PORTHOLE, "a device is used", 4)?;
    let last = log.lines().rfind(|line| line.contains("a device is used")).unwrap_or_default();
    assert!(last.contains("kinds=[Pointer]"), "{log}");

    // The second console, and back.
    press(&mut guest, &["ctrl", "alt", "f2"])?;
    guest.logs(PORTHOLE, "another console has screens and keyboards", 1)?;
    let text = another(&mut guest, &[&ours])?;
    assert!((2..=4).contains(&text.colours()), "{} colours", text.colours());
    press(&mut guest, &["ctrl", "alt", "f1"])?;
    guest.logs(PORTHOLE, "screens and keyboards are ours", 1)?;
    guest.logs(PORTHOLE, "a device is used", 7)?;
    press(&mut guest, &["c"])?;
    hears(&guest, "heard", "key 46 released")?;

    // What is left is a console that is drawn and hears its keyboard.
    guest.sh("(sleep 600 <>/dev/tty1 >/dev/null 2>&1 &)")?;
    guest.sh(&format!("systemctl stop {PORTHOLE}"))?;
    let left = another(&mut guest, &[&ours])?;
    assert!((1..=4).contains(&left.colours()), "{} colours", left.colours());
    press(&mut guest, &["d"])?;
    another(&mut guest, &[&ours, &left])?;
    let log = guest.logs(PORTHOLE, "ending", 1)?;
    assert!(!log.contains("ERROR"), "{log}");
    without_a_configuration(&mut guest, &left)
}

/// The same unit, which may open no card itself, where nobody has written a configuration.
fn without_a_configuration(guest: &mut SystemGuest, before: &Picture) -> Result<()> {
    let folder = "/etc/systemd/system/porthole.service.d";
    guest.sh(&format!(
        "printf '[Service]\nExecStart=\n\
         ExecStart=/usr/bin/porthole --no-config --runtime-dir /run/porthole --state-dir /var/lib/porthole\n' \
         >{folder}/last.conf; systemctl daemon-reload; systemctl start {PORTHOLE}"
    ))?;
    let log = guest.logs(PORTHOLE, "a device is used", 9)?;
    let (_, chosen) = log.split_once("no configuration is wanted").unwrap_or_default();
    assert!(chosen.contains("Virtual-1 of /dev/dri/card0 is shown on"), "{log}");
    assert!(!chosen.contains("a session opens screens"), "it was there before: {log}");
    assert_eq!(log.matches("a session opens screens").count(), 2, "{log}");
    guest.sh(&format!(
        "porthole-shot capture --wayland /run/porthole/viewer/wayland-0 --port main {SHARED}/capture.png"
    ))?;
    let ours = Picture::read(&guest.folder().join("capture.png"))?;
    assert!(ours.difference(before).is_some());
    guest.shows("logind-chosen", &ours)?;
    press(guest, &["ctrl", "alt", "f2"])?;
    another(guest, &[&ours])?;
    press(guest, &["ctrl", "alt", "f1"])?;
    guest.shows("logind-chosen-back", &ours)
}
