//! What only foreign servers send: encodings that our own server lacks, from encoders of a few lines, and
//! servers that lie, by the kind of lie.

mod hostile;
mod tell;

use porthole_pixel::{Rect, Size};
use proptest::prelude::*;

use self::tell::{Stream, colours, deflated, tight_length};
use super::*;

/// A 16 by 8 picture of the colour 200, 100, 50, made by an encoder elsewhere.
const JPEG: &[u8] = include_bytes!("foreign_tests/one-colour.jpeg");

/// A client behind its handshake, that asked for everything.
fn client(size: Size) -> Client {
    let mut client = Client::new(None, true);
    client.feed(&tell::hello(size));
    let ready = client.next_event().unwrap();
    assert!(matches!(ready, Some(Event::Ready { .. })), "{ready:?}");
    client.set_encodings_with(&tell::ALL, Levels { quality: Some(8), compression: None });
    client.take_output();
    client
}

/// What the client makes of an update in pieces of so many bytes.
fn hear(client: &mut Client, bytes: &[u8], piece: usize) -> Result<Vec<Event>, DecodeError> {
    let mut events = Vec::new();
    for bytes in bytes.chunks(piece) {
        client.feed(bytes);
        while let Some(event) = client.next_event()? {
            events.push(event);
        }
    }
    Ok(events)
}

/// An update of one rectangle.
fn update(rect: Rect, encoding: i32, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, 0, 1];
    for field in [rect.x, rect.y, rect.width, rect.height] {
        bytes.extend(u16::try_from(field).unwrap().to_be_bytes());
    }
    bytes.extend(encoding.to_be_bytes());
    bytes.extend(body);
    bytes
}

fn part() -> impl Strategy<Value = Rect> {
    (0_i32..20, 0_i32..20, 1_i32..80, 1_i32..30).prop_map(|(x, y, w, h)| Rect::new(x, y, w, h))
}

/// Pixels of a few colours or of many.
fn picture(rect: Rect) -> impl Strategy<Value = Vec<u32>> {
    let count = usize::try_from(rect.area()).unwrap();
    prop::collection::vec(0_u32..=0xff_ffff, 1..300).prop_flat_map(move |palette| {
        let index = 0..palette.len();
        prop::collection::vec(index, count)
            .prop_map(move |indices| indices.into_iter().map(|index| palette[index]).collect())
    })
}

/// Holds the picture to what it should be: these pixels there, black elsewhere.
fn shows(client: &Client, rect: Rect, values: &[u32]) -> bool {
    let size = client.picture().size();
    let all = client.picture().values().iter().zip(0_u32..);
    all.fold(true, |same, (value, index)| {
        let at = |n: u32| i32::try_from(n).unwrap();
        let (x, y) = (at(index % size.width), at(index / size.width));
        let inside = rect.contains(x, y);
        let place = (y - rect.y) * rect.width + x - rect.x;
        let wanted = if inside { values[usize::try_from(place).unwrap()] } else { 0 };
        same && *value == wanted
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn every_form_of_tight_rows_is_read(
        (rect, values) in part().prop_flat_map(|rect| (Just(rect), picture(rect))),
        stream in 0_u8..4,
        filter in 0_u8..3,
        piece in prop::sample::select(vec![1_usize, 13, 1 << 20]),
    ) {
        let mut client = client(Size::new(100, 50));
        let mut streams: [Stream; 4] = std::array::from_fn(|_| Stream::new());
        let stream_at = usize::from(stream);
        // Twice, as the stream goes on.
        for _ in 0..2 {
            let body = tell::tight_rows(&mut streams[stream_at], (stream, filter), rect, &values);
            let events = hear(&mut client, &update(rect, 7, &body), piece).unwrap();
            prop_assert_eq!(events.last(), Some(&Event::UpdateDone));
            prop_assert!(shows(&client, rect, &values));
        }
        // And anew, with another one that goes on untouched.
        let mut body = tell::tight_rows(&mut Stream::new(), (stream, 0), rect, &values);
        body[0] |= 1 << stream;
        hear(&mut client, &update(rect, 7, &body), piece).unwrap();
        prop_assert!(shows(&client, rect, &values));
    }

    #[test]
    fn zlib_and_rre_are_read(
        (rect, values) in part().prop_flat_map(|rect| (Just(rect), picture(rect))),
        piece in prop::sample::select(vec![1_usize, 999, 1 << 20]),
    ) {
        let mut zlib = client(Size::new(100, 50));
        let mut stream = Stream::new();
        for _ in 0..2 {
            let plain: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            let data = stream.deflate(&plain);
            let length = u32::try_from(data.len()).unwrap().to_be_bytes();
            hear(&mut zlib, &update(rect, 6, &[&length[..], &data].concat()), piece).unwrap();
            prop_assert!(shows(&zlib, rect, &values));
        }
        let mut rre = client(Size::new(100, 50));
        let body = tell::rre(rect, &values);
        let events = hear(&mut rre, &update(rect, 2, &body), piece.max(999)).unwrap();
        prop_assert_eq!(events[0].clone(), Event::Rect { rect, encoding: Encoding::Rre });
        prop_assert!(shows(&rre, rect, &values));
    }
}

#[test]
fn one_colour_and_jpeg_of_tight() {
    let rect = Rect::new(3, 2, 16, 8);
    let mut client = client(Size::new(40, 20));
    hear(&mut client, &update(rect, 7, &[0x80, 1, 2, 3]), 1).unwrap();
    assert!(shows(&client, rect, &[0x01_0203; 128]));
    let body = [&[0x90][..], &tight_length(JPEG.len()), JPEG].concat();
    hear(&mut client, &update(rect, 7, &body), 100).unwrap();
    for value in client.picture().values().iter().filter(|value| **value != 0) {
        let [blue, green, red, _] = value.to_le_bytes();
        for (seen, made) in [(red, 200_u8), (green, 100), (blue, 50)] {
            assert!(seen.abs_diff(made) <= 2, "{red} {green} {blue}");
        }
    }
    let seen = client.picture().values().iter().filter(|value| **value != 0).count();
    assert_eq!(seen, 128);
}

#[test]
fn cursors_come_in_three_forms() {
    let mut client = client(Size::new(40, 20));
    let rect = Rect::new(1, 0, 2, 1);
    let pixels = [0xff_u32, 0x00ff_0000].map(u32::to_le_bytes).concat();
    let body = [&pixels[..], &[0b1000_0000]].concat();
    let events = hear(&mut client, &update(rect, -239, &body), 1).unwrap();
    let Event::Cursor(cursor) = &events[0] else { panic!("{events:?}") };
    let image = cursor.image(PixelFormat::BGRX);
    assert_eq!((image.hotspot(), image.pixels()), ((1, 0), &[0xff00_00ff, 0][..]));

    let two = [200, 100, 50, 1, 2, 3, 0b0100_0000, 0b1100_0000];
    let events = hear(&mut client, &update(rect, -240, &two), 1).unwrap();
    let Event::CursorImage(image) = &events[0] else { panic!("{events:?}") };
    assert_eq!(image.pixels(), [0xff01_0203, 0xffc8_6432]);

    let alpha = [0, 0, 0, 0, 200, 100, 50, 255, 9, 9, 9, 4];
    let events = hear(&mut client, &update(rect, -314, &alpha), 1).unwrap();
    let Event::CursorImage(image) = &events[0] else { panic!("{events:?}") };
    assert_eq!(image.pixels(), [0xffc8_6432, 0x0404_0404], "no colour above its alpha");

    let none = Rect::new(0, 0, 0, 0);
    let events = hear(&mut client, &update(none, -240, &[]), 1).unwrap();
    assert_eq!(events[0], Event::CursorImage(CursorImage::invisible()));
    let events = hear(&mut client, &update(Rect::new(7, 8, 0, 0), -232, &[]), 1).unwrap();
    assert_eq!(events[0], Event::PointerPlace { x: 7, y: 8 });
}

#[test]
fn fences_are_answered_and_continuous_updates_told() {
    let mut client = client(Size::new(40, 20));
    let request = [248, 0, 0, 0, 0x80, 0, 0, 0xff, 3, b'a', b'b', b'c'];
    assert_eq!(hear(&mut client, &request, 1), Ok(Vec::new()));
    assert_eq!(client.take_output(), [248, 0, 0, 0, 0, 0, 0, 7, 3, b'a', b'b', b'c']);
    let answer = [248, 0, 0, 0, 0, 0, 0, 1, 0];
    assert_eq!(hear(&mut client, &answer, 1), Ok(Vec::new()));
    assert!(client.take_output().is_empty());
    assert_eq!(hear(&mut client, &[150], 1), Ok(vec![Event::ContinuousUpdates]));
    client.set_continuous(true, Rect::new(0, 0, 40, 20));
    assert_eq!(client.take_output(), [150, 1, 0, 0, 0, 0, 0, 40, 0, 20]);
}

#[test]
fn every_version_is_answered_with_one_that_both_speak() {
    let answers = [
        ("003.003", "003.003"),
        ("003.005", "003.003"),
        ("003.007", "003.007"),
        ("003.008", "003.008"),
        ("003.889", "003.008"),
        ("004.001", "003.008"),
        ("005.000", "003.008"),
    ];
    for (server, client_says) in answers {
        let mut client = Client::new(None, true);
        client.feed(format!("RFB {server}\n").as_bytes());
        assert_eq!(client.next_event(), Ok(None), "{server}");
        assert_eq!(client.take_output(), format!("RFB {client_says}\n").as_bytes());
    }
    for wrong in
        ["RFB 002.002\n", "RFB 003.002\n", "RFB 3.8\n\n\n\n\n", "HTTP/1.1 200", "RFB +03.008\n"]
    {
        let mut client = Client::new(None, true);
        client.feed(wrong.as_bytes());
        assert_eq!(client.next_event(), Err(DecodeError::Version), "{wrong}");
    }
}

#[test]
fn names_are_fit_for_a_log() {
    let mut client = Client::new(None, true);
    let mut hello = tell::hello(Size::new(1, 1));
    let at = hello.len() - 1;
    hello[at] = 0xff;
    client.feed(&hello);
    let Ok(Some(Event::Ready { name, .. })) = client.next_event() else { panic!("no name") };
    assert_eq!(name, "\u{fffd}");
    let mut client = client_named(b"\x1b[2J\nx");
    let Ok(Some(Event::Ready { name, .. })) = client.next_event() else { panic!("no name") };
    assert_eq!(name, "\u{fffd}[2J\u{fffd}x");
}

fn client_named(name: &[u8]) -> Client {
    let mut hello = tell::hello(Size::new(1, 1));
    hello.truncate(hello.len() - 5);
    hello.extend(u32::try_from(name.len()).unwrap().to_be_bytes());
    hello.extend(name);
    let mut client = Client::new(None, true);
    client.feed(&hello);
    client
}

#[test]
fn long_clipboards_are_skipped() {
    let mut client = client(Size::new(4, 4));
    let length = u32::try_from(crate::MAX_CUT_TEXT).unwrap() + 1;
    hear(&mut client, &[&[3, 0, 0, 0][..], &length.to_be_bytes()].concat(), 3).unwrap();
    let text = vec![b'x'; length as usize];
    assert_eq!(hear(&mut client, &text, 65536), Ok(Vec::new()));
    assert!(client.input.len() <= 65536);
    assert_eq!(hear(&mut client, &[2], 1), Ok(vec![Event::Bell]));
}

#[test]
fn rows_come_one_by_one_and_are_not_kept() {
    let mut client = client(Size::new(1000, 1000));
    let head = update(Rect::new(0, 0, 1000, 1000), 0, &[]);
    hear(&mut client, &head, 100).unwrap();
    for _ in 0..1000 {
        assert!(client.is_updating());
        hear(&mut client, &[7; 4000], 1500).unwrap();
        assert!(client.input.len() <= 4000, "{}", client.input.len());
    }
    assert!(!client.is_updating());
    assert!(client.picture().values().iter().all(|value| *value == 0x0707_0707));
    assert_eq!(colours(client.picture().values()), 1);
    assert!(deflated(&[1, 2, 3]).len() > 3);
}
