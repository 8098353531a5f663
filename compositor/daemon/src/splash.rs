//! The picture that a port shows before any guest's.

use std::{iter::repeat_n, ops::Range, sync::Arc};

use porthole_core::Color;
use porthole_pixel::{Format, Size};

use crate::protocols::shm::Pixels;

/// The built-in picture: a porthole with the sea in it, for a port of this size.
pub(crate) fn built_in(port: Size, background: Color) -> Option<Arc<Pixels>> {
    let side = (port.width.min(port.height) / 2).clamp(16, 1024);
    let painting = Painting::new(side, background);
    let mut words = Vec::with_capacity(side as usize * side as usize);
    for row in 0..side as usize {
        painting.paint_row(row, &mut words);
    }
    Pixels::owned(Format::Xrgb8888, Size::new(side, side), words).map(Arc::new)
}

type Rgb = [f32; 3];

/// What the built-in picture is painted with. Every port has one before its first frame, so what is the
/// same for many pixels is worked out once. Lengths are in halves of the picture's side.
struct Painting {
    /// The size of a pixel.
    pixel: f32,
    back: Rgb,
    /// Where the middles of columns and rows are: from -1 to 1.
    at: Vec<f32>,
    /// How low the sea begins in each column, and at its least and most.
    horizon: Vec<f32>,
    waves: [f32; 2],
}

impl Painting {
    const METAL: Rgb = [176.0, 141.0, 87.0];
    const DARK: Rgb = [96.0, 74.0, 40.0];
    const SKY: Rgb = [92.0, 141.0, 176.0];
    const SEA: Rgb = [20.0, 66.0, 104.0];
    /// The outer edge of the ring, its inner edge, and where its bolts are and how large.
    const RING: f32 = 0.96;
    const GLASS: f32 = 0.70;
    const BOLTS: f32 = 0.83;
    const BOLT: f32 = 0.05;

    #[expect(clippy::cast_precision_loss, reason = "at most 1024")]
    fn new(side: u32, background: Color) -> Self {
        let middle = side as f32 / 2.0;
        let back = [background.red, background.green, background.blue].map(f32::from);
        let at: Vec<f32> = (0..side).map(|i| (i as f32 + 0.5 - middle) / middle).collect();
        let horizon: Vec<f32> = at.iter().map(|x| 0.06 * (x * 9.0).sin() + 0.12).collect();
        let highest = horizon.iter().copied().fold(f32::INFINITY, f32::min);
        let lowest = horizon.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        Self { pixel: 1.0 / middle, back, at, horizon, waves: [highest, lowest] }
    }

    /// Adds a row. From either side there are pixels of the background, then of the ring, then of what is
    /// seen through the glass; only those of the ring and near the horizon are painted one by one. The
    /// ring is the same on all four sides.
    fn paint_row(&self, row: usize, words: &mut Vec<u32>) {
        let (start, side) = (words.len(), self.at.len());
        let mirrored = side - 1 - row;
        let Some(y) = self.at.get(row).copied() else { return };
        let left = self.at.get(..side.div_ceil(2)).unwrap_or_default();
        let background = left.partition_point(|x| self.is_outside(*x, y));
        let ring = left.partition_point(|x| !self.is_glass(*x, y));
        words.extend(repeat_n(word(self.back), background));
        let above = (mirrored < row).then_some(mirrored * side);
        for column in background..ring {
            let twin = above.map(|above| above + column);
            words.push(self.ring_word(column, y, twin.and_then(|twin| words.get(twin)).copied()));
        }
        self.view(ring..side - ring.min(side / 2), y, words);
        for column in side - ring.min(side / 2)..side - background.min(side / 2) {
            let twin = words.get(start + side - 1 - column).copied();
            words.push(self.ring_word(column, y, twin));
        }
        words.extend(repeat_n(word(self.back), background.min(side / 2)));
    }

    /// Adds what is seen through the glass in some columns.
    fn view(&self, columns: Range<usize>, y: f32, words: &mut Vec<u32>) {
        let [highest, lowest] = self.waves;
        if y < highest - self.pixel {
            words.extend(repeat_n(word(Self::SKY), columns.len()));
        } else if y > lowest + self.pixel {
            words.extend(repeat_n(word(Self::SEA), columns.len()));
        } else {
            let both = self.at.iter().zip(&self.horizon);
            let both = both.skip(columns.start).take(columns.len());
            words.extend(both.map(|(x, horizon)| self.word(*x, y, *horizon)));
        }
    }

    /// A pixel of the ring, which where no glass is near is the same as the one on its other side.
    fn ring_word(&self, column: usize, y: f32, twin: Option<u32>) -> u32 {
        let at = |all: &[f32]| all.get(column).copied().unwrap_or_default();
        let (x, glass) = (at(&self.at), Self::GLASS + self.pixel);
        let twin = twin.filter(|_| x * x + y * y > glass * glass);
        twin.unwrap_or_else(|| self.word(x, y, at(&self.horizon)))
    }

    fn is_outside(&self, x: f32, y: f32) -> bool {
        let ring = Self::RING + self.pixel;
        x * x + y * y > ring * ring
    }

    fn is_glass(&self, x: f32, y: f32) -> bool {
        let glass = Self::GLASS - self.pixel;
        x * x + y * y < glass * glass
    }

    /// How much of a pixel is on the inner side of an edge so far away.
    fn inside(&self, distance: f32) -> f32 {
        (distance / self.pixel + 0.5).clamp(0.0, 1.0)
    }

    fn word(&self, x: f32, y: f32, horizon: f32) -> u32 {
        // Most pixels are far away from all edges.
        if self.is_outside(x, y) {
            return word(self.back);
        }
        if self.is_glass(x, y) && (y - horizon).abs() > self.pixel {
            return word(if y > horizon { Self::SEA } else { Self::SKY });
        }
        let distance = (x * x + y * y).sqrt();
        let metal = over(self.back, Self::METAL, self.inside(Self::RING - distance));
        let bolt = self.inside(Self::BOLT - to_bolt(x, y, Self::BOLTS));
        let view = over(Self::SKY, Self::SEA, self.inside(y - horizon));
        let glass = self.inside(Self::GLASS - distance);
        word(over(over(metal, Self::DARK, bolt), view, glass))
    }
}

/// How far it is to the nearest of eight bolts on a circle, one of which is to the right.
fn to_bolt(x: f32, y: f32, radius: f32) -> f32 {
    // All eighths of the circle look like this one, which has half of two bolts.
    let (x, y) = (x.abs().max(y.abs()), x.abs().min(y.abs()));
    let slanted = radius * std::f32::consts::FRAC_1_SQRT_2;
    let square = |x: f32, y: f32| x * x + y * y;
    square(x - radius, y).min(square(x - slanted, y - slanted)).sqrt()
}

fn over(below: Rgb, above: Rgb, amount: f32) -> Rgb {
    let mix = |below: f32, above: f32| below + (above - below) * amount;
    let ([r, g, b], [red, green, blue]) = (below, above);
    [mix(r, red), mix(g, green), mix(b, blue)]
}

fn word(color: Rgb) -> u32 {
    let [r, g, b] = color.map(to_byte);
    u32::from_be_bytes([255, r, g, b])
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to a byte")]
fn to_byte(v: f32) -> u8 {
    (v + 0.5).clamp(0.0, 255.0) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_picture_keeps_the_background_in_its_corners() {
        let pixels = built_in(Size::new(64, 48), Color { red: 1, green: 2, blue: 3 }).unwrap();
        let words = pixels.to_argb();
        assert_eq!(pixels.layout().size(), Size::new(24, 24));
        assert_eq!(words.first(), Some(&0xff01_0203));
        assert_ne!(words.get(12 * 24 + 12), Some(&0xff01_0203));
    }

    #[test]
    fn the_built_in_picture_has_a_ring_with_bolts_around_sky_and_sea() {
        let pixels = built_in(Size::new(400, 400), Color::BLACK).unwrap();
        let words = pixels.to_argb();
        let at = |x: usize, y: usize| words[y * 200 + x];
        for (x, y) in [(182, 100), (158, 158), (100, 182), (41, 158), (17, 100), (41, 41)] {
            assert_eq!(at(x, y), 0xff60_4a28, "a bolt at {x}, {y}");
        }
        for (x, y) in [(176, 131), (131, 176), (23, 131), (23, 68)] {
            assert_eq!(at(x, y), 0xffb0_8d57, "the ring at {x}, {y}");
        }
        assert_eq!((at(100, 150), at(100, 50)), (0xff14_4268, 0xff5c_8db0));
    }

    #[test]
    fn what_is_painted_at_once_is_what_each_pixel_would_be() {
        for side in [16, 17, 64, 97, 384, 511] {
            let painting = Painting::new(side, Color { red: 9, green: 8, blue: 7 });
            let mut painted = Vec::new();
            (0..side as usize).for_each(|row| painting.paint_row(row, &mut painted));
            let alone = painting.at.iter().flat_map(|y| {
                let columns = painting.at.iter().zip(&painting.horizon);
                columns.map(|(x, horizon)| painting.word(*x, *y, *horizon))
            });
            assert!(painted.iter().copied().eq(alone), "{side}");
        }
    }
}
