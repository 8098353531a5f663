//! Server against client: whatever is encoded is decoded to the same picture, by code that
//! shares nothing with the encoders but the pixel format's fields.

use porthole_pixel::Region;
use proptest::prelude::*;

use super::*;
use crate::frame::{Frame, Overlay};
use crate::handshake::Security;
use crate::moves::find_move;
use crate::pixel_format::{Channel, Colour};
use crate::server::{Config, Server};
use crate::wire::Put;
use crate::{CursorImage, server};

/// Both ends and the wire between them.
struct Pair {
    server: Server,
    client: Client,
    /// The wire is cut into pieces of this many bytes.
    piece: usize,
}

impl Pair {
    fn new(security: Security, password: Option<Password>, size: Size, piece: usize) -> Self {
        let config = Config { security, name: "náme".to_owned(), size };
        let server = Server::new(config).unwrap();
        let mut pair = Self { server, client: Client::new(password, true), piece };
        let ready = pair.exchange();
        let format = PixelFormat::BGRX;
        assert_eq!(ready, [Event::Ready { size, name: "náme".to_owned(), format }]);
        pair
    }

    fn exchange(&mut self) -> Vec<Event> {
        let mut seen = Vec::new();
        loop {
            let up = self.client.take_output();
            let down = self.server.output().to_vec();
            self.server.consume(down.len());
            if up.is_empty() && down.is_empty() {
                return seen;
            }
            for bytes in up.chunks(self.piece) {
                self.server.feed(bytes);
                while self.server.next_event().unwrap().is_some() {}
            }
            for bytes in down.chunks(self.piece) {
                self.client.feed(bytes);
                while let Some(event) = self.client.next_event().unwrap() {
                    seen.push(event);
                }
            }
        }
    }

    fn update(&mut self, frame: &Frame<'_>) -> Vec<Event> {
        self.server.update(frame, None);
        self.exchange()
    }
}

/// Values that a viewer of this format should see, computed from the definition.
fn expected(format: PixelFormat, words: &[u32]) -> Vec<u32> {
    let Colour::True { red, green, blue } = format.colour() else {
        return words
            .iter()
            .map(|word| {
                let [b, g, r, _] = word.to_le_bytes().map(f64::from);
                let part = |value: f64, max: f64| (value * max / 255.0).round() as u32;
                part(r, 7.0) | part(g, 7.0) << 3 | part(b, 3.0) << 6
            })
            .collect();
    };
    let part = |value: u8, channel: Channel| {
        let scaled = (f64::from(value) * f64::from(channel.max) / 255.0).round() as u32;
        scaled << channel.shift
    };
    words
        .iter()
        .map(|word| {
            let [b, g, r, _] = word.to_le_bytes();
            part(r, red) | part(g, green) | part(b, blue)
        })
        .collect()
}

fn bytes_of(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn view(size: Size, bytes: &[u8]) -> Frame<'_> {
    Frame::new(size, size.width as usize * 4, bytes).unwrap()
}

fn formats() -> impl Strategy<Value = PixelFormat> {
    let channel = |max, shift| Channel { max, shift };
    let colour = move |max: [u16; 3], shift: [u8; 3]| Colour::True {
        red: channel(max[0], shift[0]),
        green: channel(max[1], shift[1]),
        blue: channel(max[2], shift[2]),
    };
    let shapes = vec![
        (32, 24, colour([255; 3], [16, 8, 0])),
        (32, 24, colour([255; 3], [0, 8, 16])),
        (32, 24, colour([255; 3], [24, 16, 8])),
        (32, 32, colour([255; 3], [16, 8, 0])),
        (32, 30, colour([1023; 3], [20, 10, 0])),
        (32, 24, colour([255; 3], [24, 8, 0])),
        (32, 16, colour([31, 63, 31], [11, 5, 0])),
        (16, 16, colour([31, 63, 31], [11, 5, 0])),
        (16, 15, colour([31, 31, 31], [10, 5, 0])),
        (8, 8, colour([7, 7, 3], [0, 3, 6])),
        (8, 3, colour([1, 1, 1], [2, 1, 0])),
        (8, 8, Colour::Map),
    ];
    (prop::sample::select(shapes), any::<bool>()).prop_map(|((bits, depth, colour), big)| {
        PixelFormat::new(bits, depth, big, colour).unwrap()
    })
}

fn sizes() -> impl Strategy<Value = Size> {
    let side = || prop::sample::select(vec![1_u32, 2, 15, 16, 17, 63, 64, 65, 100, 130]);
    (side(), side()).prop_map(|(width, height)| Size::new(width, height))
}

/// Pictures from plain to noise, so that each tile form occurs.
fn picture(size: Size) -> impl Strategy<Value = Vec<u32>> {
    let count = size.area() as usize;
    let palette = |colours: usize| prop::collection::vec(any::<u32>(), colours);
    (1_usize..200).prop_flat_map(palette).prop_flat_map(move |palette| {
        let run = (0..palette.len(), prop::sample::select(vec![1_usize, 1, 2, 3, 40, 300, 5000]));
        prop::collection::vec(run, 1..=count.min(600)).prop_map(move |runs| {
            let pixels = runs
                .iter()
                .cycle()
                .flat_map(|(index, length)| std::iter::repeat_n(palette[*index], *length));
            pixels.take(count).collect()
        })
    })
}

fn encodings() -> impl Strategy<Value = Vec<Encoding>> {
    prop::sample::select(vec![
        vec![Encoding::Raw],
        vec![Encoding::Hextile],
        vec![Encoding::Zrle],
        vec![Encoding::Zrle, Encoding::LastRect, Encoding::ExtendedDesktopSize],
        vec![Encoding::Hextile, Encoding::DesktopSize],
    ])
}

fn damage(size: Size) -> impl Strategy<Value = Vec<Rect>> {
    let (width, height) = (size.width as i32, size.height as i32);
    let rect = (-3..width, -3..height, 1..=width, 1..=height)
        .prop_map(|(x, y, width, height)| Rect::new(x, y, width, height));
    prop::collection::vec(rect, 0..90)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn what_is_encoded_is_decoded(
        (size, first, second, rects) in sizes().prop_flat_map(|size| {
            (Just(size), picture(size), picture(size), damage(size))
        }),
        format in formats(),
        encodings in encodings(),
        piece in prop::sample::select(vec![1_usize, 7, 1000, 1 << 20]),
    ) {
        // Byte-wise wires are tried with small pictures only, as rectangles are parsed anew.
        let piece = if size.area() > 300 { piece.max(1000) } else { piece };
        let mut pair = Pair::new(Security::None, None, size, piece);
        pair.client.set_format(format);
        pair.client.set_encodings(&encodings);
        pair.client.request_update(false);
        pair.exchange();
        let bytes = bytes_of(&first);
        let done = pair.update(&view(size, &bytes));
        prop_assert_eq!(done.last(), Some(&Event::UpdateDone));
        prop_assert!(pair.client.picture().values() == expected(format, &first));
        prop_assert!(pair.server.is_current());

        // The second picture is seen where damage was told, the first elsewhere; simplified
        // damage may be seen early, so the frame's own pixels are mixed first.
        let mut region = Region::new();
        for rect in &rects {
            region.add(*rect);
        }
        let mut mixed = first.clone();
        for (index, pixel) in mixed.iter_mut().enumerate() {
            let (x, y) = (index as u32 % size.width, index as u32 / size.width);
            if region.contains(x as i32, y as i32) {
                *pixel = second[index];
            }
        }
        pair.server.damage(&region);
        pair.client.request_update(true);
        pair.exchange();
        let bytes = bytes_of(&mixed);
        pair.update(&view(size, &bytes));
        prop_assert!(pair.client.picture().values() == expected(format, &mixed));
        prop_assert!(pair.server.is_current());
    }

    #[test]
    fn a_scrolled_picture_arrives_by_copy(
        dx in -40_i32..40,
        dy in -40_i32..40,
        seed in any::<u32>(),
        horizontal in any::<bool>(),
    ) {
        let size = Size::new(130, 120);
        let (dx, dy) = if horizontal { (dx, 0) } else { (0, dy) };
        let noise = |x: i32, y: i32| {
            let n = seed ^ (x * 31 + y * 7919).cast_unsigned();
            n.wrapping_mul(0x9e37_79b1) >> 8
        };
        let picture = |dx: i32, dy: i32| -> Vec<u32> {
            (0..120).flat_map(|y| (0..130).map(move |x| (x, y)))
                .map(|(x, y)| {
                    let inside = Rect::new(10, 10, 100, 90).contains(x, y);
                    if inside { noise(x - dx, y - dy) } else { 0x33_66_99 }
                })
                .collect()
        };
        let (old, new) = (bytes_of(&picture(0, 0)), bytes_of(&picture(dx, dy)));
        let mut pair = Pair::new(Security::None, None, size, 1 << 20);
        pair.client.set_encodings(&[Encoding::Zrle, Encoding::CopyRect]);
        pair.client.request_update(false);
        pair.exchange();
        pair.update(&view(size, &old));
        pair.client.request_update(true);
        pair.exchange();
        let damage = Rect::new(10, 10, 100, 90);
        let moved = find_move(&view(size, &old), &view(size, &new), damage);
        prop_assert_eq!(moved.is_some(), dx != 0 || dy != 0);
        pair.server.damage(&Region::from_rect(damage));
        pair.server.update(&view(size, &new), moved);
        let seen = pair.exchange();
        let copied = seen.iter().any(|event| {
            matches!(event, Event::Rect { encoding: Encoding::CopyRect, .. })
        });
        prop_assert_eq!(copied, moved.is_some());
        prop_assert!(pair.client.picture().values() == picture(dx, dy));
    }

    #[test]
    fn no_bytes_of_a_viewer_break_the_server(
        start in 0_usize..3,
        bytes in prop::collection::vec(any::<u8>(), 0..400),
        tame in prop::collection::vec((prop::sample::select(vec![0_u8, 2, 3, 4, 5, 6, 251, 255]), any::<[u8; 20]>()), 0..12),
        piece in 1_usize..50,
    ) {
        let size = Size::new(17, 15);
        let config = Config { security: Security::None, name: String::new(), size };
        let mut server = Server::new(config).unwrap();
        let mut stream = [&b""[..], b"RFB 003.008\n", b"RFB 003.008\n\x01\x01"][start].to_vec();
        for (kind, rest) in tame {
            stream.push(kind);
            stream.extend(rest);
        }
        stream.extend(bytes);
        let picture = vec![7; 17 * 15 * 4];
        'feed: for bytes in stream.chunks(piece) {
            server.feed(bytes);
            loop {
                match server.next_event() {
                    Ok(Some(_)) => {}
                    Ok(None) => break,
                    Err(_) => break 'feed,
                }
            }
            server.update(&view(size, &picture), None);
            server.damage(&Region::from_rect(Rect::new(3, 3, 5, 5)));
        }
        server.update(&view(size, &picture), None);
    }

    #[test]
    fn no_bytes_of_a_server_break_the_client(
        kind in prop::sample::select(vec![
            0, 1, 2, 5, 6, 7, 16, -239, -240, -314, -232, -223, -224, -257, -258, -261, -307, -308
        ]),
        area in any::<[u8; 4]>(),
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        piece in 1_usize..50,
    ) {
        let mut pair = Pair::new(Security::None, None, Size::new(40, 40), 100);
        let all = [
            Encoding::CopyRect, Encoding::Hextile, Encoding::Zrle, Encoding::Cursor,
            Encoding::DesktopSize, Encoding::LastRect, Encoding::QemuExtendedKey,
            Encoding::DesktopName, Encoding::ExtendedDesktopSize, Encoding::QemuPointerMotion,
            Encoding::QemuLeds, Encoding::Rre, Encoding::Zlib, Encoding::Tight, Encoding::XCursor,
            Encoding::AlphaCursor, Encoding::PointerPlace, Encoding::Fence,
            Encoding::ContinuousUpdates,
        ];
        pair.client.set_encodings(&all);
        let mut stream = vec![0, 0, 0, 2];
        for field in area {
            stream.put_u16(u16::from(field) % 24);
        }
        stream.put_i32(kind);
        stream.extend(bytes);
        for bytes in stream.chunks(piece) {
            pair.client.feed(bytes);
            while let Ok(Some(_)) = pair.client.next_event() {}
        }
    }
}

#[test]
fn passwords_open_and_close() {
    let security = Security::VncAuth { password: Password::new(b"geheim"), challenge: [0x5a; 16] };
    let size = Size::new(1, 1);
    Pair::new(security.clone(), Some(Password::new(b"geheim")), size, 3);

    let config = Config { security, name: String::new(), size };
    let mut server = Server::new(config).unwrap();
    let mut client = Client::new(Some(Password::new(b"Geheim")), true);
    let mut refused = None;
    for _ in 0..8 {
        client.feed(server.output());
        server.consume(usize::MAX >> 1);
        while refused.is_none() {
            match client.next_event() {
                Ok(Some(event)) => panic!("{event:?}"),
                Ok(None) => break,
                Err(error) => refused = Some(error),
            }
        }
        server.feed(&client.take_output());
        while let Ok(Some(_)) = server.next_event() {}
    }
    assert_eq!(refused, Some(DecodeError::Refused("wrong password".to_owned())));
}

#[test]
fn cursor_resize_name_and_keys_arrive() {
    let size = Size::new(20, 10);
    let mut pair = Pair::new(Security::None, None, size, 5);
    pair.client.set_encodings(&[
        Encoding::Zrle,
        Encoding::Cursor,
        Encoding::ExtendedDesktopSize,
        Encoding::QemuExtendedKey,
        Encoding::DesktopName,
    ]);
    pair.client.request_update(false);
    let mut pixels = vec![0xff10_2030; 9 * 2];
    pixels[8] = 0;
    let cursor = CursorImage::new(Size::new(9, 2), (3, 1), pixels).unwrap();
    pair.server.set_cursor(cursor);
    pair.server.set_name("new".to_owned());
    pair.exchange();
    let bytes = bytes_of(&[0x44; 200]);
    let seen = pair.update(&view(size, &bytes));
    assert_eq!(seen[0], Event::Resized { size, layout: Some((0, 0)) });
    assert_eq!(seen[1..3], [Event::ExtendedKey, Event::Name("new".to_owned())]);
    let Event::Cursor(cursor) = &seen[3] else { panic!("{seen:?}") };
    assert_eq!((cursor.size, cursor.hotspot), (Size::new(9, 2), (3, 1)));
    assert_eq!((cursor.values[0], cursor.values[8]), (0x10_2030, 0));
    assert_eq!(cursor.mask.iter().filter(|seen| !**seen).count(), 1);
    assert!(!cursor.mask[8]);
    assert_eq!(pair.client.picture().values(), [0x44; 200]);

    let large = Size::new(33, 7);
    pair.client.request_update(true);
    pair.exchange();
    let bytes = bytes_of(&[0x55; 33 * 7]);
    let seen = pair.update(&view(large, &bytes));
    assert_eq!(seen, [Event::Resized { size: large, layout: Some((0, 0)) }, Event::UpdateDone]);
    pair.client.request_update(true);
    pair.exchange();
    pair.update(&view(large, &bytes));
    assert_eq!(pair.client.picture().values(), [0x55; 33 * 7]);

    pair.client.extended_key(0x61, 0x1e, true);
    pair.client.pointer(3, 4, 1);
    pair.client.cut_text(b"hi");
    pair.client.set_desktop_size(64, 64);
    pair.server.feed(&pair.client.take_output());
    let events: Vec<_> = std::iter::from_fn(|| pair.server.next_event().unwrap()).collect();
    assert_eq!(
        events,
        [
            server::Event::ExtendedKey { keysym: 0x61, scancode: 0x1e, down: true },
            server::Event::Pointer { x: 3, y: 4, buttons: 1 },
            server::Event::CutText(b"hi".to_vec()),
            server::Event::ResizeWanted(Size::new(64, 64)),
        ]
    );
}

#[test]
fn lamps_arrive_and_motion_comes_back() {
    let size = Size::new(2, 2);
    let mut pair = Pair::new(Security::None, None, size, 3);
    pair.client.set_encodings(&[Encoding::QemuLeds, Encoding::QemuPointerMotion]);
    pair.client.request_update(false);
    pair.exchange();
    let leds = Leds { scroll: true, num: false, caps: true };
    pair.server.set_leds(leds);
    pair.server.set_relative(true);
    let bytes = bytes_of(&[0; 4]);
    let seen = pair.update(&view(size, &bytes));
    assert_eq!(seen[..2], [Event::Relative(true), Event::Leds(leds)]);
    pair.client.motion(-7, 9, 2);
    pair.server.feed(&pair.client.take_output());
    let motion = server::Event::PointerMotion { dx: -7, dy: 9, buttons: 2 };
    assert_eq!(pair.server.next_event(), Ok(Some(motion)));
}

#[test]
fn a_painted_cursor_is_part_of_the_picture() {
    let size = Size::new(70, 66);
    for encoding in [Encoding::Raw, Encoding::Hextile, Encoding::Zrle] {
        let mut pair = Pair::new(Security::None, None, size, 1000);
        pair.client.set_encodings(&[encoding]);
        pair.client.request_update(false);
        pair.exchange();
        let bytes = bytes_of(&[0; 70 * 66]);
        let image = CursorImage::new(Size::new(4, 4), (0, 0), vec![0xffff_ffff; 16]).unwrap();
        // Over the corner of four tiles, and cut by no edge.
        let overlay = Overlay { image: &image, x: 62, y: 62 };
        pair.update(&view(size, &bytes).with_overlay(overlay));
        let white = pair.client.picture().values().iter().filter(|v| **v == 0xff_ffff).count();
        assert_eq!(white, 16);
        assert_eq!(pair.client.picture().values()[62 * 70 + 62], 0xff_ffff);
    }
}

#[test]
fn what_was_not_asked_for_is_refused() {
    let mut pair = Pair::new(Security::None, None, Size::new(4, 4), 100);
    pair.client.feed(&[0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 5]);
    assert_eq!(pair.client.next_event(), Err(DecodeError::Encoding(5)));
    let mut pair = Pair::new(Security::None, None, Size::new(4, 4), 100);
    pair.client.feed(&[0, 0, 0, 1, 0, 2, 0, 0, 0, 3, 0, 1, 0, 0, 0, 0]);
    assert_eq!(pair.client.next_event(), Err(DecodeError::Outside(Rect::new(2, 0, 3, 1))));
    let mut pair = Pair::new(Security::None, None, Size::new(4, 4), 100);
    pair.client.feed(&[9]);
    assert_eq!(pair.client.next_event(), Err(DecodeError::UnknownMessage(9)));
}
