//! The units under a real systemd, which is the first process of a machine of its own.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use porthole_rig::{Qemu, System};
use porthole_tests::failure::OrFail;
use porthole_tests::process::built;
use porthole_tests::{Failure, Process, Result};

/// A machine whose processor is emulated, while others have the real one. It is for what hangs.
const LONG: Duration = Duration::from_secs(900);

const CONFIGURATION: &str = r#"
version = 1
[[port]]
name = "main"
size = [640, 480]
[[guest]]
name = "ivi"
owner = "vm-ivi"
[[socket]]
name = "vnc-main"
owner = "vnc-main"
rights = ["capture:main", "input:main"]
[[layer]]
name = "ivi"
port = "main"
guest = "ivi"
order = 1
"#;

const TARGET: &str = "[Unit]
Requires=basic.target
Wants=porthole.service porthole-vnc@main.service porthole-gpu@ivi.socket check.service
After=basic.target
AllowIsolate=yes
";

const CHECK: &str = "[Unit]
After=basic.target porthole.service porthole-vnc@main.service porthole-gpu@ivi.socket
[Service]
Type=oneshot
ExecStart=/bin/sh /etc/check.sh
";

/// The machine with everything that Porthole installs, as its documentation says.
fn system() -> Result<System> {
    let mut system = System::default();
    for program in ["porthole", "porthole-gpu", "porthole-vnc", "portholectl"] {
        system = system.program(&format!("usr/bin/{program}"), &built(program)?);
    }
    for (file, place) in [
        ("porthole.service", "usr/lib/systemd/system/porthole.service"),
        ("porthole-gpu@.socket", "usr/lib/systemd/system/porthole-gpu@.socket"),
        ("porthole-gpu@.service", "usr/lib/systemd/system/porthole-gpu@.service"),
        ("porthole-vnc@.service", "usr/lib/systemd/system/porthole-vnc@.service"),
        ("porthole.sysusers", "usr/lib/sysusers.d/porthole.conf"),
        ("porthole.tmpfiles", "usr/lib/tmpfiles.d/porthole.conf"),
    ] {
        system = system.installed(file, place).or_fail("install a unit")?;
    }
    Ok(system
        .text("etc/porthole/porthole.toml", CONFIGURATION)
        .text("etc/sysusers.d/guests.conf", "u vm-ivi - \"Guest\"\nu vnc-main - \"Server\"\n")
        .text("etc/systemd/system/check.target", TARGET)
        .text("etc/systemd/system/check.service", CHECK)
        .text("etc/check.sh", include_str!("under_systemd/check.sh")))
}

/// Boots the machine and gives the lines that it told.
fn run(folder: &Path) -> Result<Vec<String>> {
    let image = system()?.prepare("systemd").or_fail("pack a machine")?;
    let qemu = Qemu::installed().or_fail("find QEMU")?;
    let log = folder.join("console");
    let mut command = qemu.system(&image, "check.target", &log);
    let mut machine = Process::start("machine", folder, command.stdout(Stdio::null()))?;
    let ended = machine.wait_end(LONG);
    let console = fs::read_to_string(&log).unwrap_or_default();
    ended.map_err(|error| Failure::new(format!("{error}: {console}")))?;
    let lines = console.lines().filter_map(|line| line.strip_prefix("@ "));
    let lines: Vec<String> = lines.map(|line| line.trim_end().to_owned()).collect();
    if lines.last().is_none_or(|line| line != "end") {
        return Err(Failure::new(format!("it did not come to its end: {console}")));
    }
    Ok(lines)
}

/// Where things are, who owns them, and who may do what to them.
const PLACES: &[&str] = &[
    "/run/porthole porthole:porthole 711 directory",
    "/run/porthole/ivi porthole:vm-ivi 750 directory",
    "/run/porthole/ivi/wayland-0 vm-ivi:vm-ivi 700 socket",
    "/run/porthole/vnc-main porthole:vnc-main 750 directory",
    "/run/porthole/vnc-main/wayland-0 vnc-main:vnc-main 700 socket",
    "/run/porthole-gpu root:root 711 directory",
    "/run/porthole-gpu/ivi root:root 711 directory",
    "/run/porthole-gpu/ivi/gpu.sock vm-ivi:vm-ivi 600 socket",
    "/run/porthole-gpu/ivi/keyboard.sock vm-ivi:vm-ivi 600 socket",
    "/run/porthole-gpu/ivi/tablet.sock vm-ivi:vm-ivi 600 socket",
    "/run/porthole-vnc root:root 711 directory",
    "/run/porthole-vnc/main vnc-main:vnc-main 711 directory",
    "/run/porthole-vnc/main/vnc.sock vnc-main:vnc-main 700 socket",
    "/var/lib/porthole porthole:porthole 700 directory",
];

/// Each unit's user, the rights that are left, and how many processes it has at least.
const UNITS: [(&str, &str, &str, usize); 3] = [
    // CAP_CHOWN.
    ("porthole.service", "porthole", "0000000000000001", 1),
    ("porthole-vnc@main.service", "vnc-main", "0000000000000000", 2),
    ("porthole-gpu@ivi.service", "vm-ivi", "0000000000000000", 2),
];

#[test]
#[ignore = "boots a machine with systemd"]
fn the_units_do_under_systemd_what_they_say() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let lines = run(folder.path())?;
    let all = lines.join("\n");
    let values = |what: &str| -> Vec<&str> {
        let values = lines.iter().filter_map(|line| line.strip_prefix(what)?.strip_prefix(' '));
        values.collect()
    };
    let none: [&str; 0] = [];
    assert_eq!(values("never"), none, "{all}");
    assert_eq!(values("failed"), none, "{all}");
    assert_eq!(values("place"), PLACES);
    for (unit, user, rights, processes) in UNITS {
        let users = values(&format!("{unit} User:"));
        assert!(users.len() >= processes && users.iter().all(|is| *is == user), "{unit}: {all}");
        for (key, value) in
            [("CapEff:", rights), ("CapBnd:", rights), ("NoNewPrivs:", "1"), ("Seccomp:", "2")]
        {
            let is = values(&format!("{unit} {key}"));
            assert_eq!(is, vec![value; users.len()], "{unit} {key}: {all}");
        }
        let log = values(&format!("log {unit}"));
        assert!(log.iter().any(|line| line.contains("sandbox: landlock")), "{unit}: {all}");
        assert!(!log.iter().any(|line| line.contains("cannot be had")), "{unit}: {all}");
        assert!(values("stopped").contains(&format!("{unit} inactive success").as_str()), "{all}");
    }
    // First before the VM came, then with it.
    let idle = ["porthole.service active", "porthole-vnc@main.service active"];
    let devices = ["porthole-gpu@ivi.socket active", "porthole-gpu@ivi.service inactive"];
    let states = [&idle[..], &devices, &idle, &["porthole-gpu@ivi.service active"], &devices[..1]];
    assert_eq!(values("state"), states.concat(), "{all}");
    assert_eq!(values("greeting"), ["RFB003.008"; 3], "{all}");
    assert_eq!(values("kept"), ["sockets", "server", "devices"], "{all}");
    assert_eq!(values("result"), ["devices success"], "{all}");
    assert_eq!(values("reloaded"), ["active"], "{all}");
    assert!(values("stopped").contains(&"porthole-gpu@ivi.socket inactive success"), "{all}");
    let gone = ["/run/porthole-gpu/ivi/gpu.sock", "/run/porthole-vnc/main/vnc.sock"];
    assert_eq!(values("gone"), gone, "{all}");
    Ok(())
}
