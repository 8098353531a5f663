//! Signatures of parts of a finished picture.

use porthole_pixel::Rect;

use super::picture::View;

/// Rows that are read in one go where the picture is a client's.
const ROWS: u8 = 16;

/// The CRC-32 of a part of a picture: each pixel as its bytes blue, green, red and 255, row by row.
pub(super) fn sign(picture: View<'_>, rect: Rect) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    let mut line = Vec::new();
    let Some(rect) = rect.intersect(Rect::from_size(picture.size())) else { return 0 };
    for top in (rect.y..rect.bottom()).step_by(ROWS.into()) {
        let bottom = rect.bottom().min(top.saturating_add(ROWS.into()));
        let strip = Rect::from_edges(rect.left(), top, rect.right(), bottom);
        let (part, (left, first)) = picture.part(strip);
        let width = strip.size().width as usize * 4;
        let skip = (strip.x - left).unsigned_abs() as usize * 4;
        let rows = part.bytes().chunks_exact(part.stride().max(1));
        let rows = rows.skip((top - first).unsigned_abs() as usize);
        for row in rows.take(strip.size().height as usize) {
            line.clear();
            line.extend_from_slice(row.get(skip..skip + width).unwrap_or_default());
            // The place of alpha has any value in a port's picture.
            line.iter_mut().skip(3).step_by(4).for_each(|alpha| *alpha = 255);
            crc.update(&line);
        }
    }
    crc.finalize()
}

#[cfg(test)]
mod tests {
    use porthole_core::Color;
    use porthole_pixel::Size;

    use super::*;
    use crate::render::Canvas;

    #[test]
    fn a_signature_is_the_checksum_of_the_bytes_in_order() {
        let canvas = Canvas::new(Size::new(40, 40), Color { red: 3, green: 2, blue: 1 });
        let expected = crc32fast::hash(&[1, 2, 3, 255].repeat(7 * 20));
        assert_eq!(sign(View::Canvas(&canvas), Rect::new(33, 20, 7, 20)), expected);
        // The check value of CRC-32/ISO-HDLC.
        assert_eq!(crc32fast::hash(b"123456789"), 0xcbf4_3926);
    }
}
