//! The command line.

use clap::{CommandFactory, Parser, Subcommand};
use porthole_client::program::{Options, guest_name};
use porthole_device::arguments::{Devices, Recording, descriptor};
use porthole_vhost_device::Address;

use porthole_replay as replay;

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

    /// What the guest has beside.
    #[command(flatten)]
    pub devices: Devices,

    /// Promise that the guest makes so many pictures a second on each display while it runs: the compositor
    /// may then hold a guest for dead that makes none
    #[arg(long, value_name = "HZ", value_parser = clap::value_parser!(u32).range(1..=240))]
    pub rate: Option<u32>,

    /// Let the guest show its own memory without a transfer (blob resources)
    #[arg(long)]
    pub blob: bool,

    /// Whether everything is recorded.
    #[command(flatten)]
    pub recording: Recording,

    /// Where the guest is shown, and how the program runs.
    #[command(flatten)]
    pub common: Options,

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
        assert_eq!(cli.devices.size, porthole_pixel::Size::new(1920, 720));
        assert_eq!(cli.devices.scanouts, 2);
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
