//! The `porthole-qemu` program; see the library.

use std::process::ExitCode;

use clap::Parser;
use porthole_qemu::{Cli, run};

fn main() -> ExitCode {
    // Usage errors end the program here, with status 2.
    let cli = Cli::parse();
    porthole_program::run("porthole-qemu", &cli.common.log, || run(&cli))
}
