//! libvirt itself, in a corner of its own: its packages lie over this machine's files for nobody but its
//! processes, and what it writes is gone with them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::{Context, Result, RigError};
use crate::packages;

/// The daemon with its driver for QEMU, `virsh`, and what calls of it that `virsh` lacks.
const PACKAGES: &[&str] =
    &["libvirt-daemon", "libvirt-daemon-driver-qemu", "libvirt-clients", "python3-libvirt"];
/// The file that tells the first process of the corner.
const FIRST: &str = "first";

/// A place for libvirt's system daemon, whose QEMUs run as the user that Debian has for them.
#[derive(Clone, Debug)]
pub struct Corner {
    folder: PathBuf,
}

impl Corner {
    /// A corner with an empty folder for what it writes. Downloads libvirt once, of this machine's release.
    ///
    /// # Errors
    /// When a download fails, or this user is not root, as libvirt's system daemon must be.
    pub fn new(folder: &Path) -> Result<Corner> {
        if !packages::is_root()? {
            return Err(RigError::failed("libvirt's system daemon runs as root only: be root"));
        }
        fs::write(folder.join("corner.sh"), include_str!("libvirt/corner.sh"))
            .at("write", folder)?;
        Ok(Corner { folder: folder.to_owned() })
    }

    /// The command that runs the daemon. All in the corner ends with it.
    ///
    /// # Errors
    /// When libvirt cannot be downloaded.
    pub fn daemon(&self) -> Result<Command> {
        let packages = packages::with_needs("libvirt", PACKAGES)?;
        let mut command = Command::new("unshare");
        command.args(["--mount", "--propagation", "private", "--pid", "--fork", "--kill-child"]);
        command.arg("sh").arg(self.folder.join("corner.sh")).arg(packages).arg(&self.folder);
        Ok(command)
    }

    /// A command that runs a program in the corner, once the daemon has begun there.
    ///
    /// # Errors
    /// When it has not.
    pub fn inside(&self, program: impl AsRef<std::ffi::OsStr>) -> Result<Command> {
        let file = self.folder.join(FIRST);
        let first = fs::read_to_string(&file).at("read", &file)?;
        let mut command = Command::new("nsenter");
        command.args(["--mount", "--pid", "--target", first.trim(), "--"]).arg(program);
        Ok(command)
    }
}
