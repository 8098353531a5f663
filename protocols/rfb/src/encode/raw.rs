//! Raw: rows of pixels (RFC 6143, 7.7.1).

use porthole_pixel::Rect;

use super::Source;

/// Rows of one fetch: enough to amortise it, few enough to stay in the cache.
const ROWS: i32 = 16;

pub(super) fn put(source: Source<'_>, values: &mut Vec<u32>, out: &mut Vec<u8>) {
    let rect = source.rect;
    out.reserve(usize::try_from(rect.area()).unwrap_or(0) * source.converter.pixel_len());
    if source.is_native() {
        (rect.top()..rect.bottom()).for_each(|y| put_row(source, y, out));
        return;
    }
    let mut y = rect.top();
    while y < rect.bottom() {
        let rows = ROWS.min(rect.bottom() - y);
        source.fetch(Rect::new(rect.x, y, rect.width, rows), values);
        source.converter.put_pixels(values, out);
        y += rows;
    }
}

/// Appends a row of pixels that the viewer wants as they are.
fn put_row(source: Source<'_>, y: i32, out: &mut Vec<u8>) {
    let rect = source.rect;
    let row = source.frame.row(rect.x, y, rect.width);
    let start = out.len();
    out.resize(start + row.len(), 0);
    let target = out.get_mut(start..).unwrap_or_default().as_chunks_mut::<4>().0;
    for (to, from) in target.iter_mut().zip(row.as_chunks::<4>().0) {
        *to = (u32::from_le_bytes(*from) & 0x00ff_ffff).to_le_bytes();
    }
}
