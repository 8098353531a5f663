//! What the process gives up before QEMU is heard.

use std::io;

use porthole_program::sandbox::{Calls, Held, Sandbox};

use crate::cli::Cli;

/// Pictures, sockets of consoles, and what comes with messages.
const DESCRIPTORS: u64 = 1024;

/// Gives up all that is not needed. What stays: the sockets that are open, memory, and threads. The way to
/// QEMU is open before, and there is no second one.
///
/// # Errors
/// When the process that connects to the compositor cannot be started.
pub(crate) fn confine(cli: &Cli) -> io::Result<Option<Held>> {
    let sandbox = cli.common.sandbox()?.map(|sandbox| sandbox.descriptors(DESCRIPTORS));
    // What is copied comes through pipes.
    let pipes = cli.ways().any();
    let sandbox = sandbox.map(|s| if pipes { s.calls(Calls::Pipes) } else { s });
    Ok(sandbox.map(Sandbox::enter))
}
