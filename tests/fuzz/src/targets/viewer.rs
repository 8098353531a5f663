//! The bytes of a viewer, to our VNC server.

use porthole_pixel::{Rect, Region, Size};
use porthole_rfb::{ClipboardWays, Config, Frame, Password, ProtocolError, Security, Server};

use crate::input::{Input, pieces};

const SIZE: Size = Size::new(65, 17);
/// The picture as pixels of four bytes, tiles with a few bytes more, a colour map, cursor, name, layout.
const LARGEST_UPDATE: usize = 65 * 17 * 5 + 64 * 1024;

pub(crate) fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let (flags, cut) = (input.u8(), input.u8());
    let stream = input.rest();
    let whole = events(&mut server(flags), std::iter::once(stream));
    let parts = events(&mut server(flags), pieces(stream, cut));
    assert_eq!(whole, parts, "cut by {cut}");
    draw(&mut server(flags), stream, cut);
}

fn server(flags: u8) -> Server {
    let security = if flags & 1 == 0 {
        Security::None
    } else {
        Security::VncAuth { password: Password::new(b"secret"), challenge: [7; 16] }
    };
    let mut server = Server::new(Config { security, name: "fuzz".to_owned(), size: SIZE }).unwrap();
    if flags & 4 != 0 {
        server.set_clipboard_ways(ClipboardWays { give: true, take: true });
        server.set_clipboard(Some("what is copied".into()));
    }
    if flags & 2 != 0 {
        server.feed(b"RFB 003.008\n\x01\x01");
        while let Ok(Some(_)) = server.next_event() {}
    }
    server
}

/// All that the viewer said and was told, as text, with the error that ended it.
fn events<'a>(server: &mut Server, parts: impl Iterator<Item = &'a [u8]>) -> (String, Vec<u8>) {
    let mut said = String::new();
    for part in parts {
        server.feed(part);
        loop {
            match server.next_event() {
                Ok(Some(event)) => said.push_str(&format!("{event:?}\n")),
                Ok(None) => break,
                Err(error) => {
                    said.push_str(&error.to_string());
                    // It says and hears nothing more.
                    server.feed(part);
                    assert!(matches!(server.next_event(), Ok(None)) && !server.is_ready());
                    return (said, server.output().to_vec());
                }
            }
        }
    }
    (said, server.output().to_vec())
}

/// The same with pictures that change meanwhile.
fn draw(server: &mut Server, stream: &[u8], cut: u8) {
    let picture: Vec<u8> = (0..65 * 17 * 4).map(|index: u32| index.to_le_bytes()[0]).collect();
    let frame = Frame::new(SIZE, 65 * 4, &picture).unwrap();
    server.consume(server.output().len());
    for (number, part) in (0..).zip(pieces(stream, cut)) {
        server.feed(part);
        loop {
            match server.next_event() {
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(ProtocolError::UnknownMessage(_)) if server.is_ready() => panic!("goes on"),
                Err(_) => return,
            }
        }
        server.damage(&Region::from_rect(Rect::new(number % 64, number % 16, 9, 3)));
        let wanted = server.wants_update();
        let update = server.update(&frame, None);
        assert_eq!(update.is_some(), wanted);
        // The answers of the handshake are in it too.
        assert!(server.output().len() <= LARGEST_UPDATE, "{}", server.output().len());
        server.consume(server.output().len());
        assert!(!server.wants_update(), "one request, one update");
        let mut told = 0;
        while server.tell_clipboard() {
            told += 1;
            assert!(told <= 4 && server.output().len() <= 64, "each thing is told once");
            server.consume(server.output().len());
        }
    }
}
