//! `porthole`, the display service.
//!
//! One thread owns all state and runs an event loop; each port has a thread that draws. Modules
//! follow a picture: [`relay`] lets each client send its share, [`protocols`] and [`handlers`] take
//! it, [`surfaces`] and [`windows`] keep it, [`scene`] lists it, [`ports`] plan it, [`render`] draws
//! it, and [`screens`] and the capture protocol hand it on. Input goes the other way through [`seats`]. All of that
//! is one [`turn`].

mod accounts;
mod arrival;
mod carry;
mod choice;
mod cli;
mod clock;
mod confine;
mod cursor;
mod cursor_theme;
mod desktop;
mod drag;
mod early;
mod handlers;
mod layers;
mod library;
mod limits;
mod machine;
mod needs;
mod pictures;
mod popups;
mod ports;
mod programs;
mod protocols;
mod ready;
mod relay;
mod reload;
mod remember;
mod render;
mod scene;
mod screens;
mod seats;
mod service;
mod sockets;
mod splash;
mod state;
mod surfaces;
mod turn;
mod views;
mod windows;

use std::{io::Write, process::ExitCode};

use clap::Parser;
use porthole_core::model::Device;

use choice::Source;
use handlers::parents::Parents;
use reload::ApplyError;
use screens::Cards;
use service::ServiceError;

fn main() -> ExitCode {
    // Usage errors end the program here, with status 2.
    let cli = cli::Cli::parse();
    porthole_program::run("porthole", &cli.log, || {
        if cli.check || cli.print_config || cli.print_needs {
            check(&cli)
        } else {
            service::run(&cli)
        }
    })
}

/// Says what a configuration holds, or what is wrong with it; or prints it.
fn check(cli: &cli::Cli) -> Result<(), ServiceError> {
    let source = Source::find(cli, &Parents::of_session(), &mut Cards::new(Vec::new()));
    let (config, text) = source.load().map_err(ApplyError::from)?;
    if cli.print_config {
        if let Some(why) = source.why() {
            tracing::info!("{why}");
        }
        return write!(std::io::stdout(), "{text}").map_err(ServiceError::Output);
    }
    if cli.print_needs {
        let list = needs::list(source.file(), &config);
        return write!(std::io::stdout(), "{list}").map_err(ServiceError::Output);
    }
    reload::splash(&config)?;
    let files = pictures::Files::load(&config).map_err(ApplyError::from)?;
    // A mask of another size than its layer is found here.
    Device::from_config(&config, &files.sizes()).map_err(ApplyError::from)?;
    sockets::check_owners(&config).map_err(ApplyError::from)?;
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
    let line = format!("{}: in order: {}", source.name(), list.join(", "));
    writeln!(std::io::stdout(), "{line}").map_err(ServiceError::Output)
}
