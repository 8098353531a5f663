//! The bytes of a VNC server, to our strict client.

use porthole_rfb::client::{Client, Event, Levels};
use porthole_rfb::{ClipboardWays, Encoding, Password};

use crate::input::{Input, pieces};

/// What a server may begin with, so that what comes behind is reached.
const START: &[u8] = b"RFB 003.008\n\x01\x01\0\0\0\0\0\x28\0\x28\x20\x18\0\x01\0\xff\0\xff\0\xff\x10\x08\0\0\0\0\0\0\0\x01n";
/// A larger picture costs only memory here.
const MOST_PIXELS: u64 = 1 << 22;

pub(crate) fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let (flags, cut) = (input.u8(), input.u8());
    let stream = input.rest();
    let start = if flags & 1 == 0 { START } else { b"" };
    let stream = [start, stream].concat();
    let whole = events(flags, std::iter::once(&stream[..]));
    assert_eq!(whole, events(flags, pieces(&stream, cut)), "cut by {cut}");
}

fn events<'a>(flags: u8, parts: impl Iterator<Item = &'a [u8]>) -> String {
    let password = (flags & 2 != 0).then(|| Password::new(b"secret"));
    let mut client = Client::new(password, true);
    let mut said = String::new();
    for part in parts {
        client.feed(part);
        loop {
            match client.next_event() {
                Ok(None) => break,
                Ok(Some(event)) => {
                    said.push_str(&format!("{event:?}\n"));
                    if matches!(event, Event::Ready { .. }) {
                        ask(&mut client, flags);
                    }
                }
                Err(error) => return said + &error.to_string(),
            }
            client.take_output();
            assert!(!client.tell_clipboard() || client.pending_output() <= 64);
            let size = client.picture().size();
            assert_eq!(client.picture().values().len() as u64, size.area());
            if size.area() > MOST_PIXELS {
                return said;
            }
        }
    }
    let sum = client.picture().values().iter().fold(0_u32, |sum, value| sum.rotate_left(1) ^ value);
    format!("{said}{sum:x}")
}

/// Asks for all encodings or for some: what was not asked for is refused.
fn ask(client: &mut Client, flags: u8) {
    let first = [1, 5, 16, -239, -223, -224, -257, -258, -261, -307, -308];
    let foreign = [2, 6, 7, -232, -240, -312, -313, -314];
    let all = first.into_iter().chain(foreign).map(Encoding::from_number);
    let asked = all.into_iter().flatten().zip(0..);
    let asked = asked.filter(|(_, index)| flags & 4 == 0 || flags >> 3 & 1 << (index % 5) != 0);
    let mut asked: Vec<_> = asked.map(|(encoding, _)| encoding).collect();
    if flags & 0b1100 == 0b1000 {
        asked.push(Encoding::ExtendedClipboard);
        client.set_clipboard_ways(ClipboardWays { give: true, take: true });
        client.set_clipboard(Some("what is copied".into()));
    }
    // JPEG is read where some loss is allowed.
    let quality = (flags & 0x80 != 0).then_some(8);
    client.set_encodings_with(&asked, Levels { quality, compression: None });
}
