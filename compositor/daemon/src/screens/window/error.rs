//! Why a port has no window.

use std::{io, path::PathBuf};

use wayland_client::backend::WaylandError;

/// Why a port has no window. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WindowError {
    #[error(
        "there is no Wayland session to open a window in: WAYLAND_DISPLAY is not set; start the service in one, or name the socket: parent = \"/run/user/1000/wayland-1\""
    )]
    NoParent,
    #[error("nobody can be reached at {path}: {source}; {remedy}", remedy = remedy(.source))]
    Connect { path: PathBuf, source: io::Error },
    #[error("Wayland cannot be spoken at {0}; name the socket of a compositor")]
    NoWayland(PathBuf),
    #[error(
        "the parent has no {interface} of version {version}, without which it shows no windows; use a compositor for desktops, such as sway, weston, GNOME or KDE"
    )]
    Lacks { interface: &'static str, version: u32 },
    #[error("the parent is gone: {0}")]
    Gone(io::Error),
    #[error(
        "the parent ended the connection: {0}; this is a fault of one of the two, please report it"
    )]
    Refused(String),
}

impl WindowError {
    /// Whether another attempt may end better once somebody listens anew.
    pub(crate) const fn may_pass(&self) -> bool {
        matches!(self, Self::Connect { .. } | Self::Gone(_))
    }
}

impl From<WaylandError> for WindowError {
    fn from(error: WaylandError) -> Self {
        match error {
            WaylandError::Io(error) => Self::Gone(error),
            WaylandError::Protocol(error) => Self::Refused(error.to_string()),
        }
    }
}

fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => "let the service's user open the socket",
        _ => "the window comes when somebody listens there",
    }
}
