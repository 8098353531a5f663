//! What the process gives up before its guest is heard.

use std::io;
use std::path::Path;

use porthole_client::connection::socket_path;
use porthole_client::errand;
use porthole_program::Connector;
use porthole_program::sandbox::{Calls, Held, Sandbox, warn_of_no_sandbox};
use porthole_virtio_device::Address;

/// Each resource of the guest is a descriptor, and each picture of it that is shown is another one.
const DESCRIPTORS: u64 = 4096;

/// What a device process goes on to need.
#[derive(Clone, Copy, Debug)]
pub struct Needs<'a> {
    /// Keep all rights of the user; for finding faults.
    pub no_sandbox: bool,
    /// Whether there is a compositor to be connected to.
    pub shows: bool,
    /// The compositor's socket; else what the environment says.
    pub wayland: Option<&'a Path>,
    /// The sockets at which front-ends connect.
    pub sockets: &'a [(&'a str, &'a Address)],
}

/// Gives up all that is not needed. What stays: the sockets and memory that are open or come from the
/// front-end, more memory, threads, and the removal of our own sockets' files.
///
/// # Errors
/// When the process that connects to the compositor cannot be started.
pub fn confine(needs: Needs<'_>) -> io::Result<Option<Held>> {
    if needs.no_sandbox {
        warn_of_no_sandbox();
        return Ok(None);
    }
    // Where nothing says which compositor is meant the presenter will say so.
    if needs.shows
        && let Ok(path) = socket_path(needs.wayland)
    {
        let connector = Connector::start(move |what| errand::errand(&path, what))?;
        errand::send(move |what| connector.ask(what));
    }
    let mut sandbox = Sandbox::new().calls(Calls::Sockets).calls(Calls::Accept);
    for (_, address) in needs.sockets {
        if let Address::Path(path) = address {
            sandbox = sandbox.remove(path);
        }
    }
    Ok(Some(sandbox.descriptors(DESCRIPTORS).enter()))
}
