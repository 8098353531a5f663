//! A text in a message of the extended clipboard: its length, lines that end as on DOS, a zero; deflated by
//! itself.

use std::sync::Arc;

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use super::Malformed;
use crate::message::MAX_CUT_TEXT;

/// Why a text is left.
pub(super) const TOO_LONG: &str = "it has more than 1 MiB";
const NO_TEXT: &str = "it is no text in UTF-8";

/// Bytes that the longest text may have on its way, if each of them is the end of a line.
const MAX_UNPACKED: usize = 2 * MAX_CUT_TEXT + 1;

/// How much is inflated at once.
const PIECE: usize = 16 << 10;

/// What a message holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Unpacked {
    Text(Arc<str>),
    /// It is not taken, and why.
    Left(&'static str),
}

/// Deflates a text, fast rather than well: most are short.
pub(super) fn pack(text: &str) -> Vec<u8> {
    let lines = text.replace("\r\n", "\n").replace('\n', "\r\n");
    let length = u32::try_from(lines.len() + 1).unwrap_or(u32::MAX);
    let bytes = [&length.to_be_bytes()[..], lines.as_bytes(), &[0]].concat();
    let mut packed = Vec::with_capacity(bytes.len() / 2 + 64);
    let mut deflate = Compress::new(Compression::fast(), true);
    loop {
        let taken = usize::try_from(deflate.total_in()).unwrap_or(bytes.len());
        let rest = bytes.get(taken..).unwrap_or_default();
        packed.reserve(PIECE);
        match deflate.compress_vec(rest, &mut packed, FlushCompress::Finish) {
            Ok(Status::StreamEnd) | Err(_) => return packed,
            Ok(Status::Ok | Status::BufError) => {}
        }
    }
}

/// Inflates a text, as much of it as a text may have. What may follow it are other formats, which nobody
/// asked for.
pub(super) fn unpack(packed: &[u8]) -> Result<Unpacked, Malformed> {
    let mut stream = Decompress::new(true);
    let mut bytes = Vec::new();
    let mut piece = [0; PIECE];
    let mut wanted = None;
    loop {
        if wanted.is_none()
            && let Some(length) = bytes.first_chunk::<4>()
        {
            let length = u32::from_be_bytes(*length) as usize;
            if length > MAX_UNPACKED {
                return Ok(Unpacked::Left(TOO_LONG));
            }
            wanted = Some(length);
        }
        // The length by itself at first: nothing is made of what is too long.
        let missing = wanted.map_or(4, |wanted| wanted + 4) - bytes.len();
        if missing == 0 {
            return Ok(text(bytes.split_off(4)));
        }
        let taken = usize::try_from(stream.total_in()).unwrap_or(usize::MAX);
        let rest = packed.get(taken..).unwrap_or_default();
        let room = piece.get_mut(..missing.min(PIECE)).unwrap_or_default();
        let before = stream.total_out();
        let status = stream
            .decompress(rest, room, FlushDecompress::Sync)
            .map_err(|_| Malformed("its text is not deflated"))?;
        let made = usize::try_from(stream.total_out() - before).unwrap_or(0);
        bytes.extend_from_slice(room.get(..made).unwrap_or_default());
        let stuck = made == 0 && usize::try_from(stream.total_in()) == Ok(taken);
        let over = status == Status::StreamEnd && bytes.len() < wanted.map_or(4, |w| w + 4);
        if stuck || over {
            return Err(Malformed("its text is cut short"));
        }
    }
}

/// Text as programs here have it.
fn text(mut bytes: Vec<u8>) -> Unpacked {
    let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    bytes.truncate(end);
    match String::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') => {
            let text = text.replace("\r\n", "\n");
            if text.len() > MAX_CUT_TEXT {
                Unpacked::Left(TOO_LONG)
            } else {
                Unpacked::Text(text.into())
            }
        }
        _ => Unpacked::Left(NO_TEXT),
    }
}
