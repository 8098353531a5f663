//! `porthole`, the display service.
//!
//! One thread owns all state and runs an event loop; each port has a thread that draws. Modules
//! follow a picture: [`protocols`] and [`handlers`] take it from a client, [`surfaces`] and
//! [`windows`] keep it, [`scene`] lists it, [`ports`] plan it, [`render`] draws it, and the capture
//! protocol hands it on. Input goes the other way through [`seats`].

mod cli;
mod clock;
mod cursor;
mod handlers;
mod ports;
mod programs;
mod protocols;
mod ready;
mod reload;
mod render;
mod scene;
mod seats;
mod service;
mod sockets;
mod splash;
mod state;
mod surfaces;
mod windows;

use std::{io::Write, process::ExitCode};

use clap::{CommandFactory, Parser, error::ErrorKind};
use porthole_core::config::Config;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    let outcome = if cli.check { check(&cli) } else { serve(&cli) };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            let _ = writeln!(std::io::stderr(), "porthole: {message}");
            ExitCode::FAILURE
        }
    }
}

fn serve(cli: &cli::Cli) -> Result<(), String> {
    // A bare level is for our own words; the libraries only warn.
    let plain = matches!(cli.log.as_str(), "info" | "debug" | "trace");
    let directives = if plain { format!("warn,porthole={}", cli.log) } else { cli.log.clone() };
    let filter = EnvFilter::try_new(directives).unwrap_or_else(|error| {
        let text = format!("--log '{}': {error}; say error, warn, info, debug or trace", cli.log);
        cli::Cli::command().error(ErrorKind::ValueValidation, text).exit()
    });
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    raise_descriptor_limit();
    service::run(cli).map_err(|e| e.to_string())
}

/// Every pool of every client is a descriptor: take as many as the system grants.
fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!("the limit of open files stays as it is: {error}");
    }
}

fn check(cli: &cli::Cli) -> Result<(), String> {
    let config = Config::load(&cli.config).map_err(|e| e.to_string())?;
    if let Some(path) = &config.splash {
        splash::load(path).map_err(|e| e.to_string())?;
    }
    let counts = [
        (config.ports.len(), "port"),
        (config.guests.len(), "guest"),
        (config.layers.len(), "layer"),
        (config.sockets.len(), "socket"),
        (config.programs.len(), "program"),
    ];
    let list: Vec<String> = counts
        .iter()
        .map(|(n, what)| format!("{n} {what}{}", if *n == 1 { "" } else { "s" }))
        .collect();
    let line = format!("{}: in order: {}", cli.config.display(), list.join(", "));
    writeln!(std::io::stdout(), "{line}").map_err(|e| e.to_string())
}
