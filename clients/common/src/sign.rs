//! A sign over a picture that is not what it was: the picture is darkened, and a panel on it says why.

use porthole_pixel::Size;

/// The letters: seven rows of five pixels, the leftmost is the highest bit. Those that a sign needs.
const LETTERS: [(char, [u8; 7]); 15] = [
    ('A', [0x0e, 0x11, 0x11, 0x1f, 0x11, 0x11, 0x11]),
    ('C', [0x0e, 0x11, 0x10, 0x10, 0x10, 0x11, 0x0e]),
    ('D', [0x1e, 0x11, 0x11, 0x11, 0x11, 0x11, 0x1e]),
    ('E', [0x1f, 0x10, 0x10, 0x1e, 0x10, 0x10, 0x1f]),
    ('H', [0x11, 0x11, 0x11, 0x1f, 0x11, 0x11, 0x11]),
    ('I', [0x0e, 0x04, 0x04, 0x04, 0x04, 0x04, 0x0e]),
    ('L', [0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x1f]),
    ('N', [0x11, 0x19, 0x15, 0x15, 0x15, 0x13, 0x11]),
    ('P', [0x1e, 0x11, 0x11, 0x1e, 0x10, 0x10, 0x10]),
    ('R', [0x1e, 0x11, 0x11, 0x1e, 0x14, 0x12, 0x11]),
    ('S', [0x0f, 0x10, 0x10, 0x0e, 0x01, 0x01, 0x1e]),
    ('T', [0x1f, 0x04, 0x04, 0x04, 0x04, 0x04, 0x04]),
    ('V', [0x11, 0x11, 0x11, 0x11, 0x11, 0x0a, 0x04]),
    ('W', [0x11, 0x11, 0x11, 0x15, 0x15, 0x1b, 0x11]),
    ('Y', [0x11, 0x11, 0x0a, 0x04, 0x04, 0x04, 0x04]),
];
/// A letter with the gap behind it, and its rows.
const CELL: (u32, u32) = (6, 7);
/// The panel's rim around the sign, in pixels of the sign.
const RIM: u32 = 4;
/// The panel's colour.
pub const PAPER: u32 = 0x0020_2020;
/// The letters' colour.
pub const INK: u32 = 0x00ff_e060;

/// Whether a text has no other letters than those that there are.
#[must_use]
pub fn can_say(text: &str) -> bool {
    text.chars().all(|letter| letter == ' ' || rows(letter).is_some())
}

fn rows(letter: char) -> Option<&'static [u8; 7]> {
    LETTERS.iter().find(|(known, _)| *known == letter).map(|(_, rows)| rows)
}

/// Darkens a picture to half its brightness and puts the sign in the middle of its upper part, as large
/// as is readable and fits. `bytes` are rows of `0xXXRRGGBB` words without gaps.
pub fn put(text: &str, size: Size, bytes: &mut [u8]) {
    // Each channel loses its lowest bit and moves down by one.
    for byte in &mut *bytes {
        *byte >>= 1;
    }
    let letters = u32::try_from(text.chars().count()).unwrap_or_default();
    let (width, height) = (letters * CELL.0 + 2 * RIM, CELL.1 + 2 * RIM);
    let scale = (size.width / width).min(size.height / height).clamp(1, 4);
    let left = size.width.saturating_sub(width * scale) / 2;
    let top = size.height.saturating_sub(height * scale) / 8;
    let mut fill = |from: (u32, u32), extent: (u32, u32), color: u32| {
        fill(size, bytes, from, extent, color);
    };
    fill((left, top), (width * scale, height * scale), PAPER);
    for (place, letter) in (0..).zip(text.chars()) {
        for (y, row) in (0..).zip(rows(letter).into_iter().flatten()) {
            for x in (0..5).filter(|x| row & (0x10 >> x) != 0) {
                let at = (RIM + place * CELL.0 + x, RIM + y);
                let at = (left + at.0 * scale, top + at.1 * scale);
                fill(at, (scale, scale), INK);
            }
        }
    }
}

/// Fills a rectangle, as far as it is in the picture.
fn fill(
    size: Size,
    bytes: &mut [u8],
    (left, top): (u32, u32),
    (width, height): (u32, u32),
    color: u32,
) {
    let Size { width: all, height: rows } = size;
    let (right, bottom) = ((left + width).min(all), (top + height).min(rows));
    for y in top..bottom {
        let from = (y as usize * all as usize + left as usize) * 4;
        let to = (y as usize * all as usize + right as usize) * 4;
        let row = bytes.get_mut(from..to).unwrap_or_default();
        row.as_chunks_mut::<4>().0.fill(color.to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "THE DISPLAY SERVICE IS AWAY";

    fn signed(width: u32, height: u32) -> Vec<u8> {
        let size = Size::new(width, height);
        let mut bytes = [0xff; 4].repeat(usize::try_from(size.area()).unwrap());
        put(TEXT, size, &mut bytes);
        bytes
    }

    fn count(bytes: &[u8], color: u32) -> usize {
        bytes.as_chunks::<4>().0.iter().filter(|word| **word == color.to_le_bytes()).count()
    }

    #[test]
    fn the_picture_is_dark_and_the_sign_is_whole_where_it_fits() {
        assert!(can_say(TEXT) && !can_say("QUAY"));
        let ink = count(&signed(170, 15), INK);
        assert!(ink > 200, "{ink}");
        let large = signed(1280, 720);
        assert_eq!(count(&large, INK), ink * 16, "four times as large each way");
        assert_eq!(large[..4], [0x7f; 4]);
        // What does not fit is left out.
        for (width, height) in [(1, 1), (16, 16), (100, 3), (169, 15)] {
            assert!(count(&signed(width, height), PAPER) > 0, "{width}x{height}");
        }
    }
}
