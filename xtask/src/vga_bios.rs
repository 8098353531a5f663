//! `vga-bios`: a real VGA BIOS on our device and on QEMU's.

use std::process::Command;

use clap::Args;
use porthole_rig::command::visible;
use porthole_rig::{Result, cache};

use crate::{cargo, setup};

/// What `porthole-firmware` is told; its own help says what it takes.
#[derive(Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Options {
    /// A Debian release, and options (see `cargo xtask vga-bios --help`)
    #[arg(allow_hyphen_values = true, trailing_var_arg = true)]
    arguments: Vec<String>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    setup::for_running()?;
    cargo::step("building the emulated machine", &["build", "-p", "porthole-firmware"])?;
    let program = cache::target().join("debug/porthole-firmware");
    visible(Command::new(program).args(&options.arguments))
}
