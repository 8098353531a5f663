//! A guest that draws in the VGA's own modes without an operating system, with our adapter or with QEMU's.
//!
//! Its program needs nothing of the firmware's and no legacy ports, which do not reach an adapter over
//! vfio-user; so both have the same program, machine and QEMU.

use porthole_rig::roots::NEWEST;
use porthole_rig::{Plain, Qemu, Result, disks};
use tempfile::TempDir;

use super::parts::{Guest, Service};
use super::system::{Ours, Sight, System, Who};
use super::viewer::Mark;

/// Megabytes of the guest's memory, which an adapter must see.
const MEMORY: u32 = 128;

/// A mode of the VGA in which frames are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Canvas {
    /// 80×25 characters that scroll.
    Text,
    /// 640×480 of 16 colours.
    Planes,
    /// 1920×1080 of 256 colours.
    Bytes,
    /// 1920×1080 of 32 bits.
    Words,
}

impl Canvas {
    /// What the guest is told.
    pub(super) const fn letter(self) -> char {
        match self {
            Self::Text => 't',
            Self::Planes => 'p',
            Self::Bytes => 'b',
            Self::Words => 'w',
        }
    }

    pub(super) const fn mark(self) -> Mark {
        match self {
            Self::Text => Mark::Letters,
            _ => Mark::Squares,
        }
    }

    const fn size(self) -> (u32, u32) {
        match self {
            Self::Text => super::system::TEXT,
            Self::Planes => (640, 480),
            Self::Bytes | Self::Words => super::parts::SIZE,
        }
    }
}

/// A machine with nothing of QEMU's that shows anything, whose memory an adapter may see.
pub(super) fn machine() -> Plain {
    let memory = format!("memory-backend-memfd,id=ram,size={MEMORY}M,share=on");
    Plain {
        machine: "pc,vmport=off,memory-backend=ram".to_owned(),
        memory: MEMORY,
        boot: vec!["-object".to_owned(), memory],
        ..Plain::new()
    }
}

impl System {
    /// A guest that draws, shown as large as its mode is.
    pub(super) fn canvas(who: Who, canvas: Canvas, folder: TempDir) -> Result<Self> {
        let path = folder.path();
        let vnc = path.join("vnc.sock");
        let mut machine = machine().disk(&disks::canvas()?);
        let mut ours = None;
        if who.is_ours() {
            let service = Service::start(path, &[("guest".to_owned(), (0, 0), canvas.size())])?;
            let server = service.vnc(&vnc)?;
            let (device, card) = service.adapter(path, "guest")?;
            machine.cards = vec![card];
            ours = Some(Ours { device, server, service });
        } else {
            machine.display = format!("vnc=unix:{}", vnc.display());
        }
        let guest = Guest::plain(path, (&Qemu::of_release(NEWEST)?, None), machine)?;
        let sight = Sight::Vnc(vnc);
        Self { guest, sight, ours, windows: Vec::new(), ground: None, _folder: folder }.up()
    }
}
