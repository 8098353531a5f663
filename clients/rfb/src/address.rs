//! Where a server is.

use std::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::str::FromStr;

/// An address to connect to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Address {
    /// A host by its name or number, and a TCP port.
    Tcp(String, u16),
    /// A Unix socket.
    Unix(PathBuf),
}

/// Why an address was refused.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "'{0}' is neither HOST:PORT (such as 192.0.2.7:5900 or [::1]:5901; display 1 is port 5901) nor unix:/PATH"
)]
pub struct AddressError(String);

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let form = || AddressError(text.to_owned());
        if let Some(path) = text.strip_prefix("unix:") {
            let path = PathBuf::from(path);
            return if path.is_absolute() { Ok(Self::Unix(path)) } else { Err(form()) };
        }
        let (host, port) = text.rsplit_once(':').ok_or_else(form)?;
        let port = port.parse().ok().filter(|port| *port != 0).ok_or_else(form)?;
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let named = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
        let fine = match bare {
            Some(bare) => bare.parse::<std::net::Ipv6Addr>().is_ok(),
            None => !host.is_empty() && host.chars().all(named),
        };
        if fine { Ok(Self::Tcp(bare.unwrap_or(host).to_owned(), port)) } else { Err(form()) }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(host, port) if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp(host, port) => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl Address {
    /// The numbers behind the name; none for a Unix socket. Names are looked up here, once: later nothing
    /// may be.
    ///
    /// # Errors
    /// When the name is not known (now).
    pub(crate) fn resolve(&self) -> io::Result<Vec<SocketAddr>> {
        let Self::Tcp(host, port) = self else { return Ok(Vec::new()) };
        let found: Vec<_> = (host.as_str(), *port).to_socket_addrs()?.collect();
        if found.is_empty() { Err(io::ErrorKind::NotFound.into()) } else { Ok(found) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_shown_as_given() {
        for text in ["127.0.0.1:5900", "[::1]:5901", "bmc-7.example.org:5900", "unix:/run/vnc.sock"]
        {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
        let numbers = "127.0.0.1:5900".parse::<Address>().unwrap().resolve().unwrap();
        assert_eq!(numbers, ["127.0.0.1:5900".parse().unwrap()]);
        assert!("unix:/a".parse::<Address>().unwrap().resolve().unwrap().is_empty());
    }

    #[test]
    fn what_is_no_address_is_refused_with_an_example() {
        for text in
            ["", "5900", "host", "host:0", "host:70000", "unix:a", "a b:1", "::1:5900", ":5900"]
        {
            let error = text.parse::<Address>().unwrap_err();
            assert!(error.to_string().contains("unix:/PATH"), "{text}");
        }
    }
}
