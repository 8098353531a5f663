//! From the command line to the event loop.

use porthole_client::capture::Pointers;

use crate::{
    cli::Cli,
    confine,
    failure::Failure,
    listener::Listener,
    niceness, password,
    reach::Target,
    service::{Options, Service},
};

/// Runs until a signal ends it.
///
/// # Errors
/// [`Failure`] where the port cannot be shown (any more).
pub fn run(cli: &Cli) -> Result<(), Failure> {
    let ready = cli.ready_fd.map(porthole_program::ready_fd).transpose()?;
    let password = cli.password_file.as_deref().map(password::read).transpose()?;
    // Not asked for any more once the process is confined.
    let niceness = niceness::given();
    // Before any waiting: a wrong address should be told at once.
    let listener = Listener::bind(&cli.listen)?;
    let held = confine::confine(cli).map_err(Failure::Connector)?;
    let target = Target {
        wayland: cli.wayland.clone(),
        port: cli.port.clone(),
        // Who only looks has no pointer, and sees those of the others.
        pointers: if cli.view_only { Pointers::Painted } else { Pointers::Apart },
    };
    let options = Options {
        port: cli.port.clone(),
        name: cli.name.clone().unwrap_or_else(|| cli.port.clone()),
        password,
        max_viewers: usize::from(cli.max_viewers),
        view_only: cli.view_only,
        clipboard: cli.clipboard_ways(),
        niceness,
        patience: cli.wait,
    };
    Service::run(options, listener, ready.map(|fd| (fd, held)), target)
}
