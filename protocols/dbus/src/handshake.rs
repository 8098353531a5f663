//! What two programs say before the first message: who the one is, and that descriptors may be sent.
//!
//! The only proof of identity is the one that the kernel has: both sides know the user at the other end
//! of a Unix socket (`EXTERNAL`).

use std::fmt::Write as _;

/// The longest line; real ones are below 100 bytes.
const LONGEST: usize = 512;
/// Mistakes that a server forgives.
const PATIENCE: usize = 8;

/// Why there is no connection.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum HandshakeError {
    /// The other side does not take us for who we are.
    #[error("the other side does not let this user in")]
    Rejected,
    /// The other side cannot take descriptors.
    #[error("the other side takes no descriptors")]
    NoDescriptors,
    /// It does not speak D-Bus.
    #[error("the other side does not speak D-Bus: it said {0:?}")]
    Nonsense(String),
}

/// The side that begins.
#[derive(Debug)]
pub struct Handshake {
    step: Step,
    line: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Step {
    /// It was said who we are.
    Named,
    /// It was asked for descriptors.
    Asked,
    Done,
}

impl Handshake {
    /// Begins; the bytes are to be sent.
    #[must_use]
    pub fn new(user: u32) -> (Self, Vec<u8>) {
        let mut first = String::from("\0AUTH EXTERNAL ");
        for digit in user.to_string().bytes() {
            // The number in decimal digits, and these as bytes in hexadecimal ones.
            let _ = write!(first, "{digit:02x}");
        }
        first.push_str("\r\n");
        (Self { step: Step::Named, line: Vec::new() }, first.into_bytes())
    }

    /// Takes bytes that came. Returns how many of them were its own, and what is to be sent.
    ///
    /// # Errors
    /// When there is no coming together.
    pub fn take(&mut self, bytes: &[u8]) -> Result<(usize, Vec<u8>), HandshakeError> {
        let (mut taken, mut answer) = (0, Vec::new());
        for byte in bytes {
            if self.is_done() {
                break;
            }
            taken += 1;
            if let Some(line) = push(&mut self.line, *byte)? {
                answer.extend(self.line(&line)?);
            }
        }
        Ok((taken, answer))
    }

    /// Whether messages follow.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.step == Step::Done
    }

    fn line(&mut self, line: &str) -> Result<&'static [u8], HandshakeError> {
        let word = line.split(' ').next().unwrap_or_default();
        match (self.step, word) {
            (Step::Named, "OK") => {
                self.step = Step::Asked;
                Ok(b"NEGOTIATE_UNIX_FD\r\n")
            }
            (Step::Named, "REJECTED") => Err(HandshakeError::Rejected),
            (Step::Asked, "AGREE_UNIX_FD") => {
                self.step = Step::Done;
                Ok(b"BEGIN\r\n")
            }
            (Step::Asked, "ERROR") => Err(HandshakeError::NoDescriptors),
            _ => Err(HandshakeError::Nonsense(shown(line))),
        }
    }
}

/// The side that is spoken to; it takes everybody.
#[derive(Debug, Default)]
pub struct Welcome {
    line: Vec<u8>,
    begun: bool,
    done: bool,
    mistakes: usize,
}

impl Welcome {
    /// Takes bytes that came. Returns how many of them were its own, and what is to be sent.
    ///
    /// # Errors
    /// When there is no coming together.
    pub fn take(&mut self, bytes: &[u8]) -> Result<(usize, Vec<u8>), HandshakeError> {
        let (mut taken, mut answer) = (0, Vec::new());
        for byte in bytes {
            if self.done {
                break;
            }
            taken += 1;
            // The first byte of all is a zero, for systems that send who they are with it.
            if !std::mem::replace(&mut self.begun, true) && *byte == 0 {
                continue;
            }
            if let Some(line) = push(&mut self.line, *byte)? {
                answer.extend(self.line(&line)?);
            }
        }
        Ok((taken, answer))
    }

    /// Whether messages follow.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        self.done
    }

    fn line(&mut self, line: &str) -> Result<&'static [u8], HandshakeError> {
        match line.split(' ').next().unwrap_or_default() {
            "AUTH" => Ok(b"OK 00000000000000000000000000000000\r\n"),
            "NEGOTIATE_UNIX_FD" => Ok(b"AGREE_UNIX_FD\r\n"),
            "BEGIN" => {
                self.done = true;
                Ok(b"")
            }
            _ if self.mistakes < PATIENCE => {
                self.mistakes += 1;
                Ok(b"ERROR\r\n")
            }
            _ => Err(HandshakeError::Nonsense(shown(line))),
        }
    }
}

/// Puts a byte behind a line; the line when that was its end.
fn push(line: &mut Vec<u8>, byte: u8) -> Result<Option<String>, HandshakeError> {
    if byte != b'\n' {
        line.push(byte);
        if line.len() > LONGEST {
            return Err(HandshakeError::Nonsense(shown(&String::from_utf8_lossy(line))));
        }
        return Ok(None);
    }
    let whole = std::mem::take(line);
    let text = String::from_utf8_lossy(&whole).into_owned();
    match text.strip_suffix('\r') {
        Some(text) => Ok(Some(text.to_owned())),
        None => Err(HandshakeError::Nonsense(shown(&text))),
    }
}

/// As much of a line as a log should hold.
fn shown(line: &str) -> String {
    line.chars().take(60).collect()
}
