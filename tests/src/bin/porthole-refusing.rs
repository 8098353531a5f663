//! Stands between a compositor and its clients, and says of every dma-buf that it is not taken.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use porthole_tests::Result;
use porthole_tests::failure::OrFail;
use porthole_tests::filter::{Filter, MADE, Without};

/// A compositor that takes no dma-bufs.
#[derive(Parser)]
struct Options {
    /// The compositor's socket
    real: PathBuf,
    /// Where clients are to connect
    socket: PathBuf,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to tell where even this cannot be written.
            let _ = writeln!(std::io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<()> {
    let refusal = Without { interface: MADE.to_owned(), version: None };
    let filter = Filter::start(&options.real, &[refusal])?;
    std::os::unix::fs::symlink(filter.socket(), &options.socket).or_fail("name the socket")?;
    let mut out = std::io::stdout();
    writeln!(out, "ready").and_then(|()| out.flush()).or_fail("say that it is ready")?;
    // Until it is killed.
    loop {
        std::thread::park();
    }
}
