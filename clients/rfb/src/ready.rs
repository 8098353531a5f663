//! The line that tells a parent that the program is at work.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;

use porthole_program::sandbox::Held;
use serde_json::json;

use crate::cli::Cli;

/// Writes the line and closes the descriptor.
pub(crate) fn tell(fd: OwnedFd, cli: &Cli, sandbox: Option<Held>) -> io::Result<()> {
    let (server, sandbox) = (cli.server.to_string(), sandbox.map(|held| held.to_string()));
    let line = json!({ "ready": true, "guest": cli.guest, "server": server, "sandbox": sandbox });
    writeln!(File::from(fd), "{line}")
}
