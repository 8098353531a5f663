//! The picture that a port shows before any guest's.

use std::sync::Arc;

use porthole_core::Color;
use porthole_pixel::{Format, Size};

use crate::protocols::shm::Pixels;

/// The built-in picture: a porthole with the sea in it, for a port of this size.
pub(crate) fn built_in(port: Size, background: Color) -> Option<Arc<Pixels>> {
    let side = (port.width.min(port.height) / 2).clamp(16, 1024);
    let middle = f64::from(side) / 2.0;
    let back = [background.red, background.green, background.blue].map(f64::from);
    let words = (0..side * side)
        .map(|i| {
            let (x, y) = (f64::from(i % side) + 0.5, f64::from(i / side) + 0.5);
            let at = ((x - middle) / middle, (y - middle) / middle);
            let [r, g, b] = mix_layers(at, 1.0 / middle, back).map(to_byte);
            u32::from_be_bytes([255, r, g, b])
        })
        .collect();
    Pixels::owned(Format::Xrgb8888, Size::new(side, side), words).map(Arc::new)
}

/// The colour at a point of the picture: (-1, -1) is its top left corner, `pixel` the size of one.
fn mix_layers((x, y): (f64, f64), pixel: f64, back: [f64; 3]) -> [f64; 3] {
    const RING: [f64; 3] = [176.0, 141.0, 87.0];
    const BOLT: [f64; 3] = [96.0, 74.0, 40.0];
    const SKY: [f64; 3] = [92.0, 141.0, 176.0];
    const SEA: [f64; 3] = [20.0, 66.0, 104.0];
    let distance = x.hypot(y);
    // How much of the pixel lies inside a circle, from the distance to its edge.
    let inside = |radius: f64| ((radius - distance) / pixel + 0.5).clamp(0.0, 1.0);
    let ring = over(back, RING, inside(0.96));
    let turn = y.atan2(x) / std::f64::consts::TAU * 8.0;
    let nearest = (turn.round() / 8.0) * std::f64::consts::TAU;
    let to_bolt = (x - 0.83 * nearest.cos()).hypot(y - 0.83 * nearest.sin());
    let ring = over(ring, BOLT, ((0.05 - to_bolt) / pixel + 0.5).clamp(0.0, 1.0));
    let horizon = 0.06 * (x * 9.0).sin() + 0.12;
    let water = ((y - horizon) / pixel + 0.5).clamp(0.0, 1.0);
    over(ring, over(SKY, SEA, water), inside(0.70))
}

fn over(below: [f64; 3], above: [f64; 3], amount: f64) -> [f64; 3] {
    std::array::from_fn(|i| {
        let (b, a) = (below.get(i).copied().unwrap_or(0.0), above.get(i).copied().unwrap_or(0.0));
        b + (a - b) * amount
    })
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to a byte")]
fn to_byte(v: f64) -> u8 {
    v.round().clamp(0.0, 255.0) as u8
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
}
