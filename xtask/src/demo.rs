//! `cargo xtask demo`: two guests on one screen, from nothing, in one command.

use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;
use porthole_rig::command::visible;
use porthole_rig::{Result, cache};

use crate::{cargo, setup};

/// How long the demo stays.
#[derive(Args)]
pub(crate) struct Options {
    /// Wait until every layer shows its guest's picture, write screen.png and report.json into
    /// this folder, and end
    #[arg(long, value_name = "DIR")]
    once: Option<PathBuf>,
    /// Where VNC viewers connect
    #[arg(long, default_value = "127.0.0.1:5900")]
    listen: String,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    match &options.once {
        Some(folder) => once(folder),
        None => {
            prepare()?;
            visible(program().args(["--listen", &options.listen]))
        }
    }
}

/// Boots, compares, writes the report, ends.
pub(crate) fn once(folder: &Path) -> Result<()> {
    prepare()?;
    visible(program().arg("--once").arg(folder))
}

fn prepare() -> Result<()> {
    setup::for_guests()?;
    cargo::step("building the demo", &["build", "-p", "porthole-tests", "--bin", "porthole-demo"])
}

fn program() -> Command {
    Command::new(cache::target().join("debug/porthole-demo"))
}
