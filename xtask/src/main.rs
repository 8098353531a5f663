//! The project's tasks. Each sets up what it needs and says what it does.
//!
//! This program must build on a machine that has nothing but Rust and a C linker, because it is the
//! one that installs the rest: it depends on no room that needs a C library.

#![forbid(unsafe_code)]

mod rig;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use porthole_rig::progress::say;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The tasks of Porthole's developers and testers")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Prepare or look at what test guests run on
    #[command(subcommand)]
    Rig(rig::Task),
}

fn main() -> ExitCode {
    let result = match Arguments::parse().task {
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
