//! ZRLE's deflate stream: one for each viewer, from its first rectangle to its last
//! (RFC 6143, 7.7.6).

use flate2::{Compress, Compression, FlushCompress, Status};

use crate::wire::Put;

/// Level 1 stores with fixed codes and makes photos larger than they were; 2 costs little more.
const FAST: u32 = 2;
/// For viewers that ask for strong compression.
const STRONG: u32 = 6;

#[derive(Debug)]
pub(super) struct Stream {
    level: u32,
    deflate: Option<Box<Compress>>,
}

impl Stream {
    pub(super) const fn new() -> Self {
        Self { level: FAST, deflate: None }
    }

    /// Takes the viewer's wish; it holds from the stream's start only, as a change in the middle
    /// would need a flush of its own.
    pub(super) fn set_level(&mut self, wish: u32) {
        self.level = if wish >= STRONG { STRONG } else { FAST };
    }

    /// Appends the length and the compressed bytes, complete up to the last byte of `tiles`.
    pub(super) fn put(&mut self, tiles: &[u8], out: &mut Vec<u8>) {
        let level = Compression::new(self.level);
        let deflate = self.deflate.get_or_insert_with(|| Box::new(Compress::new(level, true)));
        let start = out.len();
        out.put_u32(0);
        let mut rest = tiles;
        loop {
            out.reserve(rest.len() / 4 + 1024);
            let before = deflate.total_in();
            let status = deflate.compress_vec(rest, out, FlushCompress::Sync);
            let taken = usize::try_from(deflate.total_in() - before).unwrap_or(rest.len());
            rest = rest.get(taken..).unwrap_or_default();
            // The flush is complete once everything went in and room was left over. An error
            // cannot come from valid arguments; ending here leaves a stream that is whole.
            let room = out.len() < out.capacity();
            let lost = !matches!(status, Ok(Status::Ok | Status::BufError));
            if lost || rest.is_empty() && room {
                break;
            }
        }
        // A rectangle has at most 65535² pixels of four bytes, but pictures of that size do not
        // fit in memory; the caller splits at far less.
        let length = u32::try_from(out.len() - start - 4).unwrap_or(u32::MAX);
        if let Some(field) = out.get_mut(start..start + 4) {
            field.copy_from_slice(&length.to_be_bytes());
        }
    }
}
