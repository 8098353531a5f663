use super::*;
use crate::client::{self, Client};

pub(crate) fn config(width: u32, height: u32) -> Config {
    Config { security: Security::None, name: "main".to_owned(), size: Size::new(width, height) }
}

/// A server whose viewer speaks 3.8 and is done with the handshake.
fn ready(width: u32, height: u32) -> Server {
    let mut server = Server::new(config(width, height)).unwrap();
    server.feed(b"RFB 003.008\n\x01\x01");
    assert_eq!(server.next_event(), Ok(Some(Event::Ready { shared: true })));
    server.consume(server.output().len());
    server
}

fn events(server: &mut Server) -> Vec<Event> {
    std::iter::from_fn(|| server.next_event().unwrap()).collect()
}

fn black(size: Size) -> Vec<u8> {
    vec![0; size.width as usize * 4 * size.height as usize]
}

fn update(server: &mut Server, size: Size) -> Option<Vec<u8>> {
    let bytes = black(size);
    let frame = Frame::new(size, size.width as usize * 4, &bytes).unwrap();
    server.update(&frame, None)?;
    let said = server.output().to_vec();
    server.consume(said.len());
    Some(said)
}

fn encodings(server: &mut Server, numbers: &[i32]) {
    let mut message = vec![2, 0];
    message.put_u16(u16::try_from(numbers.len()).unwrap());
    for number in numbers {
        message.put_i32(*number);
    }
    server.feed(&message);
    assert_eq!(events(server), [Event::Encodings]);
}

const FULL_REQUEST: [u8; 10] = [3, 0, 0, 0, 0, 0, 0, 2, 0, 1];
const NEXT_REQUEST: [u8; 10] = [3, 1, 0, 0, 0, 0, 0, 2, 0, 1];

#[test]
fn server_init_and_a_raw_update_have_golden_bytes() {
    let mut server = Server::new(config(2, 1)).unwrap();
    server.feed(b"RFB 003.008\n\x01\x01");
    assert_eq!(server.next_event(), Ok(Some(Event::Ready { shared: true })));
    let mut expected = b"RFB 003.008\n\x01\x01\0\0\0\0\0\x02\0\x01".to_vec();
    expected.extend(PixelFormat::BGRX.to_wire());
    expected.extend(b"\0\0\0\x04main");
    assert_eq!(server.output(), expected);
    server.consume(expected.len());

    assert!(!server.wants_update());
    server.feed(&FULL_REQUEST);
    assert_eq!(events(&mut server).len(), 1);
    assert!(server.wants_update() && !server.is_current());
    let bytes = [1, 2, 3, 0xff, 4, 5, 6, 0xff];
    let frame = Frame::new(Size::new(2, 1), 8, &bytes).unwrap();
    let written = server.update(&frame, None).unwrap();
    assert_eq!(written, Update { rects: 1, pixels: 2, bytes: 24 });
    assert_eq!(
        server.output(),
        [0, 0, 0, 1, 0, 0, 0, 0, 0, 2, 0, 1, 0, 0, 0, 0, 1, 2, 3, 0, 4, 5, 6, 0]
    );
    assert!(server.is_current() && server.update(&frame, None).is_none());
}

#[test]
fn nothing_is_sent_that_was_not_asked_for() {
    let size = Size::new(2, 1);
    let mut server = ready(2, 1);
    server.damage(&Region::from_rect(Rect::from_size(size)));
    assert_eq!(update(&mut server, size), None);
    server.feed(&NEXT_REQUEST);
    events(&mut server);
    assert!(update(&mut server, size).is_some());
    assert_eq!(update(&mut server, size), None);
    server.feed(&NEXT_REQUEST);
    events(&mut server);
    assert_eq!(update(&mut server, size), None, "no change, so the request stays open");
    server.damage(&Region::from_rect(Rect::new(1, 0, 9, 9)));
    let said = update(&mut server, size).unwrap();
    assert_eq!(said[..16], [0, 0, 0, 1, 0, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0]);
}

#[test]
fn pseudo_rectangles_have_golden_bytes() {
    let size = Size::new(2, 1);
    let mut server = ready(2, 1);
    server.feed(&FULL_REQUEST);
    events(&mut server);
    update(&mut server, size).unwrap();
    encodings(&mut server, &[-239, -258, -307, -308]);
    server.set_cursor(CursorImage::new(Size::new(1, 1), (0, 0), vec![0xff01_0203]).unwrap());
    server.set_name("x".to_owned());
    server.feed(&NEXT_REQUEST);
    events(&mut server);
    let layout = [
        &[0, 0, 0, 0, 0, 2, 0, 1, 0xff, 0xff, 0xfe, 0xcc][..],
        &[1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1, 0, 0, 0, 0],
    ]
    .concat();
    let expected = [
        &[0, 0, 0, 4][..],
        &layout,
        &[0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xfe, 0xfe],
        &[0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xfe, 0xcd, 0, 0, 0, 1, b'x'],
        &[0, 0, 0, 0, 0, 1, 0, 1, 0xff, 0xff, 0xff, 0x11, 3, 2, 1, 0, 0x80],
    ]
    .concat();
    assert_eq!(update(&mut server, size).unwrap(), expected);

    // A viewer's wish for another size is refused: reason 1, status 1, the size as it is.
    server.feed(&[251, 0, 5, 0, 3, 32, 0, 0]);
    server.feed(&NEXT_REQUEST);
    assert_eq!(events(&mut server)[0], Event::ResizeWanted(Size::new(1280, 800)));
    server.refuse_resize();
    let mut refusal = [&[0, 0, 0, 1][..], &layout].concat();
    (refusal[5], refusal[7]) = (1, 1);
    assert_eq!(update(&mut server, size).unwrap(), refusal);
}

#[test]
fn lamps_and_kinds_of_pointers_have_golden_bytes() {
    let size = Size::new(2, 1);
    let mut server = ready(2, 1);
    server.feed(&FULL_REQUEST);
    events(&mut server);
    update(&mut server, size).unwrap();
    server.set_leds(Leds { caps: true, num: true, scroll: false });
    // Who did not ask hears nothing.
    server.feed(&NEXT_REQUEST);
    events(&mut server);
    assert_eq!(update(&mut server, size), None);
    encodings(&mut server, &[-257, -261]);
    let pointer = |x| [0, x, 0, 0, 0, 2, 0, 1, 0xff, 0xff, 0xfe, 0xff];
    let lamps = |byte| [0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xfe, 0xfb, byte];
    let expected = [&[0, 0, 0, 2][..], &pointer(1), &lamps(6)].concat();
    assert_eq!(update(&mut server, size).unwrap(), expected);
    // The same again is no news.
    server.set_leds(Leds { caps: true, num: true, scroll: false });
    server.feed(&NEXT_REQUEST);
    events(&mut server);
    assert_eq!(update(&mut server, size), None);
    server.set_leds(Leds::default());
    server.set_relative(true);
    let place = [5, 1, 1, 44, 0, 200];
    let motion = [5, 1, 0x80, 0x04, 0x7f, 0xfe];
    // Before it is told, a viewer means places.
    server.feed(&place);
    assert_eq!(events(&mut server), [Event::Pointer { x: 300, y: 200, buttons: 1 }]);
    let expected = [&[0, 0, 0, 2][..], &pointer(0), &lamps(0)].concat();
    assert_eq!(update(&mut server, size).unwrap(), expected);
    server.feed(&motion);
    server.feed(&place);
    let stays = Event::PointerMotion { dx: 0, dy: 0, buttons: 1 };
    let moves = Event::PointerMotion { dx: 5, dy: -1, buttons: 1 };
    assert_eq!(events(&mut server), [moves, stays.clone()]);
    server.set_relative(false);
    server.feed(&NEXT_REQUEST);
    events(&mut server);
    update(&mut server, size).unwrap();
    server.feed(&motion);
    server.feed(&place);
    let place = Event::Pointer { x: 300, y: 200, buttons: 1 };
    assert_eq!(events(&mut server), [stays, place]);
}

#[test]
fn a_granted_size_comes_with_its_frame() {
    let size = Size::new(2, 1);
    let mut server = ready(2, 1);
    let mut hello = vec![2, 0, 0, 1];
    hello.extend((-308_i32).to_be_bytes());
    server.feed(&hello);
    server.feed(&NEXT_REQUEST);
    events(&mut server);
    update(&mut server, size).unwrap();
    // The port had that size all the time: the answer comes with the next update.
    server.feed(&[251, 0, 0, 2, 0, 1, 0, 0]);
    server.feed(&NEXT_REQUEST);
    assert_eq!(events(&mut server)[0], Event::ResizeWanted(size));
    server.grant_resize(size);
    assert_eq!(&update(&mut server, size).unwrap()[4..8], [0, 1, 0, 0], "asked by this viewer");
    // Another size: it waits for the frame, whatever else there is to say.
    let large = Size::new(4, 3);
    server.feed(&NEXT_REQUEST);
    events(&mut server);
    server.grant_resize(large);
    assert_eq!(update(&mut server, size), None);
    let message = update(&mut server, large).unwrap();
    assert_eq!(&message[..12], [0, 0, 0, 1, 0, 1, 0, 0, 0, 4, 0, 3]);
    // The next size is the port's own doing.
    server.feed(&NEXT_REQUEST);
    events(&mut server);
    assert_eq!(&update(&mut server, size).unwrap()[4..8], [0, 0, 0, 0]);
}

#[test]
fn a_new_size_goes_alone_and_everything_follows() {
    for (number, body) in [(-223, 0), (-308, 20)] {
        let mut server = ready(2, 1);
        encodings(&mut server, &[number]);
        server.feed(&FULL_REQUEST);
        events(&mut server);
        update(&mut server, Size::new(2, 1)).unwrap();
        server.feed(&NEXT_REQUEST);
        events(&mut server);
        let large = Size::new(3, 2);
        server.resize(large);
        assert!(server.wants_update());
        let said = update(&mut server, large).unwrap();
        assert_eq!(said[..12], [0, 0, 0, 1, 0, 0, 0, 0, 0, 3, 0, 2]);
        assert_eq!((said.len(), server.viewer_size()), (16 + body, large));
        server.feed(&[3, 1, 0, 0, 0, 0, 0, 3, 0, 2]);
        events(&mut server);
        assert_eq!(update(&mut server, large).unwrap().len(), 16 + 24);
    }
}

#[test]
fn a_viewer_that_cannot_resize_keeps_its_size() {
    let mut server = ready(2, 1);
    server.feed(&FULL_REQUEST);
    events(&mut server);
    let said = update(&mut server, Size::new(1, 5)).unwrap();
    assert_eq!(said[4..12], [0, 0, 0, 0, 0, 2, 0, 1]);
    assert!(!server.is_current(), "it never is while the sizes differ");
}

#[test]
fn long_cut_text_is_skipped_in_any_pieces() {
    let length = MAX_CUT_TEXT_BYTES + 5;
    let mut stream = vec![6, 0, 0, 0];
    stream.put_u32(u32::try_from(length).unwrap());
    stream.resize(8 + length, b'x');
    stream.extend([5, 1, 0, 1, 0, 0]);
    for piece in [7, 4096, stream.len()] {
        let mut server = ready(2, 1);
        let mut seen = Vec::new();
        for bytes in stream.chunks(piece) {
            server.feed(bytes);
            seen.extend(events(&mut server));
            assert!(server.input.len() <= piece + 16);
        }
        assert_eq!(seen, [Event::Pointer { x: 1, y: 0, buttons: 1 }]);
    }
}

const MAX_CUT_TEXT_BYTES: usize = crate::MAX_CUT_TEXT;

#[test]
fn a_colour_map_comes_once_with_the_next_update() {
    let mut server = ready(2, 1);
    let mut format = vec![0, 0, 0, 0, 8, 8];
    format.resize(20, 0);
    for _ in 0..3 {
        server.feed(&format);
        assert!(matches!(events(&mut server)[..], [Event::PixelFormat(_)]));
    }
    assert!(server.output().is_empty());
    server.feed(&FULL_REQUEST);
    events(&mut server);
    let said = update(&mut server, Size::new(2, 1)).unwrap();
    assert_eq!(said[..12], [1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(said[12..14], [0x24, 0x92], "65535 / 7 of red");
    assert_eq!(said[6 + 256 * 6..][..4], [0, 0, 0, 1]);
    assert_eq!(said.len(), 6 + 256 * 6 + 16 + 2);
}

#[test]
fn an_error_is_told_once_and_ends_everything() {
    let mut server = ready(2, 1);
    server.feed(&[77]);
    assert_eq!(server.next_event(), Err(ProtocolError::UnknownMessage(77)));
    server.feed(&FULL_REQUEST);
    assert_eq!(server.next_event(), Ok(None));
    assert!(!server.is_ready() && !server.wants_update());
    assert_eq!(update(&mut server, Size::new(2, 1)), None);
}

#[test]
fn the_size_may_change_during_the_handshake() {
    let mut server = Server::new(config(2, 1)).unwrap();
    server.resize(Size::new(640, 480));
    let mut viewer = Client::new(None, true);
    let size = loop {
        viewer.feed(server.output());
        server.consume(server.output().len());
        if let Some(client::Event::Ready { size, .. }) = viewer.next_event().unwrap() {
            break size;
        }
        server.feed(&viewer.take_output());
        events(&mut server);
    };
    assert_eq!(size, Size::new(640, 480));
}

#[test]
fn sizes_that_rfb_cannot_name_are_refused() {
    for (width, height) in [(0, 1), (1, 0), (65536, 1), (u32::MAX, u32::MAX)] {
        Server::new(config(width, height)).unwrap_err();
    }
}
