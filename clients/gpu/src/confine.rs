//! What the process gives up before its guest is heard.

use std::io;

use porthole_client::connection::socket_path;
use porthole_client::errand;
use porthole_program::Connector;
use porthole_program::sandbox::{Calls, Held, Sandbox, warn_of_no_sandbox};
use porthole_vhost_device::Address;

use crate::cli::Cli;

/// Each resource of the guest is a descriptor, and each picture of it that is shown is another one.
const DESCRIPTORS: u64 = 4096;

/// Gives up all that is not needed. What stays: the sockets and memory that are open or come from the
/// front-end, more memory, threads, and the removal of our own sockets' files.
///
/// # Errors
/// When the process that connects to the compositor cannot be started.
pub(crate) fn confine(cli: &Cli, sockets: &[(&str, &Address)]) -> io::Result<Option<Held>> {
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
    let mut sandbox = Sandbox::new().calls(Calls::Sockets).calls(Calls::Accept);
    for (_, address) in sockets {
        if let Address::Path(path) = address {
            sandbox = sandbox.remove(path);
        }
    }
    Ok(Some(sandbox.descriptors(DESCRIPTORS).enter()))
}
