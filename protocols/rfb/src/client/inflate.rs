//! A deflate stream that goes on from rectangle to rectangle, taken in pieces: what comes out of it is
//! looked at while it is in the processor's cache, and never kept whole.

use flate2::{Decompress, FlushDecompress, Status};

use super::DecodeError;

/// How much is inflated at once.
const PIECE: usize = 64 << 10;

#[derive(Debug)]
pub(super) struct Inflate {
    stream: Decompress,
    buffer: Vec<u8>,
}

impl Inflate {
    pub(super) fn new() -> Self {
        Self { stream: Decompress::new(true), buffer: Vec::new() }
    }

    /// The server begins the stream anew.
    pub(super) fn reset(&mut self) {
        self.stream.reset(true);
    }

    /// Inflates all of `compressed`, to `most` bytes at most. `take` is given what there is, in pieces
    /// with at least `unit` bytes in all but the last, and says how many bytes it has used: it must use
    /// something of a piece that long, and in the end everything.
    pub(super) fn run(
        &mut self,
        compressed: &[u8],
        (most, unit): (u64, usize),
        mut take: impl FnMut(&[u8]) -> Result<usize, DecodeError>,
    ) -> Result<(), DecodeError> {
        self.buffer.resize(PIECE.max(unit.saturating_mul(2)), 0);
        let (mut rest, mut filled, mut total) = (compressed, 0, 0_u64);
        loop {
            let room = self.buffer.get_mut(filled..).unwrap_or_default();
            let space = room.len();
            let before = (self.stream.total_in(), self.stream.total_out());
            let status = self
                .stream
                .decompress(rest, room, FlushDecompress::Sync)
                .map_err(|_| DecodeError::Deflate("not deflated data"))?;
            if status == Status::StreamEnd {
                return Err(DecodeError::Deflate("the stream ends"));
            }
            let taken = usize::try_from(self.stream.total_in() - before.0).unwrap_or(usize::MAX);
            let made = self.stream.total_out() - before.1;
            rest = rest.get(taken..).unwrap_or_default();
            total += made;
            if total > most {
                return Err(DecodeError::Deflate("more data than the rectangle can hold"));
            }
            let made = usize::try_from(made).unwrap_or(usize::MAX);
            filled += made;
            let done = rest.is_empty() && made < space;
            if !done && taken == 0 && made == 0 {
                return Err(DecodeError::Deflate("no progress"));
            }
            let used = take(self.buffer.get(..filled).unwrap_or_default())?;
            if done {
                return if used == filled {
                    Ok(())
                } else {
                    Err(DecodeError::Deflate("data after the end of the rectangle"))
                };
            }
            if used == 0 && filled == self.buffer.len() {
                return Err(DecodeError::Deflate("data that is no part of the rectangle"));
            }
            self.buffer.copy_within(used..filled, 0);
            filled -= used;
        }
    }
}

#[cfg(test)]
mod tests {
    use flate2::{Compress, Compression, FlushCompress};

    use super::*;

    fn deflated(bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(bytes.len() + 1024);
        let mut stream = Compress::new(Compression::new(6), true);
        stream.compress_vec(bytes, &mut out, FlushCompress::Sync).unwrap();
        out
    }

    #[test]
    fn bombs_are_found_before_they_are_whole() {
        let bomb = deflated(&vec![0; 8 << 20]);
        assert!(bomb.len() < 10_000);
        let mut seen = 0;
        let mut inflate = Inflate::new();
        let error = inflate.run(&bomb, (100_000, 4), |piece| {
            seen += piece.len();
            Ok(piece.len())
        });
        assert_eq!(error, Err(DecodeError::Deflate("more data than the rectangle can hold")));
        assert!(seen <= 100_000 && inflate.buffer.len() <= PIECE, "{seen}");
    }

    #[test]
    fn pieces_are_whole_units_and_nothing_is_left() {
        let bytes: Vec<u8> = (0..300_000_u32).map(|i| (i % 251) as u8).collect();
        let mut inflate = Inflate::new();
        let mut out = Vec::new();
        let run = inflate.run(&deflated(&bytes), (300_000, 1000), |piece| {
            let whole = piece.len() / 1000 * 1000;
            out.extend_from_slice(&piece[..whole]);
            Ok(whole)
        });
        assert_eq!(run, Ok(()));
        assert_eq!(out, bytes);
        let mut inflate = Inflate::new();
        let rest = inflate
            .run(&deflated(&bytes[..1500]), (5000, 1000), |piece| Ok(piece.len() / 1000 * 1000));
        assert_eq!(rest, Err(DecodeError::Deflate("data after the end of the rectangle")));
    }
}
