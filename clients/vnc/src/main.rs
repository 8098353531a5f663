//! The `porthole-vnc` program; see the library.

use std::{
    io::{IsTerminal, Write},
    process::ExitCode,
};

use clap::Parser;
use porthole_vnc::{Cli, run};
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    // Usage errors end the program here, with status 2.
    let cli = Cli::parse();
    let filter = EnvFilter::try_from_env("PORTHOLE_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .init();
    let Err(error) = run(&cli) else { return ExitCode::SUCCESS };
    let mut text = format!("porthole-vnc: {error}");
    let mut cause: &dyn std::error::Error = &error;
    while let Some(next) = cause.source() {
        text.push_str(&format!(": {next}"));
        cause = next;
    }
    // Nothing is left to tell it to when even this fails.
    let _ = writeln!(std::io::stderr(), "{text}");
    ExitCode::FAILURE
}
