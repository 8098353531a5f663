//! Domains of libvirt itself: its system daemon, a user's own, and connections that it opens.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use porthole_rig::libvirt::Corner;
use porthole_tests::failure::OrFail;
use porthole_tests::process::built;
use porthole_tests::wait::{GUEST, wait_until};
use porthole_tests::{Capture, Failure, Picture, Process, Result, Service};
use serde_json::Value;

use crate::portholectl::ctl_on;

/// Debian's user for libvirt's QEMUs, and one that has nothing to do with it.
const OF_QEMU: &str = "64055";
const NOBODY: &str = "65534";
const SYSTEM: &str = "qemu:///system";
const SESSION: &str = "qemu:///session";
/// The size of the firmware's text, and of the port.
const TEXT: (u32, u32) = (720, 400);

const CONFIGURATION: &str = r#"
version = 1
[[port]]
name = "main"
size = [720, 400]
[[guest]]
name = "win"
owner = "64055:64055"
[[guest]]
name = "own"
owner = "65534:65534"
[[guest]]
name = "peer"
[[layer]]
name = "win"
port = "main"
guest = "win"
order = 1
[[layer]]
name = "own"
port = "main"
guest = "own"
order = 2
[[layer]]
name = "peer"
port = "main"
guest = "peer"
order = 3
[[socket]]
name = "viewer"
rights = ["capture:main"]
"#;

/// Has the descriptor that libvirt opens to a domain's display inherited by a program.
const OPEN: &str = "import libvirt, os, sys
domain = libvirt.open('qemu:///system').lookupByName('peer')
os.dup2(domain.openGraphicsFD(0), 3)
os.execv(sys.argv[1], sys.argv[1:])
";

/// A PC without any disk.
fn domain(name: &str, graphics: &str) -> String {
    format!(
        "<domain type='qemu'><name>{name}</name><memory unit='MiB'>64</memory><vcpu>1</vcpu>\
         <os><type arch='x86_64' machine='q35'>hvm</type></os><devices>\
         <emulator>/usr/bin/qemu-system-x86_64</emulator>{graphics}\
         <video><model type='vga'/></video><input type='tablet' bus='usb'/></devices></domain>"
    )
}

/// libvirt in its corner.
struct Libvirt {
    corner: Corner,
    _daemon: Process,
    service: Service,
}

impl Libvirt {
    fn start() -> Result<Libvirt> {
        let service = Service::start_with(CONFIGURATION)?;
        let folder = service.folder().join("libvirt");
        fs::create_dir(&folder)?;
        // Other users come by on their way to their sockets.
        for open in [service.folder(), &folder] {
            fs::set_permissions(open, Permissions::from_mode(0o755))?;
        }
        let corner = Corner::new(&folder).or_fail("set libvirt up")?;
        let mut command = corner.daemon().or_fail("get libvirt")?;
        let daemon = Process::start("libvirt", service.folder(), &mut command)?;
        wait_until("libvirt's corner", GUEST, || Ok(folder.join("first").exists().then_some(())))?;
        let libvirt = Libvirt { corner, _daemon: daemon, service };
        wait_until("libvirt's daemon", GUEST, || {
            Ok(libvirt.virsh("root", SYSTEM, &["list"]).ok().map(drop))
        })?;
        Ok(libvirt)
    }

    /// A command in the corner as some user.
    fn as_user(&self, user: &str, program: &str) -> Result<Command> {
        let mut command = self.corner.inside("setpriv").or_fail("enter the corner")?;
        command.args(["--reuid", user, "--regid", user, "--clear-groups", "env", "-C", "/"]);
        // A user's own libvirt keeps everything below these.
        command.args(["XDG_RUNTIME_DIR=/run/own", "HOME=/run/own", program]);
        Ok(command)
    }

    fn virsh(&self, user: &str, daemon: &str, arguments: &[&str]) -> Result<String> {
        let mut command = self.as_user(user, "virsh")?;
        let output = command.args(["-q", "-c", daemon]).args(arguments).output()?;
        let text = said(&output);
        if output.status.success() { Ok(text) } else { Err(Failure::new(text)) }
    }

    fn define(&self, (user, daemon): (&str, &str), name: &str, graphics: &str) -> Result<()> {
        let file = self.service.folder().join(format!("{name}.xml"));
        fs::write(&file, domain(name, graphics))?;
        self.virsh(user, daemon, &["define", &file.display().to_string()]).map(drop)
    }

    /// The bridge of a domain as some user.
    fn bridge(&self, user: &str, guest: &str, options: &[&str]) -> Result<Command> {
        let program = built("porthole-qemu")?.display().to_string();
        let mut command = self.as_user(user, &program)?;
        command.args(["--guest", guest]).args(options);
        command.arg("--wayland").arg(self.service.socket(guest)?);
        Ok(command)
    }

    /// What a layer's guest is said to be.
    fn state(&self, guest: &str) -> Result<Value> {
        let streams = ctl_on(&self.service, "viewer", &["guests", "--json"])?.json()?;
        let all = streams.get("stream").and_then(Value::as_array).cloned().unwrap_or_default();
        let one = all.into_iter().find(|one| one.get("guest") == Some(&guest.into()));
        Ok(one.and_then(|one| one.get("state").cloned()).unwrap_or_default())
    }

    fn is(&self, guest: &str, state: &str) -> Result<()> {
        wait_until(&format!("{guest}, {state}"), GUEST, || {
            Ok((self.state(guest)? == state).then_some(()))
        })
    }

    /// Waits until a viewer sees what libvirt says that a domain shows.
    fn shows(&self, (user, daemon): (&str, &str), name: &str) -> Result<()> {
        let file = self.picture(name);
        let path = file.display().to_string();
        let seen = || {
            self.virsh(user, daemon, &["screenshot", name, &path])?;
            screenshot(&file)
        };
        wait_until(&format!("the firmware of {name}"), GUEST, || {
            let seen = seen()?;
            let is_text = (seen.width(), seen.height()) == TEXT && !seen.is_of_one_colour();
            Ok(is_text.then_some(()))
        })?;
        // What is seen stays as it is then.
        self.virsh(user, daemon, &["suspend", name])?;
        let capture = Capture::start(&self.service.socket("viewer")?, "main")?;
        capture.expect(name, &seen()?, GUEST)?;
        self.virsh(user, daemon, &["resume", name]).map(drop)
    }

    /// A file that this user may write.
    fn picture(&self, name: &str) -> PathBuf {
        self.service.folder().join("pictures").join(name)
    }
}

/// Old QEMUs write another kind of picture.
fn screenshot(file: &Path) -> Result<Picture> {
    let bytes = fs::read(file)?;
    if bytes.starts_with(b"P6") { Picture::from_ppm(&bytes) } else { Picture::read(file) }
}

fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}

#[test]
#[ignore = "libvirt, as root"]
fn domains_of_libvirt_are_shown_and_go_and_come_at_night() -> Result<()> {
    let libvirt = Libvirt::start()?;
    let folder = libvirt.picture("");
    fs::create_dir(&folder)?;
    fs::set_permissions(&folder, Permissions::from_mode(0o777))?;

    // The system's: the bridge waits for the domain, ends with it, and so does the next one.
    let system = ("root", SYSTEM);
    libvirt.define(system, "win", "<graphics type='dbus'/>")?;
    for round in 0..2 {
        let options = ["--domain", "win", "--wait"];
        let mut bridge = libvirt.bridge(OF_QEMU, "win", &options)?;
        let name = format!("bridge-{round}");
        let mut bridge = Process::start(&name, libvirt.service.folder(), &mut bridge)?;
        wait_until("a bridge that waits", GUEST, || {
            bridge.must_run()?;
            Ok(bridge.log().contains("waiting for the VM").then_some(()))
        })?;
        libvirt.virsh("root", SYSTEM, &["start", "win"])?;
        libvirt.is("win", "running")?;
        libvirt.shows(system, "win")?;
        if round == 0 {
            // Its bus is nobody else's; newer ones are root's as well.
            let buses = "cat /run/libvirt/qemu/dbus/*.conf";
            let buses = libvirt.as_user("0", "sh")?.args(["-c", buses]).output()?;
            if !said(&buses).contains("<allow user='root'/>") {
                let root = libvirt.bridge("0", "win", &["--domain", "win"])?.output()?;
                assert_eq!(root.status.code(), Some(1), "{}", said(&root));
                assert!(said(&root).contains("does not let in user 0"), "{}", said(&root));
            }
            let nobody = libvirt.bridge(NOBODY, "win", &["--domain", "win"])?.output()?;
            assert_eq!(nobody.status.code(), Some(1), "{}", said(&nobody));
            assert!(said(&nobody).contains("may look into"), "{}", said(&nobody));
        }
        libvirt.virsh("root", SYSTEM, &["destroy", "win"])?;
        assert!(bridge.wait_end(GUEST)?.success(), "{}", bridge.log());
        libvirt.is("win", "off")?;
    }

    // A user's own.
    let mut own = libvirt.corner.inside("install").or_fail("enter the corner")?;
    let made = own.args(["-d", "-m", "700", "-o", NOBODY, "-g", NOBODY, "/run/own"]).output()?;
    assert!(made.status.success(), "{}", said(&made));
    let session = (NOBODY, SESSION);
    libvirt.define(session, "own", "<graphics type='dbus'/>")?;
    libvirt.virsh(NOBODY, SESSION, &["start", "own"])?;
    let mut bridge = libvirt.bridge(NOBODY, "own", &["--domain", "own"])?;
    let mut bridge = Process::start("bridge-own", libvirt.service.folder(), &mut bridge)?;
    libvirt.is("own", "running")?;
    libvirt.shows(session, "own")?;
    libvirt.virsh(NOBODY, SESSION, &["destroy", "own"])?;
    assert!(bridge.wait_end(GUEST)?.success(), "{}", bridge.log());

    // Without a bus, by a descriptor that libvirt opens.
    libvirt.define(system, "peer", "<graphics type='dbus' p2p='yes'/>")?;
    libvirt.virsh("root", SYSTEM, &["start", "peer"])?;
    let script = libvirt.service.folder().join("open.py");
    fs::write(&script, OPEN)?;
    let mut bridge = libvirt.corner.inside("/usr/bin/python3").or_fail("enter the corner")?;
    bridge.arg(&script).arg(built("porthole-qemu")?).args(["--guest", "peer", "--peer", "fd:3"]);
    bridge.arg("--wayland").arg(libvirt.service.socket("peer")?);
    let mut bridge = Process::start("bridge-peer", libvirt.service.folder(), &mut bridge)?;
    libvirt.is("peer", "running").map_err(|error| bridge.failure(&error.to_string()))?;
    libvirt.shows(system, "peer")?;
    libvirt.virsh("root", SYSTEM, &["destroy", "peer"])?;
    assert!(bridge.wait_end(GUEST)?.success(), "{}", bridge.log());
    Ok(())
}
