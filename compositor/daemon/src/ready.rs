//! Telling whoever started the service that it is ready.

use std::{
    fs::File,
    io::{self, Write},
    os::fd::{FromRawFd, OwnedFd},
};

use serde_json::json;

use crate::state::State;

/// Takes the descriptor of `--ready-fd`, so that programs started later do not inherit it.
pub(crate) fn take_fd(number: i32) -> io::Result<File> {
    if number <= 2 {
        return Err(io::Error::other("a number above 2 is needed"));
    }
    // SAFETY: the caller of the program says that it opened this descriptor for us; a number that is
    // not open is found by the next call, before anything uses it.
    let fd = unsafe { OwnedFd::from_raw_fd(number) };
    match rustix::io::fcntl_setfd(&fd, rustix::io::FdFlags::CLOEXEC) {
        Ok(()) => Ok(File::from(fd)),
        Err(error) => {
            // It was never ours: closing it would close nothing, or worse, something.
            let _ = std::os::fd::IntoRawFd::into_raw_fd(fd);
            Err(error.into())
        }
    }
}

/// The line: every socket with its path, and every port.
fn line(state: &State) -> String {
    let sockets: serde_json::Map<_, _> = state
        .sockets
        .iter()
        .map(|(name, path)| (name.to_owned(), json!(path.to_string_lossy())))
        .collect();
    let ports: Vec<&str> = state.ports.iter().map(|(_, p)| p.name.as_str()).collect();
    json!({ "ready": true, "sockets": sockets, "ports": ports }).to_string()
}

/// Says so to `--ready-fd` and to the service manager.
pub(crate) fn tell(state: &State, fd: Option<File>) {
    if let Some(mut file) = fd
        && let Err(error) = writeln!(file, "{}", line(state))
    {
        tracing::warn!("nobody reads --ready-fd: {error}");
    }
    if let Err(error) = sd_notify::notify(&[sd_notify::NotifyState::Ready]) {
        tracing::warn!("the service manager was not told: {error}");
    }
    tracing::info!("ready");
}
