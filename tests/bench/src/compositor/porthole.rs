//! The service, with a configuration for one scene.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use porthole_rig::Result;

use super::write;
use crate::scene::Scene;

pub(super) fn prepare(program: &Path, scene: &Scene, folder: &Path) -> Result<(Command, PathBuf)> {
    let file = write(folder, "porthole.toml", &configuration(scene))?;
    let runtime = folder.join("run");
    let mut command = Command::new(program);
    command.arg("--config").arg(file).arg("--runtime-dir").arg(&runtime);
    Ok((command, runtime.join("load/wayland-0")))
}

fn configuration(scene: &Scene) -> String {
    let (width, height) = scene.size;
    let mut text = format!(
        "version = 1\n\n[[port]]\nname = \"main\"\nsize = [{width}, {height}]\npipelines = 16\n\n\
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
