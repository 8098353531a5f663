//! The command line.

use std::path::PathBuf;

use clap::{CommandFactory, Parser, Subcommand};

/// Shows and changes the ports and layers of Porthole
///
/// What it may do depends on the socket that it uses: the right 'capture:PORT' shows a port and its
/// layers, 'layout:PORT' changes them, 'power:PORT' turns the port on and off.
#[derive(Clone, PartialEq, Eq, Debug, Parser)]
#[command(name = "portholectl", version, after_help = AFTER_HELP, verbatim_doc_comment)]
pub struct Cli {
    /// What to do
    #[command(subcommand)]
    pub task: Task,

    /// Say it as JSON, for programs
    #[arg(long, global = true)]
    pub json: bool,

    /// The service's socket [default: $WAYLAND_DISPLAY]
    #[arg(long, value_name = "PATH", global = true)]
    pub wayland: Option<PathBuf>,

    /// What to log: error, warn, info, debug or trace, for all or by module (see RUST_LOG)
    #[arg(long, value_name = "LEVEL", default_value = "warn", env = "PORTHOLE_LOG", global = true)]
    pub log: String,
}

/// What it can do.
#[derive(Clone, PartialEq, Eq, Debug, Subcommand)]
pub enum Task {
    /// Show everything: ports, layers, guests and programs
    State,
    /// Show the ports
    Ports,
    /// Show the layers of each port, from the topmost down
    Layers {
        /// Also those that show nothing and have no name
        #[arg(long)]
        all: bool,
    },
    /// Show the guests and programs that layers can show
    Guests,
    /// Show the scene as a tree, down to each surface
    Dump,
}

const AFTER_HELP: &str = "\
Exit codes: 0 done; 1 the service refused, with its reason; 2 the command line or a layout file is
wrong; 3 the service cannot be reached, or a file not be read or written.";

/// The command line's description, for man pages and shell completion.
#[must_use]
pub fn command() -> clap::Command {
    Cli::command()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_description_is_consistent() {
        command().debug_assert();
    }
}
