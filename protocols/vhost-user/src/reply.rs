//! Replies of the back-end.

use crate::header::Header;
use crate::payload::{ConfigSpan, VringState};
use crate::request::RequestCode;

/// A reply to a request that has one of its own.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reply {
    /// One 64-bit number: features, queue count, memory slots, status.
    Number(u64),
    /// A ring's index and its base (`GET_VRING_BASE`).
    Vring(VringState),
    /// Bytes of config space; as many as the span says, or none when it is refused.
    Config(ConfigSpan, Vec<u8>),
    /// No in-flight buffer (`GET_INFLIGHT_FD`): its size is zero and no descriptor comes along.
    NoInflight,
}

impl Reply {
    /// The whole message: header and payload.
    #[must_use]
    pub fn to_bytes(&self, code: RequestCode) -> Vec<u8> {
        match self {
            Self::Number(number) => message(code as u32, &number.to_le_bytes()),
            Self::Vring(state) => {
                let mut payload = state.index.to_le_bytes().to_vec();
                payload.extend_from_slice(&state.value.to_le_bytes());
                message(code as u32, &payload)
            }
            // A reply without payload tells the front-end that the read failed.
            Self::Config(_, bytes) if bytes.is_empty() => message(code as u32, &[]),
            Self::Config(span, bytes) => {
                let mut payload = span.to_bytes().to_vec();
                payload.extend_from_slice(bytes);
                message(code as u32, &payload)
            }
            Self::NoInflight => message(code as u32, &[0; 24]),
        }
    }
}

/// The acknowledgement of a request that the front-end marked with `need_reply`:
/// 0 for success, 1 for failure. `request` is the number as it came, known or not.
#[must_use]
pub fn acknowledge(request: u32, success: bool) -> Vec<u8> {
    let code: u64 = if success { 0 } else { 1 };
    message(request, &code.to_le_bytes())
}

fn message(request: u32, payload: &[u8]) -> Vec<u8> {
    // Payloads made in this file are shorter than 300 bytes.
    let size = u32::try_from(payload.len()).unwrap_or(0);
    let header = Header { request, reply: true, need_reply: false, size };
    let mut bytes = header.to_bytes().to_vec();
    bytes.extend_from_slice(payload);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_number() {
        assert_eq!(
            Reply::Number(0x0102).to_bytes(RequestCode::GetFeatures),
            [1, 0, 0, 0, 5, 0, 0, 0, 8, 0, 0, 0, 2, 1, 0, 0, 0, 0, 0, 0]
        );
    }

    #[test]
    fn golden_vring_base() {
        let state = VringState { index: 1, value: 7 };
        assert_eq!(
            Reply::Vring(state).to_bytes(RequestCode::GetVringBase),
            [11, 0, 0, 0, 5, 0, 0, 0, 8, 0, 0, 0, 1, 0, 0, 0, 7, 0, 0, 0]
        );
    }

    #[test]
    fn golden_config() {
        let span = ConfigSpan { offset: 8, size: 4, flags: 0 };
        assert_eq!(
            Reply::Config(span, vec![1, 0, 0, 0]).to_bytes(RequestCode::GetConfig),
            [24, 0, 0, 0, 5, 0, 0, 0, 16, 0, 0, 0, 8, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0]
        );
        assert_eq!(
            Reply::Config(span, vec![]).to_bytes(RequestCode::GetConfig),
            [24, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0]
        );
    }

    #[test]
    fn golden_acknowledgement() {
        let bytes = acknowledge(99, false);
        assert_eq!(bytes[..12], [99, 0, 0, 0, 5, 0, 0, 0, 8, 0, 0, 0]);
        assert_eq!(bytes[12..], 1u64.to_le_bytes());
        assert_eq!(acknowledge(99, true)[12..], 0u64.to_le_bytes());
    }
}
