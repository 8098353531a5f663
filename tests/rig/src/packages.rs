//! Debian packages: which must be installed, and which are only unpacked into the cache.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::cache;
use crate::command::{capture, exists, output, text, visible};
use crate::error::{Context, Result, RigError};
use crate::progress::{Step, say};

/// A package that must be installed, and what for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needed {
    /// Debian's name.
    pub name: &'static str,
    /// The reason, as a person reads it.
    pub why: &'static str,
}

const fn needed(name: &'static str, why: &'static str) -> Needed {
    Needed { name, why }
}

/// What the programs need to be built.
pub const TO_BUILD: &[Needed] = &[
    needed("gcc", "links Rust programs"),
    needed("libc6-dev", "the C library that programs link with, also statically for the guest"),
    needed("pkg-config", "finds the two libraries below"),
    needed("libpixman-1-dev", "the compositing library of the CPU renderer"),
    needed("libxkbcommon-dev", "keymaps"),
];

/// What guests need to run.
pub const TO_RUN: &[Needed] = &[
    needed("xkb-data", "the keyboard layouts that keymaps are made of"),
    needed("qemu-system-x86", "runs the guests"),
    needed("xz-utils", "unpacks guest kernels and their modules"),
    needed("zstd", "unpacks guest kernels of newer releases"),
    needed("libegl1", "finds a GPU's driver, for the tests of the GPU renderer"),
    needed("libegl-mesa0", "a driver without a GPU"),
    needed("libgl1-mesa-dri", "GL without a GPU"),
    needed("libinput10", "reads keyboards and pointers, which the service loads in a guest"),
    needed("libseat1", "shares the screen with a guest's other consoles, loaded likewise"),
    needed("systemd", "checks our units, and runs them in a machine of its own"),
    needed("procps", "has the kill by which units reload"),
    needed("make", "builds a driver of the guests' kernel that Debian leaves out (vkms)"),
];

/// Ordinary programs with windows that the longer tests show.
pub const TO_SHOW: &[Needed] = &[
    needed("foot", "a terminal"),
    needed("weston", "another terminal, and a program that draws by GL"),
    needed("fonts-dejavu-core", "letters for the terminals"),
    needed("python3-gi", "a program of a window in GTK 4"),
    needed("gir1.2-gtk-4.0", "GTK 4 itself"),
    needed("python3-pyqt6", "a program of a window in Qt 6"),
    needed("qt6-wayland", "Qt 6's Wayland side"),
    needed("gstreamer1.0-tools", "runs a camera's pipeline"),
    needed("gstreamer1.0-plugins-base", "a camera without hardware"),
    needed("gstreamer1.0-plugins-bad", "the camera's window"),
    needed("wl-clipboard", "copies and pastes"),
    needed("tigervnc-standalone-server", "a VNC server that others wrote"),
    needed("x11-xserver-utils", "draws on it"),
    needed("tigervnc-viewer", "a VNC viewer that others wrote"),
    needed("xvfb", "shows its window without a screen"),
    needed("xclip", "copies and pastes there"),
    needed("xdotool", "gives that window the keyboard"),
];

/// What tests at night put into a machine with systemd.
pub const AT_NIGHT: &[Needed] = &[
    needed("libpam-systemd", "makes sessions in a machine with systemd"),
    needed("dbus-daemon", "that machine's bus"),
    needed("polkitd", "lets such a session switch consoles"),
    needed("mmdebstrap", "makes a machine of Debian's own packages"),
    needed("e2fsprogs", "makes its disk"),
];

/// What `cargo xtask bench` shows guests with beside us.
pub const TO_COMPARE: &[Needed] = &[
    needed("qemu-system-gui", "QEMU's own windows"),
    needed("xvfb", "shows them without a screen"),
    needed("x11-utils", "says where they are"),
    needed("tigervnc-viewer", "a viewer of what a VNC server shows"),
];

/// Installs what is missing, after saying what and why.
///
/// # Errors
/// When this is no Debian, `sudo` is not there for a user who is not root, or apt fails.
pub fn install(wanted: &[Needed]) -> Result<()> {
    if !exists("dpkg-query") || !exists("apt-get") {
        return Err(RigError::failed(format!(
            "this is no Debian: install by hand what these Debian packages hold: {}",
            names(wanted).join(" ")
        )));
    }
    let mut missing = Vec::new();
    for package in wanted {
        if !is_installed(package.name)? {
            missing.push(*package);
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    say("These Debian packages are missing and will be installed:");
    for package in &missing {
        say(&format!("  {:18} {}", package.name, package.why));
    }
    let _step = Step::start(format!("installing {}", names(&missing).join(" ")));
    let install = || {
        let mut command = as_root("apt-get")?;
        command.env("DEBIAN_FRONTEND", "noninteractive");
        command.args(["install", "-y", "-q", "--no-install-recommends"]);
        command.args(["-o", "DPkg::Lock::Timeout=300", "-o", "Dpkg::Use-Pty=0"]);
        output(command.args(names(&missing)))
    };
    // A fresh system has no package lists yet, an old one lists versions that are gone.
    if install().is_err() {
        update()?;
        install()?;
    }
    Ok(())
}

fn names(packages: &[Needed]) -> Vec<&'static str> {
    packages.iter().map(|package| package.name).collect()
}

fn is_installed(name: &str) -> Result<bool> {
    let mut query = Command::new("dpkg-query");
    let result = capture(query.args(["-W", "-f", "${db:Status-Status}\n", name]))?;
    Ok(result.stdout.split(|byte| *byte == b'\n').any(|line| line == b"installed"))
}

/// A command that runs as root: as it is for root, through sudo for anybody else.
fn as_root(program: &str) -> Result<Command> {
    if is_root()? {
        return Ok(Command::new(program));
    }
    if !exists("sudo") {
        return Err(RigError::failed(format!(
            "{program} must run as root and there is no sudo: run this command as root once"
        )));
    }
    let mut command = Command::new("sudo");
    command.args(["--preserve-env=DEBIAN_FRONTEND", program]);
    Ok(command)
}

/// Whether this process runs as root.
///
/// # Errors
/// When `id` cannot be run.
pub fn is_root() -> Result<bool> {
    Ok(text(Command::new("id").arg("-u"))?.trim() == "0")
}

/// Fetches the package lists.
fn update() -> Result<()> {
    let _step = Step::start("fetching Debian's package lists");
    let mut command = as_root("apt-get")?;
    visible(command.args(["update", "-q", "-o", "DPkg::Lock::Timeout=300"]))
}

/// Where apt keeps its lists; the second one changes with every update.
const LISTS: &[&str] = &["/var/lib/apt/lists", "/var/lib/apt/lists/partial"];
/// Lists of this age are fetched again before something is chosen that stays.
const OLD: Duration = Duration::from_hours(24);

/// Fetches package lists that are old, as those of a machine that was just made from an image are. Where that
/// fails the old ones do.
fn update_old() {
    let age = |folder: &&str| fs::metadata(folder).ok()?.modified().ok()?.elapsed().ok();
    if LISTS.iter().filter_map(age).min().is_none_or(|age| age > OLD)
        && let Err(error) = update()
    {
        say(&format!("older package lists are used: {error}"));
    }
}

/// The newest package that a package depends on whose name begins so: resolves `linux-image-amd64`.
///
/// # Errors
/// When apt knows no such package.
pub fn dependency(package: &str, prefix: &str) -> Result<String> {
    update_old();
    let find = || -> Result<Option<String>> {
        let depends = text(Command::new("apt-cache").args(["depends", package]))?;
        let words = depends.lines().filter_map(|line| line.trim().strip_prefix("Depends: "));
        Ok(words.map(str::trim).find(|name| name.starts_with(prefix)).map(str::to_owned))
    };
    if let Ok(Some(name)) = find() {
        return Ok(name);
    }
    update()?;
    find()?.ok_or_else(|| RigError::failed(format!("apt knows no package {package}")))
}

/// Downloads a package and unpacks it into the cache, once; returns the folder.
///
/// # Errors
/// When the package cannot be downloaded or unpacked.
pub fn unpacked(name: &str) -> Result<PathBuf> {
    let folder = cache::folder()?.join("packages").join(name);
    cache::once(&folder, |into| {
        let _step = Step::start(format!("downloading and unpacking {name} (not installing it)"));
        fetch(name, into)
    })?;
    Ok(folder)
}

/// Downloads packages and unpacks them into a folder of the cache, with whatever of that which they need is
/// not installed here, once; returns the folder. They are to lie over this machine's own files.
///
/// # Errors
/// When they cannot be downloaded or unpacked.
pub fn with_needs(name: &str, packages: &[&str]) -> Result<PathBuf> {
    let folder = cache::folder()?.join("packages").join(name);
    cache::once(&folder, |into| {
        let _step = Step::start(format!("downloading and unpacking {name} (not installing it)"));
        let archives = into.join("archives");
        fs::create_dir_all(archives.join("partial")).at("make", &archives)?;
        let download = || {
            let mut command = Command::new("apt-get");
            command.args(["install", "-y", "-q", "--download-only", "--no-install-recommends"]);
            command.args(["-o", "Debug::NoLocking=true", "-o", "APT::Sandbox::User=root", "-o"]);
            command.arg(format!("Dir::Cache::archives={}", archives.display()));
            output(command.args(packages))
        };
        if download().is_err() {
            update()?;
            download()?;
        }
        extract_all(&archives, into)?;
        fs::remove_dir_all(&archives).at("remove", &archives)
    })?;
    Ok(folder)
}

/// Downloads a package and unpacks it into a folder that holds no other package file.
///
/// # Errors
/// When the package cannot be downloaded or unpacked.
pub fn fetch(name: &str, into: &Path) -> Result<()> {
    let download = || {
        let mut command = Command::new("apt-get");
        // The sandbox user of apt may not enter the cache of root.
        command.args(["download", "-q", "-o", "APT::Sandbox::User=root"]);
        output(command.arg(name).current_dir(into))
    };
    if download().is_err() {
        update()?;
        download()?;
    }
    extract_all(into, into)
}

/// Unpacks every package file of a folder and removes the files.
///
/// # Errors
/// When one cannot be unpacked.
pub fn extract_all(from: &Path, into: &Path) -> Result<()> {
    for entry in fs::read_dir(from).at("list", from)? {
        let file = entry.at("list", from)?.path();
        if file.extension().is_some_and(|extension| extension == "deb") {
            output(Command::new("dpkg-deb").arg("-x").arg(&file).arg(into))?;
            fs::remove_file(&file).at("remove", &file)?;
        }
    }
    Ok(())
}
