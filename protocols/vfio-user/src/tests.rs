//! Messages as a client sends them, and as one that breaks every rule does.

use proptest::prelude::*;

use super::*;

fn message(id: u16, command: u16, flags: u32, body: &[u8]) -> Vec<u8> {
    let size = u32::try_from(16 + body.len()).unwrap();
    let mut bytes = [id.to_le_bytes(), command.to_le_bytes()].concat();
    bytes.extend([size, flags, 0].map(u32::to_le_bytes).concat());
    bytes.extend(body);
    bytes
}

fn version(text: &str) -> Vec<u8> {
    let mut body = vec![0, 0, 1, 0];
    body.extend(text.as_bytes());
    body.push(0);
    message(1, 1, 0, &body)
}

/// A client whose stream comes in pieces of a size; what it hears, and why it was cut off.
struct Peer {
    decoder: Decoder<()>,
    session: Session,
    heard: Vec<Vec<u8>>,
    asked: Vec<Request>,
}

impl Peer {
    fn new() -> Self {
        let (decoder, session) = (Decoder::default(), Session::default());
        Self { decoder, session, heard: Vec::new(), asked: Vec::new() }
    }

    fn greeted() -> Self {
        let mut peer = Self::new();
        peer.send(&version("{\"capabilities\":{\"max_msg_fds\":16}}"), 4096).unwrap();
        assert_eq!(peer.session.client().unwrap().max_fds, 16);
        peer.heard.clear();
        peer
    }

    fn send(&mut self, stream: &[u8], piece: usize) -> Result<(), SessionError> {
        let mut rest = stream;
        while !rest.is_empty() {
            let take = self.decoder.wanted().min(rest.len()).min(piece);
            let (now, later) = rest.split_at(take);
            rest = later;
            let Some(message) = self.decoder.feed(now, [])? else { continue };
            match self.session.take(message)? {
                Step::Request(Incoming { ticket, request, .. }) => {
                    self.asked.push(request);
                    self.heard.extend(ticket.answer(&Reply::Done));
                }
                Step::Reply(reply, _) => self.heard.extend(reply),
            }
        }
        Ok(())
    }

    /// Sends one message and tells the error that it was answered with.
    fn error(&mut self, command: u16, body: &[u8]) -> Option<u32> {
        self.send(&message(9, command, 0, body), 4096).unwrap();
        let reply = self.heard.pop().unwrap();
        let header = Header::parse(&reply).unwrap();
        assert_eq!((header.id, header.command, header.reply), (9, command, true));
        header.error
    }
}

#[test]
fn versions_are_agreed_on_first() {
    let mut peer = Peer::new();
    peer.send(&version("{\"capabilities\":{}}"), 4096).unwrap();
    let reply = peer.heard.pop().unwrap();
    assert_eq!(reply[..4], [1, 0, 1, 0]);
    assert_eq!(reply[16..20], [0, 0, 1, 0]);
    assert_eq!(reply.last(), Some(&0));
    let text = std::str::from_utf8(&reply[20..reply.len() - 1]).unwrap();
    assert!(text.contains("\"max_msg_fds\":8"), "{text}");
    // A second one is no request.
    assert_eq!(peer.error(1, &[0, 0, 1, 0]), Some(95));
    let early = Peer::new().send(&message(1, 13, 0, &[]), 4096);
    assert_eq!(early, Err(SessionError::NoVersion(13)));
    let mut other = version("{}");
    other[16] = 1;
    let error = Peer::new().send(&other, 4096).unwrap_err();
    assert_eq!(error, SessionError::Version(VersionError::Major(1, 1)));
    assert_eq!(error.to_string(), "the client speaks vfio-user 1.1, and this device speaks 0.1");
}

/// The crate `vfio_user` 0.1.7 panics on a version whose text has no end.
#[test]
fn a_version_without_an_end_is_refused() {
    let error = Peer::new().send(&message(1, 1, 0, b"\0\0\x01\0{}"), 4096).unwrap_err();
    assert_eq!(error, SessionError::Version(VersionError::Unended));
    let long = format!("{}\0", " ".repeat(5000));
    let body = [b"\0\0\x01\0", long.as_bytes()].concat();
    let error = Peer::new().send(&message(1, 1, 0, &body), 4096).unwrap_err();
    assert_eq!(error, SessionError::Version(VersionError::Unended));
    let bottomless = version(&"[".repeat(4000));
    let error = Peer::new().send(&bottomless, 4096).unwrap_err();
    assert_eq!(error, SessionError::Version(VersionError::Json));
    let error = Peer::new().send(&version("{\"capabilities\":{\"max_msg_fds\":-1}}"), 4096);
    assert_eq!(error, Err(SessionError::Version(VersionError::Value("max_msg_fds"))));
}

/// The crate subtracts the header's length from a size that is smaller, and panics.
#[test]
fn a_message_shorter_than_its_header_ends_the_stream() {
    for size in [0_u32, 4, 15] {
        let mut bytes = message(1, 1, 0, &[0, 0, 1, 0]);
        bytes[4..8].copy_from_slice(&size.to_le_bytes());
        let error = Peer::new().send(&bytes, 4096).unwrap_err();
        let reason = DecodeError::Header(HeaderError::TooShort(size));
        assert_eq!(error, SessionError::Stream(reason));
    }
    let short = Peer::new().send(&message(1, 1, 0, &[0, 0]), 4096).unwrap_err();
    assert_eq!(short, SessionError::Version(VersionError::Short));
}

/// The crate takes a header that comes in two pieces for a whole one, and panics.
#[test]
fn a_header_may_come_in_pieces() {
    for piece in 1..40 {
        let mut peer = Peer::new();
        let mut stream = version("{\"capabilities\":{}}");
        stream.extend(message(2, 13, 0, &[]));
        peer.send(&stream, piece).unwrap();
        assert_eq!((peer.heard.len(), &peer.asked[..]), (2, &[Request::Reset][..]));
    }
}

/// The crate allocates what a read names, 2 GiB too.
#[test]
fn a_read_of_more_than_was_agreed_on_is_refused() {
    let mut peer = Peer::greeted();
    let read = |count: u32| [&[0; 8][..], &0_u32.to_le_bytes(), &count.to_le_bytes()].concat();
    for count in [MAX_DATA + 1, 0x7fff_ffff, u32::MAX] {
        assert_eq!(peer.error(9, &read(count)), Some(22));
    }
    assert_eq!(peer.error(9, &read(MAX_DATA)), None);
    assert_eq!(peer.asked, [Request::Read(Access { region: 0, offset: 0, count: MAX_DATA })]);
}

/// The crate answers an unsupported command before it has read its body, and takes the body for the
/// next header; its error has the number 0, which means success to QEMU.
#[test]
fn a_refused_command_does_not_lose_the_stream() {
    let mut peer = Peer::greeted();
    for command in [6, 11, 12, 14, 16, 999] {
        assert_eq!(peer.error(command, &[0; 48]), Some(95), "{command}");
    }
    assert_eq!(peer.error(4, &[16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), None);
    assert_eq!(peer.asked, [Request::DeviceInfo]);
    assert!(peer.heard.is_empty() && !peer.decoder.is_inside());
}

#[test]
fn bodies_of_the_wrong_length_are_refused() {
    let mut peer = Peer::greeted();
    let right: [(u16, usize); 6] = [(2, 32), (3, 24), (4, 16), (7, 16), (9, 16), (13, 0)];
    for (command, len) in right {
        for wrong in (0..len + 9).filter(|wrong| *wrong != len) {
            assert_eq!(peer.error(command, &vec![0; wrong]), Some(22), "{command} {wrong}");
        }
    }
    // A write has as much data as it says, a list as many writes.
    let write = |count: u32| [&[0; 12][..], &count.to_le_bytes(), &[7; 4]].concat();
    assert_eq!(peer.error(10, &write(4)), None);
    assert_eq!(peer.error(10, &write(5)), Some(22));
    let list = |count: u64| [&count.to_le_bytes()[..], &[0; 12], &[1, 0, 0, 0], &[7; 8]].concat();
    assert_eq!(peer.error(15, &list(1)), None);
    assert_eq!(peer.error(15, &list(2)), Some(22));
    assert_eq!(peer.error(15, &list(u64::MAX)), Some(22));
    let Some(Request::WriteMulti(writes)) = peer.asked.last() else { panic!("no list") };
    assert_eq!(writes.len(), 1);
    // A range of memory must have a last byte.
    let map = |numbers: [u64; 3]| {
        [&[32, 0, 0, 0, 3, 0, 0, 0][..], &numbers.map(u64::to_le_bytes).concat()].concat()
    };
    assert_eq!(peer.error(2, &map([0, 0x1000, 0])), Some(22));
    assert_eq!(peer.error(2, &map([0, u64::MAX, 2])), Some(22));
    assert_eq!(peer.error(2, &map([u64::MAX, 0, 1])), Some(22));
    assert_eq!(peer.error(2, &map([0, u64::MAX, 1])), None);
}

#[test]
fn interrupts_are_bounded() {
    let set =
        |words: [u32; 5], data: &[u8]| [&words.map(u32::to_le_bytes).concat()[..], data].concat();
    let parse = |body: &[u8], fds| Request::parse(8, body, fds);
    let events = set([20, 0x24, 2, 0, 3], &[]);
    let Ok(Request::SetIrqs(irqs)) = parse(&events, 3) else { panic!("refused") };
    assert_eq!((irqs.action, &irqs.data), (IrqAction::Trigger, &IrqData::Events));
    parse(&events, 0).unwrap();
    assert_eq!(parse(&events, 2), Err(Refusal::Fds(Command::SetIrqs)));
    let many = set([20, 0x21, 2, u32::MAX, 2], &[]);
    assert_eq!(parse(&many, 0), Err(Refusal::TooMuch(Command::SetIrqs)));
    let bools = set([20, 0x22, 2, 0, 2], &[1, 0]);
    let Ok(Request::SetIrqs(irqs)) = parse(&bools, 0) else { panic!("refused") };
    assert_eq!(irqs.data, IrqData::Some(vec![true, false]));
    for flags in [0, 0x20, 0x23, 0x27, 0x39, 0x41] {
        let body = set([20, flags, 2, 0, 0], &[]);
        assert_eq!(parse(&body, 0), Err(Refusal::Form(Command::SetIrqs)), "{flags:#x}");
    }
}

#[test]
fn who_wants_no_reply_gets_none() {
    let mut peer = Peer::greeted();
    peer.send(&message(3, 13, 0x10, &[]), 4096).unwrap();
    peer.send(&message(3, 14, 0x10, &[]), 4096).unwrap();
    peer.send(&message(3, 13, 1, &[]), 4096).unwrap();
    assert_eq!((peer.heard.len(), peer.asked.len()), (0, 1));
}

#[test]
fn a_region_is_told_as_the_kernel_does() {
    let areas = vec![Area { offset: 0x1000, size: 0x2000 }];
    let info = RegionInfo { index: 2, flags: 7, size: 0x4000, offset: 0, areas };
    let short = Reply::Region(info.clone(), 32);
    assert!(short.is_cut());
    let bytes = short.to_bytes(1, 5);
    // So much room is needed, and there is more.
    assert_eq!((bytes.len(), &bytes[16..24]), (48, &[64, 0, 0, 0, 7, 0, 0, 0][..]));
    let whole = Reply::Region(info, 64);
    assert!(!whole.is_cut());
    let bytes = whole.to_bytes(1, 5);
    assert_eq!(bytes.len(), 80);
    assert_eq!(bytes[28..32], [32, 0, 0, 0]);
    assert_eq!(bytes[48..64], [1, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(bytes[65], 0x10);
}

#[test]
fn headers_round_trip() {
    for (number, command) in Command::ALL {
        assert_eq!(Command::from_number(number), Some(command));
    }
    let header =
        Header { id: 7, command: 9, size: 40, reply: true, no_reply: true, error: Some(22) };
    assert_eq!(Header::parse(&header.to_bytes()), Ok(header));
    let mut bytes = header.to_bytes();
    bytes[8] = 2;
    assert_eq!(Header::parse(&bytes), Err(HeaderError::Kind(2)));
    bytes[4..8].copy_from_slice(&(MAX_MESSAGE + 1).to_le_bytes());
    assert_eq!(Header::parse(&bytes), Err(HeaderError::TooLong(MAX_MESSAGE + 1)));
}

proptest! {
    /// The same requests and replies, however the stream is cut.
    #[test]
    fn any_stream_is_read_the_same_in_any_pieces(
        messages in prop::collection::vec((any::<u16>(), 0_u16..18, any::<Vec<u8>>()), 0..8),
        tail: Vec<u8>,
        piece in 1_usize..64,
    ) {
        let mut stream = version("{}");
        for (id, command, body) in &messages {
            stream.extend(message(*id, *command, 0, body));
        }
        stream.extend(tail);
        let (mut whole, mut cut) = (Peer::new(), Peer::new());
        let (first, second) = (whole.send(&stream, usize::MAX), cut.send(&stream, piece));
        prop_assert_eq!(first, second);
        prop_assert_eq!(&whole.asked, &cut.asked);
        prop_assert_eq!(&whole.heard, &cut.heard);
        prop_assert!(whole.heard.len() > messages.len());
    }
}
