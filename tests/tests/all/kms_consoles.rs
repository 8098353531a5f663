//! The machine's other consoles: the service shares screen and keyboard with them by libseat. It runs in a
//! guest, whose keyboard QEMU presses and whose screen QEMU sees.

use porthole_rig::kms::{Card, SHARED};
use porthole_tests::wait::{GUEST, wait_until};
use porthole_tests::{KmsGuest, Picture, Result};

const CONFIGURATION: &str = "version = 1\n[render]\nrenderer = \"cpu\"\n[seat]\nbackend = \"libseat\"\n\
    [[port]]\nname = \"main\"\nkind = \"drm\"\nconnector = \"Virtual-1\"\n\
    [[layer]]\nname = \"app\"\nport = \"main\"\nsocket = \"viewer\"\napp_id = \"*\"\norder = 1\n\
    rect = [100, 400, 320, 240]\n\
    [[socket]]\nname = \"viewer\"\nrights = [\"capture:main\", \"input:main\"]\n";

/// Presses keys one after the other, and lets go of them all.
pub(crate) fn press(guest: &mut KmsGuest, names: &[&str]) -> Result<()> {
    for name in names {
        guest.qmp.key(name, true)?;
    }
    for name in names.iter().rev() {
        guest.qmp.key(name, false)?;
    }
    Ok(())
}

/// Letters on a ground, which is not black alone.
fn is_text(screen: &Picture) -> bool {
    (2..=4).contains(&screen.colours())
}

/// Waits until the screen shows a text that is none of these pictures, and the same twice: the kernel draws
/// a console some time after it went there, and shows nothing until then.
pub(crate) fn another_text(guest: &mut KmsGuest, known: &[&Picture]) -> Result<Picture> {
    let mut last: Option<Picture> = None;
    wait_until("another text", GUEST, || {
        let screen = guest.screen(0)?;
        let rests = last.as_ref().is_some_and(|last| last.difference(&screen).is_none());
        let is_new =
            is_text(&screen) && known.iter().all(|known| screen.difference(known).is_some());
        last = Some(screen.clone());
        Ok((rests && is_new).then_some(screen))
    })
}

#[test]
#[ignore = "takes long"]
fn consoles_are_switched_and_a_killed_service_leaves_a_usable_one() -> Result<()> {
    let mut guest = KmsGuest::boot_with_consoles(Card::Virtio(1))?;
    // A console is drawn once something is written on it.
    guest.sh(
        "echo one >/dev/tty1; echo two >/dev/tty2; echo 0 >/sys/class/graphics/fbcon/cursor_blink",
    )?;
    // It takes what is typed while somebody has it open.
    for console in [1, 2] {
        guest.sh(&format!("(sleep 600 <>/dev/tty{console} >/dev/null 2>&1 &)"))?;
    }
    // A run without a session had the card before, and hands it on.
    guest.configure(&CONFIGURATION.replace("libseat", "direct"))?;
    guest.start("")?;
    guest.logs("a screen is taken over", 1)?;
    guest.configure(CONFIGURATION)?;
    let options = format!("--config {SHARED}/porthole.toml --take-over");
    guest.begin("export LIBSEAT_BACKEND=builtin; exec", &options)?;
    guest.is_ready()?;
    guest.logs("a session opens screens and input devices seat=\"seat0\" active=true", 1)?;
    guest.listener("heard", "viewer", "pattern")?;
    let ours = guest.same("console-ours", "main", 0)?;

    // The second console is a text, and hears the keyboard alone. Nobody holds the chord's keys any more.
    press(&mut guest, &["ctrl", "alt", "f2"])?;
    guest.logs("another console has screens and keyboards", 1)?;
    guest.hears("heard", "key 29 released")?;
    let text = another_text(&mut guest, &[&ours])?;
    press(&mut guest, &["a"])?;
    another_text(&mut guest, &[&ours, &text])?;
    // Viewers go on meanwhile.
    guest.sh("kill $(pidof porthole-pattern)")?;
    wait_until("a layer that is gone", GUEST, || {
        Ok(guest.capture("main")?.difference(&ours).map(drop))
    })?;
    guest.pattern((320, 240), 3)?;
    let later = guest.capture("main")?;
    assert!(later.difference(&ours).is_some());
    let heard = guest.heard("heard");
    assert!(!heard.iter().any(|line| line.starts_with("key 30 ")), "another console's: {heard:?}");

    // Back: first the text, then our picture, nothing else.
    press(&mut guest, &["ctrl", "alt", "f1"])?;
    let mut steps = 0;
    wait_until("our picture", GUEST, || {
        let screen = guest.screen(0)?;
        let is_ours = screen.difference(&later).is_none();
        steps += 1;
        assert!(is_ours || is_text(&screen), "picture {steps} is neither");
        Ok(is_ours.then_some(()))
    })?;
    guest.logs("screens and keyboards are ours", 1)?;

    // What is left after the worst end is a console that is drawn and hears its keyboard.
    guest.signal("KILL")?;
    let left = another_text(&mut guest, &[&later])?;
    press(&mut guest, &["b"])?;
    another_text(&mut guest, &[&later, &left])?;
    let log = guest.log();
    assert!(!log.contains("ERROR"), "{log}");
    Ok(())
}
