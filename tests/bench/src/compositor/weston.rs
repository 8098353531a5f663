//! weston on its headless backend, with its desktop shell.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use porthole_rig::error::Context;
use porthole_rig::{Result, RigError, roots};

use super::write;
use crate::capture::Picture;
use crate::scene::Scene;

pub(super) const SETTINGS: &str = "--backend=headless --renderer=pixman, repaint-window=16 (the \
     default of 7 shows 37 frames a second here), no panel, no animation, no keyboard helper";

const SOCKET: &str = "bench-0";
const CONFIGURATION: &str = "[core]\nidle-time=0\nrepaint-window=16\n[shell]\n\
     panel-position=none\nlocking=false\nanimation=none\nstartup-animation=none\n\
     close-animation=none\nfocus-animation=none\nbackground-color=0xff000000\n\
     background-image=\nbackground-type=tile\n[input-method]\npath=\n";

pub(super) fn prepare(
    root: &Path,
    scene: &Scene,
    folder: &Path,
    screen: bool,
) -> Result<(Command, PathBuf)> {
    let file = write(folder, "weston.ini", CONFIGURATION)?;
    let helper = write_helper(root, folder)?;
    let modules = [
        ("headless-backend.so", roots::library(root, "libweston-14/headless-backend.so")),
        ("drm-backend.so", roots::library(root, "libweston-14/drm-backend.so")),
        ("desktop-shell.so", roots::library(root, "weston/desktop-shell.so")),
        ("weston-desktop-shell", helper),
    ];
    let map: Vec<String> =
        modules.iter().map(|(name, path)| format!("{name}={}", path.display())).collect();
    let (width, height) = scene.size;
    let mut command = roots::command(root, "weston");
    // Pictures are only taken of a weston that is being debugged.
    command.args(["--renderer=pixman", "--shell=desktop", "--debug"]);
    if screen {
        command.args(["--backend=drm", "--drm-device=card0", "--continue-without-input"]);
        // It has no terminal, and needs none.
        command.env("LIBSEAT_BACKEND", "builtin").env("SEATD_VTBOUND", "0");
    } else {
        command.arg("--backend=headless");
        command.arg(format!("--width={width}")).arg(format!("--height={height}"));
    }
    command.arg(format!("--socket={SOCKET}")).arg(format!("--config={}", file.display()));
    command.env("WESTON_MODULE_MAP", map.join(";"));
    Ok((command, folder.join(SOCKET)))
}

/// The helper that draws weston's background, started by the unpacked root's own loader.
fn write_helper(root: &Path, folder: &Path) -> Result<PathBuf> {
    let real = roots::command(root, "../libexec/weston-desktop-shell");
    let words = std::iter::once(real.get_program()).chain(real.get_args());
    let line: Vec<String> = words.map(|word| format!("'{}'", word.to_string_lossy())).collect();
    let path = write(folder, "desktop-shell", &format!("#!/bin/sh\nexec {}\n", line.join(" ")))?;
    fs::set_permissions(&path, Permissions::from_mode(0o755)).at("change", &path)?;
    Ok(path)
}

/// What its output shows: its own program writes that as a file.
pub(super) fn picture(root: &Path, folder: &Path) -> Result<Picture> {
    let mut shooter = roots::command(root, "weston-screenshooter");
    shooter.env("XDG_RUNTIME_DIR", folder).env("WAYLAND_DISPLAY", SOCKET).current_dir(folder);
    porthole_rig::command::output(&mut shooter)?;
    let entries = fs::read_dir(folder).at("list", folder)?;
    let mut files = entries.flatten().map(|entry| entry.path());
    let file = files.find(|path| path.extension().is_some_and(|extension| extension == "png"));
    let file = file.ok_or_else(|| RigError::failed("weston wrote no picture"))?;
    let image = image::open(&file).map_err(|error| RigError::failed(error.to_string()))?;
    fs::remove_file(&file).at("remove", &file)?;
    let image = image.into_rgb8();
    let words = image.pixels().map(|p| u32::from_be_bytes([0, p.0[0], p.0[1], p.0[2]])).collect();
    Ok(Picture { size: image.dimensions(), words })
}
