//! The project's tasks. Each sets up what it needs and says what it does.
//!
//! This program must build on a machine that has nothing but Rust and a C linker, because it is the
//! one that installs the rest: it depends on no room that needs a C library.

#![forbid(unsafe_code)]

mod cargo;
mod ci;
mod demo;
mod lint;
mod rig;
mod setup;
mod test;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use porthole_rig::progress::say;

#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version)]
#[command(about = "Porthole's tasks: each installs what it needs, says why, and does the rest")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Boot two guests on one screen and show it to VNC viewers
    Demo(demo::Options),
    /// Run the tests (at most 8 minutes after the build)
    Test(test::Options),
    /// Run what must pass before a change lands: lints, tests, one run of each rig
    Ci(ci::Options),
    /// Check formatting, clippy and the rules of the rooms
    Lint,
    /// Prepare or look at what test guests run on
    #[command(subcommand)]
    Rig(rig::Task),
}

fn main() -> ExitCode {
    let result = match Arguments::parse().task {
        Task::Demo(options) => demo::run(&options),
        Task::Test(options) => test::run(&options),
        Task::Ci(options) => ci::run(&options),
        Task::Lint => lint::run(),
        Task::Rig(task) => rig::run(&task),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}
