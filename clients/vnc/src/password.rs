//! The password file and fresh challenges.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use porthole_rfb::{Password, Security};
use rustix::rand::{GetRandomFlags, getrandom};

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

/// What a new viewer must show; a challenge is used once.
pub(crate) fn security(password: Option<&Password>) -> io::Result<Security> {
    let Some(password) = password else { return Ok(Security::None) };
    let mut challenge = [0; 16];
    let mut filled = 0;
    while let Some(rest) = challenge.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        filled += getrandom(rest, GetRandomFlags::empty())?;
    }
    Ok(Security::VncAuth { password: password.clone(), challenge })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use porthole_rfb::vnc_auth_response;

    use super::*;

    fn file(bytes: &[u8]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    #[test]
    fn the_first_line_is_the_password() {
        let expected = vnc_auth_response(&Password::new(b"secret"), [1; 16]);
        for text in [&b"secret"[..], b"secret\n", b"secret\r\nmore", b"secret\nmore\n"] {
            let password = read(file(text).path()).unwrap();
            assert_eq!(vnc_auth_response(&password, [1; 16]), expected);
        }
        for text in [&b""[..], b"\n", b"\nsecret"] {
            assert!(matches!(read(file(text).path()), Err(Failure::EmptyPassword(_))));
        }
        let missing = read(Path::new("/nonexistent/password"));
        assert!(matches!(missing, Err(Failure::Password(..))));
    }

    #[test]
    fn challenges_differ() {
        let challenge = || match security(Some(&Password::new(b"x"))).unwrap() {
            Security::VncAuth { challenge, .. } => challenge,
            Security::None => panic!("a password was given"),
        };
        assert_ne!(challenge(), challenge());
        assert!(matches!(security(None).unwrap(), Security::None));
    }
}
