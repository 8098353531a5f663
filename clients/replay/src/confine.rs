//! What a replay gives up before it reads a trace, which may come from anybody: its files are open. What
//! stays is the compositor, if there is one, and the removal of a picture's file into which nothing was
//! written.

use std::io;
use std::path::Path;

use porthole_client::errand;
use porthole_program::sandbox::{Calls, Sandbox};

/// Each resource of the guest is a descriptor, and each picture of it that is shown is another one.
const DESCRIPTORS: u64 = 4096;

pub(super) fn confine(wayland: Option<&Path>, picture: Option<&Path>) -> io::Result<()> {
    if let Some(path) = wayland {
        errand::delegate(path.to_owned())?;
    }
    let mut sandbox = Sandbox::new().calls(Calls::Sockets).calls(Calls::Terminal);
    if let Some(path) = picture {
        sandbox = sandbox.remove(path);
    }
    sandbox.descriptors(DESCRIPTORS).enter_tool();
    Ok(())
}
