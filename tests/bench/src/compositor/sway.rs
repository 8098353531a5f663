//! sway on its headless backend.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use porthole_rig::{Result, cache, packages, roots};

use super::write;
use crate::scene::Scene;

pub(super) const SETTINGS: &str = "WLR_BACKENDS=headless WLR_RENDERER=pixman, floating windows \
     without borders, direct scan-out on, no Xwayland, no wallpaper";

pub(super) fn prepare(root: &Path, scene: &Scene, folder: &Path) -> Result<(Command, PathBuf)> {
    let file = write(folder, "sway.config", &configuration(scene))?;
    let sway = roots::command(root, "sway");
    let mut command = if packages::is_root()? {
        // It refuses to run as root, so it is told that it is somebody else.
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-user=1000", "--map-group=1000"]);
        command.arg(sway.get_program()).args(sway.get_args());
        command
    } else {
        sway
    };
    command.arg("-c").arg(file);
    let home = cache::folder()?.join("peers.home");
    // Its fonts are found once and not at every start.
    command.env("HOME", folder).env("XDG_CACHE_HOME", home);
    command.env("WLR_BACKENDS", "headless").env("WLR_RENDERER", "pixman");
    command.env("WLR_LIBINPUT_NO_DEVICES", "1").env("LIBSEAT_BACKEND", "noop");
    Ok((command, folder.join("wayland-1")))
}

fn configuration(scene: &Scene) -> String {
    let (width, height) = scene.size;
    let mut text = format!(
        "output HEADLESS-1 mode {width}x{height}@60Hz\noutput HEADLESS-1 bg #000000 solid_color\n\
         default_border none\ndefault_floating_border none\nfocus_follows_mouse no\n\
         xwayland disable\nswaybg_command -\nfloating_maximum_size -1 x -1\n"
    );
    for (number, layer) in scene.layers.iter().enumerate() {
        let (x, y) = layer.position;
        let _ = writeln!(
            text,
            "for_window [app_id=\"^bench-{number}$\"] floating enable, border none, \
             move absolute position {x} {y}"
        );
    }
    text
}
