//! The command line.

use std::path::PathBuf;

use clap::{CommandFactory, Parser};
use porthole_client::present::Ways;
use porthole_client::program::{Options, guest_name};

use crate::address::Address;

/// Shows the picture of a VNC server as a Wayland client
///
/// For machines whose picture comes over VNC and in no other way: other hypervisors (QEMU's -vnc,
/// VMware, VirtualBox, bhyve, Xen), management controllers, desktops. Keys and pointer go to the
/// server, the size of the layer too where the server lets viewers choose it.
///
/// While the server is away its last picture stays, with a sign; the program connects again by
/// itself. Nothing that a server sends can do more than show a wrong picture.
///
///   qemu-system-x86_64 -vnc unix:/run/vm/old.vnc …
///   porthole-rfb --guest old --server unix:/run/vm/old.vnc --wayland /run/porthole/old/wayland-0
///
/// Exit status: 0 when told to end (or with --once, when the server has ended the connection), 1
/// when the program cannot work, 2 for a wrong command line.
#[derive(Clone, PartialEq, Eq, Debug, Parser)]
#[command(name = "porthole-rfb", version, verbatim_doc_comment)]
pub struct Cli {
    /// The guest's name, for window titles and log lines
    #[arg(long, value_name = "NAME", default_value = "guest", value_parser = guest_name)]
    pub guest: String,

    /// Where the server is: HOST:PORT (display 1 is port 5901) or unix:/PATH
    #[arg(long, value_name = "ADDR")]
    pub server: Address,

    /// The password on the first line of this file, for servers that ask for one (VncAuth: at most 8
    /// bytes count)
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,

    /// Ask for JPEG of this quality, 0 to 9, where a slow network is worth a picture that is not exact
    #[arg(long, value_name = "LEVEL", value_parser = clap::value_parser!(u8).range(0..=9))]
    pub jpeg: Option<u8>,

    /// Ask the server for this encoding before all others
    #[arg(long, value_name = "ENCODING", value_enum)]
    pub encoding: Option<Preferred>,

    /// The server's keyboard layout, by its XKB name, for servers that know keys by their symbols only
    #[arg(long, value_name = "LAYOUT", default_value = "us", value_parser = layout_name)]
    pub layout: String,

    /// How much memory the server's picture may take, in MiB: three times what one picture takes
    #[arg(long, value_name = "MIB", default_value_t = 512, value_parser = clap::value_parser!(u32).range(1..=65536))]
    pub max_memory: u32,

    /// Other viewers of the server are sent away, where the server does so
    #[arg(long)]
    pub exclusive: bool,

    /// Show the picture, but send neither keys nor pointer nor sizes
    #[arg(long)]
    pub view_only: bool,

    /// Which way copied text goes, where the compositor lets this guest: in (to the server), out or both
    #[arg(long, value_name = "WAY", default_value = "off", value_parser = Ways::WORDS)]
    pub clipboard: String,

    /// End when the server ends the connection, instead of waiting for it to come back
    #[arg(long)]
    pub once: bool,

    /// Where the guest is shown, and how the program runs.
    #[command(flatten)]
    pub common: Options,
}

impl Cli {
    /// Which way copied text goes. Who only looks gives the server nothing.
    pub(crate) fn ways(&self) -> Ways {
        let ways = Ways::named(&self.clipboard);
        Ways { into: ways.into && !self.view_only, ..ways }
    }
}

/// Encodings that a picture may come in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum Preferred {
    /// Pixels as they are
    Raw,
    /// Rectangles of one colour
    Rre,
    /// Small tiles
    Hextile,
    /// Pixels in one deflate stream
    Zlib,
    /// Filtered rows in deflate streams
    Tight,
    /// Tiles in one deflate stream
    Zrle,
}

/// The command line's description, for manual pages and completions.
#[must_use]
pub fn command() -> clap::Command {
    Cli::command()
}

/// As in `us`, `de`, `us(dvorak)`.
fn layout_name(text: &str) -> Result<String, String> {
    let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '(' | ')');
    if text.is_empty() || text.len() > 64 || !text.chars().all(fine) {
        return Err("use the name of an XKB layout, such as us, de or us(dvorak)".to_owned());
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Cli, clap::error::ErrorKind> {
        let words = std::iter::once("porthole-rfb").chain(line.split_whitespace());
        Cli::try_parse_from(words).map_err(|error| error.kind())
    }

    #[test]
    fn the_description_is_sound() {
        command().debug_assert();
    }

    #[test]
    fn a_server_is_all_that_is_needed() {
        let cli = parse("--server 127.0.0.1:5901 --encoding tight --jpeg 6").unwrap();
        assert_eq!(cli.server, Address::Tcp("127.0.0.1".to_owned(), 5901));
        assert_eq!((cli.encoding, cli.jpeg), (Some(Preferred::Tight), Some(6)));
        for line in [
            "",
            "--server nowhere",
            "--server a:1 --jpeg 10",
            "--server a:1 --guest a/b",
            "--server a:1 --null --wayland b",
            "--server a:1 --max-memory 0",
            "--server a:1 --layout ../us",
        ] {
            parse(line).unwrap_err();
        }
    }
}
