//! The command line.

use std::fmt;
use std::os::fd::RawFd;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{ArgGroup, CommandFactory, Parser};
use porthole_client::present::Ways;
use porthole_client::program::{Options, guest_name};

/// A VM's own display as layers, by QEMU's D-Bus display
///
/// Give QEMU a display for it, and this program the way to it:
///
///   qemu-system-x86_64 -display dbus,p2p=yes -qmp unix:PATH,server=on,wait=off ...
///   porthole-qemu --guest NAME --qmp PATH
///
/// The process ends with its VM. Exit status: 0 when the VM has ended, 1 when there is no way to its
/// display, 2 for a wrong command line.
#[derive(Clone, PartialEq, Eq, Debug, Parser)]
#[command(name = "porthole-qemu", version, verbatim_doc_comment)]
#[command(group = ArgGroup::new("source").required(true))]
pub struct Cli {
    /// The guest's name, for window titles and log lines; otherwise as QEMU calls it
    #[arg(long, value_name = "NAME", value_parser = guest_name)]
    pub guest: Option<String>,

    /// A monitor of QEMU (-qmp unix:PATH,server=on,wait=off) whose display is -display dbus,p2p=yes. The
    /// monitor is let go as soon as there is a picture
    #[arg(long, value_name = "PATH", group = "source")]
    pub qmp: Option<PathBuf>,

    /// The D-Bus bus that QEMU is on (-display dbus,addr=ADDRESS): unix:path=PATH
    #[arg(long, value_name = "ADDRESS", group = "source")]
    pub bus: Option<Bus>,

    /// A socket at whose other end QEMU's display is: a path to connect to, or fd:N for an inherited one,
    /// as virDomainOpenGraphicsFD gives it
    #[arg(long, value_name = "PATH|fd:N", group = "source")]
    pub peer: Option<Peer>,

    /// A libvirt domain of this name with <graphics type='dbus'/>
    #[arg(long, value_name = "NAME", group = "source")]
    pub domain: Option<String>,

    /// Where libvirt keeps the buses of its domains; otherwise the system's, then the user's own
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["qmp", "bus", "peer"])]
    pub libvirt: Option<PathBuf>,

    /// Which VM, where several are on one bus
    #[arg(long, value_name = "UUID", value_parser = uuid, conflicts_with_all = ["qmp", "peer"])]
    pub uuid: Option<String>,

    /// Wait for the VM to start, instead of failing when it is not there; and with --qmp for a guest that
    /// comes from another machine (-incoming)
    #[arg(long)]
    pub wait: bool,

    /// Show QEMU's text consoles too (its monitor, serial ports of type vc)
    #[arg(long)]
    pub text_consoles: bool,

    /// How much memory the guest's pictures may take, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=65536))]
    pub max_memory: u32,

    /// Which way copied text goes, where the compositor lets this guest: in (to the guest), out or both
    #[arg(long, value_name = "WAY", default_value = "off", value_parser = Ways::WORDS)]
    pub clipboard: String,

    /// Where the guest is shown, and how the program runs.
    #[command(flatten)]
    pub common: Options,
}

impl Cli {
    /// Which way copied text goes.
    pub(crate) fn ways(&self) -> Ways {
        Ways::named(&self.clipboard)
    }
}

/// A bus, by the path of its socket.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Bus(pub(crate) PathBuf);

impl FromStr for Bus {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "use unix:path=PATH, as QEMU's -display dbus,addr= has it".to_owned();
        let rest = text.strip_prefix("unix:").ok_or_else(wrong)?;
        let path = rest.split(',').find_map(|part| part.strip_prefix("path=")).ok_or_else(wrong)?;
        // Everything but the most harmless characters may be written as its number.
        let mut bytes = Vec::new();
        let mut rest = path.bytes();
        while let Some(byte) = rest.next() {
            if byte != b'%' {
                bytes.push(byte);
                continue;
            }
            let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
            let pair = digit(rest.next()).zip(digit(rest.next()));
            let (high, low) = pair.ok_or_else(wrong)?;
            bytes.push(u8::try_from(high * 16 + low).map_err(|_| wrong())?);
        }
        let path = String::from_utf8(bytes).map_err(|_| wrong())?;
        if path.starts_with('/') { Ok(Self(path.into())) } else { Err(wrong()) }
    }
}

/// The other end of a connection to QEMU's display.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Peer {
    /// Connect to this path.
    Path(PathBuf),
    /// Use this descriptor.
    Fd(RawFd),
}

impl FromStr for Peer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.strip_prefix("fd:").map(str::parse::<RawFd>) {
            None if text.is_empty() => Err("use a path or fd:N".to_owned()),
            None => Ok(Self::Path(text.into())),
            Some(Ok(fd)) if fd > 2 => Ok(Self::Fd(fd)),
            Some(_) => Err("use fd:N with a descriptor number of 3 or more".to_owned()),
        }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => write!(f, "{}", path.display()),
            Self::Fd(fd) => write!(f, "fd:{fd}"),
        }
    }
}

/// The command line's description, for manual pages and completions.
#[must_use]
pub fn command() -> clap::Command {
    Cli::command()
}

fn uuid(text: &str) -> Result<String, String> {
    let fine = |c: char| c.is_ascii_hexdigit() || c == '-';
    if text.len() == 36 && text.chars().all(fine) {
        Ok(text.to_ascii_lowercase())
    } else {
        Err("use the form 12345678-1234-1234-1234-123456789abc".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Cli, clap::error::ErrorKind> {
        let words = std::iter::once("porthole-qemu").chain(line.split_whitespace());
        Cli::try_parse_from(words).map_err(|error| error.kind())
    }

    #[test]
    fn the_description_is_sound() {
        command().debug_assert();
    }

    #[test]
    fn the_ways_to_a_display() {
        let cli = parse("--guest ivi --qmp /run/ivi.qmp --wait").unwrap();
        assert_eq!((cli.guest.as_deref(), cli.wait), (Some("ivi"), true));
        assert_eq!(cli.qmp, Some("/run/ivi.qmp".into()));
        let cli = parse("--bus unix:path=/run/a%20b,guid=12").unwrap();
        assert_eq!(cli.bus, Some(Bus("/run/a b".into())));
        let cli = parse("--peer fd:7").unwrap();
        assert_eq!(cli.peer, Some(Peer::Fd(7)));
        let cli = parse("--domain win11 --libvirt /run/libvirt/qemu/dbus").unwrap();
        assert_eq!(cli.domain.as_deref(), Some("win11"));
    }

    #[test]
    fn refusals() {
        for line in [
            "",
            "--guest ivi",
            "--qmp a --domain b",
            "--bus tcp:host=a",
            "--bus unix:path=relative",
            "--bus unix:path=/a%zz",
            "--peer fd:2",
            "--qmp a --uuid 12345678-1234-1234-1234-123456789abc",
            "--domain a --uuid 5",
            "--qmp a --libvirt /run",
            "--qmp a --null --wayland b",
            "--qmp a --guest a/b",
        ] {
            parse(line).unwrap_err();
        }
    }
}
