//! Telling whoever started the service that it is ready.

use std::{
    fs::File,
    io::{self, Write},
    os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd},
};

use serde_json::json;

use crate::state::State;

/// Takes the descriptor of `--ready-fd`, so that programs started later do not inherit it. The
/// standard streams are copied and stay what they are.
pub(crate) fn take_fd(number: i32) -> io::Result<File> {
    match number {
        1 => return Ok(File::from(io::stdout().as_fd().try_clone_to_owned()?)),
        2 => return Ok(File::from(io::stderr().as_fd().try_clone_to_owned()?)),
        ..=0 => return Err(io::Error::other("a number above 0 is needed")),
        _ => {}
    }
    // SAFETY: only looked at, to learn whether the number is open at all.
    let given = unsafe { BorrowedFd::borrow_raw(number) };
    rustix::io::fcntl_setfd(given, rustix::io::FdFlags::CLOEXEC)?;
    // SAFETY: it is open, and whoever started the program says that it was opened for us.
    let owned = unsafe { OwnedFd::from_raw_fd(number) };
    Ok(File::from(owned))
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
