//! What a GPU draws, beside what the CPU draws. Mesa's EGL without a GPU is enough for it.

use porthole_core::config::Renderer;

use super::*;
use crate::render::{FramePlan, gles::Gles, picture::Picture};

pub(super) fn gpu() -> Gles {
    let gpu = Gles::find(Renderer::Gles, "main");
    gpu.expect("the tests need an EGL: `cargo xtask test` installs Mesa's")
}

/// A plan that draws over everything.
fn plan(draws: Vec<Draw>, size: Size) -> FramePlan {
    FramePlan {
        serial: Some(1),
        size,
        background: Color { red: 16, green: 32, blue: 48 },
        clear: Region::from_rect(Rect::from_size(size)),
        draws,
        painted: Region::from_rect(Rect::from_size(size)),
        gamma: None,
        direct: None,
        screen: None,
        captures: Vec::new(),
        views: Vec::new(),
        to_sign: Vec::new(),
    }
}

/// The largest difference of two pictures in any channel.
fn furthest(a: &[u32], b: &[u32]) -> u8 {
    let bytes = a.iter().zip(b).flat_map(|(a, b)| a.to_le_bytes().into_iter().zip(b.to_le_bytes()));
    bytes.map(|(a, b)| a.abs_diff(b)).max().unwrap_or(0)
}

/// What the GPU makes of a plan, and the CPU.
fn both(gpu: &mut Gles, plan: &FramePlan) -> (Vec<u32>, Vec<u32>) {
    let mut canvas = Canvas::new(plan.size, Color::BLACK);
    assert!(gpu.draw(&mut canvas, plan).unwrap().is_some());
    let mut by_cpu = Canvas::new(plan.size, Color::BLACK);
    by_cpu.draw(plan);
    let opaque = |words: Vec<u32>| words.into_iter().map(|w| w | 0xff00_0000).collect();
    assert!(words(&canvas).iter().all(|word| word >> 24 == 255));
    (words(&canvas), opaque(words(&by_cpu)))
}

fn draw(format: Format, from: Size, destination: Rect, transform: Transform) -> Draw {
    let (pixels, ..) = picture(format, from, destination.width.unsigned_abs());
    Draw {
        pixels,
        mapping: Mapping { source: SourceRect::from_size(from), destination, transform },
        filter: Filter::Nearest,
        opacity: 1.0,
        source_alpha: false,
        key: None,
        mask: None,
        clip: clip(destination).intersect(Rect::from_size(PORT)),
    }
}

#[test]
fn what_does_not_blend_is_exact_in_every_format_and_turn() {
    let mut gpu = gpu();
    for transform in Transform::ALL {
        for format in Format::ALL {
            for (width, height) in [(40, 30), (30, 40), (53, 61), (12, 17), (80, 60)] {
                let draw =
                    draw(format, Size::new(40, 30), Rect::new(5, 7, width, height), transform);
                let (seen, expected) = both(&mut gpu, &plan(vec![draw], PORT));
                assert_eq!(furthest(&seen, &expected), 0, "{transform:?} {format:?} {width}");
            }
        }
    }
}

#[test]
fn filters_keys_and_masks_are_near_to_those_of_the_cpu() {
    let mut gpu = gpu();
    for (seed, transform) in (1_u32..).zip(Transform::ALL) {
        for (width, height) in [(53, 61), (24, 17), (80, 60), (41, 29)] {
            let to = Rect::new(5, 7, width, height);
            for format in [Format::Argb8888, Format::Xrgb8888, Format::Rgb565] {
                let below = draw(Format::Xrgb8888, PORT, Rect::from_size(PORT), Transform::Normal);
                let mut above = draw(format, Size::new(40, 30), to, transform);
                above.filter = Filter::Bilinear;
                above.opacity = if seed % 3 == 0 { 0.6 } else { 1.0 };
                // Noise is not premultiplied; with its alpha it would only be cut off.
                above.source_alpha = false;
                above.key = Some(above.pixels.to_argb()[7] | 0xff00_0000);
                let coverage = noise(seed).take((width * height).unsigned_abs() as usize);
                let coverage = coverage.map(|word| word.to_le_bytes()[1]).collect();
                let coverage = Arc::new(Coverage::new(to.size(), coverage).unwrap());
                above.mask = (seed % 2 == 0).then_some(DrawMask { coverage, origin: (to.x, to.y) });
                let (seen, expected) = both(&mut gpu, &plan(vec![below, above], PORT));
                let off = furthest(&seen, &expected);
                assert!(off <= 2, "{transform:?} {format:?} {width}: off by {off}");
            }
        }
    }
}

#[test]
fn only_what_is_new_goes_to_the_gpu_and_what_is_gone_leaves_it() {
    let mut gpu = gpu();
    let to = Rect::new(5, 7, 40, 30);
    let mut first = draw(Format::Xrgb8888, Size::new(40, 30), to, Transform::Normal);
    first.clip = Region::from_rect(Rect::new(10, 10, 8, 4));
    both(&mut gpu, &plan(vec![first.clone()], PORT));
    let near = gpu.uploaded();
    assert!((32..200).contains(&near), "{near} pixels for 32");
    both(&mut gpu, &plan(vec![first.clone()], PORT));
    assert_eq!(gpu.uploaded(), near, "it had them");
    first.clip = Region::from_rect(to);
    both(&mut gpu, &plan(vec![first.clone()], PORT));
    assert_eq!(gpu.uploaded(), 1200, "the rest");
    assert_eq!(gpu.textures(), 1);
    drop(first);
    // Another picture of the size takes its place.
    let second = draw(Format::Xrgb8888, Size::new(40, 30), to, Transform::Rotate180);
    both(&mut gpu, &plan(vec![second], PORT));
    assert_eq!((gpu.uploaded(), gpu.textures()), (2400, 1));
    for _ in 0..20 {
        both(&mut gpu, &plan(Vec::new(), PORT));
    }
    assert_eq!(gpu.textures(), 0);
}

#[test]
fn a_gpu_that_fails_leaves_a_whole_picture() {
    let draws =
        vec![draw(Format::Xrgb8888, Size::new(40, 30), Rect::new(5, 7, 40, 30), Transform::Normal)];
    let mut frame = plan(draws, PORT);
    frame.gamma = Some(Box::new(std::array::from_fn(|v| 255 - u8::try_from(v).unwrap())));
    let mut by_cpu = Canvas::new(PORT, Color::BLACK);
    by_cpu.draw(&frame);
    let expected: Vec<u32> = words(&by_cpu).iter().map(|w| w | 0xff00_0000).collect();

    let mut picture = Picture::new();
    let mut gpu = Some(gpu());
    assert!(gpu.as_ref().unwrap().tells_of_resets(), "Mesa does");
    gpu.as_mut().unwrap().fails = true;
    for _ in 0..2 {
        assert!(picture.show(&mut frame, &mut gpu).bytes > 0);
        assert!(gpu.is_none(), "it is not asked again");
        let seen: Vec<u32> = words(&picture.view().copy(Rect::from_size(PORT)));
        let seen: Vec<u32> = seen.iter().map(|w| w | 0xff00_0000).collect();
        assert!(seen == expected);
    }
}

#[test]
fn what_is_too_much_for_a_gpu_is_drawn_by_the_cpu() {
    let layer = |side: u32| {
        let to = Rect::from_size(Size::new(side, side));
        draw(Format::Xrgb8888, to.size(), to, Transform::Normal)
    };
    let mut gpu = gpu();
    gpu.limit(40 * 40 * 4);
    let (small, other) = (layer(30), layer(31));
    for one in [&small, &other, &small] {
        let (seen, expected) = both(&mut gpu, &plan(vec![one.clone()], PORT));
        assert!(seen == expected);
        assert_eq!(gpu.textures(), 1, "the other one had to go");
    }
    let mut two = plan(vec![small.clone(), other], PORT);
    let mut canvas = Canvas::new(PORT, Color::BLACK);
    assert_eq!(gpu.draw(&mut canvas, &two).unwrap(), None);
    let mut by_cpu = Canvas::new(PORT, Color::BLACK);
    by_cpu.draw(&two);
    let mut picture = Picture::new();
    let mut gpu = Some(gpu);
    assert!(picture.show(&mut two, &mut gpu).bytes > 0);
    assert!(words(&picture.view().copy(Rect::from_size(PORT))) == words(&by_cpu));
    // It goes on with what it can.
    assert!(gpu.is_some());
}
