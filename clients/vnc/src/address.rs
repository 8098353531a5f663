//! Where viewers may come from. RFB is neither encrypted nor protected against guessing, so
//! addresses that other machines reach are refused.

use std::{fmt, net::SocketAddr, path::PathBuf, str::FromStr};

/// An address to listen at that only this machine reaches.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Address {
    /// TCP on a loopback address.
    Tcp(SocketAddr),
    /// A Unix socket.
    Unix(PathBuf),
}

/// Why an address was refused.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum AddressError {
    /// Neither form.
    #[error("'{0}' is neither HOST:PORT (such as 127.0.0.1:5900 or [::1]:5900) nor unix:/PATH")]
    Form(String),
    /// Other machines would reach it.
    #[error(
        "{0} can be reached from other machines, and VNC here is not encrypted; listen at 127.0.0.1:{port} and forward it through SSH, or use unix:/PATH",
        port = .0.port()
    )]
    Open(SocketAddr),
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let form = || AddressError::Form(text.to_owned());
        if let Some(path) = text.strip_prefix("unix:") {
            let path = PathBuf::from(path);
            return if path.is_absolute() { Ok(Self::Unix(path)) } else { Err(form()) };
        }
        let numeric = text.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
        let address: SocketAddr = numeric.as_deref().unwrap_or(text).parse().map_err(|_| form())?;
        if address.ip().is_loopback() {
            Ok(Self::Tcp(address))
        } else {
            Err(AddressError::Open(address))
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_and_unix_are_accepted_and_shown_as_given() {
        for text in ["127.0.0.1:5900", "[::1]:0", "127.8.8.8:1", "unix:/run/vnc.sock"] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
        assert_eq!("localhost:5901".parse::<Address>().unwrap().to_string(), "127.0.0.1:5901");
    }

    #[test]
    fn addresses_that_others_reach_are_refused_with_a_remedy() {
        for text in ["0.0.0.0:5900", "[::]:5900", "192.168.0.1:5900", "[::ffff:10.0.0.1]:5900"] {
            let error = text.parse::<Address>().unwrap_err();
            assert!(matches!(error, AddressError::Open(_)), "{text}");
            assert!(error.to_string().contains("127.0.0.1:5900"));
        }
        for text in ["", "5900", "host:5900", "unix:", "unix:relative", "127.0.0.1:70000"] {
            assert!(matches!(text.parse::<Address>(), Err(AddressError::Form(_))), "{text}");
        }
    }
}
