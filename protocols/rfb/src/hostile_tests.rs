//! Attacks that other VNC servers fell for, by the number of the report.

use porthole_pixel::{Region, Size};

use crate::client::{self, Client};
use crate::{
    ClipboardWays, Config, CursorError, CursorImage, Encoding, Event, Frame, MAX_CUT_TEXT,
    Password, PixelFormat, ProtocolError, Security, Server,
};

fn config(size: Size) -> Config {
    Config { security: Security::None, name: "main".to_owned(), size }
}

fn ready(size: Size) -> Server {
    let mut server = Server::new(config(size)).unwrap();
    server.feed(b"RFB 003.008\n\x01\x01");
    assert_eq!(server.next_event(), Ok(Some(Event::Ready { shared: true })));
    server.consume(server.output().len());
    server
}

/// What one message of the viewer leads to.
fn hear(bytes: &[u8]) -> Result<Option<Event>, ProtocolError> {
    let mut server = ready(Size::new(65, 17));
    server.feed(bytes);
    server.next_event()
}

fn cut_text(length: u32) -> Vec<u8> {
    [&[6, 0, 0, 0][..], &length.to_be_bytes()].concat()
}

/// A server and a client that are connected, with these encodings asked for.
fn pair(size: Size, encodings: &[i32]) -> (Server, Client) {
    let mut server = Server::new(config(size)).unwrap();
    let mut client = Client::new(None, true);
    exchange(&mut server, &mut client);
    let asked: Vec<_> = encodings.iter().filter_map(|n| Encoding::from_number(*n)).collect();
    client.set_encodings(&asked);
    client.request_update(false);
    exchange(&mut server, &mut client);
    (server, client)
}

fn exchange(server: &mut Server, client: &mut Client) -> Vec<client::Event> {
    let mut seen = Vec::new();
    for _ in 0..8 {
        client.feed(server.output());
        server.consume(server.output().len());
        seen.extend(std::iter::from_fn(|| client.next_event().unwrap()));
        server.feed(&client.take_output());
        while server.next_event().unwrap().is_some() {}
    }
    seen
}

/// Shows a picture of one colour; true where the client has it then.
fn shows(server: &mut Server, client: &mut Client, size: Size, pixel: u32) -> bool {
    let bytes = pixel.to_le_bytes().repeat(usize::try_from(size.area()).unwrap());
    let frame = Frame::new(size, size.width as usize * 4, &bytes).unwrap();
    server.update(&frame, None);
    exchange(server, client);
    client.picture().size() == size && client.picture().values().iter().all(|v| *v == pixel)
}

#[test]
fn cve_2014_7815_pixel_formats_that_cannot_be_are_refused() {
    for bits in [0, 1, 4, 7, 9, 15, 24, 33, 64, 128, 255] {
        let mut wire = PixelFormat::BGRX.to_wire();
        wire[0] = bits;
        let refused = hear(&[&[0, 0, 0, 0][..], &wire].concat());
        assert!(matches!(refused, Err(ProtocolError::PixelFormat(_))), "{bits} bits per pixel");
    }
    // Shifts that leave the pixel: 32 and more would be undefined elsewhere.
    for (at, value) in [(10, 25), (10, 32), (11, 255), (12, 31), (1, 0), (1, 33)] {
        let mut wire = PixelFormat::BGRX.to_wire();
        wire[at] = value;
        let refused = hear(&[&[0, 0, 0, 0][..], &wire].concat());
        assert!(matches!(refused, Err(ProtocolError::PixelFormat(_))), "byte {at} is {value}");
    }
}

#[test]
fn cve_2015_5225_sizes_that_are_no_multiples_of_anything() {
    for encoding in [0, 5, 16] {
        for (width, height) in [(1, 1), (15, 1), (17, 3), (63, 65), (65, 64), (129, 17), (1, 200)] {
            let size = Size::new(width, height);
            let (mut server, mut client) = pair(size, &[encoding]);
            assert!(shows(&mut server, &mut client, size, 0x12_3456), "{encoding} at {size}");
        }
    }
}

#[test]
fn cve_2015_5239_cut_text_of_any_length_costs_no_time_and_no_memory() {
    for length in [u32::try_from(MAX_CUT_TEXT).unwrap() + 1, 1 << 30, (1 << 31) - 1] {
        let mut server = ready(Size::new(65, 17));
        server.feed(&cut_text(length));
        // It is skipped as it comes, and never kept.
        for _ in 0..64 {
            assert_eq!(server.next_event(), Ok(None));
            server.feed(&[b'x'; 4096]);
        }
        assert!(server.output().is_empty());
    }
}

/// What a viewer says that knows the extended clipboard (-1063131698 = 0xc0a1e5ce).
fn offer() -> Vec<u8> {
    [&[2, 0, 0, 1][..], &0xc0a1_e5ce_u32.to_be_bytes()].concat()
}

#[test]
fn extended_clipboard_is_not_there_unless_it_is_allowed() {
    // Negative lengths announce it: an underflow, a loop in inflate, a request without data elsewhere.
    for length in [1 << 31, u32::MAX, u32::MAX - 3, 0x8000_0004] {
        assert_eq!(hear(&cut_text(length)), Err(ProtocolError::CutTextLength(length)));
    }
    let mut server = ready(Size::new(65, 17));
    server.feed(&offer());
    assert_eq!(server.next_event(), Ok(Some(Event::Encodings)));
    assert!(!server.tell_clipboard() && server.output().is_empty());
    server.feed(&cut_text(u32::MAX - 3));
    server.next_event().unwrap_err();
}

/// A server with the extended clipboard, which has said what it can.
fn sharing() -> Server {
    let mut server = ready(Size::new(65, 17));
    server.set_clipboard_ways(ClipboardWays { give: true, take: true });
    server.feed(&offer());
    assert_eq!(server.next_event(), Ok(Some(Event::Encodings)));
    assert!(server.tell_clipboard());
    server.consume(server.output().len());
    server
}

/// A message of the extended clipboard.
fn clipboard(flags: u32, data: &[u8]) -> Vec<u8> {
    let length = u32::try_from(data.len() + 4).unwrap();
    [&cut_text(length.wrapping_neg())[..], &flags.to_be_bytes(), data].concat()
}

const NOTIFY: u32 = 1 << 27 | 1;
const REQUEST: u32 = 1 << 25 | 1;
const PROVIDE: u32 = 1 << 28 | 1;

#[test]
fn cve_2022_3165_2023_3255_2023_6683_clipboards_that_lie() {
    // Less than the flags take: an underflow elsewhere.
    for length in [u32::MAX, u32::MAX - 1, u32::MAX - 2] {
        let mut server = sharing();
        server.feed(&[&cut_text(length)[..], &[0; 64]].concat());
        assert_eq!(server.next_event(), Err(ProtocolError::CutTextLength(length)));
    }
    // A deflated text that ends too early, or never began: a loop without end elsewhere.
    for data in [&b""[..], b"x", &[0x78, 0x9c], &[0x78, 0x9c, 0, 0, 0, 0xff, 0xff]] {
        let mut server = sharing();
        server.feed(&[clipboard(NOTIFY, &[]), clipboard(PROVIDE, data)].concat());
        assert_eq!(server.next_event(), Ok(None), "nobody has asked for {data:?} yet");
        assert!(server.tell_clipboard());
        server.feed(&clipboard(PROVIDE, data));
        assert!(matches!(server.next_event(), Err(ProtocolError::Clipboard(_))), "{data:?}");
    }
    // A request when there is nothing: a null pointer elsewhere.
    let mut server = sharing();
    server.feed(&clipboard(REQUEST, &[]));
    assert_eq!((server.next_event(), server.tell_clipboard()), (Ok(None), false));
    // As much as a message can be: it is skipped as it comes.
    server.feed(&cut_text(1 << 31));
    for _ in 0..64 {
        assert_eq!(server.next_event(), Ok(None));
        server.feed(&[b'x'; 4096]);
    }
    assert!(server.output().is_empty());
}

#[test]
fn a_flood_about_the_clipboard_costs_one_answer() {
    let mut server = sharing();
    server.set_clipboard(Some("text ".repeat(200_000).into()));
    let flood = [clipboard(REQUEST, &[]), clipboard(NOTIFY, &[]), offer()].concat().repeat(1000);
    server.feed(&flood);
    while server.next_event().unwrap().is_some() {}
    let mut answers = 0;
    while server.tell_clipboard() {
        answers += 1;
        assert!(!server.tell_clipboard(), "while something waits nothing is added");
        server.consume(server.output().len());
    }
    assert!(answers <= 3, "{answers}: what it asked for, a question, and the news");
}

#[test]
fn cve_2023_3354_connections_that_end_at_every_byte_of_the_handshake() {
    let password = Password::new(b"secret");
    let secret = Security::VncAuth { password, challenge: [3; 16] };
    for security in [Security::None, secret] {
        let kind = if matches!(security, Security::None) { 1 } else { 2 };
        let stream = [&b"RFB 003.008\n"[..], &[kind], &[0; 17]].concat();
        for cut in 0..stream.len() {
            let config = Config { security: security.clone(), ..config(Size::new(65, 17)) };
            let mut server = Server::new(config).unwrap();
            for byte in &stream[..cut] {
                server.feed(&[*byte]);
                while let Ok(Some(_)) = server.next_event() {}
            }
            let bytes = [0; 65 * 17 * 4];
            let frame = Frame::new(Size::new(65, 17), 65 * 4, &bytes).unwrap();
            assert!(server.output().len() < 256);
            if kind == 2 {
                assert!(!server.is_ready() && server.update(&frame, None).is_none());
            }
        }
    }
}

#[test]
fn cve_2021_4206_cursors_whose_sides_multiply_to_little() {
    for (width, height) in [(65536, 65536), (1 << 31, 2), (u32::MAX, u32::MAX), (513, 1)] {
        let size = Size::new(width, height);
        let refused = CursorImage::new(size, (0, 0), Vec::new());
        assert_eq!(refused, Err(CursorError::TooLarge(size)));
    }
}

#[test]
fn cve_2026_48002_48003_pictures_that_change_size_between_updates() {
    let sizes = [(65, 17), (1, 1), (640, 480), (16, 2000), (2000, 16), (63, 63), (65, 17)];
    for encoding in [0, 5, 16] {
        let first = Size::new(65, 17);
        let (mut server, mut client) = pair(first, &[encoding, 1, -308]);
        for ((width, height), pixel) in sizes.into_iter().zip(1..) {
            // Damage that was told for the old size, inside and outside of the new one.
            let size = Size::new(width, height);
            server.damage(&Region::from_rect(porthole_pixel::Rect::new(0, 0, 4000, 4000)));
            server.resize(size);
            client.request_update(true);
            exchange(&mut server, &mut client);
            shows(&mut server, &mut client, size, pixel);
            client.request_update(true);
            exchange(&mut server, &mut client);
            assert!(shows(&mut server, &mut client, size, pixel), "{encoding} at {size}");
        }
    }
    // The largest that RFB can name, and one more.
    for (width, height) in [(65535, 65535), (65535, 1)] {
        Server::new(config(Size::new(width, height))).unwrap();
    }
    Server::new(config(Size::new(65536, 1))).unwrap_err();
}

#[test]
fn cve_2019_20382_encoders_end_with_their_viewers() {
    let size = Size::new(200, 200);
    for _ in 0..300 {
        let (mut server, mut client) = pair(size, &[16, -256 + 9]);
        assert!(shows(&mut server, &mut client, size, 7));
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let resident = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    let kilobytes: u64 = resident.split_whitespace().next().unwrap().parse().unwrap();
    // A leak of these encoders would be hundreds of megabytes.
    assert!(kilobytes < 128 * 1024, "{kilobytes} kB");
}
