//! The line that tells a parent that QEMU may be started.

use std::io;
use std::os::fd::OwnedFd;

use porthole_client::program::tell_ready;
use porthole_program::sandbox::Held;
use porthole_virtio_device::Address;
use serde_json::{Map, Value};

/// Writes the line and closes the descriptor.
///
/// # Errors
/// The system's, when nobody reads it.
pub fn tell(
    fd: OwnedFd,
    guest: &str,
    sockets: &[(&str, &Address)],
    held: Option<Held>,
) -> io::Result<()> {
    let sockets: Map<String, Value> = sockets
        .iter()
        .map(|(name, address)| ((*name).to_owned(), Value::String(address.to_string())))
        .collect();
    tell_ready(fd, held, [("guest", guest.into()), ("sockets", sockets.into())])
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn the_line() {
        let (mut reader, writer) = io::pipe().unwrap();
        let gpu = Address::Path("/run/ivi.sock".into());
        let held = Held { landlock: Some(4), calls: Some(71) };
        let sockets = [("gpu", &gpu), ("tablet", &Address::Fd(7))];
        tell(writer.into(), "ivi", &sockets, Some(held)).unwrap();
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text.lines().count(), 1);
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["ready"], true);
        assert_eq!(value["guest"], "ivi");
        assert_eq!(value["sandbox"], "landlock 4, 71 system calls");
        assert_eq!(value["sockets"]["gpu"], "/run/ivi.sock");
        assert_eq!(value["sockets"]["tablet"], "fd:7");
    }
}
