//! The command line.

use clap::{CommandFactory, Parser, Subcommand, ValueEnum};
use porthole_client::program::{Options, guest_name};
use porthole_device::arguments::{Devices, Recording, descriptor};
use porthole_virtio_device::Address;

use crate::rom::Rom;

/// One display adapter for a guest's whole life, over vfio-user, shown as a Wayland client
///
/// It is a VGA from the first instruction of the firmware, virtio-gpu as soon as a driver takes over, and
/// a VGA again after that. Start it before QEMU (10.1 or later), and give QEMU the same path:
///
///   qemu-system-x86_64 -object memory-backend-memfd,id=mem,size=1G,share=on
///     -machine q35,memory-backend=mem -vga none -display none
///     -device '{"driver":"vfio-user-pci","socket":{"type":"unix","path":"PATH"}}'
///     -chardev socket,id=kbd,path=PATH -device vhost-user-input-pci,chardev=kbd
///
/// The process ends with its VM. Exit status: 0 when the VM has ended, 1 when the device
/// cannot work, 2 for a wrong command line.
#[derive(Clone, PartialEq, Eq, Debug, Parser)]
#[command(name = "porthole-vga", version, verbatim_doc_comment)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Cli {
    /// The guest's name, for window titles, the EDID and log lines
    #[arg(long, value_name = "NAME", default_value = "guest", value_parser = guest_name)]
    pub guest: String,

    /// Where QEMU finds the adapter: a path to listen at, or fd:N for an inherited socket
    #[arg(long, value_name = "PATH|fd:N", required_unless_present = "fd", conflicts_with = "fd")]
    pub socket: Option<Address>,

    /// The adapter's socket as an inherited descriptor; same as --socket fd:N
    #[arg(long, value_name = "N", value_parser = descriptor)]
    pub fd: Option<Address>,

    /// Which adapter it is
    #[arg(long, value_enum, default_value_t = Model::Combined)]
    pub model: Model,

    /// The option ROM: a file, or none for guests with UEFI firmware. Without this it is SeaBIOS's for
    /// bochs-display, with its PCI ids changed to the adapter's
    #[arg(long, value_name = "FILE|none")]
    pub rom: Option<Rom>,

    /// Video memory in MiB; a power of two
    #[arg(long, value_name = "MIB", default_value_t = 16, value_parser = vram)]
    pub vram: u32,

    /// Where QEMU's monitor (QMP) is heard, to type and point by it where no driver of the guest reads the
    /// devices above: in firmware, in boot loaders, in guests without such drivers. Give QEMU
    /// -chardev socket,id=mon,path=PATH -mon chardev=mon,mode=control
    #[arg(long, value_name = "PATH|fd:N")]
    pub qmp: Option<Address>,

    /// What the guest has beside.
    #[command(flatten)]
    pub devices: Devices,

    /// Whether everything is recorded.
    #[command(flatten)]
    pub recording: Recording,

    /// Where the guest is shown, and how the program runs.
    #[command(flatten)]
    pub common: Options,

    /// Something else than to be a guest's adapter
    #[command(subcommand)]
    pub task: Option<Task>,
}

/// What the program can do beside.
#[derive(Clone, PartialEq, Eq, Debug, Subcommand)]
pub enum Task {
    /// What a trace says.
    Replay(porthole_replay::Options),
}

/// The adapters.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Model {
    /// VGA and virtio-gpu (1af4:1050), with all registers that any driver looks for
    Combined,
    /// VGA and virtio-gpu as QEMU's virtio-vga: no EDID for firmware
    VirtioVga,
    /// VGA and virtio-gpu as ACRN's adapter
    Acrn,
    /// VGA with the bochs interface (1234:1111) and no virtio-gpu, as QEMU's VGA
    Vga,
    /// The bochs interface alone (1234:1111, no VGA), as QEMU's bochs-display
    Bochs,
}

impl From<Model> for porthole_vga_device::Model {
    fn from(model: Model) -> Self {
        match model {
            Model::Combined => Self::Combined,
            Model::VirtioVga => Self::VirtioVga,
            Model::Acrn => Self::Acrn,
            Model::Vga => Self::Vga,
            Model::Bochs => Self::Bochs,
        }
    }
}

impl Cli {
    /// The adapter's address; there is always one.
    pub(crate) fn address(&self) -> Option<&Address> {
        self.socket.as_ref().or(self.fd.as_ref())
    }

    /// The sockets by the names of the ready line, the adapter's first.
    pub(crate) fn sockets(&self) -> Vec<(&'static str, &Address)> {
        let mut sockets = self.devices.sockets(("vga", self.address()));
        sockets.extend(self.qmp.as_ref().map(|address| ("qmp", address)));
        sockets
    }
}

/// The command line's description, for manual pages and completions.
#[must_use]
pub fn command() -> clap::Command {
    Cli::command()
}

fn vram(text: &str) -> Result<u32, String> {
    let number = text.parse::<u32>().ok().filter(|mib| mib.is_power_of_two() && *mib <= 256);
    number.ok_or_else(|| "use a power of two from 1 to 256".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Cli, clap::error::ErrorKind> {
        let words = std::iter::once("porthole-vga").chain(line.split_whitespace());
        Cli::try_parse_from(words).map_err(|error| error.kind())
    }

    #[test]
    fn the_contract() {
        command().debug_assert();
        let cli =
            parse("--guest ivi --socket /run/vga.sock --rom none --model virtio-vga").unwrap();
        assert_eq!((cli.rom, cli.model, cli.vram), (Some(Rom::None), Model::VirtioVga, 16));
        for line in ["", "--socket a --fd 3", "--socket a --vram 3", "--socket a --model cirrus"] {
            parse(line).unwrap_err();
        }
    }
}
