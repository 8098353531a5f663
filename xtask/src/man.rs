//! `cargo xtask man` and `cargo xtask completions`: manual pages and shell completions from the
//! programs' own descriptions of their command lines.

use std::path::Path;

use porthole_rig::Result;

/// Writes a page for each program, and for each command of a program, into a folder.
#[cfg(not(feature = "man"))]
pub(crate) fn run(folder: &Path) -> Result<()> {
    again("man", folder)
}

/// Writes what bash, zsh and fish complete for each program into a folder of each shell.
#[cfg(not(feature = "man"))]
pub(crate) fn completions(folder: &Path) -> Result<()> {
    again("completions", folder)
}

/// Runs the task again with the programs built in.
#[cfg(not(feature = "man"))]
fn again(task: &str, folder: &Path) -> Result<()> {
    use crate::{cargo, setup};
    use porthole_rig::error::Context;

    setup::for_building()?;
    let folder = std::path::absolute(folder).at("use", folder)?;
    let folder = folder.display().to_string();
    let again = ["run", "--quiet", "-p", "xtask", "--features", "man", "--", task, &folder];
    cargo::step("building the programs' descriptions", &again)
}

#[cfg(feature = "man")]
#[path = "../../compositor/daemon/src/cli.rs"]
mod porthole;

#[cfg(feature = "man")]
fn programs() -> [clap::Command; 8] {
    use clap::CommandFactory;

    [
        porthole::Cli::command(),
        porthole_gpu::command(),
        porthole_qemu::command(),
        porthole_vga::command(),
        porthole_vnc::command(),
        porthole_source::command(),
        porthole_shot::command(),
        porthole_ctl::command(),
    ]
}

/// Writes a page for each program, and for each command of a program, into a folder.
#[cfg(feature = "man")]
pub(crate) fn run(folder: &Path) -> Result<()> {
    use porthole_rig::error::Context;

    std::fs::create_dir_all(folder).at("make", folder)?;
    for program in programs() {
        let mut program = program.disable_help_subcommand(true);
        // Names the commands after their program.
        program.build();
        for command in program.get_subcommands() {
            write_page(folder, command.clone())?;
        }
        write_page(folder, program)?;
    }
    Ok(())
}

#[cfg(feature = "man")]
fn write_page(folder: &Path, command: clap::Command) -> Result<()> {
    use porthole_rig::error::Context;
    use porthole_rig::progress::say;

    let name = command.get_display_name().unwrap_or(command.get_name());
    let path = folder.join(format!("{name}.1"));
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page).at("write", &path)?;
    std::fs::write(&path, page).at("write", &path)?;
    say(&format!("wrote {}", path.display()));
    Ok(())
}

/// Writes what bash, zsh and fish complete for each program into a folder of each shell.
#[cfg(feature = "man")]
pub(crate) fn completions(folder: &Path) -> Result<()> {
    use clap_complete::{Shell, generate_to};
    use porthole_rig::error::Context;
    use porthole_rig::progress::say;

    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        let folder = folder.join(shell.to_string());
        std::fs::create_dir_all(&folder).at("make", &folder)?;
        for mut program in programs() {
            let name = program.get_name().to_owned();
            let path = generate_to(shell, &mut program, name, &folder).at("write", &folder)?;
            say(&format!("wrote {}", path.display()));
        }
    }
    Ok(())
}
