//! What QEMU's D-Bus display sends: a handshake, then messages.

use porthole_dbus::{Handshake, Inbox, MAX_DESCRIPTORS, MAX_HEADER, Message};

use crate::input::{Input, pieces};

/// The largest arguments that the target wants.
const MOST: usize = 512;

pub(crate) fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let (cut, greets) = (input.u8(), input.flag());
    let stream = input.rest();
    if greets {
        greet(stream);
    }
    assert_eq!(read(stream, 0), read(stream, cut), "cut by {cut}");
}

/// The handshake takes no more than it was given, and ends.
fn greet(stream: &[u8]) {
    let (mut handshake, first) = Handshake::new(1000);
    assert!(first.starts_with(b"\0AUTH EXTERNAL "));
    let mut rest = stream;
    while !rest.is_empty() && !handshake.is_done() {
        let (now, later) = rest.split_at(rest.len().min(7));
        let Ok((taken, answer)) = handshake.take(now) else { return };
        assert!(taken <= now.len() && answer.len() <= 64);
        assert!(taken == now.len() || handshake.is_done());
        rest = later;
    }
}

/// Messages as text, up to the first that cannot be.
fn read(stream: &[u8], cut: u8) -> Vec<String> {
    let mut inbox = Inbox::new(MOST);
    let mut said = Vec::new();
    for piece in pieces(stream, cut) {
        let put = inbox.put(piece);
        loop {
            match inbox.pop() {
                Ok(Some(message)) => said.push(describe(&message)),
                Ok(None) => break,
                Err(error) => {
                    said.push(error.to_string());
                    return said;
                }
            }
        }
        assert!(inbox.len() <= MOST + MAX_HEADER + 24 + (64 << 10));
        if let Err(error) = put {
            said.push(error.to_string());
            return said;
        }
    }
    said
}

/// A message with what is in it, read as everything that it could be.
fn describe(message: &Message<'_>) -> String {
    assert!(message.serial != 0 && message.descriptors as usize <= MAX_DESCRIPTORS);
    let mut text = format!(
        "{:?} {} {} {}.{} {:?} {:?}",
        message.kind,
        message.serial,
        message.path,
        message.interface,
        message.member,
        message.signature,
        message.words()
    );
    if let Ok(mut from) = message.arguments("uuuuay") {
        let numbers = [from.u32(), from.u32(), from.u32(), from.u32()];
        let pixels = from.bytes();
        assert!(pixels.as_ref().map_or(0, |pixels| pixels.len()) <= MOST);
        text.push_str(&format!(" {numbers:?} {pixels:?}"));
    }
    for types in ["a{sv}", "sa{sv}as"] {
        let Ok(mut from) = message.arguments(types) else { continue };
        let named = if types.len() > 5 { from.text() } else { Ok("") };
        let read = from.properties(|name, value| text.push_str(&format!(" {name}={value:?}")));
        text.push_str(&format!(" {named:?} {read:?}"));
    }
    if let Ok(mut from) = message.arguments("ahuuuuauauuuuutb") {
        text.push_str(&format!(" {:?}", from.u32s()));
    }
    text
}
