//! Guests that are suspended to memory (ACPI's S3) and wake up.
//!
//! What such a guest runs is in its memory: a folder that is shared by 9p does not come back, as the kernel's
//! driver has nothing for it. Logs go through serial ports, which come back. The kernel is started as a boot
//! loader does it: one that is started by its PVH entry faults when it is woken.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use porthole_guest::commands::Command as Order;
use porthole_rig::kms::{self, Card, SHARED};
use porthole_rig::{Image, Qemu};
use serde_json::json;

use super::KmsGuest;
use crate::failure::{Failure, OrFail, Result};
use crate::process::built;
use crate::wait::{GUEST, wait_until};

/// What a guest's programs are.
const PROGRAMS: [&str; 4] = ["porthole", "porthole-pattern", "porthole-shot", "portholectl"];
/// What is read or loaded at run time; descriptions of devices are not, where there are none.
const LIBRARIES: [&str; 2] = ["libinput.so.10", "libseat.so.1"];
const DATA: [&str; 2] = ["/usr/share/X11/xkb", "/usr/share/libinput"];
/// Files that are written in the guest and read here while it runs, with the serial port of each.
const PORTS: [(&str, &str); 2] = [("log", "ttyS2"), ("heard", "ttyS3")];
/// The name of what a listener hears ([`KmsGuest::listener`]).
pub const HEARD: &str = PORTS[1].0;
/// Bytes in a line of a file that is sent in digits.
const LINE: usize = 512;

impl KmsGuest {
    /// Boots a guest with a card, and more by QEMU's names, that can be suspended to memory. Its service has
    /// this configuration and its keyboard.
    ///
    /// # Errors
    /// As [`KmsGuest::boot`], and when a program cannot be made small.
    pub fn boot_to_sleep(card: Card, more: &[&str], configuration: &str) -> Result<KmsGuest> {
        let own = super::image()?;
        let image = Image { kernel: own.wrapped.clone(), ..own.clone() };
        let folder = super::new_folder()?;
        let mut machine = kms::machine(folder.path(), card);
        // Of a q35 the ports for power management are gone after its first sleep, with SeaBIOS 1.16.
        machine.options.extend(["-machine", "pc"].map(str::to_owned));
        let devices = more.iter().flat_map(|device| ["-device", device]);
        machine.options.extend(devices.map(str::to_owned));
        for (name, port) in PORTS {
            let file = folder.path().join(name);
            let chardev = format!("file,id={port},path={}", file.display());
            machine.options.extend(["-chardev".to_owned(), chardev]);
        }
        let ports = PORTS.iter().zip(1..).map(|((_, port), i)| format!(",chardev{i}={port}"));
        let ports = format!("pci-serial-2x{}", ports.collect::<String>());
        machine.options.extend(["-device".to_owned(), ports]);
        pack(folder.path(), configuration)?;
        let mut guest =
            Self::start_in(folder, &image, &Qemu::installed()?, &machine, &into_memory())?;
        guest.in_memory = true;
        Ok(guest)
    }

    /// Suspends the guest; returns when its machine sleeps.
    ///
    /// # Errors
    /// When it does not.
    pub fn suspend(&mut self) -> Result<()> {
        // The answer comes when it is awake again.
        self.line.tell(&Order::Shell("echo mem >/sys/power/state".to_owned()))?;
        let asleep = wait_until("a guest that sleeps", GUEST, || {
            let status = self.qmp.execute("query-status", json!({}))?;
            let sleeps = status.get("status").is_some_and(|status| status == "suspended");
            Ok(sleeps.then_some(()))
        });
        asleep.map_err(|error| self.explain(&error))
    }

    /// Lets so many seconds go by on the clock of a guest's machine, which goes on while it sleeps.
    ///
    /// # Errors
    /// When QEMU does not say what time it is there.
    pub fn while_seconds_pass(&mut self, count: u32) -> Result<()> {
        let mut last = self.machine_second()?;
        for _ in 0..count {
            last = wait_until("the machine's clock", GUEST, || {
                let now = self.machine_second()?;
                Ok((now != last).then_some(now))
            })?;
        }
        Ok(())
    }

    fn machine_second(&mut self) -> Result<u64> {
        let time =
            self.qmp.execute("qom-get", json!({"path": "/machine", "property": "rtc-time"}))?;
        let second = time.get("tm_sec").and_then(serde_json::Value::as_u64);
        second.ok_or_else(|| Failure::new(format!("{time} is no time")))
    }

    /// Wakes the guest up; returns when its programs run again.
    ///
    /// # Errors
    /// When it does not wake up.
    pub fn wake(&mut self) -> Result<()> {
        self.qmp.execute("system_wakeup", json!({}))?;
        loop {
            let line = self.line.wait_for("").map_err(|error| self.explain(&error))?;
            if line == "ok" {
                return Ok(());
            }
            if line.starts_with("error") {
                return Err(self.explain(&Failure::new(line)));
            }
        }
    }

    /// Takes a file of a guest that has no folder to share, as digits on its line.
    pub(super) fn fetch(&mut self, name: &str) -> Result<()> {
        let line = format!("hexdump -v -e '{LINE}/1 \"%02x\" \"\\n\"' {SHARED}/{name}");
        let digits = self.sh(&line)?;
        let digits: Vec<u8> = digits.bytes().filter(u8::is_ascii_hexdigit).collect();
        let (pairs, _) = digits.as_chunks::<2>();
        let byte = |pair: &[u8; 2]| {
            let text = std::str::from_utf8(pair).or_fail("read digits")?;
            u8::from_str_radix(text, 16).or_fail("read digits")
        };
        let bytes: Result<Vec<u8>> = pairs.iter().map(byte).collect();
        fs::write(self.folder().join(name), bytes?).or_fail("write what was fetched")
    }
}

/// The line for the guest's shell that takes the files into memory and lets go of the shared folder.
fn into_memory() -> String {
    let raw = PORTS.map(|(_, port)| format!("stty raw -F /dev/{port}"));
    [
        "set -e; mkdir -p /shared /host; mount -t tmpfs -o size=60% root /host".to_owned(),
        "mount -t 9p -o ro,trans=virtio,version=9p2000.L,msize=512000 rig /shared".to_owned(),
        "tar -xf /shared/root.tar -C /host; umount /shared".to_owned(),
        "cp /bin/busybox /host/bin; chroot /host /bin/busybox --install -s /bin".to_owned(),
        "for d in proc sys dev; do mount -o bind /$d /host/$d; done".to_owned(),
        "mkdir -p /host/run/user/0; chmod 700 /host/run/user/0".to_owned(),
        "mkdir -p /dev/shm; mount -t tmpfs shm /host/dev/shm".to_owned(),
        raw.join("; "),
    ]
    .join("; ")
}

/// Packs programs, what they need, and the configuration.
fn pack(folder: &Path, configuration: &str) -> Result<()> {
    let root = folder.join("root");
    let inside = |path: &Path| root.join(path.strip_prefix("/").unwrap_or(path));
    for name in ["bin", "dev", "proc", "sys", "tmp", "run", "etc"] {
        fs::create_dir_all(root.join(name))?;
    }
    let shared = inside(Path::new(SHARED));
    fs::create_dir_all(&shared)?;
    fs::write(shared.join("porthole.toml"), configuration)?;
    for (name, port) in PORTS {
        symlink(format!("/dev/{port}"), shared.join(name))?;
    }
    let mut libraries = Vec::new();
    for program in PROGRAMS {
        let file = built(program)?;
        let target = inside(&file);
        fs::create_dir_all(target.parent().unwrap_or(&root))?;
        run(Command::new("strip").arg("-o").arg(&target).arg(&file))?;
        libraries.extend(needed(&file)?);
    }
    for name in LIBRARIES {
        let known = run(Command::new("/sbin/ldconfig").arg("-p"))?;
        let file = known.lines().filter(|line| line.trim().starts_with(name));
        let file = file.filter_map(|line| line.rsplit_once("=> ")).map(|(_, file)| file).next();
        let file = file.ok_or_else(|| Failure::new(format!("{name} is not installed")))?;
        libraries.push(file.to_owned());
        libraries.extend(needed(Path::new(file))?);
    }
    libraries.sort();
    libraries.dedup();
    for file in libraries {
        let target = inside(Path::new(&file));
        fs::create_dir_all(target.parent().unwrap_or(&root))?;
        fs::copy(&file, target).or_fail("copy a library")?;
    }
    for data in DATA.into_iter().filter(|data| Path::new(data).exists()) {
        run(Command::new("cp").args(["-rL", "--parents", data]).arg(&root))?;
    }
    let archive = folder.join("root.tar");
    run(Command::new("tar").arg("-cf").arg(&archive).arg("-C").arg(&root).arg("."))?;
    fs::remove_dir_all(&root).or_fail("remove what is packed")
}

/// The libraries that a file is linked with.
fn needed(file: &Path) -> Result<Vec<String>> {
    let told = run(Command::new("ldd").arg(file))?;
    let paths = told.split_whitespace().filter(|word| word.starts_with('/'));
    Ok(paths.map(|word| word.trim_end_matches(':').to_owned()).collect())
}

fn run(command: &mut Command) -> Result<String> {
    let output = command.output().or_fail(&format!("run {command:?}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(Failure::new(format!("{command:?}: {said}")))
}
