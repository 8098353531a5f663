//! What viewers see while the display service is away: its last picture, darkened, with a sign that
//! says so.

use porthole_pixel::Size;
use porthole_rfb::Frame;

const SIGN: &str = "THE DISPLAY SERVICE IS AWAY";

/// The sign's letters: seven rows of five pixels, the leftmost is the highest bit.
const LETTERS: [(char, [u8; 7]); 14] = [
    ('A', [0x0e, 0x11, 0x11, 0x1f, 0x11, 0x11, 0x11]),
    ('C', [0x0e, 0x11, 0x10, 0x10, 0x10, 0x11, 0x0e]),
    ('D', [0x1e, 0x11, 0x11, 0x11, 0x11, 0x11, 0x1e]),
    ('E', [0x1f, 0x10, 0x10, 0x1e, 0x10, 0x10, 0x1f]),
    ('H', [0x11, 0x11, 0x11, 0x1f, 0x11, 0x11, 0x11]),
    ('I', [0x0e, 0x04, 0x04, 0x04, 0x04, 0x04, 0x0e]),
    ('L', [0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x1f]),
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
const PAPER: u32 = 0x0020_2020;
const INK: u32 = 0x00ff_e060;

/// The picture.
#[derive(Debug)]
pub(crate) struct Away {
    size: Size,
    bytes: Vec<u8>,
}

impl Away {
    /// Makes it of the last picture, in rows of `0xXXRRGGBB` words without gaps.
    pub(crate) fn new(size: Size, last: &[u8]) -> Self {
        let mut bytes = last.to_vec();
        // Half as bright: each channel loses its lowest bit and moves down by one.
        for byte in &mut bytes {
            *byte >>= 1;
        }
        let mut away = Self { size, bytes };
        away.sign();
        away
    }

    pub(crate) const fn size(&self) -> Size {
        self.size
    }

    pub(crate) fn frame(&self) -> Option<Frame<'_>> {
        Frame::new(self.size, self.size.width as usize * 4, &self.bytes).ok()
    }

    /// Puts the sign in the middle of the upper part, as large as is readable and fits.
    fn sign(&mut self) {
        let letters = u32::try_from(SIGN.len()).unwrap_or_default();
        let (width, height) = (letters * CELL.0 + 2 * RIM, CELL.1 + 2 * RIM);
        let scale = (self.size.width / width).min(self.size.height / height).clamp(1, 4);
        let left = self.size.width.saturating_sub(width * scale) / 2;
        let top = self.size.height.saturating_sub(height * scale) / 8;
        self.fill((left, top), (width * scale, height * scale), PAPER);
        for (place, letter) in (0..).zip(SIGN.chars()) {
            let Some((_, rows)) = LETTERS.iter().find(|(known, _)| *known == letter) else {
                continue;
            };
            for (y, row) in (0..).zip(rows) {
                for x in (0..5).filter(|x| row & (0x10 >> x) != 0) {
                    let at = (RIM + place * CELL.0 + x, RIM + y);
                    let at = (left + at.0 * scale, top + at.1 * scale);
                    self.fill(at, (scale, scale), INK);
                }
            }
        }
    }

    /// Fills a rectangle, as far as it is in the picture.
    fn fill(&mut self, (left, top): (u32, u32), (width, height): (u32, u32), color: u32) {
        let Size { width: all, height: rows } = self.size;
        let (right, bottom) = ((left + width).min(all), (top + height).min(rows));
        for y in top..bottom {
            let from = (y as usize * all as usize + left as usize) * 4;
            let to = (y as usize * all as usize + right as usize) * 4;
            let row = self.bytes.get_mut(from..to).unwrap_or_default();
            row.as_chunks_mut::<4>().0.fill(color.to_le_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn away(width: u32, height: u32) -> Away {
        let size = Size::new(width, height);
        Away::new(size, &[0xff; 4].repeat(usize::try_from(size.area()).unwrap()))
    }

    fn count(away: &Away, color: u32) -> usize {
        away.bytes.as_chunks::<4>().0.iter().filter(|word| **word == color.to_le_bytes()).count()
    }

    #[test]
    fn every_letter_of_the_sign_is_there() {
        for letter in SIGN.chars().filter(|c| *c != ' ') {
            assert!(LETTERS.iter().any(|(known, _)| *known == letter), "{letter}");
        }
    }

    #[test]
    fn the_picture_is_dark_and_the_sign_is_whole_where_it_fits() {
        let one = away(170, 15);
        let ink = count(&one, INK);
        assert!(ink > 200, "{ink}");
        let large = away(1280, 720);
        assert_eq!(count(&large, INK), ink * 16, "four times as large each way");
        assert_eq!(large.bytes[..4], [0x7f; 4]);
        assert!(large.frame().is_some());
        // What does not fit is left out.
        for (width, height) in [(1, 1), (16, 16), (100, 3), (169, 15)] {
            assert!(count(&away(width, height), PAPER) > 0, "{width}x{height}");
        }
    }
}
