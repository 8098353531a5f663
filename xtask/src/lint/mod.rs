//! `cargo xtask lint`: formatting, clippy, and the rules of this project that neither knows.

mod files;
mod modules;
mod rooms;

use std::process::Command;

use porthole_rig::command::text;
use porthole_rig::progress::say;
use porthole_rig::{Result, RigError, cache};

use crate::{cargo, setup};

/// A rule that is broken: where, and what to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Finding(pub(crate) String);

pub(crate) fn run() -> Result<()> {
    setup::for_building()?;
    cargo::step("checking the format", &["fmt", "--all", "--check"])?;
    house_rules()?;
    let clippy = ["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"];
    cargo::step("running clippy", &clippy)
}

/// The rules that need no compiler.
fn house_rules() -> Result<()> {
    let tracked = tracked_files()?;
    let mut findings = rooms::check()?;
    findings.extend(files::check(&tracked)?);
    findings.extend(modules::check(&tracked)?);
    for Finding(text) in &findings {
        say(text);
    }
    match findings.len() {
        0 => Ok(()),
        count => Err(RigError::failed(format!("{count} house rules are broken"))),
    }
}

/// The files that git knows, by their paths from the root.
fn tracked_files() -> Result<Vec<String>> {
    let list = text(Command::new("git").arg("ls-files").current_dir(cache::workspace()))?;
    let root = cache::workspace();
    Ok(list.lines().filter(|path| root.join(path).is_file()).map(str::to_owned).collect())
}
