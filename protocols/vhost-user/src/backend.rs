//! Requests that the back-end sends to the front-end, on a socket of their own.

use crate::header::{Header, HeaderError};
use porthole_framing::Bytes;

const CONFIG_CHANGE: u32 = 2;

/// "The config space has changed" (`VHOST_USER_BACKEND_CONFIG_CHANGE_MSG`): the front-end
/// reads it again and interrupts the guest. `need_reply` asks for the front-end's verdict and
/// may be set only when `REPLY_ACK` was agreed on.
#[must_use]
pub fn config_change(need_reply: bool) -> [u8; Header::LEN] {
    let header = Header { request: CONFIG_CHANGE, reply: false, need_reply, size: 0 };
    header.to_bytes()
}

/// What the front-end answered to a request of ours.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BackendReply {
    /// It was the answer to [`config_change`].
    pub config_change: bool,
    /// The front-end did what was asked.
    pub accepted: bool,
}

/// Bytes of one answer: a header and a 64-bit code.
const REPLY_LEN: usize = Header::LEN + 8;

/// Takes one answer off the front of what came on the back-end request socket.
/// `Ok(None)` asks for more bytes; otherwise the number is the bytes that were used.
///
/// # Errors
/// When the bytes are no header; the socket is of no use any more.
pub fn parse_backend_reply(bytes: &[u8]) -> Result<Option<(BackendReply, usize)>, HeaderError> {
    if bytes.len() < Header::LEN {
        return Ok(None);
    }
    let header = Header::parse(bytes)?;
    if header.size != 8 {
        return Err(HeaderError::TooLong(header.size));
    }
    let Some(payload) = bytes.get(Header::LEN..REPLY_LEN) else {
        return Ok(None);
    };
    let reply = BackendReply {
        config_change: header.request == CONFIG_CHANGE,
        accepted: Bytes::new(payload).u64() == Some(0),
    };
    Ok(Some((reply, REPLY_LEN)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_config_change() {
        assert_eq!(config_change(false), [2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(config_change(true), [2, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn replies() {
        let mut bytes = vec![2, 0, 0, 0, 5, 0, 0, 0, 8, 0, 0, 0];
        assert_eq!(parse_backend_reply(&bytes), Ok(None));
        bytes.extend_from_slice(&[0; 8]);
        let (reply, used) = parse_backend_reply(&bytes).unwrap().unwrap();
        assert!(reply.accepted && reply.config_change);
        assert_eq!(used, 20);
        bytes[12] = 1;
        let (reply, _) = parse_backend_reply(&bytes).unwrap().unwrap();
        assert!(!reply.accepted);
        bytes[8] = 9;
        parse_backend_reply(&bytes).unwrap_err();
    }
}
