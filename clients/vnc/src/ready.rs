//! The line that tells a parent that viewers may connect.

use std::{
    fs::File,
    io::{self, Write},
    os::fd::OwnedFd,
};

use serde_json::json;

use crate::address::Address;

/// Writes the line and closes the descriptor.
pub(crate) fn tell(fd: OwnedFd, listen: &Address, port: &str) -> io::Result<()> {
    let line = json!({ "ready": true, "listen": listen.to_string(), "port": port });
    writeln!(File::from(fd), "{line}")
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn the_line() {
        let (mut reader, writer) = io::pipe().unwrap();
        tell(writer.into(), &"127.0.0.1:5901".parse().unwrap(), "main").unwrap();
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value, json!({ "ready": true, "listen": "127.0.0.1:5901", "port": "main" }));
        assert!(text.ends_with('\n'));
    }
}
