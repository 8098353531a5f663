//! The password file.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use porthole_rfb::Password;

use crate::failure::Failure;

/// VncAuth uses this many bytes.
const USED: usize = 8;

/// Longer files are no password files; what follows the first line is not looked at.
const MAX_FILE: u64 = 4096;

/// Reads the password on the first line.
pub(crate) fn read(path: &Path) -> Result<Password, Failure> {
    let fail = |error| Failure::Password(path.to_owned(), error);
    let mut bytes = Vec::new();
    File::open(path).map_err(fail)?.take(MAX_FILE).read_to_end(&mut bytes).map_err(fail)?;
    let line = bytes.split(|byte| matches!(byte, b'\n' | b'\r')).next().unwrap_or_default();
    if line.is_empty() {
        return Err(Failure::EmptyPassword(path.to_owned()));
    }
    if line.len() > USED {
        tracing::warn!("VNC looks at the first {USED} bytes of a password only");
    }
    Ok(Password::new(line))
}
