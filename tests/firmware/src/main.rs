//! `cargo xtask vga-bios`: prints what a real VGA BIOS does on our device and on QEMU's.
#![forbid(unsafe_code)]

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use porthole_firmware::{Check, Peer, sectors, sweep};
use porthole_rig::error::Context as _;
use porthole_rig::progress::say;
use porthole_rig::{Result, RigError, cache};

/// Runs a real VGA BIOS on our VGA and on QEMU's, and compares everything that it does
#[derive(Parser)]
#[command(name = "cargo xtask vga-bios")]
struct Arguments {
    /// The Debian release whose QEMU and BIOS are used; this machine's if not given
    #[arg(value_name = "RELEASE")]
    release: Option<String>,
    /// Another VGA BIOS
    #[arg(long, value_name = "FILE")]
    rom: Option<PathBuf>,
    /// Take the pictures of our boot sectors anew
    #[arg(long)]
    record: bool,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    let mut peer = Peer::of(arguments.release.as_deref())?;
    if let Some(rom) = &arguments.rom {
        peer.rom.clone_from(rom);
    }
    say(&format!("QEMU {} and {}", peer.version()?, peer.rom.display()));
    if arguments.record {
        return sectors::record(&peer, &cache::target().join("vga-bios"));
    }
    let checks = sweep(&peer, &cache::target().join("vga-bios"))?;
    let mut output = std::io::stdout().lock();
    for check in &checks {
        writeln!(output, "{}", line(check)).context(|| "write the result".to_owned())?;
    }
    let failed = checks.iter().filter(|check| check.result.is_err()).count();
    let passed = checks.len() - failed;
    writeln!(output, "{passed} passed, {failed} failed")
        .context(|| "write the result".to_owned())?;
    if failed == 0 { Ok(()) } else { Err(RigError::failed("some checks failed")) }
}

fn line(check: &Check) -> String {
    let Check { name, accesses, memory, picture, result } = check;
    let picture = picture.map_or_else(String::new, |(width, height)| format!(", {width}x{height}"));
    match result {
        Ok(()) => format!("{name}: {accesses} accesses, {} KiB{picture}", memory >> 10),
        Err(why) => format!("{name}: FAILED after {accesses} accesses: {why}"),
    }
}
