//! The service, with a configuration for one scene.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use porthole_rig::Result;

use super::{Programs, write};
use crate::scene::Scene;

/// What a connector is called by the driver of virtio's cards.
pub(super) const CONNECTOR: &str = "Virtual-1";

pub(super) fn prepare(
    programs: &Programs,
    scene: &Scene,
    folder: &Path,
) -> Result<(Command, PathBuf)> {
    let file = write(folder, "porthole.toml", &configuration(scene, programs.screen))?;
    let runtime = folder.join("run");
    let mut command = Command::new(&programs.porthole);
    command.arg("--config").arg(file).arg("--runtime-dir").arg(&runtime);
    Ok((command, runtime.join("load/wayland-0")))
}

fn configuration(scene: &Scene, screen: bool) -> String {
    let (width, height) = scene.size;
    let kind = if screen {
        format!("kind = \"drm\"\nconnector = \"{CONNECTOR}\"\n")
    } else {
        String::new()
    };
    // As its peers are told to draw: a card's driver may offer one that draws on the CPU all the same, and loading
    // that is no part of what is measured.
    let mut text = format!(
        "version = 1\n\n[render]\nrenderer = \"cpu\"\n\n[[port]]\nname = \"main\"\n{kind}size = [{width}, {height}]\npipelines = 16\n\n\
         [[socket]]\nname = \"load\"\nrights = [\"capture:main\"]\n"
    );
    for (number, layer) in scene.layers.iter().enumerate() {
        let ((x, y), (width, height)) = (layer.position, layer.size);
        // A String takes everything.
        let _ = write!(
            text,
            "\n[[layer]]\nname = \"bench-{number}\"\nport = \"main\"\napp_id = \"bench-{number}\"\n\
             socket = \"load\"\nrect = [{x}, {y}, {width}, {height}]\norder = {number}\n{}\n",
            layer.ours
        );
    }
    text
}
