//! The command line.

use std::path::PathBuf;

use clap::{Args, CommandFactory, Parser, Subcommand};

use crate::layout::{Key, LAYER_KEYS, PORT_KEYS};

/// Shows and changes the ports and layers of Porthole
///
/// What it may do depends on the socket that it uses: the right 'capture:PORT' shows a port and its
/// layers, 'layout:PORT' changes them, 'power:PORT' turns the port on and off.
#[derive(Clone, PartialEq, Debug, Parser)]
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
#[derive(Clone, PartialEq, Debug, Subcommand)]
pub enum Task {
    /// Show everything: ports, layers, guests and programs
    State,
    /// Show the ports, with the frames that their screens showed too late
    Ports,
    /// Show the layers of each port, from the topmost down
    Layers {
        /// Also those that show nothing and have no name
        #[arg(long)]
        all: bool,
    },
    /// Show the guests and programs that layers can show, and with the right `watch` what each uses
    Guests,
    /// Show the scene as a tree, down to each surface
    Dump,
    /// Change a layer, or a port with --port
    #[command(after_long_help = keys_help())]
    Set {
        /// The layer, by its name or, where it has none, its number
        #[arg(value_name = "LAYER")]
        name: String,
        /// LAYER is the name of a port
        #[arg(long)]
        port: bool,
        /// What it is to be, as in opacity=0.5
        #[arg(value_name = "KEY=VALUE", required = true)]
        settings: Vec<String>,
        /// How it is done.
        #[command(flatten)]
        how: HowOptions,
    },
    /// Make everything as a file says, in one commit that is whole or nothing
    ///
    /// The file is TOML with tables [[port]] and [[layer]], or JSON as 'state --json' prints it. A
    /// key that it does not have stays as it is, and so does what it does not name.
    #[command(after_long_help = keys_help())]
    Commit(CommitOptions),
    /// Let what is below a layer show through rectangles, which take no input either
    Hole {
        /// The layer
        layer: String,
        /// X,Y,WIDTH,HEIGHT or WIDTHxHEIGHT+X+Y from the layer's corner; none closes all
        #[arg(value_name = "RECT", required = true)]
        rects: Vec<String>,
        /// How it is done.
        #[command(flatten)]
        how: HowOptions,
    },
    /// Weigh the pixels of a layer by a picture: its alpha, or its brightness where it has none
    Mask {
        /// The layer
        layer: String,
        /// A PNG file of the size of the layer; none takes the mask away
        #[arg(value_name = "FILE.png")]
        file: String,
        /// How it is done.
        #[command(flatten)]
        how: HowOptions,
    },
    /// Show something else in a layer
    Source {
        /// The layer
        layer: String,
        /// GUEST, GUEST:SCANOUT, app:SOCKET/APPID, FILE.png or none
        #[arg(value_name = "SOURCE")]
        source: String,
        /// How it is done.
        #[command(flatten)]
        how: HowOptions,
    },
    /// Turn a port on or off
    Power {
        /// The port
        port: String,
        /// What it is to be
        #[arg(value_name = "MODE", value_parser = ["on", "off", "suspend", "limited"])]
        mode: String,
    },
    /// Give a port another size, and another rate
    Resize {
        /// The port
        port: String,
        /// As 1280x720, or 1280x720@60
        #[arg(value_name = "WIDTHxHEIGHT[@HZ]")]
        mode: String,
        /// Only say whether it would succeed
        #[arg(long)]
        test: bool,
    },
    /// Tell every change as a line of JSON, until it is ended
    ///
    /// The first line is the whole state. Each further line is one commit or one change of a guest or
    /// program: the keys that changed, with the names of what they belong to, as a layout has them.
    Watch {
        /// End after so many changes
        #[arg(long, value_name = "N")]
        count: Option<u64>,
        /// Also tell what guests and sockets use, and how many frames ports show and show late, once a
        /// second while it changes (right `watch`)
        #[arg(long)]
        accounts: bool,
    },
    /// Tell for each frame of a port when its pictures came, and when it was planned, drawn and told
    ///
    /// Times are milliseconds from one stage to the next; with --json each line has all of them, in
    /// nanoseconds on the clock of presentation times. The device of a guest commits a picture when the
    /// guest flushes it.
    Trace {
        /// The port
        port: String,
        /// End after so many frames
        #[arg(long, value_name = "N")]
        frames: Option<u64>,
    },
    /// Write what a port shows to a PNG file
    Screenshot {
        /// The port
        port: String,
        /// The file to write
        #[arg(value_name = "FILE.png")]
        file: PathBuf,
        /// With the port's pointer in the picture
        #[arg(long)]
        pointer: bool,
    },
}

/// What `commit` is told.
#[derive(Clone, PartialEq, Debug, Args)]
pub struct CommitOptions {
    /// The layout; - is standard input
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// How it is done.
    #[command(flatten)]
    pub how: HowOptions,
}

/// How a change is made.
#[derive(Clone, PartialEq, Debug, Args)]
pub struct HowOptions {
    /// Only say whether it would succeed
    #[arg(long)]
    pub test: bool,
    /// Ports may get another size or rate
    #[arg(long)]
    pub allow_modeset: bool,
    /// Wait until what is newly shown has a picture; if it has none in time nothing changes. 0 waits
    /// for ever
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub when_ready: Option<f64>,
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.0..=3600.0).contains(seconds));
    seconds.ok_or_else(|| "write seconds from 0 to 3600".into())
}

/// The keys of layers and ports.
fn keys_help() -> String {
    let list = |keys: &[Key]| {
        let keys = keys.iter().filter(|key| !["name", "id", "now"].contains(&key.name));
        keys.map(|key| format!("  {:<11} {}\n", key.name, key.help)).collect::<String>()
    };
    format!("Keys of a layer:\n{}\nKeys of a port:\n{}", list(LAYER_KEYS), list(PORT_KEYS))
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
