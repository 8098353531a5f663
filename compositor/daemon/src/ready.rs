//! Telling whoever started the service that it is ready.

use std::{fs::File, io::Write, os::fd::OwnedFd};

use serde_json::json;

use crate::state::State;

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
pub(crate) fn tell(state: &State, fd: Option<OwnedFd>) {
    if let Some(mut file) = fd.map(File::from)
        && let Err(error) = writeln!(file, "{}", line(state))
    {
        tracing::warn!("nobody reads --ready-fd: {error}");
    }
    if let Err(error) = sd_notify::notify(&[sd_notify::NotifyState::Ready]) {
        tracing::warn!("the service manager was not told: {error}");
    }
    tracing::info!("ready");
}
