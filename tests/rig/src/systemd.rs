//! A machine that runs systemd as its first process: the one of this machine, whose `/usr` it sees and
//! cannot change. What is tested lies above that, and above an `/etc` that has nothing else in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cache;
use crate::command::{exists, output};
use crate::cpio::Archive;
use crate::error::{Context, Result};
use crate::image::{Image, pack};
use crate::kernel;
use crate::kms::CARD;
use crate::packages;
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

/// Those of them that a machine with a seat needs.
const OF_A_SEAT: &[&str] = &[
    "dbus.service",
    "dbus.socket",
    "systemd-udev-trigger.service",
    "systemd-udevd-control.socket",
    "systemd-udevd-kernel.socket",
    "systemd-udevd.service",
];
/// Its drivers.
const SEAT_MODULES: &[&str] = &["virtio_gpu", "virtio_input", "evdev"];
/// What of udev's package is needed, without a database of models.
const UDEV: &[&str] = &["bin/udevadm", "lib/systemd/system", "lib/udev/rules.d"];
/// Where devices can be plugged in later.
pub const SLOTS: [&str; 2] = ["slot1", "slot2"];

/// What is added to a machine.
#[derive(Debug, Default)]
pub struct System {
    seat: bool,
    pub(crate) programs: Vec<(String, PathBuf)>,
    pub(crate) files: Vec<(String, Vec<u8>)>,
}

impl System {
    /// Has udev, logind and their bus, for a machine with a screen and keyboards.
    #[must_use]
    pub const fn with_seat(mut self) -> Self {
        self.seat = true;
        self
    }

    /// Adds a program, at a path without a slash at its beginning.
    #[must_use]
    pub fn program(mut self, path: &str, file: &Path) -> Self {
        self.programs.push((path.to_owned(), file.to_owned()));
        self
    }

    /// Adds a file with this text, likewise.
    #[must_use]
    pub fn text(mut self, path: &str, text: impl Into<String>) -> Self {
        self.files.push((path.to_owned(), text.into().into_bytes()));
        self
    }

    /// Adds a file of any bytes, likewise.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn copy(mut self, path: &str, file: &Path) -> Result<Self> {
        self.files.push((path.to_owned(), fs::read(file).at("read", file)?));
        Ok(self)
    }

    /// Adds a file of `data/systemd` where Debian would install it.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn installed(self, file: &str, place: &str) -> Result<Self> {
        let source = cache::workspace().join("data/systemd").join(file);
        let text = fs::read_to_string(&source).at("read", &source)?;
        Ok(self.text(place, text))
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
        let masked = MASKED.iter().filter(|unit| !(self.seat && OF_A_SEAT.contains(unit)));
        let masked: String = masked.map(|unit| format!("{unit}\n")).collect();
        archive.text("masked", masked.as_bytes());
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
        for (path, bytes) in &self.files {
            parents(&mut archive, path);
            archive.text(&format!("over/{path}"), bytes);
        }
        let mut modules = MODULES.to_vec();
        if self.seat {
            modules.extend(SEAT_MODULES);
            for (path, bytes, is_program) in udev()? {
                parents(&mut archive, &path);
                match is_program {
                    true => archive.file(&format!("over/{path}"), &bytes),
                    false => archive.text(&format!("over/{path}"), &bytes),
                }
            }
        }
        pack(archive, name, kernel::of_this_release()?, &modules)
    }
}

/// udev's files, where this machine has none of its own.
fn udev() -> Result<Vec<(String, Vec<u8>, bool)>> {
    let mut files = Vec::new();
    if exists("udevadm") {
        return Ok(files);
    }
    let package = packages::unpacked("udev")?;
    for place in UDEV {
        // Since Debian 13 everything is below /usr.
        let [old, new] = [package.join(place), package.join("usr").join(place)];
        let from = if old.exists() { old } else { new };
        let all = match from.is_dir() {
            true => fs::read_dir(&from).at("list", &from)?.flatten().map(|e| e.path()).collect(),
            false => vec![from],
        };
        for file in all.into_iter().filter(|file| file.is_file()) {
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let bytes = fs::read(&file).at("read", &file)?;
            let path = match place.rsplit_once('/') {
                Some((folder, _)) if name == "udevadm" => format!("usr/{folder}/{name}"),
                _ => format!("usr/{place}/{name}"),
            };
            if name == "udevadm" {
                files.push(("usr/lib/systemd/systemd-udevd".to_owned(), bytes.clone(), true));
            }
            files.push((path, bytes, name == "udevadm"));
        }
    }
    Ok(files)
}

/// A program's bytes without what only debuggers need, where that can be taken away.
pub(crate) fn without_symbols(file: &Path) -> Result<Vec<u8>> {
    if !exists("strip") {
        return fs::read(file).at("read", file);
    }
    let small = std::env::temp_dir().join(format!("porthole-strip-{}", cache::unique()));
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

    /// The same for a machine with a graphics card, a keyboard, a tablet, and a folder that both write. The
    /// monitor is `qmp.sock` in that.
    #[must_use]
    pub fn system_with_seat(&self, image: &Image, unit: &str, folder: &Path) -> Command {
        let mut command = self.system(image, unit, &folder.join("console"));
        let shared = format!("local,id=rig,path={},security_model=none", folder.display());
        command.args(["-fsdev", &shared, "-device", "virtio-9p-pci,fsdev=rig,mount_tag=rig"]);
        let card = format!("virtio-gpu-pci,id={CARD},xres=1024,yres=768,max_outputs=2");
        let devices = [card.as_str(), "virtio-keyboard-pci", "virtio-tablet-pci"];
        for device in devices {
            command.args(["-device", device]);
        }
        for (slot, chassis) in SLOTS.iter().zip(1..) {
            command.args(["-device", &format!("pcie-root-port,id={slot},chassis={chassis}")]);
        }
        let qmp = folder.join("qmp.sock");
        command.arg("-qmp").arg(format!("unix:{},server=on,wait=off", qmp.display()));
        command
    }
}
