//! The `porthole-vga` program; see the library.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser;
use porthole_vga::{Cli, run};

fn main() -> ExitCode {
    // Usage errors end the program here, with status 2.
    let cli = Cli::parse();
    porthole_program::run("porthole-vga", &cli.common.log, || run(&cli))
}
