//! The first message: versions and capabilities.

use serde_json::{Value, json};
use thiserror::Error;

use crate::{MAX_DATA, MAX_FDS};
use porthole_framing::Bytes;

/// The only major version there is.
const MAJOR: u16 = 0;
/// The newest minor version whose messages are known here.
const MINOR: u16 = 1;
/// Bytes of capabilities that are read.
const LONGEST: usize = 4096;
/// Descriptors a message where a client says nothing.
const DEFAULT_FDS: u64 = 1;

/// What a client is and can do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Version {
    /// Its minor version; the major one is always 0.
    pub minor: u16,
    /// Descriptors that it takes with one message.
    pub max_fds: u64,
    /// Bytes that it takes in one reply.
    pub max_data: u64,
}

/// Why a client cannot be talked to.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum VersionError {
    /// Another protocol.
    #[error("the client speaks vfio-user {0}.{1}, and this device speaks {MAJOR}.{MINOR}")]
    Major(u16, u16),
    /// The message is shorter than its numbers.
    #[error("the client's version is cut short")]
    Short,
    /// The capabilities are no text with an end.
    #[error("the client's capabilities do not end with a zero within {LONGEST} bytes")]
    Unended,
    /// The capabilities are no JSON object.
    #[error("the client's capabilities are no JSON object")]
    Json,
    /// A capability has a value of the wrong kind.
    #[error("the client's capability {0} has a value that makes no sense")]
    Value(&'static str),
}

impl Version {
    /// Reads a client's version.
    ///
    /// # Errors
    /// When this client cannot be talked to.
    pub fn parse(body: &[u8]) -> Result<Self, VersionError> {
        let mut bytes = Bytes::new(body);
        let mut half = || bytes.u16().ok_or(VersionError::Short);
        let (major, minor) = (half()?, half()?);
        if major != MAJOR {
            return Err(VersionError::Major(major, minor));
        }
        let plain = Self { minor, max_fds: DEFAULT_FDS, max_data: u64::from(MAX_DATA) };
        let text = bytes.rest();
        if text.is_empty() {
            return Ok(plain);
        }
        let Some((0, text)) = text.split_last().filter(|_| text.len() <= LONGEST) else {
            return Err(VersionError::Unended);
        };
        let Ok(Value::Object(root)) = serde_json::from_slice(text) else {
            return Err(VersionError::Json);
        };
        let told = match root.get("capabilities") {
            None => return Ok(plain),
            Some(Value::Object(told)) => told,
            Some(_) => return Err(VersionError::Value("capabilities")),
        };
        let number = |name: &'static str, default: u64| match told.get(name) {
            None => Ok(default),
            Some(value) => value.as_u64().ok_or(VersionError::Value(name)),
        };
        Ok(Self {
            minor,
            max_fds: number("max_msg_fds", DEFAULT_FDS)?,
            max_data: number("max_data_xfer_size", u64::from(MAX_DATA))?,
        })
    }

    /// What this side answers: the lower minor version, and what it can do.
    #[must_use]
    pub fn answer(self) -> Vec<u8> {
        let capabilities = json!({ "capabilities": {
            "max_msg_fds": MAX_FDS,
            "max_data_xfer_size": MAX_DATA,
            "write_multiple": true,
        } });
        let mut bytes = MAJOR.to_le_bytes().to_vec();
        bytes.extend(self.minor.min(MINOR).to_le_bytes());
        bytes.extend(capabilities.to_string().into_bytes());
        bytes.push(0);
        bytes
    }
}
