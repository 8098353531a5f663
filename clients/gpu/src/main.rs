//! The `porthole-gpu` program; see the library.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use porthole_gpu::{Cli, run};
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    // Usage errors end the program here, with status 2.
    let cli = Cli::parse();
    // A bare level is for our own words; the libraries only warn.
    let plain = matches!(cli.log.as_str(), "info" | "debug" | "trace");
    let directives = if plain { format!("warn,porthole={}", cli.log) } else { cli.log.clone() };
    let filter = match EnvFilter::try_new(directives) {
        Ok(filter) => filter,
        Err(error) => {
            let text =
                format!("--log {:?}: {error}; use error, warn, info, debug or trace", cli.log);
            Cli::command().error(ErrorKind::ValueValidation, text).exit()
        }
    };
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .init();
    match run(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let mut text = format!("porthole-gpu: {error}");
            let mut cause: &dyn std::error::Error = &error;
            while let Some(next) = cause.source() {
                text.push_str(&format!(": {next}"));
                cause = next;
            }
            // Nothing is left to tell it to when even this fails.
            let _ = writeln!(std::io::stderr(), "{text}");
            ExitCode::FAILURE
        }
    }
}
