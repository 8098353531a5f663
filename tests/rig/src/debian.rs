//! A machine with a Debian of its own on a disk, with its kernel, its initramfs and its systemd, in which things
//! are installed as people do it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cache;
use crate::command::output;
use crate::error::{Context, Result, RigError};
use crate::kms::CARD;
use crate::packages;
use crate::progress::Step;
use crate::qemu::Qemu;
use crate::roots::source_line;
use crate::systemd::{SLOTS, System, without_symbols};

/// What it has beside what every Debian has.
const PACKAGES: &str = "systemd-sysv,udev,kmod,linux-image-amd64,initramfs-tools,zstd,e2fsprogs,\
    libpixman-1-0,libxkbcommon0,xkb-data";
/// The release.
const RELEASE: &str = "bookworm";
/// The disk's name for QEMU, until it is plugged in.
const DISK: &str = "disk";

/// What such a machine boots.
#[derive(Clone, Debug)]
pub struct Debian {
    kernel: PathBuf,
    initrd: PathBuf,
    disk: PathBuf,
}

impl Debian {
    /// A Debian with what is added to a machine, after these lines of a shell were run in it as root. This
    /// workspace's `data` is there as `/data`, until they end.
    ///
    /// # Errors
    /// When a download fails, a line fails, or this user is not root.
    pub fn install(system: &System, lines: &str) -> Result<Debian> {
        if !packages::is_root()? {
            return Err(RigError::failed("Debian is installed by root only: be root"));
        }
        let base = base()?;
        let folder = cache::target().join("guest");
        let work = folder.join(format!("debian-{}.partial", cache::unique()));
        let add = work.join("add");
        for (path, file) in &system.programs {
            let bytes = without_symbols(file)?;
            let path = place(&add, path)?;
            fs::write(&path, bytes).at("write", &path)?;
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
            fs::set_permissions(&path, mode).at("change", &path)?;
        }
        for (path, bytes) in &system.files {
            let path = place(&add, path)?;
            fs::write(&path, bytes).at("write", &path)?;
        }
        let script = work.join("install.sh");
        fs::write(&script, include_str!("debian/install.sh")).at("write", &script)?;
        let mut command = Command::new("unshare");
        command.args(["--mount", "--propagation", "private", "sh"]).arg(&script).arg(base);
        command.arg(&work).arg(cache::workspace().join("data")).arg(lines);
        let step = Step::start("installing Porthole in a Debian of its own");
        output(&mut command)?;
        drop(step);
        // A guest that boots meanwhile keeps the old files.
        let [kernel, initrd, disk] = ["vmlinuz", "initrd", "disk"].map(|name| {
            let (new, file) = (work.join(name), folder.join(format!("debian-{name}")));
            fs::rename(&new, &file).at("rename", &new).map(|()| file)
        });
        let made = Debian { kernel: kernel?, initrd: initrd?, disk: disk? };
        fs::remove_dir_all(&work).at("remove", &work)?;
        Ok(made)
    }
}

/// The path of a file below a folder, whose own folder is there.
fn place(below: &Path, path: &str) -> Result<PathBuf> {
    let path = below.join(path);
    let folder = path.parent().unwrap_or(below);
    fs::create_dir_all(folder).at("make", folder)?;
    Ok(path)
}

/// The files of a Debian, made once.
fn base() -> Result<PathBuf> {
    let folder = cache::folder()?.join(format!("debian-{RELEASE}-initramfs"));
    cache::once(&folder, |into| {
        let _step = Step::start(format!("making a Debian {RELEASE} of its own (a minute or two)"));
        let mut command = Command::new("mmdebstrap");
        command.args(["--quiet", "--mode=root", "--variant=minbase", "--format=directory"]);
        command.arg(format!("--include={PACKAGES}"));
        command.arg("--dpkgopt=path-exclude=/usr/share/doc/*");
        command.arg("--dpkgopt=path-exclude=/usr/share/locale/*");
        command.args([RELEASE.as_ref(), into.as_os_str()]).arg(source_line(RELEASE)?);
        output(&mut command).map(drop)
    })?;
    Ok(folder)
}

impl Qemu {
    /// The command that boots such a machine with these words for its kernel, with a graphics card, an old
    /// keyboard, and a folder that both write, which has the monitor `qmp.sock`. The disk is not there before
    /// it is plugged in ([`disk`]), and forgets what is written to it.
    #[must_use]
    pub fn debian(&self, debian: &Debian, words: &str, folder: &Path) -> Command {
        let mut command = self.command();
        let accelerator = self.accelerator();
        command.args(["-accel", accelerator.option(), "-cpu", accelerator.cpu()]);
        command.args(["-machine", "q35", "-m", "1024M", "-nodefaults", "-no-user-config"]);
        command.args(["-no-reboot", "-display", "none", "-vga", "none"]);
        command.arg("-kernel").arg(&debian.kernel).arg("-initrd").arg(&debian.initrd);
        command.arg("-append").arg(format!("{words}{}", accelerator.kernel()));
        command.arg("-serial").arg(format!("file:{}", folder.join("console").display()));
        command.args(["-device", &format!("virtio-gpu-pci,id={CARD},xres=1024,yres=768")]);
        for (slot, chassis) in SLOTS.iter().zip(1..) {
            command.args(["-device", &format!("pcie-root-port,id={slot},chassis={chassis}")]);
        }
        let disk = debian.disk.display();
        command.args(["-drive", &format!("if=none,id={DISK},file={disk},format=raw,snapshot=on")]);
        let shared = format!("local,id=rig,path={},security_model=none", folder.display());
        command.args(["-fsdev", &shared, "-device", "virtio-9p-pci,fsdev=rig,mount_tag=rig"]);
        let qmp = folder.join("qmp.sock");
        command.arg("-qmp").arg(format!("unix:{},server=on,wait=off", qmp.display()));
        command
    }
}

/// What QEMU's `device_add` wants to plug the disk in, by name and value.
#[must_use]
pub const fn disk() -> [(&'static str, &'static str); 3] {
    let [slot, _] = SLOTS;
    [("driver", "virtio-blk-pci"), ("drive", DISK), ("bus", slot)]
}
