//! What each command does.

mod change;
mod look;
mod trace;
mod watch;

use crate::{
    cli::{Cli, Task},
    failure::Failure,
};

/// Does what the command line says, and gives the exit code.
///
/// # Errors
/// [`Failure`] where it cannot be done; its status is the exit code.
pub fn run(cli: &Cli) -> Result<u8, Failure> {
    match one(cli) {
        // Who reads has read enough.
        Err(Failure::Output(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(0),
        other => other.map(|()| 0),
    }
}

fn one(cli: &Cli) -> Result<(), Failure> {
    match &cli.task {
        Task::State => look::state(cli),
        Task::Ports => look::ports(cli),
        Task::Layers { all } => look::layers(cli, *all),
        Task::Guests => look::streams(cli),
        Task::Dump => look::dump(cli),
        Task::Set { name, port, settings, how } => change::set(cli, name, *port, settings, how),
        Task::Commit(options) => change::commit(cli, options),
        Task::Hole { layer, rects, how } => change::one(cli, layer, ("hole", rects), how),
        Task::Mask { layer, file, how } => {
            change::one(cli, layer, ("mask", std::slice::from_ref(file)), how)
        }
        Task::Source { layer, source, how } => change::source(cli, layer, source, how),
        Task::Power { port, mode } => change::power(cli, port, mode),
        Task::Resize { port, mode, test } => change::resize(cli, port, mode, *test),
        Task::Watch { count, accounts } => watch::watch(cli, *count, *accounts),
        Task::Trace { port, frames } => trace::trace(cli, port, *frames),
        Task::Screenshot { port, file, pointer } => look::screenshot(cli, port, file, *pointer),
    }
}
