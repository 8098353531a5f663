//! Programs of other Debian releases, unpacked into the cache and run from there with their own
//! libraries: QEMUs and foreign viewers. No root rights, no chroot: the dynamic loader of the unpacked tree is started directly.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cache;
use crate::command::{output, text};
use crate::error::{Context, Result, RigError};
use crate::packages::extract_all;
use crate::progress::Step;

const LIBRARIES: &str = "usr/lib/x86_64-linux-gnu";
/// QEMU and the firmware that it starts guests with.
const QEMU: &[&str] = &["qemu-system-x86", "seabios"];
/// The newest QEMU has its D-Bus display in a package of its own.
const NEWEST_QEMU: &[&str] = &["qemu-system-x86", "seabios", "qemu-system-modules-opengl"];
/// The releases whose QEMU the tests know.
pub const RELEASES: &[&str] = &["bookworm", "trixie", NEWEST];
/// The release with the newest QEMU.
pub const NEWEST: &str = "sid";

/// The folder of a release's QEMU, downloaded once.
///
/// # Errors
/// When the release is not known or a download fails.
pub fn qemu(release: &str) -> Result<PathBuf> {
    if !RELEASES.contains(&release) {
        let known = RELEASES.join(", ");
        return Err(RigError::failed(format!("no release {release}: known are {known}")));
    }
    let packages = if release == NEWEST { NEWEST_QEMU } else { QEMU };
    unpacked(&qemu_name(release), release, packages)
}

/// Whether a release's QEMU has been unpacked already.
///
/// # Errors
/// When there is no cache.
pub fn has_qemu(release: &str) -> Result<bool> {
    Ok(cache::folder()?.join(qemu_name(release)).exists())
}

/// The folder's name in the cache; it tells what is in it, because what is there is never looked into.
fn qemu_name(release: &str) -> String {
    let with = if release == NEWEST { "-dbus" } else { "" };
    format!("qemu/{release}{with}")
}

/// The folder of a VNC client that shares no code with ours or with the tests': `gvnccapture` of
/// GTK-VNC, which writes what it sees as a picture. Downloaded once.
///
/// # Errors
/// When a download fails.
pub fn foreign_viewer() -> Result<PathBuf> {
    unpacked("gvnccapture", "trixie", &["gvncviewer"])
}

/// The stock programs that tests let loose on the service, each a client that many people use.
const TOOLS: &[&str] = &["grim", "wayvnc", "wtype", "wlrctl"];
/// Apart, because it brings a hundred megabytes of codecs.
const RECORDER: &[&str] = &["wf-recorder"];

/// The folder of stock programs that capture and send input: `grim`, `wayvnc`, `wtype` and
/// `wlrctl`. Downloaded once.
///
/// # Errors
/// When a download fails.
pub fn tools() -> Result<PathBuf> {
    unpacked("tools", "trixie", TOOLS)
}

/// The folder of `wf-recorder`, which records a port as a film. Downloaded once.
///
/// # Errors
/// When a download fails.
pub fn recorder() -> Result<PathBuf> {
    unpacked("recorder", "bookworm", RECORDER)
}

/// The compositors that `cargo xtask bench` measures beside the service: sway 1.10 (wlroots 0.18)
/// and weston 14, both of one release so that they blend with the same pixman.
const PEERS: &[&str] = &["sway", "weston"];

/// The folder of the compositors that the service is compared with. Downloaded once.
///
/// # Errors
/// When a download fails.
pub fn peers() -> Result<PathBuf> {
    unpacked("peers", "trixie", PEERS)
}

/// Downloads packages of a release, with all that they need, into a folder of the cache, once.
fn unpacked(name: &str, release: &str, packages: &[&str]) -> Result<PathBuf> {
    let folder = cache::folder()?.join(name);
    cache::once(&folder, |into| {
        let _step = Step::start(format!("unpacking {} of Debian {release}", packages.join(" ")));
        let apt = private_apt(release, into)?;
        let command = || {
            let mut command = Command::new("apt-get");
            command.env("APT_CONFIG", &apt);
            command
        };
        output(command().args(["update", "-q"]))?;
        let mut install = command();
        install.args(["install", "-y", "-q", "--download-only", "--no-install-recommends"]);
        output(install.args(packages))?;
        extract_all(&into.join("apt/archives"), into)?;
        let apt = into.join("apt");
        fs::remove_dir_all(&apt).at("remove", &apt)
    })?;
    Ok(folder)
}

/// Writes an apt configuration that knows one release and takes this machine to be empty, so that
/// apt finds every library that QEMU needs and touches nothing of this machine.
fn private_apt(release: &str, root: &Path) -> Result<PathBuf> {
    let folder = root.join("apt");
    for name in ["lists/partial", "archives/partial", "etc/preferences.d"] {
        let path = folder.join(name);
        fs::create_dir_all(&path).at("make", &path)?;
    }
    let write = |name: &str, content: String| {
        let path = folder.join(name);
        fs::write(&path, content).at("write", &path)?;
        Ok::<PathBuf, RigError>(path)
    };
    let sources = write("sources.list", format!("{}\n", source_line(release)?))?;
    let status = write("status", String::new())?;
    let (here, sources, status) = (folder.display(), sources.display(), status.display());
    write(
        "apt.conf",
        format!(
            "Dir::State \"{here}\";\nDir::State::lists \"{here}/lists\";\n\
             Dir::State::status \"{status}\";\nDir::Cache \"{here}\";\n\
             Dir::Cache::archives \"{here}/archives\";\nDir::Etc::sourcelist \"{sources}\";\n\
             Dir::Etc::sourceparts \"/dev/null\";\nDir::Etc::preferences \"/dev/null\";\n\
             Dir::Etc::preferencesparts \"{here}/etc/preferences.d\";\n\
             APT::Architecture \"amd64\";\nAPT::Architectures {{ \"amd64\"; }};\n\
             APT::Sandbox::User \"root\";\nDebug::NoLocking \"true\";\nAcquire::Languages \"none\";\n"
        ),
    )
}

/// The mirror that this machine's own apt uses, for another release.
pub(crate) fn source_line(release: &str) -> Result<String> {
    let mut targets = Command::new("apt-get");
    targets.args(["indextargets", "--format", "$(SITE) $(REPO_URI) $(COMPONENT) $(ORIGIN)"]);
    let list = text(targets.arg("Created-By: Packages"))?;
    let archive = list.lines().find_map(|line| {
        let mut words = line.split_whitespace().skip(1);
        let (address, component) = (words.next()?, words.next()?);
        let plain = address.trim_end_matches('/').ends_with("/debian");
        (component == "main" && plain).then(|| address.to_owned())
    });
    let archive = archive.ok_or_else(|| {
        RigError::failed("this machine's apt has no Debian archive in its sources")
    })?;
    let keys = "/usr/share/keyrings/debian-archive-keyring.gpg";
    Ok(format!("deb [signed-by={keys}] {archive} {release} main"))
}

/// A program of an unpacked root, started by that root's own dynamic loader.
#[must_use]
pub fn command(root: &Path, program: &str) -> Command {
    let libraries = root.join(LIBRARIES);
    let mut search = vec![libraries.clone()];
    // Packages from before the merge of /usr, and libraries in folders of their own.
    search.push(root.join("lib/x86_64-linux-gnu"));
    search.extend(
        ["pulseaudio", "ceph", "blas", "lapack", "weston"].map(|name| libraries.join(name)),
    );
    let search: Vec<_> = search.iter().map(|folder| folder.display().to_string()).collect();
    let loaders = [libraries.clone(), root.join("lib/x86_64-linux-gnu")];
    let loader = loaders.map(|folder| folder.join("ld-linux-x86-64.so.2"));
    let loader = loader.iter().find(|file| file.exists()).unwrap_or(&loader[0]);
    let mut command = Command::new(loader);
    command.arg("--library-path").arg(search.join(":")).arg(root.join("usr/bin").join(program));
    command
}

/// A library or program of an unpacked root that is not on its search path.
#[must_use]
pub fn library(root: &Path, name: &str) -> PathBuf {
    root.join(LIBRARIES).join(name)
}

/// A QEMU of an unpacked root, told where its modules and firmware are.
#[must_use]
pub fn qemu_command(root: &Path) -> Command {
    let mut command = command(root, "qemu-system-x86_64");
    command.env("QEMU_MODULE_DIR", root.join(LIBRARIES).join("qemu"));
    for firmware in ["usr/share/qemu", "usr/share/seabios"] {
        command.arg("-L").arg(root.join(firmware));
    }
    command
}
