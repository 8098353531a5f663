//! A machine that runs systemd as its first process: the one of this machine, whose `/usr` it sees and
//! cannot change. What is tested lies above that, and above an `/etc` that has nothing else in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::{exists, output};
use crate::cpio::Archive;
use crate::error::{Context, Result};
use crate::image::{Image, pack};
use crate::kernel;
use crate::qemu::Qemu;

const MODULES: &[&str] = &["virtio_pci", "9p", "9pnet_virtio", "overlay"];

/// Units of this machine that have nothing to do in such a one.
const MASKED: &[&str] = &[
    "dbus.service",
    "dbus.socket",
    "kmod-static-nodes.service",
    "ldconfig.service",
    "modprobe@.service",
    "proc-sys-fs-binfmt_misc.automount",
    "systemd-binfmt.service",
    "systemd-boot-system-token.service",
    "systemd-firstboot.service",
    "systemd-hwdb-update.service",
    "systemd-journal-catalog-update.service",
    "systemd-journal-flush.service",
    "systemd-modules-load.service",
    "systemd-pcrphase-sysinit.service",
    "systemd-pcrphase.service",
    "systemd-pstore.service",
    "systemd-random-seed.service",
    "systemd-timesyncd.service",
    "systemd-udev-trigger.service",
    "systemd-udevd-control.socket",
    "systemd-udevd-kernel.socket",
    "systemd-udevd.service",
    "systemd-update-utmp.service",
    "systemd-vconsole-setup.service",
];

const KERNEL_LINE: &str = "console=ttyS0 quiet loglevel=4 panic=-1 rdinit=/init nokaslr mitigations=off \
    random.trust_cpu=on tsc=reliable no_timer_check i8042.nokbd i8042.noaux cryptomgr.notests audit=0 \
    fstab=no rd.fstab=no systemd.show_status=no";

/// What is added to a machine.
#[derive(Debug, Default)]
pub struct System {
    programs: Vec<(String, PathBuf)>,
    texts: Vec<(String, String)>,
}

impl System {
    /// Adds a program, at a path without a slash at its beginning.
    #[must_use]
    pub fn program(mut self, path: &str, file: &Path) -> Self {
        self.programs.push((path.to_owned(), file.to_owned()));
        self
    }

    /// Adds a file with this text, likewise.
    #[must_use]
    pub fn text(mut self, path: &str, text: impl Into<String>) -> Self {
        self.texts.push((path.to_owned(), text.into()));
        self
    }

    /// Packs everything.
    ///
    /// # Errors
    /// When a download fails, or a file cannot be read.
    pub fn prepare(&self, name: &str) -> Result<Image> {
        let mut archive = Archive::new();
        for folder in ["bin", "dev", "proc", "sys", "tmp", "modules", "over"] {
            archive.folder(folder);
        }
        archive.file("init", include_bytes!("systemd/init.sh"));
        archive.text("masked", MASKED.join("\n").as_bytes());
        let mut known = Vec::new();
        let mut parents = |archive: &mut Archive, path: &str| {
            for (at, _) in path.match_indices('/') {
                let folder = path.get(..at).unwrap_or_default();
                if !known.contains(&folder.to_owned()) {
                    archive.folder(&format!("over/{folder}"));
                    known.push(folder.to_owned());
                }
            }
        };
        for (path, file) in &self.programs {
            parents(&mut archive, path);
            archive.file(&format!("over/{path}"), &without_symbols(file)?);
        }
        for (path, text) in &self.texts {
            parents(&mut archive, path);
            archive.text(&format!("over/{path}"), text.as_bytes());
        }
        pack(archive, name, kernel::of_this_release()?, MODULES)
    }
}

/// A program's bytes without what only debuggers need, where that can be taken away.
fn without_symbols(file: &Path) -> Result<Vec<u8>> {
    if !exists("strip") {
        return fs::read(file).at("read", file);
    }
    let small = std::env::temp_dir().join(format!("porthole-strip-{}", std::process::id()));
    output(Command::new("strip").arg("-o").arg(&small).arg(file))?;
    let bytes = fs::read(&small).at("read", &small)?;
    fs::remove_file(&small).at("remove", &small)?;
    Ok(bytes)
}

impl Qemu {
    /// The command that runs such a machine up to a systemd unit, until it is powered off. What it writes
    /// to its serial port goes to a file.
    #[must_use]
    pub fn system(&self, image: &Image, unit: &str, log: &Path) -> Command {
        let mut command = self.command();
        let accelerator = self.accelerator();
        command.args(["-accel", accelerator.option(), "-cpu", accelerator.cpu()]);
        command.args(["-machine", "q35", "-m", "768M", "-smp", "2"]);
        command.args(["-nodefaults", "-no-user-config", "-no-reboot"]);
        command.args(["-display", "none", "-vga", "none"]);
        command.arg("-kernel").arg(&image.kernel).arg("-initrd").arg(&image.archive);
        let clock = accelerator.kernel();
        command.args(["-append", &format!("{KERNEL_LINE}{clock} systemd.unit={unit}")]);
        command.arg("-serial").arg(format!("file:{}", log.display()));
        let usr = "local,id=usr,path=/usr,security_model=none,readonly=on,multidevs=remap";
        command.args(["-fsdev", usr, "-device", "virtio-9p-pci,fsdev=usr,mount_tag=usr"]);
        command
    }
}
