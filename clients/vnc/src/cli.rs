//! The command line.

use std::{path::PathBuf, time::Duration};

use clap::{CommandFactory, Parser};
use porthole_client::present::Ways;
use porthole_rfb::ClipboardWays;

use crate::address::Address;

/// Shows a port of the display service to VNC viewers
///
/// Captures the port's picture as a Wayland client, and sends keys and pointer of the viewers to
/// the port's seat. Needs a socket of porthole with the rights to capture the port and to send
/// input to it.
///
/// Viewers come over TCP on this machine, or over a Unix socket. To view from elsewhere, forward
/// the port through SSH:
///
///   ssh -L 5900:127.0.0.1:5900 HOST
///
/// Viewers stay connected while the display service is away: they see its last picture with a sign.
///
/// Exit status: 0 when told to end, 1 when the port cannot be shown (any more), 2 for a wrong
/// command line.
#[derive(Clone, PartialEq, Eq, Debug, Parser)]
#[command(name = "porthole-vnc", version, verbatim_doc_comment)]
pub struct Cli {
    /// The port to show, by its name
    #[arg(long, value_name = "NAME")]
    pub port: String,

    /// Where viewers connect: 127.0.0.1:5900, [::1]:5900 (port 0 takes a free one) or unix:/PATH
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:5900")]
    pub listen: Address,

    /// The compositor's socket [default: $WAYLAND_DISPLAY]
    #[arg(long, value_name = "PATH")]
    pub wayland: Option<PathBuf>,

    /// Ask viewers for the password on the first line of this file (VncAuth: at most 8 bytes count)
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,

    /// The name that viewers show [default: the port's name]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,

    /// Write one JSON line with the address to this file descriptor once viewers may connect
    #[arg(long, value_name = "N")]
    pub ready_fd: Option<i32>,

    /// How many viewers may be connected at once
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub max_viewers: u16,

    /// Viewers see, but their keys and pointers do nothing
    #[arg(long)]
    pub view_only: bool,

    /// Which way copied text goes, where the socket may read and set it (clipboard:PORT): in (from viewers to
    /// the port), out or both
    #[arg(long, value_name = "WAY", default_value = "off", value_parser = Ways::WORDS)]
    pub clipboard: String,

    /// Keep all rights of this user, instead of giving up those that are not needed before viewers are
    /// heard; for finding faults
    #[arg(long)]
    pub no_sandbox: bool,

    /// How many seconds to wait for a display service that is not there (yet, or any more), before
    /// giving up [default: for ever]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub wait: Option<Duration>,

    /// What to log: error, warn, info, debug or trace, for all or by module (see RUST_LOG)
    #[arg(long, value_name = "LEVEL", default_value = "info", env = "PORTHOLE_LOG")]
    pub log: String,
}

impl Cli {
    /// Which way copied text goes, seen from here: what the port has is given to viewers. Those who only look
    /// have no clipboard.
    pub(crate) fn clipboard_ways(&self) -> ClipboardWays {
        if self.view_only {
            return ClipboardWays::default();
        }
        let Ways { into, out } = Ways::named(&self.clipboard);
        ClipboardWays { give: out, take: into }
    }
}

/// The command line's description, for man pages and shell completion.
#[must_use]
pub fn command() -> clap::Command {
    Cli::command()
}

/// A time from nothing to a day.
fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.0..=86400.0).contains(seconds));
    seconds.map(Duration::from_secs_f64).ok_or_else(|| "use a number from 0 to 86400".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_description_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn a_port_is_all_that_is_needed() {
        let cli = Cli::try_parse_from(["porthole-vnc", "--port", "main"]).unwrap();
        assert_eq!(cli.listen, "127.0.0.1:5900".parse().unwrap());
        assert_eq!(Cli::try_parse_from(["porthole-vnc"]).unwrap_err().exit_code(), 2);
        let open = ["porthole-vnc", "--port", "main", "--listen", "0.0.0.0:5900"];
        let error = Cli::try_parse_from(open).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains("not encrypted"), "{error}");
        let wait = |text| Cli::try_parse_from(["porthole-vnc", "--port", "main", "--wait", text]);
        assert_eq!(wait("1.5").unwrap().wait, Some(Duration::from_millis(1500)));
        for wrong in ["-1", "nan", "86401", "soon"] {
            wait(wrong).unwrap_err();
        }
    }
}
