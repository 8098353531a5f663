//! What the process gives up before the server is heard.

use std::io;
use std::net::SocketAddr;

use porthole_program::sandbox::{Calls, Held};

use crate::cli::Cli;
use crate::reach::Agent;

/// Pictures, cursors and connections are few.
const DESCRIPTORS: u64 = 256;

/// Gives up all that is not needed. What stays: connections that are open or are made by the two
/// processes that connect for this one, memory, and threads.
///
/// # Errors
/// When one of those processes cannot be started.
pub(crate) fn confine(cli: &Cli, numbers: Vec<SocketAddr>) -> io::Result<(Agent, Option<Held>)> {
    let Some(sandbox) = cli.common.sandbox()? else {
        return Ok((Agent::here(&cli.server, numbers), None));
    };
    let agent = Agent::apart(&cli.server, numbers)?;
    // What is copied comes through pipes.
    let sandbox = if cli.ways().any() { sandbox.calls(Calls::Pipes) } else { sandbox };
    Ok((agent, Some(sandbox.descriptors(DESCRIPTORS).enter())))
}
