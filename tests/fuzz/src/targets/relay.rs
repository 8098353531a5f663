//! How the service cuts a client's stream into requests.

use self::wire::{LONGEST, Next};
use crate::input::{Input, pieces};

// The service is a program, not a library; this file of it stands for itself.
#[path = "../../../../compositor/daemon/src/relay/wire.rs"]
mod wire;

pub(crate) fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let cut = input.u8();
    let stream = input.rest();
    let (len, count) = wire::whole(stream);
    assert!(len <= stream.len() && count <= len / 8);

    // The same requests are found when the stream comes in pieces.
    let (mut waiting, mut found, mut taken) = (Vec::new(), 0, 0);
    'pieces: for piece in pieces(stream, cut) {
        waiting.extend_from_slice(piece);
        loop {
            match wire::next(&waiting) {
                Next::Whole(header) => {
                    assert!((8..=LONGEST).contains(&header.len));
                    let word =
                        |at: usize| u32::from_ne_bytes(*waiting[at..].first_chunk().unwrap());
                    assert_eq!(header.object, word(0));
                    assert_eq!(u32::from(header.opcode), word(4) & 0xffff);
                    waiting.drain(..header.len);
                    found += 1;
                    taken += header.len;
                }
                Next::Part => break,
                Next::Wrong(len) => {
                    assert!(!(8..=LONGEST).contains(&len));
                    break 'pieces;
                }
            }
        }
        // What waits is never more than one request that is not whole.
        assert!(waiting.len() < LONGEST);
    }
    assert_eq!((taken, found), (len, count));
}
