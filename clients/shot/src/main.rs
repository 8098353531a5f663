//! The `porthole-shot` program; see the library.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser;
use porthole_shot::{Cli, FAILED, run};

fn main() -> ExitCode {
    // Usage errors end the program here, with status 2.
    let cli = Cli::parse();
    porthole_program::run_for_status("porthole-shot", &cli.log, FAILED, || {
        porthole_program::sandbox::confine_tool();
        run(&cli)
    })
}
