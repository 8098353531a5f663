//! Raw: rows of pixels (RFC 6143, 7.7.1).

use porthole_pixel::Rect;

use super::Source;

/// Rows of one fetch: enough to amortise it, few enough to stay in the cache.
const ROWS: i32 = 16;

pub(super) fn put(source: Source<'_>, values: &mut Vec<u32>, out: &mut Vec<u8>) {
    let rect = source.rect;
    let mut y = rect.top();
    while y < rect.bottom() {
        let rows = ROWS.min(rect.bottom() - y);
        source.fetch(Rect::new(rect.x, y, rect.width, rows), values);
        source.converter.put_pixels(values, out);
        y += rows;
    }
}
