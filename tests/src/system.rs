//! A machine with systemd as its first process and a seat in front of it, judged by QEMU.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Mutex, PoisonError};

use porthole_rig::debian::Debian;
use porthole_rig::kms::CARD;
use porthole_rig::{Qemu, System};
use tempfile::TempDir;

use crate::failure::{Failure, OrFail, Result};
use crate::picture::Picture;
use crate::process::Process;
use crate::qmp::Qmp;
use crate::wait::wait_until;

/// How long a machine without a real processor may take to boot, and to run one line.
const LONG: std::time::Duration = std::time::Duration::from_secs(200);
/// Where the shared folder is in the machine.
pub const SHARED: &str = "/rig";

/// Until QEMU has read an image, another machine's must not take its name.
static IMAGE: Mutex<()> = Mutex::new(());

/// Runs the lines that are found in the shared folder, one after the other.
const WORKER: &str = "#!/bin/sh
cd /rig
n=0
while :; do
    if [ -e order.$n ]; then
        sh order.$n > answer.$n 2>&1 < /dev/null
        echo $? > done.partial
        mv done.partial done.$n
        n=$((n + 1))
    else
        sleep 0.1
    fi
done
";
const WORKER_UNIT: &str =
    "[Unit]\nAfter=basic.target\n[Service]\nExecStart=/bin/sh /etc/worker.sh\n";
/// The same where a disk has it, and the file system's table has the folder.
const WORKER_ON_DISK: &str = "[Unit]\nRequiresMountsFor=/rig\n\
    [Service]\nExecStart=/bin/sh /etc/worker.sh\n[Install]\nWantedBy=multi-user.target\n";
const TARGET: &str = "[Unit]\nRequires=basic.target\nAfter=basic.target\nAllowIsolate=yes\n\
    Wants=worker.service systemd-udevd-control.socket systemd-udevd-kernel.socket systemd-udevd.service \
    systemd-udev-trigger.service dbus.socket systemd-logind.service ";

/// A running machine, and a folder that it shares.
#[derive(Debug)]
pub struct SystemGuest {
    /// QEMU itself.
    pub qmp: Qmp,
    qemu: Process,
    folder: TempDir,
    orders: usize,
}

impl SystemGuest {
    /// Boots what is added to a machine with a seat, and starts these units beside those of the seat.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn boot(system: System, units: &str) -> Result<SystemGuest> {
        let folder = tempfile::Builder::new().prefix("porthole-system-").tempdir()?;
        let system = system
            .with_seat()
            .text("etc/worker.sh", WORKER)
            .text("etc/systemd/system/worker.service", WORKER_UNIT)
            .text("etc/systemd/system/seat.target", format!("{TARGET}{units}\n"));
        let qemu = Qemu::installed().or_fail("find QEMU")?;
        let read = IMAGE.lock().unwrap_or_else(PoisonError::into_inner);
        let image = system.prepare("systemd-seat").or_fail("pack a machine")?;
        let mut command = qemu.system_with_seat(&image, "seat.target", folder.path());
        let qemu = Process::start("machine", folder.path(), command.stdout(Stdio::null()))?;
        let qmp = Qmp::connect(&folder.path().join("qmp.sock"))?;
        drop(read);
        let mut guest = SystemGuest { qmp, qemu, folder, orders: 0 };
        guest.sh("true")?;
        Ok(guest)
    }

    /// Adds to a machine what takes orders there, for [`SystemGuest::begin`].
    #[must_use]
    pub fn with_worker(system: System) -> System {
        let mount = "/dev/vda / ext4 defaults 0 0\n\
             rig /rig 9p trans=virtio,version=9p2000.L,msize=262144 0 0\n";
        system
            .text("etc/worker.sh", WORKER)
            // So that the folder is there.
            .text("rig/README", "shared with who runs the machine\n")
            .text("etc/fstab", mount)
            .text("etc/systemd/system/worker.service", WORKER_ON_DISK)
    }

    /// Starts a Debian without its disk, with these words for its kernel, and waits for nothing.
    ///
    /// # Errors
    /// When QEMU cannot be started.
    pub fn begin(debian: &Debian, words: &str) -> Result<SystemGuest> {
        let folder = tempfile::Builder::new().prefix("porthole-debian-").tempdir()?;
        let qemu = Qemu::installed().or_fail("find QEMU")?;
        let mut command = qemu.debian(debian, words, folder.path());
        let qemu = Process::start("machine", folder.path(), command.stdout(Stdio::null()))?;
        let qmp = Qmp::connect(&folder.path().join("qmp.sock"))?;
        Ok(SystemGuest { qmp, qemu, folder, orders: 0 })
    }

    /// What the machine wrote to its serial port.
    #[must_use]
    pub fn console(&self) -> String {
        let bytes = fs::read(self.folder.path().join("console")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// An error where the machine has ended.
    ///
    /// # Errors
    /// When it has.
    pub fn must_run(&mut self) -> Result<()> {
        self.qemu.must_run()
    }

    /// Gives an order without a wait; [`SystemGuest::answer`] has what it printed.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn order(&mut self, line: &str) -> Result<usize> {
        let n = self.orders;
        self.orders += 1;
        let file = |name: &str| self.folder.path().join(format!("{name}.{n}"));
        fs::write(file("partial"), line).or_fail("write an order")?;
        fs::rename(file("partial"), file("order")).or_fail("give an order")?;
        Ok(n)
    }

    /// The end of an order and what it printed, once it has ended.
    #[must_use]
    pub fn answer(&self, order: usize) -> Option<(String, String)> {
        let read = |name: &str| fs::read(self.folder.path().join(format!("{name}.{order}")));
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).trim_end().to_owned();
        let code = read("done").ok()?;
        Some((text(code), text(read("answer").unwrap_or_default())))
    }

    /// The shared folder, as this machine sees it.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Runs a line of a shell as root; gives what it printed.
    ///
    /// # Errors
    /// When it fails.
    pub fn sh(&mut self, line: &str) -> Result<String> {
        let order = self.order(line)?;
        let done = wait_until(line, LONG, || {
            self.qemu.must_run()?;
            Ok(self.answer(order))
        });
        let (code, answer) =
            done.map_err(|error| Failure::new(format!("{error}:\n{}", self.console())))?;
        if code == "0" {
            return Ok(answer);
        }
        Err(Failure::new(format!("{line}: {code}: {answer}")))
    }

    /// Waits until a line prints something that holds a text; gives all that it printed.
    ///
    /// # Errors
    /// When it does not in time.
    pub fn says(&mut self, line: &str, wanted: &str) -> Result<String> {
        let mut last = String::new();
        let said = wait_until(wanted, LONG, || {
            last = self.sh(&format!("{line} || true"))?;
            Ok(last.contains(wanted).then(|| last.clone()))
        });
        said.map_err(|error| Failure::new(format!("{error}; '{line}' printed {last}")))
    }

    /// Waits until a unit has logged something so many times; gives all of its log.
    ///
    /// # Errors
    /// When it has not in time.
    pub fn logs(&mut self, unit: &str, text: &str, times: usize) -> Result<String> {
        // A session takes the process out of its unit; its name stays.
        let name = unit.trim_end_matches(".service");
        let line =
            format!("journalctl -b -q --no-pager -o cat UNIT={unit} + SYSLOG_IDENTIFIER={name}");
        let mut last = String::new();
        let seen = wait_until(text, LONG, || {
            last = self.sh(&line)?;
            Ok((last.matches(text).count() >= times).then(|| last.clone()))
        });
        seen.map_err(|error| Failure::new(format!("{error}; '{unit}' logged {last}")))
    }

    /// What the first screen shows.
    ///
    /// # Errors
    /// When QEMU does not say.
    pub fn screen(&mut self) -> Result<Picture> {
        let folder = self.folder().to_owned();
        self.qmp.screen_of(&folder, CARD, 0)
    }

    /// The same as the bytes of a PPM file.
    ///
    /// # Errors
    /// When QEMU does not say.
    pub fn film(&mut self) -> Result<Vec<u8>> {
        let folder = self.folder().to_owned();
        self.qmp.film_of(&folder, CARD, 0)
    }

    /// Waits until the screen shows a picture.
    ///
    /// # Errors
    /// When it does not; both pictures are then beside the build under `name`.
    pub fn shows(&mut self, name: &str, expected: &Picture) -> Result<()> {
        let mut last = None;
        let seen = wait_until(name, LONG, || {
            let picture = self.screen()?;
            let same = picture.difference(expected).is_none();
            last = Some(picture);
            Ok(same.then_some(()))
        });
        if let (Err(_), Some(last)) = (&seen, last) {
            last.write_comparison(expected, name)?;
        }
        seen
    }
}
