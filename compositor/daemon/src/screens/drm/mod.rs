//! Connectors of graphics cards as screens, without a GPU: atomic modesetting on dumb buffers, which every
//! driver has that can set a mode at all.

mod backlight;
mod buffer;
mod card;
mod closefb;
mod cursor;
mod left;
mod mode;
mod output;
mod request;

use std::{io, path::PathBuf};

use porthole_core::Refresh;
use porthole_pixel::Size;

pub(crate) use backlight::switch as backlight_switch;
pub(crate) use card::{Card, Found, Monitor, is_connected};
pub(crate) use mode::Wanted;
pub(crate) use output::Output;

/// Why a port has no screen. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DrmError {
    #[error(
        "there is no graphics card: no /dev/dri/card* can be opened; load its driver, and let the service's user open it (group video)"
    )]
    NoCard,
    #[error("{path} cannot be opened: {source}; {remedy}", remedy = remedy(.source))]
    Open { path: PathBuf, source: io::Error },
    #[error("{0} shows nothing: it has no connectors; name another card")]
    NoConnectors(PathBuf),
    #[error("{0}")]
    Session(String),
    #[error("no screen is on any connector of {0}")]
    NoScreen(PathBuf),
    #[error(
        "{path}: its driver '{driver}' has no atomic modesetting, which is needed; use a newer kernel, or kind = \"headless\""
    )]
    NotAtomic { path: PathBuf, driver: String },
    #[error(
        "{path}: its driver '{driver}' has no plain memory for pictures (dumb buffers); use another card"
    )]
    NoBuffers { path: PathBuf, driver: String },
    #[error(
        "{path} is in the hands of another display server: {source}; end it, or start this service before it"
    )]
    NotMaster { path: PathBuf, source: io::Error },
    #[error("there is no connector '{name}'; there are: {known}")]
    NoConnector { name: String, known: String },
    #[error(
        "connector '{0}' has no way to show anything: all of its card's pipes are taken by other ports"
    )]
    NoPipe(String),
    #[error("connector '{0}' offers no mode at all; check the cable, or give the port a size")]
    NoMode(String),
    #[error("connector '{0}' does not show what it was given last, and takes nothing else")]
    Busy(String),
    #[error("the card's memory does not hold a picture of {} x {}: {source}; choose a smaller mode", .size.width, .size.height)]
    Memory { size: Size, source: io::Error },
    #[error("the card cannot be asked: {0}; see the kernel's log")]
    Ask(#[from] io::Error),
}

fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => "let the service's user open it, by its group (video)",
        io::ErrorKind::NotFound => "name one of /dev/dri/card*, or load its driver",
        _ => "see the kernel's log",
    }
}

/// The mode that a connector is in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Chosen {
    pub(crate) size: Size,
    pub(crate) refresh: Refresh,
}

/// The mode that a connector's screen would get.
pub(crate) fn chosen(found: &Found, wanted: Wanted) -> Option<Chosen> {
    let mode = mode::choose(found.info.modes(), wanted, None)?;
    Some(Chosen { size: mode::size(&mode), refresh: mode::refresh(&mode) })
}
