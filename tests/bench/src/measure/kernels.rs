//! What the arithmetic of blending costs, without a compositor around it.

use std::time::Instant;

use pixman::{FormatCode, Image, Operation};
use porthole_pixel::blend::{Formula, blend_row};
use porthole_rig::Result;

use super::{Bench, Samples};

const WIDTH: usize = 1920;
const HEIGHT: usize = 1080;
/// The same, as pixman wants it.
const SIZE: (i32, i32) = (1920, 1080);
/// Runs in each round, of which the fastest counts.
const RUNS: u32 = 30;

/// A ground, and what is blended over it.
struct Pictures {
    ground: Vec<u32>,
    source: Vec<u32>,
    mask: Vec<u8>,
}

impl Pictures {
    /// Pictures of no pattern that a processor could learn; the source is half transparent, and one
    /// of four of its pixels has the colour of the key.
    fn new() -> Self {
        let count = WIDTH * HEIGHT;
        let mut random = 1_u64;
        let mut next = || {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            u32::try_from(random >> 32).unwrap_or_default()
        };
        let ground = (0..count).map(|_| next() | 0xff00_0000).collect();
        let source = (0..count).map(|_| premultiplied(next())).collect();
        let mask = (0..count).map(|_| next().to_le_bytes()[0]).collect();
        Self { ground, source, mask }
    }

    /// The source as a picture without alpha of which a fourth is of the key's colour.
    fn keyed(mut self) -> Self {
        for word in &mut self.source {
            *word = if *word & 0x3 == 0 { KEY } else { *word | 0xff00_0000 };
        }
        self
    }

    fn rows(&mut self) -> impl Iterator<Item = (&mut [u32], &[u32], &[u8])> {
        let sources = self.source.chunks_exact(WIDTH).zip(self.mask.chunks_exact(WIDTH));
        let rows = self.ground.chunks_exact_mut(WIDTH).zip(sources);
        rows.map(|(ground, (source, mask))| (ground, source, mask))
    }
}

const KEY: u32 = 0xff00_ff00;

/// Milliseconds to blend a half transparent picture of 1920×1080, beside pixman.
pub(crate) fn over(bench: &Bench) -> Result<Samples> {
    let formula = Formula { opaque: false, source_alpha: true, global: 255, key: None };
    let mut pictures = Pictures::new();
    let mut samples = Samples::default();
    for _ in 0..bench.rounds {
        samples.add("porthole", fastest(|| ours(&mut pictures, false, &formula)));
        samples.add("pixman", fastest(|| by_pixman(&mut pictures)));
    }
    Ok(samples)
}

/// The same with a mask and an opacity, beside the formula pixel by pixel.
pub(crate) fn mask(bench: &Bench) -> Result<Samples> {
    let formula = Formula { opaque: false, source_alpha: true, global: 200, key: None };
    let mut pictures = Pictures::new();
    let mut samples = Samples::default();
    for _ in 0..bench.rounds {
        samples.add("porthole", fastest(|| ours(&mut pictures, true, &formula)));
        samples.add("scalar", fastest(|| scalar_mask(&mut pictures, 200)));
    }
    Ok(samples)
}

/// A picture with a colour key, beside the formula pixel by pixel.
pub(crate) fn key(bench: &Bench) -> Result<Samples> {
    let formula = Formula { opaque: true, source_alpha: false, global: 255, key: Some(KEY) };
    let mut pictures = Pictures::new().keyed();
    let mut samples = Samples::default();
    for _ in 0..bench.rounds {
        samples.add("porthole", fastest(|| ours(&mut pictures, false, &formula)));
        samples.add("scalar", fastest(|| scalar_key(&mut pictures)));
    }
    Ok(samples)
}

/// The least time of some runs, in milliseconds.
fn fastest(mut run: impl FnMut()) -> f64 {
    let times = (0..RUNS).map(|_| {
        let start = Instant::now();
        run();
        start.elapsed().as_secs_f64() * 1e3
    });
    times.fold(f64::INFINITY, f64::min)
}

fn ours(pictures: &mut Pictures, masked: bool, formula: &Formula) {
    for (ground, source, mask) in pictures.rows() {
        blend_row(ground, source, masked.then_some(mask), formula);
    }
}

fn by_pixman(pictures: &mut Pictures) {
    let (code, stride) = (FormatCode::A8R8G8B8, WIDTH * 4);
    let source = Image::from_slice_mut(code, WIDTH, HEIGHT, &mut pictures.source, stride, false);
    let code = FormatCode::X8R8G8B8;
    let ground = Image::from_slice_mut(code, WIDTH, HEIGHT, &mut pictures.ground, stride, false);
    if let (Ok(source), Ok(mut ground)) = (source, ground) {
        ground.composite32(Operation::Over, &source, None, (0, 0), (0, 0), (0, 0), SIZE);
    }
}

/// As a person would write it down: each channel is `source * f + ground * (1 - alpha * f)`.
fn scalar_mask(pictures: &mut Pictures, global: u32) {
    for (ground, source, mask) in pictures.rows() {
        for ((ground, source), mask) in ground.iter_mut().zip(source).zip(mask) {
            let opacity = u32::from(*mask) * global;
            let alpha = (source >> 24) * opacity / 255;
            let channel = |shift: u32| {
                let (above, below) = (source >> shift & 0xff, *ground >> shift & 0xff);
                ((above * opacity + below * (255 * 255 - alpha)) / (255 * 255)) << shift
            };
            *ground = channel(0) | channel(8) | channel(16) | channel(24);
        }
    }
}

fn scalar_key(pictures: &mut Pictures) {
    for (ground, source, _) in pictures.rows() {
        for (ground, source) in ground.iter_mut().zip(source) {
            if *source != KEY {
                *ground = *source;
            }
        }
    }
}

fn premultiplied(word: u32) -> u32 {
    let [blue, green, red, alpha] = word.to_le_bytes().map(u32::from);
    let times = |value: u32| value * alpha / 255;
    alpha << 24 | times(red) << 16 | times(green) << 8 | times(blue)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn channels(word: u32) -> [u8; 4] {
        word.to_le_bytes()
    }

    #[test]
    fn what_is_compared_does_the_same() {
        let formula = Formula { opaque: false, source_alpha: true, global: 200, key: None };
        let (mut one, mut other) = (Pictures::new(), Pictures::new());
        ours(&mut one, true, &formula);
        scalar_mask(&mut other, 200);
        let far =
            one.ground.iter().zip(&other.ground).find(|(a, b)| {
                channels(**a).iter().zip(channels(**b)).any(|(a, b)| a.abs_diff(b) > 1)
            });
        assert_eq!(far, None);
    }
}
