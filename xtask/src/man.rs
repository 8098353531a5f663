//! `cargo xtask man`: manual pages from the programs' own descriptions of their command lines.

use std::path::Path;

use porthole_rig::Result;

/// Writes a page for each program into a folder.
#[cfg(not(feature = "man"))]
pub(crate) fn run(folder: &Path) -> Result<()> {
    use crate::{cargo, setup};
    use porthole_rig::error::Context;

    setup::for_building()?;
    let folder = std::path::absolute(folder).at("use", folder)?;
    let folder = folder.display().to_string();
    let again = ["run", "--quiet", "-p", "xtask", "--features", "man", "--", "man", &folder];
    cargo::step("building the programs' descriptions", &again)
}

#[cfg(feature = "man")]
#[path = "../../compositor/daemon/src/cli.rs"]
mod porthole;

/// Writes a page for each program into a folder.
#[cfg(feature = "man")]
pub(crate) fn run(folder: &Path) -> Result<()> {
    use clap::CommandFactory;
    use porthole_rig::error::Context;
    use porthole_rig::progress::say;

    std::fs::create_dir_all(folder).at("make", folder)?;
    let commands = [
        porthole::Cli::command(),
        porthole_gpu::command(),
        porthole_vnc::command(),
        porthole_shot::command(),
        porthole_ctl::command(),
    ];
    for command in commands {
        let path = folder.join(format!("{}.1", command.get_name()));
        let mut page = Vec::new();
        let written = clap_mangen::Man::new(command).render(&mut page);
        written.at("write", &path)?;
        std::fs::write(&path, page).at("write", &path)?;
        say(&format!("wrote {}", path.display()));
    }
    Ok(())
}
