use proptest::prelude::*;

use super::*;

const OBJECT: &str = "/org/qemu/Display1/Listener";
const INTERFACE: &str = "org.qemu.Display1.Listener";

fn call(body: &Writer) -> Vec<u8> {
    let (path, interface) = (OBJECT, INTERFACE);
    let call = Call { destination: None, path, interface, member: "Update", descriptors: 0 };
    call.bytes(7, body)
}

fn inbox(bytes: &[u8]) -> Inbox {
    let mut inbox = Inbox::new(1 << 20);
    inbox.put(bytes).unwrap();
    inbox
}

#[test]
fn arguments_come_out_as_they_went_in() {
    let body = Writer::new()
        .i32(-5)
        .u16(9)
        .u64(1 << 40)
        .bool(true)
        .f64(0.25)
        .text("naïve")
        .byte_array(&[1, 2, 3])
        .u32s(&[4, 5])
        .texts(&["a", "", "ccc"]);
    let mut inbox = inbox(&call(&body));
    let message = inbox.pop().unwrap().unwrap();
    assert_eq!((message.kind, message.serial, message.member), (Kind::Call, 7, "Update"));
    assert_eq!((message.path, message.interface), (OBJECT, INTERFACE));
    assert!(message.wants_reply);
    let mut reader = message.arguments("iqtbdsayauas").unwrap();
    assert_eq!(reader.i32(), Ok(-5));
    assert_eq!(reader.u16(), Ok(9));
    assert_eq!(reader.u64(), Ok(1 << 40));
    assert_eq!(reader.bool(), Ok(true));
    assert_eq!(reader.f64(), Ok(0.25));
    assert_eq!(reader.text(), Ok("naïve"));
    assert_eq!(reader.bytes(), Ok(&[1, 2, 3][..]));
    assert_eq!(reader.u32s(), Ok(vec![4, 5]));
    assert_eq!(reader.texts(), Ok(vec!["a", "", "ccc"]));
    assert!(reader.is_empty());
    let wrong = message.arguments("u").unwrap_err();
    assert!(matches!(wrong, Malformed::Arguments { wanted: "u", .. }), "{wrong}");
    assert!(inbox.pop().unwrap().is_none());
}

#[test]
fn properties_of_any_type_are_read_or_passed_over() {
    let list = vec![
        ("Label", Writer::new().text("VGA")),
        ("Odd", Writer::new().f64(1.0)),
        ("ConsoleIDs", Writer::new().u32s(&[0, 1])),
        ("On", Writer::new().bool(true)),
        ("Bytes", Writer::new().byte_array(&[1, 2, 3])),
        ("Last", Writer::new().u32(3)),
    ];
    let reply = Reply { destination: Some(":1.5"), to: 4 };
    let mut inbox = inbox(&reply.bytes(9, &Writer::new().properties(list)));
    let message = inbox.pop().unwrap().unwrap();
    assert_eq!((message.kind, message.reply_to), (Kind::Reply, 4));
    let mut read = Vec::new();
    message.arguments("a{sv}").unwrap().properties(|name, value| read.push((name, value))).unwrap();
    assert_eq!(
        read,
        [
            ("Label", Value::Text("VGA")),
            ("Odd", Value::Other),
            ("ConsoleIDs", Value::U32s(vec![0, 1])),
            ("On", Value::Bool(true)),
            ("Bytes", Value::Other),
            ("Last", Value::U32(3)),
        ]
    );
}

/// A message as another implementation writes it, byte for byte: GDBus, big-endian.
#[test]
fn the_other_byte_order_is_read_too() {
    #[rustfmt::skip]
    let bytes = [
        b'B', 1, 0, 1, 0, 0, 0, 8, 0, 0, 0, 2, 0, 0, 0, 37,
        1, 1, b'o', 0, 0, 0, 0, 2, b'/', b'a', 0, 0, 0, 0, 0, 0,
        3, 1, b's', 0, 0, 0, 0, 1, b'M', 0, 0, 0, 0, 0, 0, 0,
        8, 1, b'g', 0, 0, 0, 0, 0,
    ];
    // The signature's field is cut here so that its length says "one byte, u".
    let mut bytes = bytes.to_vec();
    bytes.truncate(48);
    bytes.extend([8, 1, b'g', 0, 2, b'u', b'i', 0, 0, 0, 1, 2, 0xff, 0xff, 0xff, 0xfe]);
    bytes[15] = 40;
    let mut inbox = inbox(&bytes);
    let message = inbox.pop().unwrap().unwrap();
    let mut reader = message.arguments("ui").unwrap();
    assert_eq!((reader.u32(), reader.i32()), (Ok(0x102), Ok(-2)));
}

#[test]
fn a_message_that_is_too_large_is_refused_by_its_first_bytes() {
    let whole = call(&Writer::new().byte_array(&[0; 2000]));
    let mut inbox = Inbox::new(1000);
    let refused = inbox.put(&whole).and_then(|()| inbox.pop().map(|_| ()));
    assert_eq!(refused, Err(Malformed::TooLarge { bytes: 2004, most: 1000 }));
    let mut inbox = Inbox::new(1000);
    inbox.put(&whole[..16]).unwrap();
    inbox.space().unwrap_err();
}

#[test]
fn memory_follows_what_came_not_what_was_said() {
    let mut whole = call(&Writer::new().byte_array(&[0; 16]));
    whole[4..8].copy_from_slice(&(100_u32 << 20).to_le_bytes());
    let mut inbox = Inbox::new(128 << 20);
    inbox.put(&whole).unwrap();
    assert!(inbox.space().unwrap().len() <= 64 << 10);
    assert!(inbox.pop().unwrap().is_none());
}

#[test]
fn hands_are_shaken() {
    let (mut client, first) = Handshake::new(1000);
    assert_eq!(first, b"\0AUTH EXTERNAL 31303030\r\n");
    let mut server = Welcome::default();
    let mut said = first;
    for _ in 0..3 {
        let (taken, answer) = server.take(&said).unwrap();
        assert_eq!(taken, said.len());
        let (taken, next) = client.take(&answer).unwrap();
        assert_eq!(taken, answer.len());
        said = next;
    }
    assert!(client.is_done() && server.is_done());
    // What follows is not theirs.
    assert_eq!(client.take(b"l").unwrap().0, 0);
}

#[test]
fn a_server_that_says_something_else_is_refused() {
    let said = |text: &[u8]| Handshake::new(0).0.take(text).unwrap_err();
    assert_eq!(said(b"REJECTED EXTERNAL\r\n"), HandshakeError::Rejected);
    for text in [&b"\n"[..], b"OK\n", b"220 smtp ready\r\n", &[b'x'; 600], b"\xff\xff\r\n"] {
        assert!(matches!(said(text), HandshakeError::Nonsense(_)), "{text:?}");
    }
    let said = Handshake::new(0).0.take(b"OK 1\r\nERROR\r\n").unwrap_err();
    assert_eq!(said, HandshakeError::NoDescriptors);
}

fn drain(inbox: &mut Inbox) -> usize {
    let mut count = 0;
    while let Ok(Some(message)) = inbox.pop() {
        count += 1;
        let _ = message.words();
        for wanted in ["uuuuay", "a{sv}", "iiii", "sa{sv}as"] {
            if let Ok(mut reader) = message.arguments(wanted) {
                let _ = reader.properties(|_, _| {});
                let _ = reader.bytes();
            }
        }
    }
    count
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let mut inbox = Inbox::new(1 << 16);
        if inbox.put(&bytes).is_ok() {
            drain(&mut inbox);
        }
    }

    #[test]
    fn a_broken_message_is_read_or_refused(
        at in 0..200_usize,
        value in any::<u8>(),
        cut in 1..60_usize,
    ) {
        let body = Writer::new().properties(vec![
            ("IsAbsolute", Writer::new().bool(true)),
            ("Interfaces", Writer::new().texts(&["a", "b"])),
        ]);
        let mut bytes = call(&body);
        if let Some(byte) = bytes.get_mut(at) {
            *byte = value;
        }
        let mut inbox = Inbox::new(1 << 16);
        // In pieces, as a socket gives them.
        for piece in bytes.chunks(cut) {
            if inbox.put(piece).is_err() {
                return Ok(());
            }
            drain(&mut inbox);
        }
    }
}

#[test]
fn a_message_that_is_too_large_is_passed_over_where_that_is_wanted() {
    let large = Reply { destination: None, to: 5 };
    let large = large.bytes(7, &Writer::new().text("a").byte_array(&vec![1; 300_000]));
    let mut stream = large;
    stream.extend(call(&Writer::new().u32(9)));
    let mut inbox = Inbox::new(1000).cutting();
    let mut heard = Vec::new();
    for bytes in stream.chunks(7000) {
        inbox.put(bytes).unwrap();
        while let Some(message) = inbox.pop().unwrap() {
            heard.push((message.kind, message.cut, message.reply_to, message.signature.to_owned()));
        }
        assert!(inbox.len() <= 7000, "{}", inbox.len());
    }
    assert_eq!(
        heard,
        [(Kind::Reply, true, 5, String::new()), (Kind::Call, false, 0, "u".to_owned())]
    );
    let mut whole = call(&Writer::new().u32(9));
    whole[4..8].copy_from_slice(&(u32::try_from(MAX_MESSAGE).unwrap() + 1).to_le_bytes());
    let mut inbox = Inbox::new(1000).cutting();
    inbox.put(&whole).and_then(|()| inbox.pop().map(drop)).unwrap_err();
}
