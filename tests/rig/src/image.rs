//! What a guest boots: a kernel, and an archive with our init, busybox and the modules.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::cache;
use crate::command::output;
use crate::cpio::Archive;
use crate::error::{Context, Result};
use crate::kernel::{self, Kernel};
use crate::modules;
use crate::packages;
use crate::progress::Step;

/// The devices of a test guest, by their drivers.
const MODULES: &[&str] = &["virtio_pci", "virtio_gpu", "virtio_input", "evdev"];
/// Those of a guest on QEMU's own devices; the PS/2 keyboard's is in the kernel.
const PLAIN_MODULES: &[&str] = &[
    "virtio_pci",
    "virtio_gpu",
    "bochs",
    "qxl",
    "virtio_input",
    "psmouse",
    "xhci_pci",
    "usbhid",
    "hid_generic",
    "evdev",
    "virtio_console",
];
/// The source of [`reserve`].
const RESERVE: &str = include_str!("../boot/reserve.S");
const TRIPLE: &str = "x86_64-unknown-linux-gnu";

/// A guest that is ready to boot.
#[derive(Clone, Debug)]
pub struct Image {
    /// For QEMU's `-kernel`.
    pub kernel: PathBuf,
    /// The same as a boot loader starts it: it takes seconds more, and can have a picture of the
    /// firmware's.
    pub wrapped: PathBuf,
    /// For QEMU's `-initrd`.
    pub archive: PathBuf,
    /// The kernel's version, for reports.
    pub version: String,
}

impl Image {
    /// Downloads, builds and packs whatever is not there yet.
    ///
    /// # Errors
    /// When a download or the build of the guest's program fails.
    pub fn prepare() -> Result<Image> {
        Image::with("initramfs", MODULES)
    }

    /// The same for a guest on QEMU's own devices.
    ///
    /// # Errors
    /// As [`Image::prepare`].
    pub fn prepare_plain() -> Result<Image> {
        Image::with("initramfs-plain", PLAIN_MODULES)
    }

    /// The same without a driver for its display, and with a second kernel that takes over when the first
    /// one crashes. `/bin/reserve` puts it in place.
    ///
    /// # Errors
    /// As [`Image::prepare`], and when the assembler or the linker fails.
    pub fn prepare_twice() -> Result<Image> {
        let kernel = kernel::of_this_release()?;
        let wrapped = fs::read(&kernel.wrapped).at("read", &kernel.wrapped)?;
        let second = Image::with("initramfs-second", &[])?;
        let second = fs::read(&second.archive).at("read", &second.archive)?;
        let mut archive = basic()?;
        archive.file("bin/reserve", &reserve()?);
        archive.file("second-kernel", &wrapped);
        archive.file("second-archive", &second);
        pack(archive, "initramfs-twice", kernel, MODULES)
    }

    /// The same with other modules, as an archive of another name.
    ///
    /// # Errors
    /// As [`Image::prepare`].
    pub fn with(name: &str, modules: &[&str]) -> Result<Image> {
        Image::of(kernel::of_this_release()?, name, modules)
    }

    /// The same with another kernel.
    ///
    /// # Errors
    /// As [`Image::prepare`].
    pub fn of(kernel: Kernel, name: &str, modules: &[&str]) -> Result<Image> {
        pack(basic()?, name, kernel, modules)
    }
}

/// What every guest has: its folders, and the first process.
fn basic() -> Result<Archive> {
    let init = build_init()?;
    let mut archive = Archive::new();
    for folder in ["bin", "dev", "proc", "sys", "tmp", "modules"] {
        archive.folder(folder);
    }
    archive.file("init", &fs::read(&init).at("read", &init)?);
    Ok(archive)
}

/// The program in `boot/reserve.S`, whose comments say what it does.
fn reserve() -> Result<Vec<u8>> {
    let folder = cache::target().join(format!("guest/reserve-{}.partial", cache::unique()));
    fs::create_dir_all(&folder).at("make", &folder)?;
    let [source, object, program] = ["S", "o", "elf"].map(|name| folder.join(name));
    fs::write(&source, RESERVE).at("write", &source)?;
    output(Command::new("as").arg("--64").arg(&source).arg("-o").arg(&object))?;
    output(Command::new("ld").arg("-o").arg(&program).arg(&object))?;
    let bytes = fs::read(&program).at("read", &program)?;
    fs::remove_dir_all(&folder).at("remove", &folder)?;
    Ok(bytes)
}

/// Adds busybox and modules to an archive, and writes it.
pub(crate) fn pack(
    mut archive: Archive,
    name: &str,
    kernel: Kernel,
    modules: &[&str],
) -> Result<Image> {
    let busybox = packages::unpacked("busybox-static")?;
    let busybox = [busybox.join("usr/bin/busybox"), busybox.join("bin/busybox")];
    if let Some(busybox) = busybox.iter().find(|file| file.is_file()) {
        archive.file("bin/busybox", &fs::read(busybox).at("read", busybox)?);
    }
    let mut order = String::new();
    for module in modules::in_order(&kernel, modules)? {
        let name = format!("{}.ko", module.name);
        archive.file(&format!("modules/{name}"), &module.bytes);
        order.push_str(&name);
        order.push('\n');
    }
    archive.file("modules/order", order.as_bytes());
    let folder = cache::target().join("guest");
    fs::create_dir_all(&folder).at("make", &folder)?;
    let path = folder.join(format!("{name}-{}.cpio", kernel.version));
    let partial = folder.join(format!("{name}.{}.partial", cache::unique()));
    // Renamed at the end: a guest that boots meanwhile keeps the whole old file.
    fs::write(&partial, archive.finish()).at("write", &partial)?;
    fs::rename(&partial, &path).at("rename", &partial)?;
    Ok(Image {
        kernel: kernel.image,
        wrapped: kernel.wrapped,
        archive: path,
        version: kernel.version,
    })
}

/// Builds the guest's first process without any shared library, in a build folder of its own so
/// that the flags do not disturb other builds.
fn build_init() -> Result<PathBuf> {
    let target = cache::target().join("guest");
    let program = target.join(TRIPLE).join("release/porthole-guest");
    let _step = (!program.exists()).then(|| Step::start("building the guest's program"));
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.args(["build", "--release", "-p", "porthole-guest", "--target", TRIPLE]);
    build.arg("--target-dir").arg(&target).current_dir(cache::workspace());
    build.env("CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUSTFLAGS", "-Ctarget-feature=+crt-static");
    build.env("CARGO_PROFILE_RELEASE_STRIP", "symbols");
    // Variables of an outer cargo would make this build differ from one started by hand.
    for name in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_TARGET_DIR", "CARGO_BUILD_TARGET"] {
        build.env_remove(name);
    }
    output(&mut build)?;
    Ok(program)
}
