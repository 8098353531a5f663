mod gles;
mod random;

use std::sync::Arc;

use porthole_core::{
    Color,
    scene::{Filter, Mapping, Point, SourceRect, Transform},
};
use porthole_pixel::{Format, Rect, Region, Size, blend};

use super::{Canvas, Draw, DrawMask, mask::Coverage, picture::View, sign::sign};
use crate::protocols::shm::Pixels;

/// Numbers that look random and are the same in every run.
fn noise(seed: u32) -> impl Iterator<Item = u32> {
    std::iter::successors(Some(seed), |x| Some(x.wrapping_mul(1_664_525).wrapping_add(0x3c6e_f35f)))
        .map(|x| x ^ (x >> 13))
}

/// A picture of noise, its bytes, and the length of its rows.
fn picture(format: Format, size: Size, seed: u32) -> (Arc<Pixels>, Vec<u8>, usize) {
    let row = (size.width * format.bytes_per_pixel()).next_multiple_of(4);
    let words: Vec<u32> = noise(seed).skip(7).take((row / 4 * size.height) as usize).collect();
    let bytes = words.iter().flat_map(|w| w.to_le_bytes()).collect();
    (Arc::new(Pixels::owned(format, size, words).unwrap()), bytes, row as usize)
}

const PORT: Size = Size { width: 90, height: 80 };

/// What the formulas make of each pixel, with the nearest source pixel.
fn reference(words: &mut [u32], draw: &Draw, bytes: &[u8], row: usize) {
    let format = draw.pixels.layout().format();
    for (y, x) in (0..80_usize).flat_map(|y| (0..90_usize).map(move |x| (y, x))) {
        let (px, py) = (i32::try_from(x).unwrap(), i32::try_from(y).unwrap());
        if !draw.clip.contains(px, py) {
            continue;
        }
        let at = Point { x: f64::from(px) + 0.5, y: f64::from(py) + 0.5 };
        let from = draw.mapping.to_source(at);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "inside")]
        let (sx, sy) = (from.x as usize, from.y as usize);
        let pixel = &bytes[sy * row + sx * format.bytes_per_pixel() as usize..];
        let [r, g, b, a] = format.rgba(pixel).unwrap();
        let mask = draw.mask.as_ref().map(|mask| {
            let row = Rect::new(px, py, 1, 1);
            mask.row(row, py).map_or(0, |bytes| bytes[0])
        });
        let target = &mut words[y * 90 + x..=y * 90 + x];
        let mask = mask.as_ref().map(std::slice::from_ref);
        blend::blend_row(target, &[u32::from_be_bytes([a, r, g, b])], mask, &draw.formula());
    }
}

/// The picture's words; alpha is 255 where it means nothing.
fn words(canvas: &Canvas) -> Vec<u32> {
    let fill = if canvas.keeps_alpha() { 0 } else { 0xff00_0000 };
    let words = canvas.bytes().chunks_exact(4);
    words.map(|b| u32::from_le_bytes(b.try_into().unwrap()) | fill).collect()
}

fn clip(of: Rect) -> Region {
    let mut clip = Region::from_rect(of);
    clip.subtract(Rect::new(of.x + 3, of.y + 5, 7, 1));
    clip.subtract(Rect::new(of.x + 20, of.y, 1, 70));
    clip.subtract(Rect::new(of.x, of.y + 30, 66, 2));
    clip
}

#[test]
fn every_format_and_turn_is_read_pixel_for_pixel() {
    let crop = SourceRect::new(2.0, 1.0, 64.0, 66.0);
    for (seed, (transform, format)) in (1..)
        .zip(Transform::ALL.into_iter().flat_map(|t| Format::ALL.into_iter().map(move |f| (t, f))))
    {
        let (pixels, bytes, row) = picture(format, Size::new(70, 69), seed);
        let (width, height) = if transform.swaps_sides() { (66, 64) } else { (64, 66) };
        let destination = Rect::new(11, 9, width, height);
        let coverage = Coverage::new(
            destination.size(),
            noise(seed).take(66 * 64).map(|w| w.to_le_bytes()[1]).collect(),
        );
        let mask = DrawMask { coverage: Arc::new(coverage.unwrap()), origin: (11, 9) };
        let draw = Draw {
            pixels,
            mapping: Mapping { source: crop, destination, transform },
            filter: Filter::Bilinear,
            opacity: if seed % 3 == 0 { 0.4 } else { 1.0 },
            source_alpha: seed % 5 != 0,
            key: None,
            mask: (seed % 2 == 0).then_some(mask),
            clip: clip(destination),
        };
        let mut canvas = Canvas::new(PORT, Color::BLACK);
        let mut expected = words(&canvas);
        reference(&mut expected, &draw, &bytes, row);
        let written = canvas.draw_all(std::slice::from_ref(&draw));
        assert_eq!(written, draw.clip.area() * 4);
        assert!(words(&canvas) == expected, "{transform:?} {format:?}");
    }
}

/// Unused bytes of a client's picture get into the port's, and nowhere else.
#[test]
fn unused_bytes_change_no_signature() {
    for (width, height) in [(64, 66), (128, 132), (70, 31)] {
        let signed = |unused: u32| {
            let colours = noise(1).take(64 * 66).map(|w| (w & 0xff_ffff) | unused);
            let pixels = Pixels::owned(Format::Xrgb8888, Size::new(64, 66), colours.collect());
            let destination = Rect::new(0, 0, width, height);
            let draw = Draw {
                pixels: Arc::new(pixels.unwrap()),
                mapping: Mapping {
                    source: SourceRect::new(0.0, 0.0, 64.0, 66.0),
                    destination,
                    transform: Transform::Normal,
                },
                filter: Filter::Bilinear,
                opacity: 1.0,
                source_alpha: true,
                key: None,
                mask: None,
                clip: Region::from_rect(destination),
            };
            let mut canvas = Canvas::new(destination.size(), Color::BLACK);
            canvas.draw_all(std::slice::from_ref(&draw));
            [View::Canvas(&canvas), View::Direct(&draw)].map(|view| sign(view, destination))
        };
        let opaque = signed(0xff00_0000);
        assert_eq!(signed(0x1200_0000), opaque);
        assert_eq!(opaque[0], opaque[1]);
    }
}

#[test]
fn nearest_samples_of_scaled_pictures_are_blended_alike() {
    for (transform, key) in Transform::ALL.into_iter().flat_map(|t| [(t, false), (t, true)]) {
        let (pixels, bytes, row) = picture(Format::Argb8888, Size::new(15, 11), 5);
        let (width, height) = if transform.swaps_sides() { (33, 45) } else { (45, 33) };
        let destination = Rect::new(20, 10, width, height);
        let opaque = u32::from_le_bytes(bytes[8..12].try_into().unwrap());
        let draw = Draw {
            pixels,
            mapping: Mapping {
                source: SourceRect::new(0.0, 0.0, 15.0, 11.0),
                destination,
                transform,
            },
            filter: Filter::Nearest,
            opacity: 1.0,
            source_alpha: true,
            key: key.then_some(opaque),
            mask: None,
            clip: clip(destination),
        };
        let mut canvas = Canvas::new(PORT, Color::BLACK);
        let mut expected = words(&canvas);
        reference(&mut expected, &draw, &bytes, row);
        canvas.draw_all(std::slice::from_ref(&draw));
        assert!(words(&canvas) == expected, "{transform:?}");
    }
}

/// A filter never mixes the key's colour into what is seen: each pixel is the layer's own colour or
/// what is below.
#[test]
fn a_filter_leaves_no_fringe_of_the_key() {
    const KEY: u32 = 0xffff_00ff;
    const LAYER: u32 = 0xff20_a040;
    const BELOW: u32 = 0xff00_0000;
    let size = Size::new(12, 9);
    let source: Vec<u32> =
        noise(3).take(108).map(|w| if w & 4 == 0 { KEY } else { LAYER }).collect();
    for (width, height) in [(29, 31), (80, 20), (7, 5), (24, 18)] {
        for transform in Transform::ALL {
            let destination = Rect::new(1, 2, width, height);
            let draw = Draw {
                pixels: Arc::new(Pixels::owned(Format::Xrgb8888, size, source.clone()).unwrap()),
                mapping: Mapping { source: SourceRect::from_size(size), destination, transform },
                filter: Filter::Bilinear,
                opacity: 1.0,
                source_alpha: true,
                key: Some(KEY),
                mask: None,
                clip: Region::from_rect(destination),
            };
            let mut canvas = Canvas::new(PORT, Color::BLACK);
            canvas.draw_all(std::slice::from_ref(&draw));
            let seen = words(&canvas);
            assert!(seen.iter().all(|w| [LAYER, BELOW].contains(w)), "{width} {transform:?}");
            assert!(seen.contains(&LAYER));
        }
    }
}

/// The key is looked for piece by piece: it is found wherever it is.
#[test]
fn a_key_in_one_place_of_a_scaled_picture_is_found() {
    const KEY: u32 = 0xffff_00ff;
    const LAYER: u32 = 0xff20_a040;
    const BELOW: u32 = 0xff00_0000;
    let size = Size::new(200, 60);
    for (left, top) in [(0, 0), (50, 12), (51, 13), (105, 30), (197, 57)] {
        let block = Rect::new(left, top, 3, 3);
        let at = |i: i32| if block.contains(i % 200, i / 200) { KEY } else { LAYER };
        let pixels = Pixels::owned(Format::Argb8888, size, (0..200 * 60).map(at).collect());
        let destination = Rect::new(0, 0, 500, 150);
        let draw = Draw {
            pixels: Arc::new(pixels.unwrap()),
            mapping: Mapping {
                source: SourceRect::from_size(size),
                destination,
                transform: Transform::Normal,
            },
            filter: Filter::Bilinear,
            opacity: 1.0,
            source_alpha: true,
            key: Some(KEY),
            mask: None,
            clip: Region::from_rect(destination),
        };
        let mut canvas = Canvas::new(destination.size(), Color::BLACK);
        canvas.draw_all(std::slice::from_ref(&draw));
        let seen = words(&canvas);
        assert!(seen.iter().all(|w| [LAYER, BELOW].contains(w)), "{left},{top}");
        // Three pixels are seven or eight here.
        let holes = seen.iter().filter(|w| **w == BELOW).count();
        assert!((49..=64).contains(&holes), "{holes} pixels at {left},{top}");
    }
}

#[test]
fn layers_are_drawn_over_each_other_strip_by_strip() {
    // More rows than a strip has, so that several are needed.
    let size = Size::new(3000, 100);
    let mut canvas = Canvas::transparent(size);
    let draws: Vec<Draw> = (1..5)
        .map(|seed| {
            let (pixels, ..) = picture(Format::Argb8888, size, seed);
            Draw {
                pixels,
                mapping: Mapping {
                    source: SourceRect::from_size(size),
                    destination: Rect::from_size(size),
                    transform: Transform::Normal,
                },
                filter: Filter::Bilinear,
                opacity: 1.0,
                source_alpha: true,
                key: None,
                mask: None,
                clip: Region::from_rect(Rect::from_size(size)),
            }
        })
        .collect();
    canvas.draw_all(&draws);
    let mut one_by_one = Canvas::transparent(size);
    for draw in &draws {
        one_by_one.draw_all(std::slice::from_ref(draw));
    }
    assert!(words(&canvas) == words(&one_by_one));
}
