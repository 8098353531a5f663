//! Windows whose parent reads pictures in memory of devices where it lies, with a real kernel's dma-bufs. Service
//! and parent run in a guest.

use porthole_rig::kms::{Card, SHARED};
use porthole_rig::parent;
use porthole_tests::process::built;
use porthole_tests::wait::{GUEST, wait_until};
use porthole_tests::{Failure, KmsGuest, Picture, Result};

const LAYER: (u32, u32) = (320, 240);
/// In the guest.
const PARENT: &str = "/run/parent";
const CARD: &str = "--device /dev/dri/card1";

/// What the service logs when a parent refuses.
const REFUSED: &str = "the parent does not take a program's memory of a device";

fn configuration(port: &str, app_id: &str) -> String {
    format!(
        "version = 1\n[render]\nrenderer = \"cpu\"\n[[port]]\nname = \"main\"\n{port}\n\
         [[layer]]\nname = \"app\"\nport = \"main\"\nsocket = \"viewer\"\napp_id = \"{app_id}\"\n\
         order = 1\n[[socket]]\nname = \"viewer\"\nrights = [\"capture:main\", \"watch\"]\n"
    )
}

/// The service in the guest with a window in another run of it, which is reached at this socket.
fn start(guest: &mut KmsGuest, parent: &str) -> Result<()> {
    configure(guest, parent)?;
    guest.start("")
}

fn configure(guest: &KmsGuest, parent: &str) -> Result<()> {
    let (width, height) = LAYER;
    let port = format!("kind = \"window\"\nparent = \"{parent}\"\nsize = [{width}, {height}]");
    guest.configure(&configuration(&port, "*"))
}

/// Starts the parent, and waits until it answers.
fn start_parent(guest: &mut KmsGuest) -> Result<()> {
    let (width, height) = LAYER;
    let text = configuration(&format!("size = [{width}, {height}]"), "porthole.main");
    std::fs::write(guest.folder().join("parent.toml"), text)?;
    let porthole = built("porthole")?;
    begin(
        guest,
        "parent",
        &format!(
            "{} --config {SHARED}/parent.toml --runtime-dir {PARENT} --ready-fd 1",
            porthole.display()
        ),
    )
}

/// Starts a program in the guest, and waits until it says that it is ready.
fn begin(guest: &mut KmsGuest, name: &str, command: &str) -> Result<()> {
    let out = guest.folder().join(format!("{name}.out"));
    std::fs::write(&out, "")?;
    guest.sh(&format!(
        "({command} >{SHARED}/{name}.out 2>{SHARED}/{name}.log </dev/null & \
         echo $! >{SHARED}/{name}.pid)"
    ))?;
    wait_until(name, GUEST, || {
        Ok(std::fs::read_to_string(&out).is_ok_and(|text| text.contains("ready")).then_some(()))
    })
}

/// What the parent shows.
fn parent_shows(guest: &mut KmsGuest) -> Result<Picture> {
    let shot = built("porthole-shot")?;
    guest.sh(&format!(
        "{} capture --wayland {PARENT}/viewer/wayland-0 --timeout {} --port main {SHARED}/parent.png",
        shot.display(),
        GUEST.as_secs()
    ))?;
    Picture::read(&guest.folder().join("parent.png"))
}

/// Waits until the parent shows a picture.
fn shows(guest: &mut KmsGuest, name: &str, wanted: &Picture) -> Result<()> {
    let mut last = None;
    let seen = wait_until(name, GUEST, || {
        let picture = parent_shows(guest)?;
        let same = picture.difference(wanted).is_none();
        last = Some(picture);
        Ok(same.then_some(()))
    });
    let (Err(error), Some(last)) = (&seen, last) else { return seen };
    let folder = last.write_comparison(wanted, name)?;
    Err(Failure::new(format!("{error}, see {}\n{}", folder.display(), guest.log())))
}

/// Bytes copied into the window's memory, frames whose memory the parent was given, and bytes copied out of
/// memory of devices.
fn counted(guest: &mut KmsGuest) -> Result<[u64; 3]> {
    let told = guest.counted("main")?;
    let count = |name: &str| told.get(name).and_then(serde_json::Value::as_u64);
    let accounts = guest.control("guests --json")?;
    let accounts: serde_json::Value =
        serde_json::from_str(&accounts).map_err(|error| Failure::new(error.to_string()))?;
    let copied = accounts.pointer("/account/0/total/copied_bytes").and_then(|n| n.as_u64());
    let both = count("screen_bytes").zip(count("handed_frames")).zip(copied);
    let ((screen, handed), copied) = both.ok_or_else(|| Failure::new(format!("{told}")))?;
    Ok([screen, handed, copied])
}

/// What a program's pattern is after so many frames, as a viewer of the port has it.
fn pattern(guest: &mut KmsGuest, frames: u32, options: &str) -> Result<Picture> {
    guest.pattern_with(LAYER, frames, options)?;
    guest.capture("main")
}

fn end_pattern(guest: &mut KmsGuest) -> Result<()> {
    guest.sh("kill $(pidof porthole-pattern)").map(drop)
}

/// A film of which the first pictures are copied, until the parent has answered, and the others are not.
fn is_handed(guest: &mut KmsGuest, device: &str, wanted: &Picture) -> Result<()> {
    let before = counted(guest)?;
    guest.pattern_with(LAYER, 30, device)?;
    shows(guest, "window-devices", wanted)?;
    let after = counted(guest)?;
    let [screen, handed, copied] = [0, 1, 2].map(|at| {
        let get = |all: [u64; 3]| all.get(at).copied().unwrap_or_default();
        get(after) - get(before)
    });
    assert!(handed >= 15, "{handed} of 30 frames");
    let picture = u64::from(LAYER.0 * LAYER.1 * 4);
    assert!(screen <= 4 * picture, "{screen} bytes copied for the window");
    assert!(copied <= 4 * picture, "{copied} bytes copied out of the device's memory");
    // Viewers of the port see the same, though nothing was copied yet.
    assert!(guest.capture("main")?.difference(wanted).is_none(), "what a viewer has");
    Ok(())
}

#[test]
#[ignore = "another kernel module"]
fn memory_of_devices_is_read_by_a_windows_parent() -> Result<()> {
    let mut guest = KmsGuest::boot(Card::Bochs)?;
    guest.add_vgem()?;
    start_parent(&mut guest)?;
    start(&mut guest, &format!("{PARENT}/viewer/wayland-0"))?;
    let wanted = pattern(&mut guest, 30, "")?;
    shows(&mut guest, "window-devices-copied", &wanted)?;
    end_pattern(&mut guest)?;
    is_handed(&mut guest, CARD, &wanted)?;

    // The program dies while the parent shows its memory: its layer is empty.
    end_pattern(&mut guest)?;
    let first = parent_shows(&mut guest)?;
    let blank = wait_until("an empty window", GUEST, || {
        let shown = parent_shows(&mut guest)?;
        Ok((shown.pixel(0, 0) == Some([0, 0, 0])).then_some(shown))
    });
    blank.map_err(|error| Failure::new(format!("{error}: {:?}", first.pixel(0, 0))))?;

    // The parent dies while it shows it, and comes back: the program goes on.
    guest.pattern_with(LAYER, 6, CARD)?;
    guest.sh(&format!("kill -9 $(cat {SHARED}/parent.pid)"))?;
    guest.logs("the parent is gone", 1)?;
    end_pattern(&mut guest)?;
    guest.pattern_with(LAYER, 30, CARD)?;
    start_parent(&mut guest)?;
    shows(&mut guest, "window-devices-again", &wanted)?;
    assert!(!guest.log().contains(REFUSED), "{}", guest.log());

    // A parent that refuses: one line, and copies.
    let refusing = format!(
        "{} {PARENT}/viewer/wayland-0 /run/refusing",
        built("porthole-refusing")?.display()
    );
    begin(&mut guest, "refusing", &refusing)?;
    end_pattern(&mut guest)?;
    configure(&guest, "/run/refusing")?;
    guest.signal("HUP")?;
    guest.logs("the configuration was read again", 1)?;
    let [_, before, _] = counted(&mut guest)?;
    guest.pattern_with(LAYER, 30, CARD)?;
    shows(&mut guest, "window-devices-refused", &wanted)?;
    let [_, handed, _] = counted(&mut guest)?;
    assert_eq!(handed, before, "frames of a parent that takes none");
    assert_eq!(guest.log().matches(REFUSED).count(), 1, "{}", guest.log());
    Ok(())
}

/// What weston shows.
fn weston_shows(guest: &mut KmsGuest, shot: &str, wanted: &Picture) -> Result<()> {
    let mut last = None;
    let seen = wait_until("what weston shows", GUEST, || {
        guest
            .sh(&format!("rm -f wayland-screenshot*; {shot} && mv wayland-screenshot* seen.png"))?;
        let picture = Picture::read(&guest.folder().join("seen.png"))?;
        let same = picture.difference(wanted).is_none();
        last = Some(picture);
        Ok(same.then_some(()))
    });
    let (Err(error), Some(last)) = (&seen, last) else { return seen };
    let folder = last.write_comparison(wanted, "window-devices-weston")?;
    Err(Failure::new(format!("{error}, see {}\n{}", folder.display(), guest.log())))
}

/// Another implementation: what it cannot take would be refused, or end the window.
#[test]
#[ignore = "another kernel module, and weston, which is downloaded"]
fn memory_of_devices_is_read_by_weston_at_night() -> Result<()> {
    let mut guest = KmsGuest::boot(Card::Bochs)?;
    guest.add_vgem()?;
    let [weston, shot] = parent::weston_by_gl(guest.folder(), LAYER)?;
    let socket = "/run/user/0/parent-0";
    let script =
        format!("{weston} >&2 &\nwhile [ ! -S {socket} ]; do sleep 0.1; done\necho ready\nwait\n");
    std::fs::write(guest.folder().join("weston.sh"), script)?;
    begin(&mut guest, "weston", "sh weston.sh")?;
    let port = format!("kind = \"window\"\nparent = \"{socket}\"\nfullscreen = true");
    guest.configure(&configuration(&port, "*"))?;
    guest.start("")?;
    let wanted = pattern(&mut guest, 12, "")?;
    weston_shows(&mut guest, &shot, &wanted)?;
    end_pattern(&mut guest)?;
    guest.pattern_with(LAYER, 12, CARD)?;
    weston_shows(&mut guest, &shot, &wanted)?;
    let [_, handed, _] = counted(&mut guest)?;
    assert!(handed > 0, "no frame was handed over: {}", guest.log());
    assert!(!guest.log().contains(REFUSED), "{}", guest.log());
    Ok(())
}

#[test]
#[ignore = "a newer kernel"]
fn plain_memory_of_devices_is_read_by_a_windows_parent_at_night() -> Result<()> {
    let mut guest = KmsGuest::boot_newer(Card::Bochs)?;
    start_parent(&mut guest)?;
    start(&mut guest, &format!("{PARENT}/viewer/wayland-0"))?;
    let wanted = pattern(&mut guest, 30, "")?;
    shows(&mut guest, "window-devices-plain", &wanted)?;
    end_pattern(&mut guest)?;
    is_handed(&mut guest, "--device /dev/udmabuf", &wanted)
}
