//! `cargo xtask soak`: guests, viewers and kills for as long as told.

use std::process::Command;

use clap::Args;
use porthole_rig::command::visible;
use porthole_rig::{Result, cache, roots};

use crate::{cargo, setup};

/// The Debian release of which the newest QEMU is.
const NEWEST: &str = "sid";

/// What decides what happens in a soak before a change lands.
pub(crate) const SEED: u32 = 1;

/// What `porthole-soak` is told; its own help says what it takes.
#[derive(Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Options {
    /// Options (see `cargo xtask soak --help`)
    #[arg(allow_hyphen_values = true, trailing_var_arg = true)]
    arguments: Vec<String>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    soak(options.arguments.iter().map(String::as_str))
}

/// The usual soak, for so long.
pub(crate) fn for_minutes(minutes: u32, seed: Option<u32>) -> Result<()> {
    let (minutes, seed) = (minutes.to_string(), seed.map(|seed| seed.to_string()));
    let mut arguments = vec!["--minutes", &minutes];
    arguments.extend(seed.iter().flat_map(|seed| ["--seed", seed]));
    soak(arguments)
}

fn soak<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Result<()> {
    setup::for_guests()?;
    // One of the guests has the newest device, whose display changes its size while it runs.
    roots::qemu(NEWEST)?;
    cargo::build("building the soak", &["porthole-soak"])?;
    let program = cache::target().join("debug/porthole-soak");
    visible(Command::new(program).args(arguments))
}
