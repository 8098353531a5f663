//! Servers that lie, by the kind of lie.

use super::*;

/// What the client says to an update of one rectangle.
fn refused(rect: Rect, encoding: i32, body: &[u8]) -> DecodeError {
    let mut client = client(Size::new(64, 64));
    let error = hear(&mut client, &update(rect, encoding, body), 7).unwrap_err();
    // And it hears no more.
    client.feed(&[2]);
    assert_eq!(client.next_event(), Ok(None));
    error
}

/// What it keeps of a rectangle that does not end: bytes in waiting.
fn waiting(rect: Rect, encoding: i32, body: &[u8]) -> usize {
    let mut client = client(Size::new(64, 64));
    hear(&mut client, &update(rect, encoding, body), 7).unwrap();
    client.input.capacity()
}

const WHOLE: Rect = Rect::new(0, 0, 64, 64);

#[test]
fn rectangles_outside() {
    let outside = [
        Rect::new(0, 0, 65, 1),
        Rect::new(64, 0, 1, 1),
        Rect::new(0, 1, 64, 64),
        Rect::new(65535, 65535, 65535, 65535),
    ];
    for rect in outside {
        for encoding in [0, 1, 2, 5, 6, 7, 16] {
            assert_eq!(refused(rect, encoding, &[0; 64]), DecodeError::Outside(rect));
        }
    }
    let from = Rect::new(60, 60, 8, 8);
    let body = [60_u16, 60].map(u16::to_be_bytes).concat();
    assert_eq!(refused(Rect::new(0, 0, 8, 8), 1, &body), DecodeError::Outside(from));
    // A part of RRE outside of its rectangle, though inside of the picture.
    let part = [8_u16, 0, 1, 1].map(u16::to_be_bytes).concat();
    let body = [&1_u32.to_be_bytes()[..], &[0; 4], &[9; 4], &part].concat();
    let error = refused(Rect::new(0, 0, 8, 8), 2, &body);
    assert_eq!(error, DecodeError::Outside(Rect::new(8, 0, 1, 1)));
}

#[test]
fn deflate_bombs_and_streams_that_are_none() {
    let bomb = deflated(&vec![0; 1 << 20]);
    let length = u32::try_from(bomb.len()).unwrap().to_be_bytes();
    for encoding in [6, 16] {
        let error = refused(WHOLE, encoding, &[&length[..], &bomb].concat());
        assert!(matches!(error, DecodeError::Deflate(_) | DecodeError::Tile(_)), "{error}");
        let error = refused(WHOLE, encoding, &[&[0, 0, 0, 9][..], &[0x55; 9]].concat());
        assert!(matches!(error, DecodeError::Deflate(_)), "{error}");
    }
    let body = [&[0][..], &tight_length(bomb.len()), &bomb].concat();
    assert!(matches!(refused(WHOLE, 7, &body), DecodeError::Deflate(_)));
    // Too little is as bad as too much.
    let little = deflated(&[1; 100]);
    let body = [&[0][..], &tight_length(little.len()), &little].concat();
    assert!(matches!(refused(WHOLE, 7, &body), DecodeError::Deflate(_)));
}

#[test]
fn lengths_that_no_rectangle_needs() {
    for length in [u32::MAX, 1 << 31, 64 << 20, 1 << 20] {
        for (encoding, what) in [(6, "a Zlib rectangle"), (16, "a ZRLE rectangle")] {
            let error = refused(WHOLE, encoding, &length.to_be_bytes());
            assert_eq!(error, DecodeError::TooLong(what, length));
        }
        let error = refused(WHOLE, 2, &length.to_be_bytes());
        assert_eq!(error, DecodeError::TooLong("an RRE rectangle", length));
    }
    // The longest that Tight can say is a few megabytes, and costs none of them before they are here.
    assert!(waiting(WHOLE, 7, &[0x00, 0xff, 0xff, 0xff, 1, 2]) < 4096);
    let mut client = client(Size::new(64, 64));
    let error = hear(&mut client, &[3, 0, 0, 0, 0xff, 0xff, 0xff, 0xfc], 3);
    assert_eq!(error, Err(DecodeError::TooLong("cut text", u32::MAX - 3)));
    let fence = [&[248, 0, 0, 0, 0x80, 0, 0, 0, 65][..], &[0; 65]].concat();
    let mut client = self::client(Size::new(64, 64));
    assert_eq!(hear(&mut client, &fence, 3), Err(DecodeError::TooLong("a fence", 65)));
}

#[test]
fn names_and_reasons_without_an_end() {
    let mut client = Client::new(None, true);
    let mut hello = tell::hello(Size::new(1, 1));
    hello.truncate(hello.len() - 5);
    hello.extend(u32::MAX.to_be_bytes());
    client.feed(&hello);
    assert_eq!(client.next_event(), Err(DecodeError::TooLong("the name", u32::MAX)));
    let mut client = Client::new(None, true);
    client.feed(b"RFB 003.008\n\0\xff\xff\xff\xff");
    assert_eq!(client.next_event(), Err(DecodeError::TooLong("a reason", u32::MAX)));
    let error = refused(Rect::new(0, 0, 0, 0), -307, &5000_u32.to_be_bytes());
    assert_eq!(error, DecodeError::TooLong("the name", 5000));
}

#[test]
fn palettes_and_indices() {
    let tight = |body: &[u8]| refused(WHOLE, 7, body);
    assert_eq!(tight(&[0x40, 1, 0]), DecodeError::Tile("a Tight palette of one colour"));
    assert_eq!(tight(&[0x40, 3]), DecodeError::Tile("a Tight filter that does not exist"));
    for kind in [0xa0, 0xb0, 0xf0] {
        let error = DecodeError::Tile("a kind of Tight rectangle that does not exist");
        assert_eq!(tight(&[kind]), error);
    }
    let indices = deflated(&[3; 64 * 64]);
    let palette = [&[0x40, 1, 2][..], &[0; 9], &tight_length(indices.len()), &indices].concat();
    assert_eq!(tight(&palette), DecodeError::Tile("an index past the Tight palette"));
}

#[test]
fn pictures_of_other_sizes_than_they_say() {
    let body = [&[0x90][..], &tight_length(JPEG.len()), JPEG].concat();
    for (width, height) in [(16, 9), (15, 8), (8, 16), (64, 64), (1, 1)] {
        let error = refused(Rect::new(0, 0, width, height), 7, &body);
        assert!(matches!(error, DecodeError::Jpeg(_)), "{width}x{height}: {error}");
    }
    let cut = &JPEG[..JPEG.len() / 2];
    let body = [&[0x90][..], &tight_length(cut.len()), cut].concat();
    assert!(matches!(refused(Rect::new(0, 0, 16, 8), 7, &body), DecodeError::Jpeg(_)));
    let body = [&[0x90][..], &tight_length(9), &[0x55; 9]].concat();
    assert!(matches!(refused(Rect::new(0, 0, 16, 8), 7, &body), DecodeError::Jpeg(_)));
    // Who asked for nothing that loses anything gets none.
    let mut client = client(Size::new(64, 64));
    client.set_encodings(&[Encoding::Tight]);
    let body = [&[0x90][..], &tight_length(JPEG.len()), JPEG].concat();
    let error = hear(&mut client, &update(Rect::new(0, 0, 16, 8), 7, &body), 99);
    assert_eq!(error, Err(DecodeError::Tile("JPEG that was not asked for")));
}

#[test]
fn cursors_that_are_none() {
    for encoding in [-239, -240, -314] {
        for (width, height) in [(513, 1), (1, 513), (65535, 65535)] {
            let error = refused(Rect::new(0, 0, width, height), encoding, &[]);
            assert!(matches!(error, DecodeError::Size(_)), "{error}");
        }
    }
    let error = refused(Rect::new(0, 0, 2, 2), -314, &7_i32.to_be_bytes());
    assert_eq!(error, DecodeError::Field("a cursor whose pixels are encoded"));
    // A hot spot outside of the image is moved inside, as some servers send it.
    let mut client = client(Size::new(64, 64));
    let update = update(Rect::new(999, 999, 1, 1), -314, &[0, 0, 0, 0, 1, 2, 3, 4]);
    let events = hear(&mut client, &update, 99).unwrap();
    let Event::CursorImage(image) = &events[0] else { panic!("{events:?}") };
    assert_eq!(image.hotspot(), (0, 0));
}

#[test]
fn work_without_end() {
    // Small rectangles on top of each other would paint for hours.
    let part = [&[9; 4][..], &[0_u16, 0, 64, 64].map(u16::to_be_bytes).concat()].concat();
    let body = [&100_u32.to_be_bytes()[..], &[0; 4], &part.repeat(100)].concat();
    let error = refused(WHOLE, 2, &body);
    assert_eq!(error, DecodeError::Tile("RRE rectangles that lie on each other"));
    // An update of 65535 whole copies is taken one by one: whoever feeds can do other things between.
    let mut client = client(Size::new(64, 64));
    let copy = update(WHOLE, 1, &[0; 4]);
    let mut bytes = vec![0, 0, 0xff, 0xfe];
    bytes.extend(copy[4..].repeat(3));
    client.feed(&bytes);
    for _ in 0..3 {
        assert!(matches!(client.next_event(), Ok(Some(Event::Rect { .. }))));
    }
    assert_eq!(client.next_event(), Ok(None));
}

#[test]
fn sizes_that_nobody_holds() {
    let mut client = client(Size::new(64, 64));
    let large = update(Rect::new(0, 0, 65535, 65535), -223, &[]);
    let error = hear(&mut client, &large, 99).unwrap_err();
    assert!(matches!(error, DecodeError::Canvas { .. }), "{error}");
    assert_eq!(client.picture().size(), Size::new(64, 64));
    let none = refused(Rect::new(0, 0, 0, 9), -223, &[]);
    assert_eq!(none, DecodeError::Size(Size::new(0, 9)));
    let mut client = Client::new(None, true);
    client.feed(&tell::hello(Size::new(0, 0)));
    assert_eq!(client.next_event(), Err(DecodeError::Size(Size::new(0, 0))));
}
