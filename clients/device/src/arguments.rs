//! What several command lines say in the same words.

use std::io;
use std::path::PathBuf;

use clap::Args;
use porthole_gpu_device::Quotas;
use porthole_pixel::Size;
use porthole_trace::DeviceInfo;
use porthole_virtio_device::{Address, AddressError};

use crate::trace;

/// What a guest has beside its display adapter, and how much of that.
#[derive(Clone, PartialEq, Eq, Debug, Args)]
pub struct Devices {
    /// Where QEMU finds the keyboard (vhost-user-input); none without this
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

    /// Where QEMU finds the pen, which has pressure; none without this. While the guest has no driver for it,
    /// and where the compositor has no pens, pens are pointers
    #[arg(long, value_name = "PATH|fd:N")]
    pub pen_socket: Option<Address>,

    /// How many displays the guest's virtio-gpu has
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=16))]
    pub scanouts: u8,

    /// Size of each display until the compositor says another
    #[arg(long, value_name = "WIDTHxHEIGHT", default_value = "1280x800", value_parser = size)]
    pub size: Size,

    /// How much memory virtio-gpu's pictures may take, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=65536))]
    pub max_memory: u32,
}

impl Devices {
    /// Where keyboard, tablet, mouse, touch screen and pen are found, in this order.
    #[must_use]
    pub fn inputs(&self) -> [Option<&Address>; 5] {
        let all = [
            &self.keyboard_socket,
            &self.tablet_socket,
            &self.mouse_socket,
            &self.touch_socket,
            &self.pen_socket,
        ];
        all.map(Option::as_ref)
    }

    /// The sockets that there are, by the names of the ready line, that of the display adapter first.
    #[must_use]
    pub fn sockets<'a>(
        &'a self,
        adapter: (&'static str, Option<&'a Address>),
    ) -> Vec<(&'static str, &'a Address)> {
        let inputs = ["keyboard", "tablet", "mouse", "touch", "pen"].into_iter().zip(self.inputs());
        let all = std::iter::once(adapter).chain(inputs);
        all.filter_map(|(name, address)| Some((name, address?))).collect()
    }

    /// What a guest's GPU is made of, without what only some programs have.
    #[must_use]
    pub fn gpu(&self, guest: &str) -> porthole_gpu_device::Options {
        porthole_gpu_device::Options {
            name: guest.to_owned(),
            scanouts: vec![Some(self.size); usize::from(self.scanouts)],
            quotas: Quotas { bytes: u64::from(self.max_memory) << 20, ..Quotas::default() },
            blob: false,
            uuids: None,
        }
    }
}

/// Whether everything is recorded.
#[derive(Clone, PartialEq, Eq, Debug, Args)]
pub struct Recording {
    /// Record everything that the guest's devices see and do in this file, for `replay`. It holds the
    /// guest's pictures and what is typed; a file that is there already is kept as FILE.old
    #[arg(long, value_name = "FILE")]
    pub trace: Option<PathBuf>,

    /// How long the trace may get, in MiB; the devices go on without it then
    #[arg(long, value_name = "MIB", default_value_t = 1024, value_parser = clap::value_parser!(u32).range(1..))]
    pub trace_limit: u32,
}

impl Recording {
    /// Makes the file, if there is to be one; see [`trace::open`].
    ///
    /// # Errors
    /// The system's, when there can be no such file.
    pub fn open(
        &self,
        program: &str,
        guest: &str,
        devices: Vec<DeviceInfo>,
    ) -> io::Result<Option<trace::Opened>> {
        let open = |path| trace::open(program, guest, path, self.trace_limit, devices);
        self.trace.as_deref().map(open).transpose()
    }
}

/// An inherited descriptor by its number.
///
/// # Errors
/// When it is none.
pub fn descriptor(text: &str) -> Result<Address, String> {
    format!("fd:{text}").parse().map_err(|error: AddressError| error.to_string())
}

/// A display is 16 to 16384 pixels each way: drivers refuse smaller ones.
fn size(text: &str) -> Result<Size, String> {
    const RANGE: std::ops::RangeInclusive<u32> = 16..=16384;
    let wrong = || format!("use WIDTHxHEIGHT with {} to {} each", RANGE.start(), RANGE.end());
    let (width, height) = text.split_once('x').ok_or_else(wrong)?;
    let side = |text: &str| text.parse().ok().filter(|side| RANGE.contains(side));
    match (side(width), side(height)) {
        (Some(width), Some(height)) => Ok(Size::new(width, height)),
        _ => Err(wrong()),
    }
}
