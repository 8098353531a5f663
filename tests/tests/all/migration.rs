//! What QEMU says when a guest with vhost-user devices is to be moved or saved; `docs/migration.md` quotes it.

use porthole_guest::Pattern;
use porthole_tests::guest::Options;
use porthole_tests::{Guest, Result, Scene, Service};
use serde_json::json;

/// What a vhost-user device without a log of dirty memory is refused with.
const NO_LOG: &str =
    "Migration disabled: vhost-user backend lacks VHOST_USER_PROTOCOL_F_LOG_SHMFD feature.";

/// `migrate` and `savevm`, right after power-on, must be refused with these words.
fn is_refused(options: Options, words: &str) -> Result<()> {
    let scene = Scene::new("main", 640, 480);
    let scene = scene.layer("ivi", (0, 0, 640, 480), Pattern::Noise, 1);
    let service = Service::start(std::slice::from_ref(&scene))?;
    let options = Options { qmp: true, ..options };
    let guest = Guest::power_on(&service.socket("ivi")?, service.folder(), "ivi", &options)?;
    let mut qmp = guest.qmp()?;
    let migrate = qmp.execute("migrate", json!({"uri": "exec:cat >/dev/null"}));
    let migrate = migrate.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(migrate.contains(words), "{migrate}");
    let savevm = qmp.execute("human-monitor-command", json!({"command-line": "savevm one"}))?;
    assert!(savevm.as_str().is_some_and(|text| text.contains(words)), "{savevm}");
    Ok(())
}

#[test]
fn qemu_refuses_to_move_a_guest_with_our_display() -> Result<()> {
    is_refused(Options { input: false, ..Options::default() }, NO_LOG)
}

#[test]
#[ignore = "needs QEMU of each release"]
fn newer_qemus_refuse_to_move_our_devices() -> Result<()> {
    // The one of bookworm runs vhost-user devices with KVM only.
    for release in ["trixie", "sid"] {
        let options = |input| Options { release: Some(release), input, ..Options::default() };
        is_refused(options(false), NO_LOG)?;
        is_refused(options(true), "State blocked by non-migratable device '0000:00:0")?;
        is_refused(options(true), "/vhost-user-input'")?;
    }
    let generic = Options { input: false, ..Options::generic(1) };
    is_refused(
        generic,
        "State blocked by non-migratable device '0000:00:01.0/vhost-user-test-device'",
    )
}
