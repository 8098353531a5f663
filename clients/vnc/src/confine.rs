//! What the process gives up before the first viewer is heard.

use std::io;

use porthole_client::{connection::socket_path, errand};
use porthole_program::sandbox::{Calls, Held, Sandbox, warn_of_no_sandbox};

use crate::{address::Address, cli::Cli};

/// 256 viewers at most, and a few pictures for each of them.
const DESCRIPTORS: u64 = 2048;

/// Gives up all that is not needed. What stays: viewers that come to the open listener, the compositor,
/// memory, and the removal of our own socket's file.
///
/// # Errors
/// When the process that connects to the compositor cannot be started.
pub(crate) fn confine(cli: &Cli) -> io::Result<Option<Held>> {
    if cli.no_sandbox {
        warn_of_no_sandbox();
        return Ok(None);
    }
    // Where nothing says which compositor is meant the first attempt will say so.
    if let Ok(path) = socket_path(cli.wayland.as_deref()) {
        errand::delegate(path)?;
    }
    let calls = [Calls::Sockets, Calls::Accept, Calls::Niceness];
    // What is copied comes through pipes.
    let pipes = cli.clipboard_ways().any().then_some(Calls::Pipes);
    let mut sandbox = calls.into_iter().chain(pipes).fold(Sandbox::new(), Sandbox::calls);
    if let Address::Unix(path) = &cli.listen {
        sandbox = sandbox.remove(path);
    }
    Ok(Some(sandbox.descriptors(DESCRIPTORS).enter()))
}
