//! vhost-user's stream of messages, and the requests in it.

use porthole_vhost_user::{
    Decoder, MAX_PAYLOAD, MAX_REGIONS, Request, config_change, parse_backend_reply,
};

use crate::input::{Input, pieces};

pub(crate) fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let (cut, fds) = (input.u8(), input.below(10));
    let stream = input.rest();
    let whole = decode(stream, usize::MAX, fds);
    let cut = usize::from(cut % 61).max(1);
    assert_eq!(whole, decode(stream, cut, fds), "cut into {cut}");
    backend_replies(stream, cut);
}

/// Requests as text, up to the first that cannot be.
fn decode(stream: &[u8], cut: usize, fds: usize) -> Vec<String> {
    let mut decoder = Decoder::<u8>::default();
    let mut said = Vec::new();
    let mut rest = stream;
    // Descriptors come with the first byte of what they belong to.
    let mut with_next = fds;
    while !rest.is_empty() {
        let wanted = decoder.wanted();
        assert!(wanted > 0 && wanted <= MAX_PAYLOAD as usize + 12);
        let (now, later) = rest.split_at(wanted.min(rest.len()).min(cut));
        rest = later;
        match decoder.feed(now, std::iter::repeat_n(0, std::mem::take(&mut with_next))) {
            Ok(None) => {}
            Ok(Some(message)) => {
                assert_eq!(message.body.len(), message.header.size as usize);
                assert!(!decoder.is_inside());
                let (number, count) = (message.header.request, message.fds.len());
                let request = Request::parse(number, &message.body, count);
                if let Ok(Request::SetMemTable(regions)) = &request {
                    assert!(regions.len() <= MAX_REGIONS && regions.len() == count);
                }
                said.push(format!("{number} {request:?}"));
            }
            Err(error) => {
                said.push(error.to_string());
                break;
            }
        }
    }
    said
}

/// Answers to requests of ours: nothing is taken that is not there.
fn backend_replies(stream: &[u8], cut: usize) {
    assert_eq!(config_change(true).len(), 12);
    let mut waiting = Vec::new();
    for piece in pieces(stream, u8::try_from(cut % 61).unwrap_or(0)) {
        waiting.extend_from_slice(piece);
        while let Ok(Some((_, used))) = parse_backend_reply(&waiting) {
            assert!(used > 0 && used <= waiting.len());
            waiting.drain(..used);
        }
        if parse_backend_reply(&waiting).is_err() {
            return;
        }
        assert!(waiting.len() <= MAX_PAYLOAD as usize + 12);
    }
}
