//! The command line.

use std::path::PathBuf;

use clap::{CommandFactory, Parser, Subcommand};
use porthole_device::arguments::{descriptor, guest_name, size};
use porthole_pixel::Size;
use porthole_vhost_device::Address;

use crate::replay;

/// Display and input devices of one guest, over vhost-user, shown as a Wayland client
///
/// Start it before QEMU, and give QEMU the same paths:
///
///   qemu-system-x86_64 -object memory-backend-memfd,id=mem,size=1G,share=on
///     -machine memory-backend=mem -display none
///     -chardev socket,id=gpu,path=PATH -device vhost-user-gpu-pci,chardev=gpu
///     -chardev socket,id=kbd,path=PATH -device vhost-user-input-pci,chardev=kbd
///
/// The process ends with its VM. Exit status: 0 when the VM has ended, 1 when the device
/// cannot work, 2 for a wrong command line.
#[derive(Clone, PartialEq, Eq, Debug, Parser)]
#[command(name = "porthole-gpu", version, verbatim_doc_comment)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Cli {
    /// The guest's name, for window titles, the EDID and log lines
    #[arg(long, value_name = "NAME", default_value = "guest", value_parser = guest_name)]
    pub guest: String,

    /// Where QEMU finds the GPU: a path to listen at, or fd:N for an inherited socket
    #[arg(
        long,
        value_name = "PATH|fd:N",
        required_unless_present_any = ["fd", "print_capabilities"],
        conflicts_with = "fd",
        visible_alias = "socket-path"
    )]
    pub socket: Option<Address>,

    /// The GPU's socket as an inherited descriptor, as libvirt gives it; same as --socket fd:N
    #[arg(long, value_name = "N", value_parser = descriptor)]
    pub fd: Option<Address>,

    /// Where QEMU finds the keyboard; none without this
    #[arg(long, value_name = "PATH|fd:N")]
    pub keyboard_socket: Option<Address>,

    /// Where QEMU finds the tablet (absolute pointer); none without this
    #[arg(long, value_name = "PATH|fd:N")]
    pub tablet_socket: Option<Address>,

    /// Where QEMU finds the mouse (relative pointer); none without this. A guest that has a tablet as
    /// well, and a driver for it, is pointed at with the tablet
    #[arg(long, value_name = "PATH|fd:N")]
    pub mouse_socket: Option<Address>,

    /// Where QEMU finds the touch screen; none without this
    #[arg(long, value_name = "PATH|fd:N")]
    pub touch_socket: Option<Address>,

    /// How many displays the guest has
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=16))]
    pub scanouts: u8,

    /// Size of each display until the compositor says another
    #[arg(long, value_name = "WIDTHxHEIGHT", default_value = "1280x800", value_parser = size)]
    pub size: Size,

    /// Promise that the guest makes so many pictures a second on each display while it runs: the compositor
    /// may then hold a guest for dead that makes none
    #[arg(long, value_name = "HZ", value_parser = clap::value_parser!(u32).range(1..=240))]
    pub rate: Option<u32>,

    /// Let the guest show its own memory without a transfer (blob resources)
    #[arg(long)]
    pub blob: bool,

    /// How much memory the guest's pictures may take, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=65536))]
    pub max_memory: u32,

    /// Record everything that the guest's devices see and do in this file, for `porthole-gpu replay`. It holds
    /// the guest's pictures and what is typed; a file that is there already is kept as FILE.old
    #[arg(long, value_name = "FILE")]
    pub trace: Option<PathBuf>,

    /// How long the trace may get, in MiB; the devices go on without it then
    #[arg(long, value_name = "MIB", default_value_t = 1024, value_parser = clap::value_parser!(u32).range(1..))]
    pub trace_limit: u32,

    /// The compositor's socket; otherwise WAYLAND_DISPLAY says it
    #[arg(long, value_name = "PATH", conflicts_with = "null")]
    pub wayland: Option<PathBuf>,

    /// Show nothing anywhere: every frame counts as presented at once
    #[arg(long)]
    pub null: bool,

    /// Write one line of JSON to this descriptor when all sockets listen, then close it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..))]
    pub ready_fd: Option<i32>,

    /// Keep all rights of this user, instead of giving up those that are not needed before the guest is
    /// heard or a trace is read; for finding faults
    #[arg(long, global = true)]
    pub no_sandbox: bool,

    /// What to log: error, warn, info, debug or trace, for all or by module
    #[arg(long, value_name = "LEVEL", default_value = "info", env = "PORTHOLE_LOG")]
    pub log: String,

    /// Print what libvirt asks of a vhost-user program, as JSON, and end
    #[arg(long)]
    pub print_capabilities: bool,

    /// Something else than to be a guest's devices
    #[command(subcommand)]
    pub task: Option<Task>,
}

/// What the program can do beside.
#[derive(Clone, PartialEq, Eq, Debug, Subcommand)]
pub enum Task {
    /// What a trace says.
    Replay(replay::Options),
}

impl Cli {
    /// The GPU's address; there is one unless only capabilities are asked for.
    pub(crate) fn gpu_address(&self) -> Option<&Address> {
        self.socket.as_ref().or(self.fd.as_ref())
    }
}

/// The command line's description, for manual pages and completions.
#[must_use]
pub fn command() -> clap::Command {
    Cli::command()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Cli, clap::error::ErrorKind> {
        let words = std::iter::once("porthole-gpu").chain(line.split_whitespace());
        Cli::try_parse_from(words).map_err(|error| error.kind())
    }

    #[test]
    fn the_description_is_sound() {
        command().debug_assert();
    }

    #[test]
    fn the_contract() {
        let cli = parse("--guest ivi --socket /run/ivi.sock --scanouts 2 --size 1920x720").unwrap();
        assert_eq!(cli.guest, "ivi");
        assert_eq!(cli.size, Size::new(1920, 720));
        assert_eq!(cli.scanouts, 2);
        assert_eq!(cli.gpu_address(), Some(&Address::Path("/run/ivi.sock".into())));
    }

    #[test]
    fn libvirt_names() {
        let cli = parse("--fd 23").unwrap();
        assert_eq!(cli.gpu_address(), Some(&Address::Fd(23)));
        let cli = parse("--socket-path /run/a").unwrap();
        assert_eq!(cli.gpu_address(), Some(&Address::Path("/run/a".into())));
        assert!(parse("--print-capabilities").unwrap().print_capabilities);
    }

    #[test]
    fn a_replay_needs_no_socket() {
        let cli = parse("replay a.trace --wayland b --speed real").unwrap();
        let Some(Task::Replay(options)) = cli.task else { panic!("no replay") };
        assert_eq!((options.file, options.speed), ("a.trace".into(), replay::Speed::Real));
        for line in ["replay", "--socket a replay b", "replay a --null --wayland b"] {
            parse(line).unwrap_err();
        }
    }

    #[test]
    fn refusals() {
        for line in [
            "",
            "--guest ivi",
            "--socket a --fd 4",
            "--socket a --scanouts 0",
            "--socket a --scanouts 17",
            "--socket a --size 15x800",
            "--socket a --size 800",
            "--socket a --guest a/b",
            "--socket fd:2",
            "--socket a --null --wayland b",
            "--socket a --max-memory 0",
        ] {
            parse(line).unwrap_err();
        }
    }
}
