//! What each command does.

mod look;

use crate::{
    cli::{Cli, Task},
    failure::Failure,
};

/// Does what the command line says, and gives the exit code.
///
/// # Errors
/// [`Failure`] where it cannot be done; its status is the exit code.
pub fn run(cli: &Cli) -> Result<u8, Failure> {
    match &cli.task {
        Task::State => look::state(cli),
        Task::Ports => look::ports(cli),
        Task::Layers { all } => look::layers(cli, *all),
        Task::Guests => look::streams(cli),
        Task::Dump => look::dump(cli),
    }?;
    Ok(0)
}
