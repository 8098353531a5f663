//! The `porthole-rfb` program; see the library.

use std::process::ExitCode;

use clap::Parser;
use porthole_source::{Cli, run};

fn main() -> ExitCode {
    // Usage errors end the program here, with status 2.
    let cli = Cli::parse();
    porthole_program::run("porthole-rfb", &cli.common.log, || run(&cli))
}
