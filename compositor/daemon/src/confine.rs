//! What the service gives up before the first client is heard.
//!
//! It goes on to read what a reload may name (configuration, pictures, pointers, libraries of a GPU), so
//! that it may read all that its user may. It writes into its own two folders and to GPUs, starts
//! nothing, and has no network.

use std::{
    io,
    os::{
        fd::{AsFd, OwnedFd},
        unix::fs::DirBuilderExt,
    },
    path::Path,
};

use porthole_core::config::{Config, Connector, PortKind};
use porthole_program::beside_free;
use porthole_program::sandbox::{Calls, Sandbox, warn_of_no_sandbox};

use crate::{choice::Source, cli::Cli, programs::starter, screens::drm::backlight_switch};

/// Where cards are.
const CARDS: &str = "/dev/dri";
/// GPUs, and what their drivers open.
const DEVICES: [&str; 5] =
    [CARDS, "/dev/nvidiactl", "/dev/nvidia0", "/dev/nvidia-modeset", "/dev/null"];

/// Gives up what is not needed, before any thread is started. Programs inherit what their parent gave up, so
/// a process beside this one starts them, which is returned, where the configuration has some.
pub(crate) fn confine(
    cli: &Cli,
    (source, config): (&Source, &Config),
    runtime: &Path,
    state: &Path,
) -> io::Result<Option<OwnedFd>> {
    // CAP_CHOWN, which units give us to hand out sockets, is for us and not for what we start.
    if let Err(error) = rustix::thread::clear_ambient_capability_set() {
        tracing::debug!(%error, "there are no ambient capabilities");
    }
    let wanted = cli.no_sandbox || !config.programs.is_empty();
    let start = || {
        // The places of the standard descriptors stay taken, so that no other gets there.
        let (input, output) = (io::stdin(), io::stdout());
        let kept = [input.as_fd(), output.as_fd()];
        beside_free(c"starter", &kept, |service| starter::work(service, source, config))
    };
    let starter = wanted.then(start).transpose()?;
    if cli.no_sandbox {
        warn_of_no_sandbox();
        return Ok(starter);
    }
    // It must be there to be named.
    if let Err(error) = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(state) {
        tracing::debug!(%error, "the state folder cannot be made");
    }
    let calls = [
        Calls::Sockets,
        Calls::Accept,
        Calls::Connect,
        Calls::Listen,
        Calls::Files,
        Calls::Graphics,
        // What is copied between a window's port and its parent.
        Calls::Pipes,
    ];
    let mut sandbox = calls.into_iter().fold(Sandbox::new(), Sandbox::calls);
    for device in DEVICES {
        sandbox = sandbox.write(Path::new(device));
    }
    if config.seat.is_some() {
        sandbox = crate::machine::udev::needed().into_iter().fold(sandbox, Sandbox::write);
    }
    for port in &config.ports {
        if let PortKind::Drm(Connector { backlight: Some(folder), .. }) = &port.kind {
            sandbox = sandbox.write(&backlight_switch(folder));
        }
    }
    // Their folder comes with the first card and goes with the last, as that of the firmware's picture does
    // for the real one.
    if cli.early {
        sandbox = sandbox.write(Path::new("/dev"));
    }
    // Service managers and lookups of users are behind sockets, wherever those are.
    sandbox.connecting().read(Path::new("/")).write(runtime).write(state).enter();
    keep_keymaps_in(runtime);
    Ok(starter)
}

/// The Wayland library writes keymaps for old clients into files without a name in this folder; other
/// programs' folders are out of reach.
fn keep_keymaps_in(runtime: &Path) {
    // SAFETY: Nobody else reads or writes the environment: this thread is the only one, as `confine`
    // is called before the first is started.
    unsafe { std::env::set_var("XDG_RUNTIME_DIR", runtime) };
}
