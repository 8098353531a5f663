//! What the service gives up before the first client is heard.
//!
//! It goes on to read what a reload may name (configuration, pictures, pointers, libraries of a GPU), so
//! that it may read all that its user may. It writes into its own two folders and to GPUs, starts
//! nothing, and has no network.

use std::{os::unix::fs::DirBuilderExt, path::Path};

use porthole_core::config::{Config, Connector, PortKind};
use porthole_program::sandbox::{Calls, Sandbox, warn_of_no_sandbox};

use crate::{cli::Cli, screens::drm::backlight_switch};

/// Where cards are.
const CARDS: &str = "/dev/dri";
/// GPUs, and what their drivers open.
const DEVICES: [&str; 5] =
    [CARDS, "/dev/nvidiactl", "/dev/nvidia0", "/dev/nvidia-modeset", "/dev/null"];

/// Gives up what is not needed, before any thread is started; whether programs can be started still. They inherit what their parent
/// gave up, so that with some in the configuration nothing is given up.
pub(crate) fn confine(cli: &Cli, config: &Config, runtime: &Path, state: &Path) -> bool {
    // CAP_CHOWN, which units give us to hand out sockets, is for us and not for what we start.
    if let Err(error) = rustix::thread::clear_ambient_capability_set() {
        tracing::debug!(%error, "there are no ambient capabilities");
    }
    if cli.no_sandbox {
        warn_of_no_sandbox();
        return true;
    }
    if !config.programs.is_empty() {
        tracing::warn!(
            "no sandbox: the programs of the configuration would inherit it; start them by units of their own"
        );
        return true;
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
    false
}

/// The Wayland library writes keymaps for old clients into files without a name in this folder; other
/// programs' folders are out of reach.
fn keep_keymaps_in(runtime: &Path) {
    // SAFETY: Nobody else reads or writes the environment: this thread is the only one, as `confine`
    // is called before the first is started.
    unsafe { std::env::set_var("XDG_RUNTIME_DIR", runtime) };
}
