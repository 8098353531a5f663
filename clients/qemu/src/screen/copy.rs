//! Copies into a console's picture.

use std::io;

use porthole_memory::Foreign;
use porthole_picture::{Holds, Ledger, PIXEL_BYTES, Picture};
use porthole_pixel::{Layout, Rect, words};

use crate::formats::Known;
use crate::statistics::Statistics;

/// A picture in QEMU's memory.
#[derive(Debug)]
pub(super) struct Theirs {
    pub(super) memory: Foreign,
    pub(super) known: Known,
    pub(super) lies: Layout,
}

/// Lends the rows of a rectangle of a picture to whoever fills them.
pub(super) fn copy_in(
    picture: &mut Picture,
    rect: Rect,
    known: Known,
    holds: &Holds,
    statistics: &mut Statistics,
    fill: impl FnOnce(&mut [&mut [u8]]) -> io::Result<()>,
) -> io::Result<()> {
    let row = usize::try_from(rect.size().width * PIXEL_BYTES).map_err(io::Error::other)?;
    let stride = usize::try_from(picture.stride()).map_err(io::Error::other)?;
    let Statistics { copies, overdrawn, .. } = statistics;
    let ledger = Ledger { holds, copies, overdrawn };
    picture.draw(rect, true, ledger, |bytes| {
        let mut rows: Vec<&mut [u8]> =
            bytes.chunks_mut(stride).filter_map(|chunk| chunk.get_mut(..row)).collect();
        fill(&mut rows)
    })??;
    let bytes = rect.size().area() * u64::from(known.format.bytes_per_pixel());
    statistics.copies.transfer = statistics.copies.transfer.saturating_add(bytes);
    Ok(())
}

/// Copies a rectangle out of QEMU's memory.
pub(super) fn copy_from(
    theirs: &Theirs,
    rect: Rect,
    picture: &mut Picture,
    holds: &Holds,
    statistics: &mut Statistics,
) -> io::Result<()> {
    let Theirs { memory, known, lies } = theirs;
    let known = *known;
    let size = usize::try_from(known.format.bytes_per_pixel()).map_err(io::Error::other)?;
    let width = usize::try_from(rect.size().width).map_err(io::Error::other)?;
    // Rows without gaps are one piece.
    if known.format == known.shown
        && lies.stride() == picture.stride()
        && rect.size().width == picture.size().width
        && let Some(at) = lies.row_offset(rect.y.unsigned_abs())
    {
        let Statistics { copies, overdrawn, .. } = statistics;
        let ledger = Ledger { holds, copies, overdrawn };
        picture.draw(rect, true, ledger, |bytes| memory.read_at(at, bytes))??;
        let bytes = rect.size().area() * u64::from(PIXEL_BYTES);
        statistics.copies.transfer = statistics.copies.transfer.saturating_add(bytes);
        return Ok(());
    }
    let skip = u64::from(rect.x.unsigned_abs()) * u64::from(known.format.bytes_per_pixel());
    copy_in(picture, rect, known, holds, statistics, |rows| {
        let mut wide = if known.format == known.shown { Vec::new() } else { vec![0; width * size] };
        for (to, y) in rows.iter_mut().zip(rect.y.unsigned_abs()..) {
            let at = lies.row_offset(y).ok_or(io::ErrorKind::InvalidInput)? + skip;
            if wide.is_empty() {
                memory.read_at(at, to)?;
            } else {
                memory.read_at(at, &mut wide)?;
                put(known, to, &wide);
            }
        }
        Ok(())
    })
}

/// One row of pixels as they are shown.
pub(super) fn put(known: Known, to: &mut [u8], from: &[u8]) {
    if known.format == known.shown {
        if let Some(to) = to.get_mut(..from.len()) {
            to.copy_from_slice(from);
        }
        return;
    }
    for (to, from) in to.as_chunks_mut::<4>().0.iter_mut().zip(from.as_chunks::<2>().0) {
        *to = words::rgb565(u16::from_le_bytes(*from)).to_le_bytes();
    }
}
