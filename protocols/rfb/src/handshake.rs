//! The server's side of the handshake, from the version to the viewer's ClientInit
//! (RFC 6143, 7.1 to 7.3.1).

use crate::error::ProtocolError;
use crate::security::{self, Password};
use crate::spec;
use crate::wire::{Put, Reader};

/// What a viewer must show before it may see anything.
#[derive(Clone, Debug)]
pub enum Security {
    /// Nothing.
    None,
    /// Knowledge of a password.
    VncAuth {
        /// The password.
        password: Password,
        /// Sixteen random bytes, fresh for each connection.
        challenge: [u8; 16],
    },
}

/// The protocol that both sides speak.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Debug)]
enum Version {
    V3_3,
    V3_7,
    V3_8,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    Version,
    SecurityType(Version),
    Response(Version),
    ClientInit,
}

/// The state machine; it ends with the viewer's wish to share.
#[derive(Debug)]
pub(crate) struct Handshake {
    stage: Stage,
    security: Security,
}

/// What one step led to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Step {
    /// Not enough bytes for the next step.
    NeedMore,
    /// One step further.
    Next,
    /// The handshake is over; true where the viewer shares with others.
    Done { shared: bool },
}

impl Handshake {
    /// Starts by saying our version.
    pub(crate) fn new(security: Security, out: &mut Vec<u8>) -> Self {
        out.put(spec::VERSION_3_8);
        Self { stage: Stage::Version, security }
    }

    /// Takes one message from `input`, answers into `out`.
    pub(crate) fn step(
        &mut self,
        input: &mut Reader<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Step, ProtocolError> {
        match self.stage {
            Stage::Version => {
                let Some(line) = input.array() else { return Ok(Step::NeedMore) };
                let version = match parse_version(line) {
                    Ok(version) => version,
                    Err(error) => {
                        out.put_u8(spec::security::INVALID);
                        put_reason(out, "this server speaks RFB 3.3, 3.7 and 3.8");
                        return Err(error);
                    }
                };
                self.offer(version, out);
            }
            Stage::SecurityType(version) => {
                let Some(chosen) = input.u8() else { return Ok(Step::NeedMore) };
                if chosen != self.security_type() {
                    fail(version, out, "this security type was not offered");
                    return Err(ProtocolError::SecurityType(chosen));
                }
                match &self.security {
                    Security::None => {
                        if version == Version::V3_8 {
                            out.put_u32(0);
                        }
                        self.stage = Stage::ClientInit;
                    }
                    Security::VncAuth { challenge, .. } => {
                        out.put(challenge);
                        self.stage = Stage::Response(version);
                    }
                }
            }
            Stage::Response(version) => {
                let Some(response) = input.array() else { return Ok(Step::NeedMore) };
                if !self.accepts(response) {
                    fail(version, out, "wrong password");
                    return Err(ProtocolError::AuthenticationFailed);
                }
                out.put_u32(0);
                self.stage = Stage::ClientInit;
            }
            Stage::ClientInit => {
                let Some(shared) = input.u8() else { return Ok(Step::NeedMore) };
                return Ok(Step::Done { shared: shared != 0 });
            }
        }
        Ok(Step::Next)
    }

    const fn security_type(&self) -> u8 {
        match self.security {
            Security::None => spec::security::NONE,
            Security::VncAuth { .. } => spec::security::VNC_AUTH,
        }
    }

    /// Says which security there is. On 3.3 the server decides, from 3.7 on the viewer chooses.
    fn offer(&mut self, version: Version, out: &mut Vec<u8>) {
        if version > Version::V3_3 {
            out.put(&[1, self.security_type()]);
            self.stage = Stage::SecurityType(version);
            return;
        }
        out.put_u32(u32::from(self.security_type()));
        self.stage = match &self.security {
            Security::None => Stage::ClientInit,
            Security::VncAuth { challenge, .. } => {
                out.put(challenge);
                Stage::Response(version)
            }
        };
    }

    fn accepts(&self, response: [u8; 16]) -> bool {
        match &self.security {
            Security::None => false,
            Security::VncAuth { password, challenge } => {
                security::equal(security::vnc_auth_response(password, *challenge), response)
            }
        }
    }
}

/// Reads `RFB xxx.yyy\n`. Minor versions between the known ones mean the older one (3.5 is 3.3,
/// RFC 6143, 7.1.1); newer ones, such as 3.889 and 5.0 of well-known viewers, mean 3.8.
fn parse_version(line: [u8; 12]) -> Result<Version, ProtocolError> {
    let refuse = || ProtocolError::Version(String::from_utf8_lossy(&line).escape_debug().collect());
    let [b'R', b'F', b'B', b' ', major @ .., b'.', a, b, c, b'\n'] = line else {
        return Err(refuse());
    };
    let number = |digits: [u8; 3]| {
        digits.iter().try_fold(0_u32, |number, digit| {
            digit.is_ascii_digit().then(|| number * 10 + u32::from(digit - b'0'))
        })
    };
    let (Some(major), Some(minor)) = (number(major), number([a, b, c])) else {
        return Err(refuse());
    };
    match (major, minor) {
        (..3, _) | (3, ..3) => Err(refuse()),
        (3, 3..7) => Ok(Version::V3_3),
        (3, 7) => Ok(Version::V3_7),
        _ => Ok(Version::V3_8),
    }
}

/// SecurityResult "failed"; only 3.8 has room for the reason (RFC 6143, 7.1.3).
fn fail(version: Version, out: &mut Vec<u8>, reason: &str) {
    out.put_u32(1);
    if version == Version::V3_8 {
        put_reason(out, reason);
    }
}

fn put_reason(out: &mut Vec<u8>, reason: &str) {
    // Our own reasons are short.
    out.put_u32(u32::try_from(reason.len()).unwrap_or(0));
    out.put(reason.as_bytes());
}

#[cfg(test)]
#[path = "handshake_tests.rs"]
mod tests;
