//! The line that tells a parent that viewers may connect.

use std::{io, os::fd::OwnedFd};

use porthole_client::program::tell_ready;
use porthole_program::sandbox::Held;

use crate::address::Address;

/// Writes the line and closes the descriptor.
pub(crate) fn tell(
    fd: OwnedFd,
    listen: &Address,
    port: &str,
    held: Option<Held>,
) -> io::Result<()> {
    tell_ready(fd, held, [("listen", listen.to_string().into()), ("port", port.into())])
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use serde_json::json;

    use super::*;

    #[test]
    fn the_line() {
        let (mut reader, writer) = io::pipe().unwrap();
        tell(writer.into(), &"127.0.0.1:5901".parse().unwrap(), "main", None).unwrap();
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        let listen = "127.0.0.1:5901";
        let expected = json!({ "ready": true, "listen": listen, "port": "main", "sandbox": null });
        assert_eq!(value, expected);
        assert!(text.ends_with('\n'));
    }
}
