//! The project's tasks. Each sets up what it needs and says what it does.
//!
//! This program must build on a machine that has nothing but Rust and a C linker, because it is the
//! one that installs the rest: it depends on no room that needs a C library.

#![forbid(unsafe_code)]

mod bench;
mod cargo;
mod ci;
mod demo;
mod fuzz;
mod gpu_vectors;
mod lint;
mod man;
mod rig;
mod setup;
mod soak;
mod test;
mod vga_bios;
mod vga_differential;
mod vga_vectors;
mod wlcs;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use porthole_rig::progress::say;
use porthole_rig::{Result, RigError};
use porthole_vectors::Summary;

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
    /// Run recorded virtio-gpu commands against our device; the last line is `N passed, N failed`
    GpuVectors {
        /// The folder of the recorded scenarios
        #[arg(value_name = "DIR", default_value = "tests/vectors/virtio-gpu")]
        folder: PathBuf,
    },
    /// Run recorded accesses to a VGA against our device; the last line is `N passed, N failed`
    VgaVectors {
        /// The folder of the recorded scenarios
        #[arg(value_name = "DIR", default_value = "tests/vectors/vga")]
        folder: PathBuf,
    },
    /// Run a real VGA BIOS on our VGA and on QEMU's, and print what is the same
    VgaBios(vga_bios::Options),
    /// Compare our VGA with that of QEMU 11 by random accesses; the last line is `N passed, N failed`
    VgaDifferential(vga_differential::Options),
    /// Write the programs' manual pages
    Man {
        /// The folder for the pages
        #[arg(value_name = "DIR", default_value = "target/man")]
        folder: PathBuf,
    },
    /// Write what bash, zsh and fish complete for the programs
    Completions {
        /// The folder for a folder of each shell
        #[arg(value_name = "DIR", default_value = "target/completions")]
        folder: PathBuf,
    },
    /// Run Debian's Wayland conformance suite against the service (five minutes)
    Wlcs(wlcs::Options),
    /// Measure the service beside sway and weston (a quarter of an hour on a quiet machine)
    Bench(bench::Options),
    /// Live with guests, viewers, layouts and kills for a while, and say whether anything grows
    Soak(soak::Options),
    /// Try inputs that nobody thought of on every parser and state machine
    Fuzz(fuzz::Options),
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
        Task::GpuVectors { folder } => {
            let summary = gpu_vectors::run(&folder);
            summary.map_err(|error| RigError::failed(error.to_string())).and_then(|it| show(&it))
        }
        Task::VgaVectors { folder } => {
            let summary = vga_vectors::run(&folder);
            summary.map_err(|error| RigError::failed(error.to_string())).and_then(|it| show(&it))
        }
        Task::VgaBios(options) => vga_bios::run(&options),
        Task::VgaDifferential(options) => vga_differential::run(&options).and_then(|it| show(&it)),
        Task::Man { folder } => man::run(&folder),
        Task::Completions { folder } => man::completions(&folder),
        Task::Wlcs(options) => wlcs::run(&options),
        Task::Bench(options) => bench::run(&options),
        Task::Soak(options) => soak::run(&options),
        Task::Fuzz(options) => fuzz::run(&options),
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

fn show(summary: &Summary) -> Result<()> {
    // A closed output hides the sum, but the exit status still tells.
    let _ = writeln!(std::io::stdout().lock(), "{summary}");
    if summary.failed.is_empty() { Ok(()) } else { Err(RigError::failed("some scenarios failed")) }
}
