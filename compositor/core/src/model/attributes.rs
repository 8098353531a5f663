//! Values of attributes that WFD defines and the rest of the crate has no type for.
//!
//! | attribute | type | range | WFD's default | what Porthole configures |
//! |---|---|---|---|---|
//! | port mode | [`super::Mode`] | sides 16 to 16384, 1 to 240 Hz | none | as configured |
//! | port background | [`crate::Color`] | 8 bits a channel | black | black |
//! | port flip, mirror, rotation | [`crate::scene::Transform`] | quarter turns | none | none |
//! | port power mode | [`Power`] | four modes | off | on |
//! | port gamma | [`Gamma`] | 0.25 to 4 | 1 | 1 |
//! | pipeline source rectangle | [`crate::scene::SourceRect`] | inside the source | empty | all of the source |
//! | pipeline destination | [`porthole_pixel::Rect`] | inside the port | empty | all of the port |
//! | pipeline flip, mirror, rotation | [`crate::scene::Transform`] | quarter turns | none | none |
//! | pipeline scale filter | [`crate::scene::Sampling`] | nearest, bilinear | nearest | by the scale |
//! | pipeline transparency | [`Transparency`] | all combinations | none | source and global alpha |
//! | pipeline global alpha | `f32` | 0 to 1 | 1 | 1 |
//! | pipeline colour key | [`ColorKey`] | 24 or 16 bits | black | none |
//! | pipeline hole | [`Hole`] | at most 1024 rectangles | none | none |
//! | pipeline layer | `i32` | unique on the port | fixed | as configured |

use std::sync::Arc;
use std::time::Duration;

use porthole_pixel::{Rect, Region};

use super::SourceId;
use crate::Color;

/// Which features of transparency a pipeline uses (WFD 1.0 section 5.6.8), as bits. Every combination
/// is supported.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Default)]
pub struct Transparency(u8);

impl Transparency {
    /// The source's colour as it is stored; its alpha is ignored.
    pub const NONE: Self = Self(0);
    /// Source pixels of the [`ColorKey`] show what is below.
    pub const SOURCE_COLOR: Self = Self(1);
    /// The global alpha counts.
    pub const GLOBAL_ALPHA: Self = Self(2);
    /// The source's own alpha counts; its colours are premultiplied.
    pub const SOURCE_ALPHA: Self = Self(4);
    /// The mask counts.
    pub const MASK: Self = Self(8);
    /// The [`Hole`] counts (not in WFD).
    pub const HOLE: Self = Self(16);
    /// What a configured layer has unless it says otherwise.
    pub const CONFIGURED: Self = Self(Self::GLOBAL_ALPHA.0 | Self::SOURCE_ALPHA.0);

    /// The features of these bits; `None` when one of them is unknown.
    #[must_use]
    pub const fn from_bits(bits: u32) -> Option<Self> {
        if bits < 32 {
            #[expect(clippy::cast_possible_truncation, reason = "less than 32")]
            return Some(Self(bits as u8));
        }
        None
    }

    /// The bits.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0 as u32
    }

    /// Whether all features of `other` are used.
    #[must_use]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// With the features of `other` as well.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Without the features of `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

/// The colour that source pixels are compared with, exactly and before any filter (WFD:
/// `wfdSetPipelineTSColor`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct ColorKey(u32);

impl ColorKey {
    /// A key of eight bits a channel.
    #[must_use]
    pub const fn rgb888(color: Color) -> Self {
        Self(color.argb())
    }

    /// A key of 5, 6 and 5 bits, compared with source pixels that are widened in the same way: by
    /// repeating their upper bits. `None` when a channel is out of range.
    #[must_use]
    pub const fn rgb565(red: u8, green: u8, blue: u8) -> Option<Self> {
        if red > 31 || green > 63 || blue > 31 {
            return None;
        }
        Some(Self::rgb888(Color {
            red: (red << 3) | (red >> 2),
            green: (green << 2) | (green >> 4),
            blue: (blue << 3) | (blue >> 2),
        }))
    }

    /// As `0xffRRGGBB`, the opaque pixel that is equal to it.
    #[must_use]
    pub const fn argb(self) -> u32 {
        self.0
    }

    /// The colour, of eight bits a channel.
    #[must_use]
    pub const fn color(self) -> Color {
        let [_, red, green, blue] = self.0.to_be_bytes();
        Color { red, green, blue }
    }
}

impl Default for ColorKey {
    fn default() -> Self {
        Self::rgb888(Color::BLACK)
    }
}

/// Pixels that a pipeline leaves alone, drawing nothing and taking no input, in coordinates of its
/// destination: (0, 0) is the destination's upper left corner. What lies outside does not matter.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Hole(Arc<Region>);

impl Hole {
    /// The most rectangles that a hole is made of: each costs time in every frame.
    pub const MAX_RECTS: usize = 1024;

    /// A hole of these pixels; `None` when it has too many pieces.
    #[must_use]
    pub fn new(region: Region) -> Option<Self> {
        (region.rects().len() <= Self::MAX_RECTS).then(|| Self(Arc::new(region)))
    }

    /// The pixels, in destination coordinates.
    #[must_use]
    pub fn region(&self) -> &Region {
        &self.0
    }

    /// The pixels on the port, cut to the destination.
    #[must_use]
    pub fn on_port(&self, destination: Rect) -> Region {
        let mut region = Region::clone(&self.0);
        region.translate(destination.x, destination.y);
        region.intersect(destination)
    }
}

/// Whether a port is lit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Default)]
pub enum Power {
    /// Nothing is shown and nothing is drawn.
    Off,
    /// As off; comes back faster where the hardware knows a difference.
    Suspend,
    /// As on; the hardware may save power.
    LimitedUse,
    /// Shown.
    #[default]
    On,
}

impl Power {
    /// Whether there is a picture.
    #[must_use]
    pub const fn is_lit(self) -> bool {
        matches!(self, Self::LimitedUse | Self::On)
    }
}

/// The exponent that a port applies to its finished picture (WFD: `out = max * (in / max) ^ gamma`),
/// in steps of 1/256.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct Gamma(u16);

impl Gamma {
    /// The smallest (WFD: `GAMMA_RANGE`).
    pub const MIN: f64 = 0.25;
    /// The largest.
    pub const MAX: f64 = 4.0;
    /// Leaves the picture as it is.
    pub const ONE: Self = Self(256);

    /// The nearest step; `None` when out of range.
    #[must_use]
    pub fn new(gamma: f64) -> Option<Self> {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "at most 4 * 256, and positive"
        )]
        (Self::MIN..=Self::MAX).contains(&gamma).then(|| Self((gamma * 256.0).round() as u16))
    }

    /// The exponent.
    #[must_use]
    pub fn value(self) -> f64 {
        f64::from(self.0) / 256.0
    }

    /// What becomes of each value of a channel.
    #[must_use]
    pub fn table(self) -> [u8; 256] {
        let mut table = [0; 256];
        for (value, out) in (0_u8..=255).zip(&mut table) {
            let result = 255.0 * (f64::from(value) / 255.0).powf(self.value());
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "between 0 and 255"
            )]
            let result = result.round() as u8;
            *out = result;
        }
        table
    }
}

impl Default for Gamma {
    fn default() -> Self {
        Self::ONE
    }
}

/// What becomes of input at a layer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Default)]
pub enum InputPolicy {
    /// The layer's client gets it, except in holes.
    #[default]
    Accept,
    /// Nobody gets it, except in holes.
    Block,
    /// It falls through to the layer below.
    Pass,
}

/// What a pipeline shows while its stream is late or gone.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Default)]
pub struct Fallback {
    /// Instead of the stream.
    pub picture: FallbackPicture,
    /// How long a stream that sends a heartbeat or has declared a rate may be silent; `None`: only a
    /// stream that is gone falls back.
    pub deadline: Option<Duration>,
}

/// What is shown instead of a stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Default)]
pub enum FallbackPicture {
    /// Nothing: what is below shows.
    #[default]
    Hidden,
    /// The stream's last picture.
    Last,
    /// Another source of the same pipeline.
    Source(SourceId),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_bits_are_known_and_no_others() {
        for bits in 0..32 {
            assert_eq!(Transparency::from_bits(bits).unwrap().bits(), bits);
        }
        assert_eq!(Transparency::from_bits(32), None);
        assert_eq!(Transparency::from_bits(u32::MAX), None);
        let both = Transparency::MASK.with(Transparency::HOLE);
        assert!(both.has(Transparency::HOLE) && !both.has(Transparency::CONFIGURED));
        assert_eq!(both.without(Transparency::MASK), Transparency::HOLE);
    }

    #[test]
    fn a_narrow_key_is_widened_as_pixels_are() {
        assert_eq!(ColorKey::rgb565(31, 63, 31).unwrap().argb(), 0xffff_ffff);
        assert_eq!(ColorKey::rgb565(16, 0, 1).unwrap().argb(), 0xff84_0008);
        assert_eq!(ColorKey::rgb565(32, 0, 0), None);
        assert_eq!(ColorKey::default().argb(), 0xff00_0000);
    }

    #[test]
    fn a_hole_goes_with_its_destination_and_stays_in_it() {
        let hole = Hole::new(Region::from_rect(Rect::new(-5, 2, 10, 10))).unwrap();
        let on_port = hole.on_port(Rect::new(100, 50, 20, 8));
        assert_eq!(on_port, Region::from_rect(Rect::new(100, 52, 5, 6)));
        let many: Region = (0..1025).map(|i| Rect::new(i * 2, 0, 1, 1)).collect();
        assert_eq!(Hole::new(many), None);
    }

    #[test]
    fn gamma_bends_the_middle_and_keeps_the_ends() {
        let table = Gamma::new(2.0).unwrap().table();
        assert_eq!((table[0], table[128], table[255]), (0, 64, 255));
        let plain = Gamma::ONE.table();
        assert!((0_u8..=255).all(|v| plain[usize::from(v)] == v));
        for wrong in [0.0, 0.2, 4.1, -1.0, f64::NAN] {
            assert_eq!(Gamma::new(wrong), None);
        }
    }
}
