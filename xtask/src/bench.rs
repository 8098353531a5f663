//! `cargo xtask bench`: measures the service beside other compositors.

use std::process::Command;

use clap::Args;
use porthole_rig::command::visible;
use porthole_rig::packages::{TO_COMPARE, install};
use porthole_rig::{Result, cache};

use crate::{cargo, setup};

/// What `porthole-bench` is told; its own help says what it takes.
#[derive(Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Options {
    /// IDs and options (see `cargo xtask bench --help`)
    #[arg(allow_hyphen_values = true, trailing_var_arg = true)]
    arguments: Vec<String>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    setup::for_running()?;
    // One by one: together they would be built with each other's features.
    let only_asks = ["--list", "--help", "-h"];
    let asks = options.arguments.iter().any(|word| only_asks.contains(&word.as_str()));
    let programs = [
        "porthole",
        "porthole-gpu",
        "porthole-vga",
        "porthole-qemu",
        "porthole-source",
        "porthole-vnc",
    ];
    let programs = programs.into_iter().filter(|_| !asks).chain(["porthole-bench"]);
    if !asks {
        install(TO_COMPARE)?;
    }
    for name in programs {
        let what = format!("building {name} as it is released (minutes the first time)");
        cargo::step(&what, &["build", "--release", "-p", name])?;
    }
    let program = cache::target().join("release/porthole-bench");
    visible(Command::new(program).args(&options.arguments))
}
