//! Where a device waits for its front-end, as a command line says it.

use std::fmt;
use std::os::fd::RawFd;
use std::path::PathBuf;
use std::str::FromStr;

use thiserror::Error;

/// A socket: a path to listen at, or a descriptor that was inherited (`fd:N`), which
/// may listen already (systemd) or be connected already (libvirt).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Address {
    /// Listen at this path.
    Path(PathBuf),
    /// Use this descriptor.
    Fd(RawFd),
}

/// Why a text names no socket.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum AddressError {
    /// Nothing there.
    #[error("a socket needs a path or fd:N")]
    Empty,
    /// `fd:` is followed by something else than a descriptor's number.
    #[error("{0:?} is not fd:N with a descriptor number of 3 or more")]
    Fd(String),
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if text.is_empty() {
            return Err(AddressError::Empty);
        }
        let Some(number) = text.strip_prefix("fd:") else {
            return Ok(Self::Path(PathBuf::from(text)));
        };
        match number.parse::<RawFd>() {
            // 0 to 2 are the standard streams, never a device's socket.
            Ok(fd) if fd > 2 => Ok(Self::Fd(fd)),
            _ => Err(AddressError::Fd(text.to_owned())),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => write!(f, "{}", path.display()),
            Self::Fd(fd) => write!(f, "fd:{fd}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts() {
        assert_eq!("fd:7".parse(), Ok(Address::Fd(7)));
        assert_eq!("/run/a.sock".parse(), Ok(Address::Path("/run/a.sock".into())));
        assert_eq!("".parse::<Address>(), Err(AddressError::Empty));
        for text in ["fd:", "fd:-1", "fd:1", "fd:x", "fd:99999999999"] {
            text.parse::<Address>().unwrap_err();
        }
    }
}
