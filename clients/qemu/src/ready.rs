//! The line that tells a parent that the VM's display is listened to.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;

use porthole_program::sandbox::Held;
use serde_json::json;

/// Writes the line and closes the descriptor.
pub(crate) fn tell(
    fd: OwnedFd,
    guest: &str,
    consoles: usize,
    held: Option<Held>,
) -> io::Result<()> {
    let sandbox = held.map(|held| held.to_string());
    let line = json!({ "ready": true, "guest": guest, "consoles": consoles, "sandbox": sandbox });
    writeln!(File::from(fd), "{line}")
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn the_line() {
        let (mut reader, writer) = io::pipe().unwrap();
        tell(writer.into(), "ivi", 2, None).unwrap();
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            (text.lines().count(), &value["ready"], &value["consoles"]),
            (1, &json!(true), &json!(2))
        );
    }
}
