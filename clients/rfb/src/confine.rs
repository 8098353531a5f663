//! What the process gives up before the server is heard.

use std::io;
use std::net::SocketAddr;

use porthole_client::connection::socket_path;
use porthole_client::errand;
use porthole_program::Connector;
use porthole_program::sandbox::{Calls, Held, Sandbox, warn_of_no_sandbox};

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
    if cli.no_sandbox {
        warn_of_no_sandbox();
        return Ok((Agent::here(&cli.server, numbers), None));
    }
    // Where nothing says which compositor is meant the presenter will say so.
    if !cli.null
        && let Ok(path) = socket_path(cli.wayland.as_deref())
    {
        let connector = Connector::start(move |what| errand::errand(&path, what))?;
        errand::send(move |what| connector.ask(what));
    }
    let agent = Agent::apart(&cli.server, numbers)?;
    let sandbox = Sandbox::new().calls(Calls::Sockets);
    Ok((agent, Some(sandbox.descriptors(DESCRIPTORS).enter())))
}
