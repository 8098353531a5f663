//! ZRLE's inflate stream (RFC 6143, 7.7.6).

use flate2::{Decompress, FlushDecompress, Status};
use porthole_pixel::Rect;

use super::{DecodeError, Picture, tile};
use crate::pixel_format::PixelFormat;
use crate::wire::Reader;

/// Longer rectangles are refused.
const MAX_COMPRESSED: u32 = 64 << 20;

#[derive(Debug)]
pub(super) struct Stream {
    inflate: Decompress,
}

impl Stream {
    pub(super) fn new() -> Self {
        Self { inflate: Decompress::new(true) }
    }

    /// Decodes a rectangle once all of it is here.
    pub(super) fn decode(
        &mut self,
        format: PixelFormat,
        rect: Rect,
        input: &mut Reader<'_>,
        picture: &mut Picture,
    ) -> Result<Option<()>, DecodeError> {
        let Some(length) = input.u32() else { return Ok(None) };
        if length > MAX_COMPRESSED {
            return Err(DecodeError::TooLong("a ZRLE rectangle", length));
        }
        let Some(compressed) = input.bytes(length as usize) else { return Ok(None) };
        let data = self.inflate(compressed, most_bytes(rect))?;
        let mut tiles = Reader::new(&data);
        for y in (rect.top()..rect.bottom()).step_by(64) {
            for x in (rect.left()..rect.right()).step_by(64) {
                let area = Rect::new(x, y, 64.min(rect.right() - x), 64.min(rect.bottom() - y));
                let count = usize::try_from(area.area()).unwrap_or(0);
                let width = usize::try_from(area.width).unwrap_or(0);
                let values = tile::decode(format, width, count, &mut tiles)?;
                picture.write(area, &values);
            }
        }
        if tiles.remaining() > 0 {
            return Err(DecodeError::Deflate("data after the last tile"));
        }
        Ok(Some(()))
    }

    /// Inflates all of `compressed`, at most `limit` bytes.
    fn inflate(&mut self, compressed: &[u8], limit: usize) -> Result<Vec<u8>, DecodeError> {
        let mut data = Vec::new();
        let mut rest = compressed;
        loop {
            // A few bytes may become gigabytes: the room grows no further than the limit.
            data.reserve((rest.len() * 2 + 1024).min(limit.saturating_sub(data.len()) + 1));
            let before = (self.inflate.total_in(), data.len());
            let status = self
                .inflate
                .decompress_vec(rest, &mut data, FlushDecompress::Sync)
                .map_err(|_| DecodeError::Deflate("not deflated data"))?;
            let taken = usize::try_from(self.inflate.total_in() - before.0).unwrap_or(usize::MAX);
            rest = rest.get(taken..).unwrap_or_default();
            if data.len() > limit {
                return Err(DecodeError::Deflate("more data than the tiles can hold"));
            }
            if status == Status::StreamEnd {
                return Err(DecodeError::Deflate("the stream ends"));
            }
            if data.len() < data.capacity() {
                if rest.is_empty() {
                    return Ok(data);
                }
                if taken == 0 && data.len() == before.1 {
                    return Err(DecodeError::Deflate("no progress"));
                }
            }
        }
    }
}

/// No tile of a sane encoder is larger than its pixels with a run length each.
fn most_bytes(rect: Rect) -> usize {
    usize::try_from(rect.area() * 5 + 2048)
        .unwrap_or(usize::MAX)
        .saturating_add(usize::try_from(rect.area() / 64).unwrap_or(usize::MAX).saturating_mul(512))
}
