//! What the process gives up before QEMU is heard.

use std::io;

use porthole_client::program::Options;
use porthole_program::sandbox::Held;

/// Pictures, sockets of consoles, and what comes with messages.
const DESCRIPTORS: u64 = 1024;

/// Gives up all that is not needed. What stays: the sockets that are open, memory, and threads. The way to
/// QEMU is open before, and there is no second one.
///
/// # Errors
/// When the process that connects to the compositor cannot be started.
pub(crate) fn confine(options: &Options) -> io::Result<Option<Held>> {
    Ok(options.sandbox()?.map(|sandbox| sandbox.descriptors(DESCRIPTORS).enter()))
}
