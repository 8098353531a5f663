//! The service on a machine that is suspended to memory and wakes up: what was shown is shown again, what
//! changed meanwhile too, and keys are heard.

use porthole_rig::kms::{Card, SHARED};
use porthole_tests::kms::sleep::HEARD;
use porthole_tests::process::built;
use porthole_tests::{KmsGuest, Result};

use crate::kms_input::key;

/// A layer for a program that listens, and one for a program that draws, on these ports.
fn configuration(seat: &str, ports: &str, drawn: &str) -> String {
    format!(
        "version = 1\n[render]\nrenderer = \"cpu\"\n[seat]\n{seat}\n{ports}\
         [[layer]]\nname = \"app\"\nport = \"main\"\nsocket = \"viewer\"\napp_id = \"pattern\"\norder = 1\n\
         rect = [20, 100, 320, 240]\n\
         [[layer]]\nname = \"drawn\"\nport = \"{drawn}\"\nsocket = \"viewer\"\napp_id = \"drawn\"\norder = 2\n\
         rect = [400, 100, 320, 240]\n\
         [[socket]]\nname = \"viewer\"\nrights = [\"capture:main\", \"capture:{drawn}\", \"input:main\"]\n"
    )
}

fn port(name: &str, connector: &str) -> String {
    format!(
        "[[port]]\nname = \"{name}\"\nkind = \"drm\"\nconnector = \"{connector}\"\nsize = [800, 600]\n"
    )
}

/// Starts a program that changes its picture so many times; what it says has the name of its layer.
fn draw(guest: &mut KmsGuest, layer: &str, frames: u32) -> Result<()> {
    let program = built("porthole-pattern")?;
    guest.sh(&format!(
        "({} /run/porthole/viewer/wayland-0 320 240 noise {frames} --app-id {layer} \
         >{SHARED}/{layer} 2>&1 </dev/null &)",
        program.display()
    ))?;
    Ok(())
}

/// Waits until that program has drawn its last picture. The guest looks: to be asked takes its time.
fn is_drawn(guest: &mut KmsGuest, layer: &str) -> Result<()> {
    guest.sh(&format!("until grep -q shown {SHARED}/{layer}; do sleep 0.2; done")).map(drop)
}

/// How long the machine has run, sleep included.
fn uptime(guest: &mut KmsGuest) -> Result<u64> {
    let told = guest.sh("cat /proc/uptime")?;
    Ok(told.split('.').next().unwrap_or_default().parse().unwrap())
}

fn begin(guest: &mut KmsGuest, before: &str) -> Result<()> {
    guest.begin(&format!("{before} exec"), &format!("--config {SHARED}/porthole.toml"))?;
    guest.logs("INFO ready", 1)?;
    guest.logs("a device is used", 2)
}

fn sleeps_and_wakes(card: Card, connector: &str, seat: &str, name: &str) -> Result<()> {
    let configuration = configuration(seat, &port("main", connector), "main");
    let mut guest = KmsGuest::boot_to_sleep(card, &[], &configuration)?;
    let session = if seat.is_empty() { "" } else { "export LIBSEAT_BACKEND=builtin;" };
    begin(&mut guest, session)?;
    let splash = guest.screen(0)?;
    guest.listener(HEARD, "viewer", "pattern")?;
    let before = guest.screen(0)?;
    assert!(before.difference(&splash).is_some());

    // Nothing changes: nothing is drawn for a sleep, and nothing is late. Keys do not stay down.
    guest.qmp.input(None, &key("a", true))?;
    guest.hears(HEARD, "key 30 pressed")?;
    let (counted, up) = (guest.counted("main")?, uptime(&mut guest)?);
    guest.suspend()?;
    guest.while_seconds_pass(3)?;
    guest.wake()?;
    assert!(uptime(&mut guest)? >= up + 2, "it slept");
    guest.shows(&format!("{name}-after"), 0, &before)?;
    guest.hears(HEARD, "key 30 released")?;
    assert_eq!(guest.counted("main")?, counted);
    guest.qmp.input(None, &key("b", true))?;
    guest.qmp.input(None, &key("b", false))?;
    guest.hears(HEARD, "key 48 released")?;

    // The machine is stopped and goes on while frames are drawn and on their way to the screen.
    draw(&mut guest, "drawn", 30)?;
    guest.logs("first picture layer=\"drawn\"", 1)?;
    guest.suspend()?;
    guest.wake()?;
    is_drawn(&mut guest, "drawn")?;
    let drawn = guest.same(&format!("{name}-drawn"), "main", 0)?;
    assert!(drawn.difference(&before).is_some());
    let log = guest.log();
    assert!(!log.contains("ERROR") && !log.contains("does not say that it shows"), "{log}");
    assert_eq!(log.matches("a screen is taken over").count(), 1, "{log}");
    Ok(())
}

#[test]
#[ignore = "takes long"]
fn a_machine_with_bochs_display_sleeps_and_wakes_up() -> Result<()> {
    sleeps_and_wakes(Card::Bochs, "Virtual-1", "", "sleep-bochs")
}

/// And with a session, which stays the active one.
#[test]
#[ignore = "another card"]
fn a_machine_with_cirrus_card_sleeps_and_wakes_up_at_night() -> Result<()> {
    sleeps_and_wakes(Card::Cirrus, "VGA-1", "backend = \"libseat\"", "sleep-cirrus")
}

/// QEMU's name of the second card.
const SECOND: &str = "second";

/// The kernel's driver for virtio-gpu has nothing for a sleep: its card takes requests afterwards, and never
/// answers one.
#[test]
#[ignore = "takes long, with two cards"]
fn a_card_that_does_not_wake_up_holds_up_nobody() -> Result<()> {
    let second = "bochs-display,id=second,edid=on,xres=800,yres=600";
    let ports = [port("main", "Virtual-1"), port("side", "Virtual-2")].concat();
    let configuration = configuration("", &ports, "side");
    let mut guest = KmsGuest::boot_to_sleep(Card::Virtio(1), &[second], &configuration)?;
    begin(&mut guest, "")?;
    guest.suspend()?;
    guest.wake()?;
    // More than fills the card's queue, which nobody empties.
    draw(&mut guest, "pattern", 60)?;
    guest.logs("the card does not show what it was given last", 1)?;
    draw(&mut guest, "drawn", 4)?;
    is_drawn(&mut guest, "drawn")?;
    guest.same_on("sleep-beside", "side", SECOND)?;
    // Programs of its port go on unseen.
    is_drawn(&mut guest, "pattern")?;
    assert!(!guest.log().contains("ERROR"), "{}", guest.log());
    Ok(())
}
