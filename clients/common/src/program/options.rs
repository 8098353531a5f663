//! What such a program is told in the same words as every other one.

use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use clap::Args;
use porthole_program::InheritError;
use porthole_program::sandbox::{Calls, Sandbox, warn_of_no_sandbox};

use crate::connection::socket_path;
use crate::{errand, present};

/// Where a guest is shown, and how the program runs.
#[derive(Clone, PartialEq, Eq, Debug, Args)]
pub struct Options {
    /// The compositor's socket; otherwise WAYLAND_DISPLAY says it
    #[arg(long, value_name = "PATH", conflicts_with = "null")]
    pub wayland: Option<PathBuf>,

    /// Show nothing anywhere: every frame counts as presented at once
    #[arg(long)]
    pub null: bool,

    /// Write one line of JSON to this descriptor when the program is ready, then close it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..))]
    pub ready_fd: Option<i32>,

    /// Keep all rights of this user, instead of giving up those that are not needed before anything of the
    /// guest is heard or read; for finding faults
    #[arg(long, global = true)]
    pub no_sandbox: bool,

    /// What to log: error, warn, info, debug or trace, for all or by module
    #[arg(long, value_name = "LEVEL", default_value = "info", env = "PORTHOLE_LOG")]
    pub log: String,
}

impl Options {
    /// Takes over the descriptor of `--ready-fd`. Call it before anything is opened.
    ///
    /// # Errors
    /// When it is of no use.
    pub fn take_ready_fd(&self) -> Result<Option<OwnedFd>, InheritError> {
        self.ready_fd.map(porthole_program::ready_fd).transpose()
    }

    /// What the presenter of a guest is told; nothing where the guest is shown nowhere.
    #[must_use]
    pub fn presenter(&self, guest: &str, scanouts: usize) -> Option<present::Options> {
        (!self.null).then(|| present::Options {
            guest: guest.to_owned(),
            scanouts,
            wayland: self.wayland.clone(),
            clipboard: present::Ways::default(),
        })
    }

    /// Begins to give up what is not needed: from now on another process connects to the compositor. What
    /// comes back is to be entered; its socket calls are allowed. Nothing where all rights are kept.
    ///
    /// # Errors
    /// When the process that connects to the compositor cannot be started.
    pub fn sandbox(&self) -> io::Result<Option<Sandbox>> {
        if self.no_sandbox {
            warn_of_no_sandbox();
            return Ok(None);
        }
        // Where nothing says which compositor is meant the presenter will say so.
        if !self.null
            && let Ok(path) = socket_path(self.wayland.as_deref())
        {
            errand::delegate(path)?;
        }
        Ok(Some(Sandbox::new().calls(Calls::Sockets)))
    }
}

/// A guest's name: it travels in window titles, EDIDs and log lines.
///
/// # Errors
/// What a name may be.
pub fn guest_name(text: &str) -> Result<String, String> {
    if text.is_empty() || text.len() > 64 || !text.chars().all(fits_name) {
        return Err("use 1 to 64 letters, digits, '-', '_' or '.'".to_owned());
    }
    Ok(text.to_owned())
}

/// What may be in a guest's name.
#[must_use]
pub fn fits_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')
}
