//! What the process gives up before QEMU is heard.

use std::io;

use porthole_client::connection::socket_path;
use porthole_client::errand;
use porthole_program::Connector;
use porthole_program::sandbox::{Calls, Held, Sandbox, warn_of_no_sandbox};

use crate::cli::Cli;

/// Pictures, sockets of consoles, and what comes with messages.
const DESCRIPTORS: u64 = 1024;

/// Gives up all that is not needed. What stays: the sockets that are open, memory, and threads. The way to
/// QEMU is open before, and there is no second one.
///
/// # Errors
/// When the process that connects to the compositor cannot be started.
pub(crate) fn confine(cli: &Cli) -> io::Result<Option<Held>> {
    if cli.no_sandbox {
        warn_of_no_sandbox();
        return Ok(None);
    }
    // Where nothing says which compositor is meant the presenter will say so.
    if !cli.null
        && let Ok(path) = socket_path(cli.wayland.as_deref())
    {
        let connector = Connector::start(move |what| errand::errand(&path, what))?;
        errand::send(move |what| connector.ask(what));
    }
    Ok(Some(Sandbox::new().calls(Calls::Sockets).descriptors(DESCRIPTORS).enter()))
}
