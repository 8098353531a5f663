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

use crate::{choice::Source, cli::Cli, early, programs::starter, screens::drm::backlight_switch};

/// Where cards are.
const CARDS: &str = "/dev/dri";
/// The file in folders of devices that keeps them there; data/systemd/porthole.tmpfiles makes it too.
const KEEPER: &str = ".porthole";
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
    if cli.user.is_some() {
        early::give_up_the_rest();
    }
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
    if config.ports.iter().any(|port| matches!(port.kind, PortKind::Drm(_))) {
        keep(Path::new(CARDS));
    }
    for device in DEVICES {
        sandbox = sandbox.write(Path::new(device));
    }
    // A reload may want them later; whose they are, their modes say.
    let seat = config.seat.is_some();
    sandbox = crate::machine::udev::needed(seat).into_iter().fold(sandbox, Sandbox::write);
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

/// Has a folder of device files there for as long as the machine runs, if we may. The kernel makes it with the
/// first device and removes it with the last one, unless there is something else in it; and a rule is for the
/// folder of its time, not for another one of its name.
pub(crate) fn keep(folder: &Path) {
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o755).create(folder);
    let file = folder.join(KEEPER);
    let kept = made.and_then(|()| std::fs::OpenOptions::new().create(true).append(true).open(file));
    if let Err(error) = kept {
        tracing::debug!(folder = %folder.display(), %error, "the folder goes with its last device");
    }
}

/// The Wayland library writes keymaps for old clients into files without a name in this folder; other
/// programs' folders are out of reach.
fn keep_keymaps_in(runtime: &Path) {
    // SAFETY: Nobody else reads or writes the environment: this thread is the only one, as `confine`
    // is called before the first is started.
    unsafe { std::env::set_var("XDG_RUNTIME_DIR", runtime) };
}
