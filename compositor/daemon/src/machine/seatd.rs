//! seatd, one of those who give sessions: where it listens, and why it gave none, of which libseat keeps
//! silent.

use std::{
    env, io,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
};

use super::MachineError;

/// Where it listens, unless this variable says otherwise.
const SOCKET: &str = "/run/seatd.sock";
const ELSEWHERE: &str = "SEATD_SOCK";
/// Whom libseat asks alone, by name.
const ASKED: &str = "LIBSEAT_BACKEND";

/// Where it listens.
pub(crate) fn socket() -> PathBuf {
    env::var_os(ELSEWHERE).map_or_else(|| SOCKET.into(), PathBuf::from)
}

/// Whether libseat asks it at all.
pub(super) fn is_asked() -> bool {
    env::var_os(ASKED).is_none_or(|name| name == "seatd")
}

/// Whether it listens, and hears us.
pub(crate) fn listens() -> bool {
    UnixStream::connect(socket()).is_ok()
}

/// Why there is no session, where libseat has this to say.
pub(super) fn why_not(said: io::Error) -> MachineError {
    if is_asked() { why_not_at(&socket()) } else { MachineError::NoSession(said) }
}

fn why_not_at(socket: &Path) -> MachineError {
    let path = socket.display().to_string();
    match UnixStream::connect(socket) {
        Ok(_) => MachineError::Taken,
        Err(source) if source.kind() == io::ErrorKind::PermissionDenied => {
            MachineError::NotForUs { path, source }
        }
        Err(_) => MachineError::NoSeatd(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_gives_no_session_is_told_with_a_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("seatd.sock");
        assert!(matches!(why_not_at(&socket), MachineError::NoSeatd(_)));
        let listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        assert!(matches!(why_not_at(&socket), MachineError::Taken));
        // What a killed one leaves.
        drop(listener);
        assert!(matches!(why_not_at(&socket), MachineError::NoSeatd(_)));
    }
}
