//! The service on graphics cards: it runs in a guest, and QEMU says what the guest's screens show.

use porthole_rig::kms::Card;
use porthole_tests::wait::{GUEST, wait_until};
use porthole_tests::{KmsGuest, Picture, Result};

/// A port on a connector with a layer for any program, and what else is said of the port.
fn configuration(connector: &str, port: &str) -> String {
    format!(
        "version = 1\n[render]\nrenderer = \"cpu\"\n[[port]]\nname = \"main\"\nkind = \"drm\"\nconnector = \"{connector}\"\n{port}\n\
         [[layer]]\nname = \"app\"\nport = \"main\"\nsocket = \"viewer\"\napp_id = \"*\"\norder = 1\n\
         rect = [200, 100, 320, 240]\n\
         [[socket]]\nname = \"viewer\"\n\
         rights = [\"capture:main\", \"input:main\", \"power:main\", \"layout:main\"]\n"
    )
}

/// A port on a connector that is not there.
const LOST: &str = "[[port]]\nname = \"lost\"\nkind = \"drm\"\nconnector = \"DP-7\"\n";

fn size(picture: &Picture) -> (u32, u32) {
    (picture.width(), picture.height())
}

/// Waits until the light behind the panel is on or off.
fn has_light(guest: &mut KmsGuest, wanted: bool) -> Result<()> {
    let wanted = if wanted { "0" } else { "4" };
    wait_until("the backlight", GUEST, || {
        Ok((guest.sh("cat /run/light/bl_power")?.trim() == wanted).then_some(()))
    })
}

/// The size of the layer.
const LAYER: (u32, u32) = (320, 240);

#[test]
fn a_screen_shows_what_viewers_see() -> Result<()> {
    let mut guest = KmsGuest::boot(Card::Virtio(2))?;
    let side = "[[port]]\nname = \"side\"\nkind = \"drm\"\nconnector = \"Virtual-2\"\nbackground = \"#102030\"\n";
    let with = |port: &str| {
        let text = configuration("Virtual-1", port);
        let text = text.replace("\"input:main\"", "\"input:main\", \"capture:side\"");
        format!("{text}{LOST}{side}")
    };
    guest.configure(&with("backlight = \"/run/light\""))?;
    guest.sh("mkdir /run/light; echo ? >/run/light/bl_power")?;
    guest.start("")?;
    has_light(&mut guest, true)?;
    let there = "Virtual-1 (/dev/dri/card0), Virtual-2 (/dev/dri/card0)";
    guest.logs(&format!("there is no connector 'DP-7'; there are: {there}"), 1)?;
    guest.logs("no screen is on connector 'Virtual-2'; the port goes on unseen", 1)?;
    let splash = guest.same("kms-splash", "main", 0)?;
    assert_eq!(size(&splash), (1024, 768));

    // Frames go into two pieces of memory in turn, each of which lacks other parts.
    guest.pattern(LAYER, 9)?;
    let pattern = guest.same("kms-pattern", "main", 0)?;
    assert!(pattern.difference(&splash).is_some());

    guest.control("power main off")?;
    wait_until("a dark screen", GUEST, || {
        let screen = guest.screen(0)?;
        Ok(screen.difference(&pattern).map(drop))
    })?;
    has_light(&mut guest, false)?;
    guest.control("power main on")?;
    has_light(&mut guest, true)?;
    guest.shows("kms-lit-again", 0, &pattern)?;

    // A screen is plugged in, replaced by a larger one, and plugged out.
    guest.plug(Some((640, 480)))?;
    guest.logs(
        "a screen is taken over by setting its mode connector=\"Virtual-2\" mode=640 x 480",
        1,
    )?;
    assert_eq!(size(&guest.same("kms-plugged", "side", 1)?), (640, 480));
    guest.plug(Some((800, 480)))?;
    guest.logs("another mode connector=\"Virtual-2\" mode=800 x 480", 1)?;
    assert_eq!(size(&guest.same("kms-replaced", "side", 1)?), (800, 480));
    guest.plug(None)?;
    guest.logs("no screen is on connector 'Virtual-2'; the port goes on unseen", 2)?;
    // Viewers see it as before.
    assert_eq!(size(&guest.capture("side")?), (800, 480));

    // Another mode of the screen's, then one that it does not offer.
    for (width, height) in [(800, 600), (1000, 500)] {
        guest.configure(&with(&format!("size = [{width}, {height}]")))?;
        guest.signal("HUP")?;
        guest.logs(&format!("another mode connector=\"Virtual-1\" mode={width} x {height}"), 1)?;
        let resized = guest.same(&format!("kms-{width}"), "main", 0)?;
        assert_eq!(size(&resized), (width, height));
    }
    assert!(!guest.log().contains("ERROR"), "{}", guest.log());
    Ok(())
}

#[test]
#[ignore = "another card"]
fn a_card_with_little_memory_and_no_clock_shows_what_viewers_see() -> Result<()> {
    let mut guest = KmsGuest::boot(Card::Bochs)?;
    guest.configure(&configuration("Virtual-1", "size = [800, 600]"))?;
    // Root without its privileges, which would open anything.
    let nobody = "chmod 0 /dev/dri/card0; setpriv --bounding-set=-all --inh-caps=-all";
    guest.second(nobody, "/dev/dri/card0 cannot be opened: Permission denied")?;
    guest.sh("chmod 600 /dev/dri/card0")?;
    guest.start("")?;
    guest.second("", "/dev/dri/card0 is in the hands of another display server")?;
    // The pointer is on the screen, and where viewers ask for it.
    guest.pattern_with(LAYER, 5, "--pointer main")?;
    let before = guest.capture_with("main", "--pointer")?;
    assert!(before.difference(&guest.capture("main")?).is_some(), "there is a pointer");
    guest.shows("kms-bochs", 0, &before)?;

    // It has 16 MiB for two pictures.
    guest.configure(&configuration("Virtual-1", "size = [2048, 1152]"))?;
    guest.signal("HUP")?;
    guest.logs("the card refuses 2048 x 1152 at 60 Hz", 1)?;
    let unseen = guest.capture("main")?;
    assert_eq!(size(&unseen), (2048, 1152), "the port is as it should be all the same");
    guest.shows("kms-bochs-kept", 0, &before)?;
    guest.configure(&configuration("Virtual-1", "size = [640, 480]"))?;
    guest.signal("HUP")?;
    guest.logs("another mode connector=\"Virtual-1\" mode=640 x 480", 1)?;
    let smaller = guest.capture_with("main", "--pointer")?;
    assert_eq!(size(&smaller), (640, 480));
    guest.shows("kms-bochs-again", 0, &smaller)
}

/// A killed service and its next run share the card's descriptor, as under systemd, which keeps it.
#[test]
#[ignore = "takes long"]
fn a_killed_service_comes_back_without_a_black_frame() -> Result<()> {
    let mut guest = KmsGuest::boot(Card::Virtio(1))?;
    guest.configure(&configuration("Virtual-1", ""))?;
    let kept = "LISTEN_FDS=1 LISTEN_FDNAMES=card@card0; export LISTEN_FDS LISTEN_FDNAMES; \
                exec 3<>/dev/dri/card0; echo $$ >/rig/keeper;";
    // The keeper has it open, and starts the service whenever it ends.
    let porthole = porthole_tests::process::built("porthole")?;
    let run = "--config /rig/porthole.toml --runtime-dir /run/porthole --ready-fd 1";
    let script = format!(
        "{kept}\nwhile true; do sh -c 'echo $$ >/rig/pid; LISTEN_PID=$$ exec {} {run} >>/rig/ready 2>>/rig/log'; done\n",
        porthole.display()
    );
    std::fs::write(guest.folder().join("keeper.sh"), script)?;
    guest.sh("(sh /rig/keeper.sh >/dev/null 2>&1 </dev/null &)")?;
    guest.logs("INFO ready", 1)?;
    let splash = guest.same("kms-kept-splash", "main", 0)?;
    guest.pattern(LAYER, 2)?;
    let pattern = guest.same("kms-kept", "main", 0)?;
    guest.signal("KILL")?;
    guest.only_shows("kms-kept-frame", &[&pattern, &splash], ("INFO ready", 2))?;
    guest.shows("kms-kept-end", 0, &splash)?;
    let log = guest.log();
    assert!(log.contains("a screen is taken over as it is"), "{log}");
    assert!(!log.contains("ERROR") && !log.contains("sets the mode once more"), "{log}");
    Ok(())
}

#[test]
#[ignore = "downloads the kernel's source and builds a driver"]
fn a_screens_clock_paces_programs_at_night() -> Result<()> {
    let mut guest = KmsGuest::boot(Card::Virtio(1))?;
    guest.add_vkms()?;
    let text = configuration("Virtual-2", "size = [800, 600]").replace("\"main\"", "\"paced\"");
    let first = "[[port]]\nname = \"first\"\nkind = \"drm\"\nconnector = \"Virtual-1\"\n";
    let text = text.replace("capture:main", "capture:paced").replace("input:main", "capture:first");
    let text = text.replace(", \"power:main\", \"layout:main\"", "");
    guest.configure(&format!("{text}{first}"))?;
    let start = std::time::Instant::now();
    guest.start("")?;
    guest.pattern(LAYER, 60)?;
    // As many refreshes at 60 Hz; a machine under load takes longer.
    assert!(start.elapsed() > std::time::Duration::from_millis(950));
    guest.same("kms-beside", "first", 0)?;
    guest.signal("USR1")?;
    guest.logs("statistics", 1)?;
    let log = guest.log();
    let line = log.lines().find_map(|line| line.split_once("statistics "));
    let told: serde_json::Value = serde_json::from_str(line.map_or("", |(_, json)| json)).unwrap();
    let paced = |key: &str| told["ports"]["paced"][key].as_u64().unwrap();
    assert!(paced("frames") > 60, "{told}");
    assert!(paced("late_frames") < paced("frames"), "{told}");
    assert!(paced("screen_bytes") > 2 * 800 * 600 * 4, "{told}");
    assert!(!log.contains("does not say that it shows a frame"), "{log}");
    Ok(())
}
