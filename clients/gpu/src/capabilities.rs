//! What libvirt and other managers ask a vhost-user program.

use std::io::{self, Write};

use serde_json::json;

/// Writes the answer to `--print-capabilities` (QEMU, `docs/interop/vhost-user.json`,
/// `VHostUserBackendCapabilities`). No features: rendering is 2D, there is no render node.
pub(crate) fn print(mut into: impl Write) -> io::Result<()> {
    let capabilities = json!({ "type": "gpu", "features": [] });
    writeln!(into, "{capabilities:#}")
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn it_is_what_managers_parse() {
        let mut bytes = Vec::new();
        print(&mut bytes).unwrap();
        let value: Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(value["type"], "gpu");
        assert!(value["features"].is_array());
    }

    /// The file that packages put into `/usr/share/qemu/vhost-user`.
    #[test]
    fn the_data_file_has_the_keys_that_managers_need() {
        let text = include_str!("../data/50-porthole-gpu.json");
        let value: Value = serde_json::from_str(text).unwrap();
        assert_eq!(value["type"], "gpu");
        for key in ["description", "binary"] {
            assert!(value[key].is_string(), "{key}");
        }
    }
}
