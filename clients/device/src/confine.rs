//! What the process gives up before its guest is heard.

use std::io;

use porthole_client::program::Options;
use porthole_program::sandbox::{Calls, Held};
use porthole_virtio_device::Address;

/// Each resource of the guest is a descriptor, and each picture of it that is shown is another one.
const DESCRIPTORS: u64 = 4096;

/// Gives up all that is not needed. What stays: the sockets and memory that are open or come from the
/// front-end, which connects at `sockets`, more memory, threads, and the removal of our own sockets' files.
///
/// # Errors
/// When the process that connects to the compositor cannot be started.
pub fn confine(options: &Options, sockets: &[(&str, &Address)]) -> io::Result<Option<Held>> {
    let Some(mut sandbox) = options.sandbox()? else { return Ok(None) };
    for (_, address) in sockets {
        if let Address::Path(path) = address {
            sandbox = sandbox.remove(path);
        }
    }
    Ok(Some(sandbox.calls(Calls::Accept).descriptors(DESCRIPTORS).enter()))
}
