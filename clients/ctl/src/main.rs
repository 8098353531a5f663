//! The `portholectl` program; see the library.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser;
use porthole_ctl::{Cli, Failure, run};

fn main() -> ExitCode {
    // Usage errors end the program here, with status 2.
    let cli = Cli::parse();
    porthole_program::run_with("portholectl", &cli.log, Failure::status, || {
        porthole_program::sandbox::confine_tool();
        run(&cli)
    })
}
