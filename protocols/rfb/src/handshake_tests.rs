use super::*;

/// Feeds one message after another; what the server says after each, and how it ended.
fn talk(security: Security, messages: &[&[u8]]) -> (Vec<Vec<u8>>, Result<Step, ProtocolError>) {
    let mut out = Vec::new();
    let mut handshake = Handshake::new(security, &mut out);
    let mut said = vec![std::mem::take(&mut out)];
    let mut last = Ok(Step::NeedMore);
    for message in messages {
        for cut in 0..message.len() {
            assert_eq!(
                handshake.step(&mut Reader::new(&message[..cut]), &mut out),
                Ok(Step::NeedMore)
            );
        }
        assert!(out.is_empty());
        last = handshake.step(&mut Reader::new(message), &mut out);
        said.push(std::mem::take(&mut out));
    }
    (said, last)
}

fn vnc_auth() -> (Security, [u8; 16]) {
    let challenge = [9; 16];
    let password = Password::new(b"secret");
    let response = vnc_auth_response(&password, challenge);
    (Security::VncAuth { password, challenge }, response)
}

use crate::security::vnc_auth_response;

#[test]
fn none_on_every_version() {
    let hello = b"RFB 003.008\n".to_vec();
    let (said, end) = talk(Security::None, &[b"RFB 003.008\n", &[1], &[1]]);
    assert_eq!(said, [hello.clone(), vec![1, 1], vec![0, 0, 0, 0], vec![]]);
    assert_eq!(end, Ok(Step::Done { shared: true }));
    let (said, end) = talk(Security::None, &[b"RFB 003.007\n", &[1], &[0]]);
    assert_eq!(said, [hello.clone(), vec![1, 1], vec![], vec![]]);
    assert_eq!(end, Ok(Step::Done { shared: false }));
    for old in [b"RFB 003.003\n", b"RFB 003.005\n", b"RFB 003.006\n"] {
        let (said, end) = talk(Security::None, &[old, &[1]]);
        assert_eq!(said, [hello.clone(), vec![0, 0, 0, 1], vec![]]);
        assert_eq!(end, Ok(Step::Done { shared: true }));
    }
}

#[test]
fn newer_versions_mean_3_8_and_others_are_refused() {
    for new in [b"RFB 003.889\n", b"RFB 004.001\n", b"RFB 005.000\n"] {
        assert_eq!(parse_version(*new), Ok(Version::V3_8));
    }
    for bad in [b"RFB 003.002\n", b"RFB 000.000\n", b"GET / HTTP/1", b"RFB 0x3.008\n"] {
        let (said, end) = talk(Security::None, &[bad]);
        assert!(matches!(end, Err(ProtocolError::Version(_))));
        assert_eq!(said[1][..5], [0, 0, 0, 0, 39]);
        assert_eq!(said[1].len(), 44);
    }
}

#[test]
fn vnc_auth_on_every_version() {
    let (security, response) = vnc_auth();
    let (said, end) = talk(security.clone(), &[b"RFB 003.008\n", &[2], &response, &[1]]);
    assert_eq!(said[1..], [vec![1, 2], vec![9; 16], vec![0; 4], vec![]]);
    assert_eq!(end, Ok(Step::Done { shared: true }));
    let (said, end) = talk(security, &[b"RFB 003.003\n", &response, &[0]]);
    assert_eq!(said[1], [&[0, 0, 0, 2][..], &[9; 16]].concat());
    assert_eq!(said[2..], [vec![0; 4], vec![]]);
    assert_eq!(end, Ok(Step::Done { shared: false }));
}

#[test]
fn a_wrong_password_fails_with_reason_on_3_8_only() {
    let (security, mut response) = vnc_auth();
    response[15] ^= 1;
    let (said, end) = talk(security.clone(), &[b"RFB 003.008\n", &[2], &response]);
    assert_eq!(said[3], [&[0, 0, 0, 1, 0, 0, 0, 14][..], b"wrong password"].concat());
    assert_eq!(end, Err(ProtocolError::AuthenticationFailed));
    let (said, end) = talk(security, &[b"RFB 003.007\n", &[2], &response]);
    assert_eq!(said[3], [0, 0, 0, 1]);
    assert_eq!(end, Err(ProtocolError::AuthenticationFailed));
}

#[test]
fn a_type_that_was_not_offered_is_refused() {
    let (security, _) = vnc_auth();
    // None must not be a way around the password.
    let (said, end) = talk(security, &[b"RFB 003.008\n", &[1]]);
    assert_eq!(said[2][..4], [0, 0, 0, 1]);
    assert_eq!(end, Err(ProtocolError::SecurityType(1)));
}
