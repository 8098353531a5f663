//! Real firmware on our VGA: Debian's VGA BIOS and boot sectors run in an emulated PC whose display is our
//! model, and beside it in a QEMU with its own. Both get the same calls; every access to a port, every answer,
//! video memory and the picture must be the same.
//!
//! `cargo xtask vga-bios` prints what is compared.
#![forbid(unsafe_code)]

mod board;
mod devices;
mod judge;
mod monitor;
mod pair;
pub mod program;
pub mod sectors;
pub mod sweep;

use std::path::{Path, PathBuf};

use porthole_rig::{Qemu, Result, RigError, packages};

pub use board::Board;
pub use devices::Bars;
pub use monitor::Registers;
pub use pair::{Check, Pair};

/// The VGA's BIOS in Debian's package `seabios`.
const ROM: &str = "usr/share/seabios/vgabios-stdvga.bin";

/// A QEMU to compare with, and the VGA's BIOS that belongs to it.
#[derive(Debug)]
pub struct Peer {
    qemu: Qemu,
    /// Its first number.
    pub release: u32,
    /// The BIOS's file.
    pub rom: PathBuf,
}

impl Peer {
    /// The QEMU of this machine with the BIOS of its Debian, or those of another release.
    ///
    /// # Errors
    /// When one of them cannot be had.
    pub fn of(release: Option<&str>) -> Result<Self> {
        let (qemu, root) = match release {
            Some(release) => (Qemu::of_release(release)?, porthole_rig::roots::qemu(release)?),
            None => (Qemu::installed()?, packages::unpacked("seabios")?),
        };
        let version = qemu.version()?;
        let number = version.split('.').next().and_then(|number| number.parse().ok());
        let release =
            number.ok_or_else(|| RigError::failed(format!("QEMU of version {version}")))?;
        Ok(Self { qemu, release, rom: root.join(ROM) })
    }

    /// Its version.
    ///
    /// # Errors
    /// When it cannot be run.
    pub fn version(&self) -> Result<String> {
        self.qemu.version()
    }

    pub(crate) fn command(&self) -> std::process::Command {
        self.qemu.command()
    }

    /// Starts both machines. Files are left in the folder.
    ///
    /// # Errors
    /// When one of them does not come up.
    pub fn start(&self, folder: &Path) -> Result<Pair> {
        Pair::start(self.command(), self.release, &self.rom, folder).map_err(RigError::failed)
    }
}

/// Compares everything that a VGA's BIOS does.
///
/// # Errors
/// When a machine does not come up, or stops to answer.
pub fn sweep(peer: &Peer, folder: &Path) -> Result<Vec<Check>> {
    let mut pair = peer.start(folder)?;
    let result = sweep::all(&mut pair).map_err(RigError::failed);
    result.map(|()| pair.checks)
}
