//! A trace as a file: whoever replays one may have got it from anywhere.

use porthole_trace::{Ending, Event, MAGIC, MAX_CHUNK, ReadError, Reader, VERSION};

use crate::input::Input;

/// What a trace begins with.
const START: &[u8] =
    br#"{"program":"porthole-gpu","version":"0","guest":"a","started_ms":1,"devices":[]}"#;

pub(crate) fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let choice = input.u8();
    let file = if choice & 1 == 0 { input.rest().to_vec() } else { file(choice, &mut input) };
    let Ok((_, mut reader)) = Reader::open(&file[..]) else { return };
    let mut last_us = 0;
    let mut count = 0;
    loop {
        let peeked = reader.peek().map(|next| next.map(|(time, device, _)| (time, device)));
        match reader.next() {
            Ok(Some((time_us, device, event))) => {
                assert_eq!(peeked.unwrap(), Some((time_us, device)));
                // No record holds what is not in the file.
                if let Event::Request { bytes, .. } | Event::Memory { bytes, .. } = event {
                    assert!(bytes.len() <= file.len());
                }
                last_us = last_us.max(time_us);
                count += 1;
            }
            Ok(None) => {
                assert!(peeked.unwrap().is_none() && reader.ending().is_some());
                break;
            }
            Err(error) => {
                assert!(matches!(error, ReadError::Record(_)), "{error}");
                return;
            }
        }
        assert!(count <= file.len(), "more records than bytes");
    }
    assert_eq!(reader.records(), count as u64);
    if choice & 1 != 0 {
        assert_ne!(reader.ending(), Some(Ending::Damaged), "the checksums are right");
    }
}

/// A file whose checksums are right, so that what lies behind them is reached.
fn file(choice: u8, input: &mut Input<'_>) -> Vec<u8> {
    let mut file = MAGIC.to_vec();
    file.extend(VERSION.to_le_bytes());
    put_chunk(&mut file, if choice & 2 == 0 { START } else { input.bytes(60) });
    while !input.is_empty() {
        let length = input.below(200);
        put_chunk(&mut file, input.bytes(length));
    }
    file
}

fn put_chunk(file: &mut Vec<u8>, chunk: &[u8]) {
    assert!(chunk.len() <= MAX_CHUNK);
    file.extend(u32::try_from(chunk.len()).unwrap().to_le_bytes());
    file.extend(crc32fast::hash(chunk).to_le_bytes());
    file.extend(chunk);
}
