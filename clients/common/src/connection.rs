//! Finding a compositor's socket and its globals.

use std::{
    env, io,
    path::{Path, PathBuf},
};

use wayland_client::{
    Connection, Dispatch, Proxy, QueueHandle,
    globals::{BindError, GlobalList},
};

use crate::arrival::{Absence, Pauses};
use crate::errand;

/// Why there is no connection to a compositor.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Nothing says which compositor is meant.
    #[error(
        "no compositor was named: give the path of its socket, or set WAYLAND_DISPLAY (and XDG_RUNTIME_DIR if it is no absolute path)"
    )]
    NoDisplay,
    /// The socket does not answer.
    #[error("no compositor answers at {}", path.display())]
    Socket {
        /// The socket's path.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The connection failed at once.
    #[error("the compositor at {} could not be spoken to", path.display())]
    Setup {
        /// The socket's path.
        path: PathBuf,
    },
}

impl ConnectError {
    /// True where the compositor may only not have started yet, so that waiting helps.
    #[must_use]
    pub fn is_absence(&self) -> bool {
        match self {
            Self::Socket { source, .. } => {
                use io::ErrorKind::{ConnectionRefused, NotFound, WouldBlock};
                // The last one: it is there and takes nobody, because it is stopped or just starts.
                matches!(source.kind(), NotFound | ConnectionRefused | WouldBlock)
            }
            _ => false,
        }
    }

    /// Whether somebody listens, who is stopped or just starts.
    fn is_full(&self) -> bool {
        matches!(self, Self::Socket { source, .. } if source.kind() == io::ErrorKind::WouldBlock)
    }
}

/// The socket that is meant: `path`, or what the environment says as every Wayland program
/// reads it.
///
/// # Errors
/// [`ConnectError::NoDisplay`] where nothing is said.
pub fn socket_path(path: Option<&Path>) -> Result<PathBuf, ConnectError> {
    let display = env::var_os("WAYLAND_DISPLAY").map(PathBuf::from);
    let folder = env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    choose_path(path, display, folder).ok_or(ConnectError::NoDisplay)
}

fn choose_path(
    path: Option<&Path>,
    display: Option<PathBuf>,
    folder: Option<PathBuf>,
) -> Option<PathBuf> {
    if let Some(path) = path {
        return Some(path.to_owned());
    }
    let display = display.filter(|display| !display.as_os_str().is_empty())?;
    if display.is_absolute() { Some(display) } else { Some(folder?.join(display)) }
}

/// Connects to the compositor at `path`, or to the one of the environment.
///
/// # Errors
/// [`ConnectError`]; ask [`ConnectError::is_absence`] whether to try again later.
pub fn connect(path: Option<&Path>) -> Result<Connection, ConnectError> {
    let path = socket_path(path)?;
    let stream = errand::connect(&path)
        .map_err(|source| ConnectError::Socket { path: path.clone(), source })?;
    Connection::from_socket(stream).map_err(|_| ConnectError::Setup { path })
}

/// Connects as [`connect`] does, once somebody listens there. Before it waits it calls `absent` with the
/// socket's path.
///
/// # Errors
/// [`ConnectError`] where waiting does not help.
pub fn connect_when_there(
    path: Option<&Path>,
    absent: impl FnOnce(&Path),
) -> Result<Connection, ConnectError> {
    let path = socket_path(path)?;
    let (mut absent, mut absence, mut pauses) =
        (Some(absent), Absence::default(), Pauses::default());
    loop {
        match connect(Some(&path)) {
            Err(error) if error.is_absence() => {
                if let Some(absent) = absent.take() {
                    absent(&path);
                }
                // One that is there and takes nobody makes no noise when it does.
                if error.is_full() || !absence.wait(&path) {
                    pauses.pause();
                }
            }
            end => return end,
        }
    }
}

/// A global that the compositor lacks, or has in too old a version.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the compositor does not offer {interface} version {version}{hint}")]
pub struct MissingGlobal {
    /// The Wayland interface.
    pub interface: &'static str,
    /// The lowest version that would do.
    pub version: u32,
    /// What may be the cause.
    pub hint: &'static str,
}

/// Binds a global that must be there, in a version from `lowest` to `highest`.
///
/// # Errors
/// [`MissingGlobal`], with `hint` appended to its message.
pub fn bind<I, D>(
    globals: &GlobalList,
    queue: &QueueHandle<D>,
    versions: std::ops::RangeInclusive<u32>,
    hint: &'static str,
) -> Result<I, MissingGlobal>
where
    I: Proxy + 'static,
    D: Dispatch<I, ()> + 'static,
{
    let version = *versions.start();
    globals.bind(queue, versions, ()).map_err(|error| match error {
        BindError::UnsupportedVersion | BindError::NotPresent => {
            MissingGlobal { interface: I::interface().name, version, hint }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_chosen_as_every_wayland_program_does() {
        let path = |text: &str| Some(PathBuf::from(text));
        let choose = |given: Option<&str>, display, folder| {
            choose_path(given.map(Path::new), display, folder)
        };
        assert_eq!(choose(Some("/a/b"), path("wayland-1"), path("/run")), path("/a/b"));
        assert_eq!(choose(None, path("wayland-1"), path("/run")), path("/run/wayland-1"));
        assert_eq!(choose(None, path("/x/y"), None), path("/x/y"));
        assert_eq!(choose(None, path("wayland-1"), None), None);
        assert_eq!(choose(None, path(""), path("/run")), None);
        assert_eq!(choose(None, None, path("/run")), None);
    }

    #[test]
    fn a_missing_socket_is_an_absence_and_a_missing_name_is_not() {
        let error = connect(Some(Path::new("/nonexistent/wayland-0"))).unwrap_err();
        assert!(error.is_absence());
        assert!(!ConnectError::NoDisplay.is_absence());
    }
}
