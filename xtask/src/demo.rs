//! `cargo xtask demo`: two guests on one screen, or a guest of the user's own, from nothing, in one
//! command.

use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;
use porthole_rig::command::visible;
use porthole_rig::{Own, Result, cache};

use crate::{cargo, setup};

/// How long the demo stays.
#[derive(Args)]
pub(crate) struct Options {
    /// Wait until every layer shows its guest's picture, write screen.png and report.json into
    /// this folder, and end
    #[arg(long, value_name = "DIR")]
    once: Option<PathBuf>,
    /// Show it in a window of this Wayland session too
    #[arg(long, conflicts_with_all = ["once", "disk", "cdrom", "kernel"])]
    window: bool,
    /// Where VNC viewers connect
    #[arg(long, default_value = "127.0.0.1:5900")]
    listen: String,
    /// With --once and a guest of your own: how long it runs before that
    #[arg(long, value_name = "SECONDS", requires = "once", default_value_t = 20)]
    after: u64,
    #[command(flatten)]
    own: Own,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    match &options.once {
        _ if options.own.is_wanted() => own(options),
        Some(folder) => once(folder),
        None => {
            prepare()?;
            let window = options.window.then_some("--window");
            visible(program().args(["--listen", &options.listen]).args(window))
        }
    }
}

/// Shows a guest of the user's own.
fn own(options: &Options) -> Result<()> {
    // Before minutes of building.
    options.own.check()?;
    prepare()?;
    let mut demo = program();
    // The program takes the same words, but for where it listens by itself.
    let words = std::env::args_os().skip_while(|word| word != "demo").skip(1);
    if !std::env::args().any(|word| word == "--listen" || word.starts_with("--listen=")) {
        demo.args(["--listen", &options.listen]);
    }
    demo.args(words);
    visible(&mut demo)
}

/// Boots, compares, writes the report, ends.
pub(crate) fn once(folder: &Path) -> Result<()> {
    prepare()?;
    visible(program().arg("--once").arg(folder))
}

fn prepare() -> Result<()> {
    setup::for_guests()?;
    cargo::build("building the demo", &["porthole-demo"])
}

fn program() -> Command {
    Command::new(cache::target().join("debug/porthole-demo"))
}
