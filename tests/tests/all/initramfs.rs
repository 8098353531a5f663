//! The service in the initramfs that Debian itself makes, and what is on the screen from there to the system that
//! is up, or to the shell of a boot that went wrong. The card begins to be of use in the initramfs, and the disk
//! is plugged in when the splash is there.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::Duration;

use porthole_rig::System;
use porthole_rig::debian::{Debian, disk};
use porthole_tests::failure::OrFail;
use porthole_tests::process::built;
use porthole_tests::system::SHARED;
use porthole_tests::wait::wait_until;
use porthole_tests::{Failure, Picture, Result, SystemGuest};
use serde_json::json;

use crate::kms_input::key;

/// A machine whose processor is emulated boots a whole Debian, while others have the real one, and pictures are
/// taken all the time. It is for what hangs.
const LONG: Duration = Duration::from_secs(900);

const CONFIGURATION: &str = r##"
version = 1
splash = "splash.png"
[render]
renderer = "cpu"
[[port]]
name = "main"
kind = "drm"
connector = "Virtual-1"
background = "#203040"
[[guest]]
name = "ivi"
owner = "vm-ivi"
[[layer]]
name = "ivi"
port = "main"
guest = "ivi"
order = 1
[[layer]]
name = "camera"
port = "main"
socket = "viewer"
app_id = "*"
order = 2
rect = [64, 48, 320, 240]
[[socket]]
name = "viewer"
rights = ["capture:main"]
[[program]]
name = "camera"
socket = "viewer"
command = ["/usr/bin/camera"]
"##;

/// A program that is a script, which the initramfs has too.
const CAMERA: &str =
    "#!/bin/sh\nexec porthole-pattern /run/porthole/viewer/wayland-0 320 240 noise 0 --listen\n";
/// What the documentation says to do, after the packages' own.
const INSTALL: &str = "chmod 755 /usr/bin/camera\n\
    systemd-sysusers\n\
    systemctl enable porthole.service worker.service\n\
    cp -r /data/initramfs-tools /usr/share/ && update-initramfs -u -k all\n";
/// A hook of a person's own, for what a script needs.
const HOOK: &str = "#!/bin/sh\n[ \"$1\" = prereqs ] && exit 0\n\
    . /usr/share/initramfs-tools/hook-functions\ncopy_exec /usr/bin/porthole-pattern\n";
/// As in an image for one machine. Debian's own choice, all that there may be, takes minutes to load here. The
/// folder that is shared is to be mounted before udev has seen to everything.
const MODULES: &str = "virtio_pci\nvirtio_blk\nvirtio_gpu\next4\n9pnet_virtio\n";
/// Those of the documentation, and where this machine's console is beside the screen.
const WORDS: &str = "root=/dev/vda ro quiet loglevel=3 vt.global_cursor_default=0 console=ttyS0 \
    console=tty0 mitigations=off tsc=reliable no_timer_check";

/// The splash's file: every pixel has its own place.
fn splash() -> Picture {
    let bytes: Vec<u8> = (0..1024_u32 * 768)
        .flat_map(|i| (i.wrapping_mul(2_654_435_761) | 0xff00_0000).to_le_bytes())
        .collect();
    let mut picture = Picture::new(1024, 768, [0; 3]);
    picture.put_bgrx((0, 0), 1024, &bytes);
    picture
}

/// The machine, installed once for all tests.
fn debian() -> Result<&'static Debian> {
    static DEBIAN: OnceLock<std::result::Result<Debian, String>> = OnceLock::new();
    let debian = DEBIAN.get_or_init(|| install().map_err(|error| error.to_string()));
    debian.as_ref().map_err(|error| Failure::new(error.clone()))
}

fn install() -> Result<Debian> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("splash.png");
    splash().write(&file)?;
    let mut system = System::default();
    for program in ["porthole", "porthole-pattern", "porthole-shot"] {
        system = system.program(&format!("usr/bin/{program}"), &built(program)?);
    }
    for (file, place) in [
        ("porthole.service", "usr/lib/systemd/system/porthole.service"),
        ("porthole.sysusers", "usr/lib/sysusers.d/porthole.conf"),
        ("porthole.tmpfiles", "usr/lib/tmpfiles.d/porthole.conf"),
    ] {
        system = system.installed(file, place).or_fail("install a unit")?;
    }
    let system = system
        .copy("etc/porthole/splash.png", &file)
        .or_fail("read the splash")?
        .text("etc/porthole/porthole.toml", CONFIGURATION)
        .text("etc/sysusers.d/guests.conf", "u vm-ivi - \"Guest\"\n")
        .text("usr/bin/camera", CAMERA)
        .text("etc/initramfs-tools/hooks/camera", HOOK)
        .text("etc/initramfs-tools/conf.d/modules", "MODULES=list\n")
        .text("etc/initramfs-tools/modules", MODULES)
        .text("etc/hostname", "machine\n");
    let lines = format!("chmod 755 /etc/initramfs-tools/hooks/camera\n{INSTALL}");
    Debian::install(&SystemGuest::with_worker(system), &lines).or_fail("install a Debian")
}

/// What the screen showed, by the pictures' check sums, and without what it showed twice in a row.
#[derive(Default)]
struct Film {
    pictures: BTreeMap<u32, Picture>,
    order: Vec<u32>,
    /// What was seen last, as it came.
    last: Vec<u8>,
}

impl Film {
    /// Looks at the screen.
    fn look(&mut self, guest: &mut SystemGuest) -> Result<(u32, &Picture)> {
        guest.must_run()?;
        let bytes = guest.film()?;
        if bytes != self.last {
            let picture = Picture::from_ppm(&bytes)?;
            let sum = picture.checksum();
            if self.order.last() != Some(&sum) {
                self.order.push(sum);
            }
            self.pictures.insert(sum, picture);
            self.last = bytes;
        }
        let sum = self.order.last().copied().unwrap_or_default();
        let picture =
            self.pictures.get(&sum).ok_or_else(|| Failure::new("the screen shows nothing"))?;
        Ok((sum, picture))
    }

    /// Looks until the screen shows a picture.
    fn until(&mut self, what: &str, guest: &mut SystemGuest, sum: u32) -> Result<()> {
        let seen = wait_until(what, LONG, || Ok((self.look(guest)?.0 == sum).then_some(())));
        seen.map_err(|error| Failure::new(format!("{error}: {}", guest.console())))
    }
}

/// Begins a boot, and looks until the splash is there. There is no disk.
fn begin() -> Result<(SystemGuest, Film, Picture)> {
    let mut guest = SystemGuest::begin(debian()?, WORDS)?;
    let (mut film, splash) = (Film::default(), splash());
    film.until("the splash", &mut guest, splash.checksum())?;
    Ok((guest, film, splash))
}

#[test]
#[ignore = "boots a whole Debian"]
fn debians_own_initramfs_shows_the_splash_until_the_real_service_does_at_night() -> Result<()> {
    let (mut guest, mut film, splash) = begin()?;
    guest.qmp.execute("device_add", json!(BTreeMap::from(disk())))?;
    let up = guest.order(
        "until systemctl is-active -q porthole.service; do sleep 0.2; done; \
         until journalctl -b -q -o cat -u porthole.service | grep -q 'first picture'; do sleep 0.2; done",
    )?;
    let (code, said) = wait_until("the real service", LONG, || {
        film.look(&mut guest)?;
        Ok(guest.answer(up))
    })
    .map_err(|error| Failure::new(format!("{error}: {}", guest.console())))?;
    assert_eq!((code.as_str(), said.as_str()), ("0", ""));
    guest.sh(&format!(
        "porthole-shot capture --wayland /run/porthole/viewer/wayland-0 --port main {SHARED}/capture.png"
    ))?;
    let scene = Picture::read(&guest.folder().join("capture.png"))?;
    film.until("the scene", &mut guest, scene.checksum())?;

    // From its first picture on there was nothing else: first of the initramfs' service, then of the real one.
    let seen: Vec<u32> =
        film.order.iter().copied().skip_while(|sum| *sum != splash.checksum()).collect();
    let known = [splash.checksum(), scene.checksum()];
    if let Some(other) = seen.iter().find(|sum| !known.contains(sum)) {
        let folder = film.pictures[other].write_comparison(&scene, "initramfs-frame")?;
        let text = format!("a frame is none that should be seen, see {}", folder.display());
        return Err(Failure::new(text));
    }
    assert!(seen.starts_with(&known) && seen.ends_with(&known), "{seen:?}");

    let early = guest.sh("cat /run/initramfs/porthole.log")?;
    assert!(early.contains("first picture layer=\"camera\""), "{early}");
    assert!(early.contains("another run takes over"), "{early}");
    assert!(!early.contains("has no screen any more"), "{early}");
    let log = guest.logs("porthole.service", "first picture", 1)?;
    for line in
        ["what the service before this one had", "going on as before", "is taken over as it is"]
    {
        assert!(log.contains(line), "{line}: {log}");
    }
    assert!(!log.contains("ERROR") && !log.contains("sets the mode once more"), "{log}");
    // Whose all of it is, and that nothing else is left.
    let places = "for path in /run/porthole /run/porthole/.state/scene /run/porthole/ivi \
         /run/porthole/ivi/wayland-0 /run/porthole/viewer/wayland-0; do stat -c '%n %U:%G %a' $path; done";
    let owners = "/run/porthole porthole:porthole 711\n/run/porthole/.state/scene porthole:porthole 600\n\
         /run/porthole/ivi porthole:vm-ivi 750\n/run/porthole/ivi/wayland-0 vm-ivi:vm-ivi 700\n\
         /run/porthole/viewer/wayland-0 porthole:porthole 700";
    assert_eq!(guest.sh(places)?, owners);
    assert_eq!(guest.sh("grep -ls ^@porthole /proc/[0-9]*/cmdline || true")?, "");
    assert_eq!(guest.sh("systemctl --failed --plain --no-legend")?, "");
    Ok(())
}

#[test]
#[ignore = "boots a whole Debian"]
fn a_boot_that_finds_no_root_ends_in_a_shell_that_is_seen_at_night() -> Result<()> {
    let (mut guest, mut film, splash) = begin()?;
    let scene = wait_until("the camera", LONG, || {
        let (sum, _) = film.look(&mut guest)?;
        Ok((sum != splash.checksum()).then_some(sum))
    })?;
    // The kernel's console is text on black.
    let is_text = |picture: &Picture| (2..=4).contains(&picture.colours());
    let text = wait_until("the console", LONG, || {
        let (sum, picture) = film.look(&mut guest)?;
        let is_other = ![splash.checksum(), scene].contains(&sum);
        Ok((is_other && is_text(picture)).then_some(sum))
    })?;
    // A person sees what is typed, and it counts.
    for name in ["r", "e", "b", "o", "o", "t"] {
        guest.qmp.input(None, &key(name, true))?;
        guest.qmp.input(None, &key(name, false))?;
    }
    wait_until("what was typed", LONG, || {
        let (sum, picture) = film.look(&mut guest)?;
        Ok((sum != text && is_text(picture)).then_some(()))
    })?;
    guest.qmp.input(None, &key("ret", true))?;
    guest.qmp.input(None, &key("ret", false))?;
    wait_until("the end", LONG, || Ok(guest.must_run().is_err().then_some(())))
}
