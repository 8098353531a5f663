//! vfio-user's stream of messages, and the requests in it.

use porthole_vfio_user::{
    Decoder, Header, IrqData, MAX_DATA, MAX_IRQS, MAX_MESSAGE, MAX_POSTED, Reply, Request, Session,
    Step,
};

use crate::input::Input;

/// The version of a client that says little.
const VERSION: &[u8] = b"\x01\0\x01\0\x17\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0{}\0";

pub(crate) fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let (cut, fds, greeted) = (input.u8(), input.below(10), input.below(4) > 0);
    let head = if greeted { VERSION } else { &[] };
    let stream = [head, input.rest()].concat();
    let whole = decode(&stream, usize::MAX, fds);
    let cut = usize::from(cut % 61).max(1);
    assert_eq!(whole, decode(&stream, cut, fds), "cut into {cut}");
}

/// Requests as text, up to where the stream is lost.
fn decode(stream: &[u8], cut: usize, fds: usize) -> Vec<String> {
    let (mut decoder, mut session) = (Decoder::<u8>::default(), Session::default());
    let mut said = Vec::new();
    let mut rest = stream;
    // Descriptors come with the first byte of what they belong to.
    let mut with_next = fds;
    while !rest.is_empty() {
        let wanted = decoder.wanted();
        assert!(wanted > 0 && wanted <= MAX_MESSAGE as usize);
        let (now, later) = rest.split_at(wanted.min(rest.len()).min(cut));
        rest = later;
        let message =
            match decoder.feed(now, std::iter::repeat_n(0, std::mem::take(&mut with_next))) {
                Ok(None) => continue,
                Ok(Some(message)) => message,
                Err(error) => {
                    said.push(error.to_string());
                    break;
                }
            };
        assert_eq!(message.body.len() + Header::LEN, message.header.size as usize);
        assert!(!decoder.is_inside());
        let (header, count) = (message.header, message.fds.len());
        match session.take(message) {
            Ok(Step::Request(incoming)) => {
                assert!(session.client().is_some(), "no request before the versions");
                assert_eq!(incoming.fds.len(), count);
                bounded(&incoming.request);
                let reply = incoming.ticket.answer(&Reply::Done);
                assert_eq!(reply.is_none(), header.no_reply);
                said.push(format!("{:?}", incoming.request));
            }
            Ok(Step::Reply(reply, refusal)) => {
                let parsed = reply.as_deref().map(Header::parse);
                if let Some(parsed) = parsed {
                    let parsed = parsed.unwrap();
                    assert!(parsed.reply && parsed.id == header.id);
                    // An error has a number: 0 would mean success.
                    assert!(parsed.error.is_none_or(|errno| errno > 0));
                    assert_eq!(parsed.error.is_some(), refusal.is_some());
                }
                said.push(format!("{refusal:?}"));
            }
            Err(error) => {
                said.push(error.to_string());
                break;
            }
        }
    }
    said
}

/// What a device is given is within what it was promised.
fn bounded(request: &Request) {
    match request {
        Request::Read(access) => assert!(access.count <= MAX_DATA),
        Request::Write(access, data) => {
            assert!(access.count <= MAX_DATA && data.len() == access.count as usize);
        }
        Request::WriteMulti(writes) => {
            assert!(writes.len() as u64 <= MAX_POSTED);
            assert!(writes.iter().all(|write| (1..=8).contains(&write.access.count)));
        }
        Request::SetIrqs(set) => {
            assert!(set.start.checked_add(set.count).is_some_and(|end| end <= MAX_IRQS));
            if let IrqData::Some(which) = &set.data {
                assert_eq!(which.len(), set.count as usize);
            }
        }
        Request::DmaMap(map) => {
            assert!(map.size > 0 && map.address.checked_add(map.size - 1).is_some());
            assert!(map.offset.checked_add(map.size).is_some());
        }
        _ => {}
    }
}
