//! Transparency: alpha, keys and masks, against WFD's formulas.

use std::path::{Path, PathBuf};

use porthole_tests::{
    Result,
    wait::{SHORT, wait_until},
};
use wayland_client::protocol::wl_shm::Format;

use crate::wfd_reference::{Layer, Stage, UPRIGHT, check, configuration, expect_near, reference};

fn lower(x: u32, y: u32) -> u32 {
    0x80_0000 | (x * 3) << 8 | (y * 5)
}

/// Premultiplied colours of the alphas that matter, one in each column.
pub(crate) fn alphas(x: u32, y: u32) -> u32 {
    let alpha = [0, 1, 2, 64, 127, 128, 254, 255][(x % 8) as usize];
    let part = |v: u32| v * alpha / 255;
    alpha << 24 | part(x * 6) << 16 | part(y * 8) << 8 | part(255 - x)
}

/// Two layers, the upper one with alpha.
fn two() -> [Layer; 2] {
    let mut above = Layer::new([12, 6, 40, 30], alphas);
    above.format = Format::Argb8888;
    [Layer::new([4, 2, 52, 40], lower), above]
}

#[test]
fn alpha_follows_the_formulas() -> Result<()> {
    let mut layers = two();
    check(&layers, UPRIGHT, 1.0, "source alpha")?;
    layers[1].opacity = 0.6;
    check(&layers, UPRIGHT, 1.0, "source and global alpha")?;
    layers[1].alpha = false;
    check(&layers, UPRIGHT, 1.0, "global alpha")?;
    layers[1].opacity = 1.0;
    check(&layers, UPRIGHT, 0.0, "colours as they are stored")?;
    for (rotation, size) in [(90, (30, 40)), (180, (40, 30)), (270, (30, 40))] {
        let mut layers = two();
        (layers[1].turn, layers[1].size) = ((true, false, rotation), size);
        layers[1].opacity = 0.6;
        layers[1].hole = vec![[5, 5, 9, 9]];
        check(&layers, UPRIGHT, 1.0, &format!("turned by {rotation}"))?;
    }
    Ok(())
}

#[test]
fn a_format_without_alpha_is_opaque_whatever_is_in_its_unused_byte() -> Result<()> {
    let mut layers = two();
    layers[1].format = Format::Xrgb8888;
    check(&layers, UPRIGHT, 0.0, "unused byte")?;
    layers[1].opacity = 0.3;
    check(&layers, UPRIGHT, 1.0, "unused byte and global alpha")
}

pub(crate) const KEY: u32 = 0xff_00ff;

/// The key, and all that is one step away from it.
pub(crate) fn near_key(x: u32, y: u32) -> u32 {
    let word =
        [KEY, KEY ^ 1, KEY ^ 0x100, KEY ^ 0x1_0000, 0x20_a040, KEY][((x / 3 + y) % 6) as usize];
    // As opaque pixels, where the format has alpha.
    0xff00_0000 | word
}

#[test]
fn exactly_the_key_shows_what_is_below() -> Result<()> {
    for format in [Format::Xrgb8888, Format::Argb8888] {
        let mut layers = two();
        layers[1] = Layer { words: near_key, format, key: Some(KEY), ..layers[1].clone() };
        check(&layers, UPRIGHT, 0.0, "key")?;
        layers[1].opacity = 0.6;
        check(&layers, UPRIGHT, 1.0, "key and global alpha")?;
        // By three, so that every pixel has one nearest.
        layers[1].opacity = 1.0;
        layers[1].rect = [6, 3, 42, 30];
        layers[1].size = (14, 10);
        layers[1].hole = vec![[10, 10, 5, 5]];
        check(&layers, UPRIGHT, 0.0, "key of a scaled picture")?;
    }
    // The key's colours in a transparent pixel are not the key.
    let mut layers = two();
    layers[1] = Layer {
        words: |x, y| near_key(x, y) & if y % 2 == 0 { u32::MAX } else { 0xff_ffff },
        alpha: false,
        key: Some(KEY),
        ..layers[1].clone()
    };
    check(&layers, UPRIGHT, 0.0, "key with alpha")
}

/// Two pixels of a picture of 5, 6 and 5 bits: the key, or a step of one channel beside it.
fn key_565(x: u32, _: u32) -> u32 {
    let one = |i: u32| [0xf81f, 0xf01f, 0xf83f, 0xf81e, 0x0540][(i % 5) as usize];
    one(2 * x) | one(2 * x + 1) << 16
}

#[test]
fn keys_are_found_in_pictures_of_16_bits() -> Result<()> {
    let mut layers = two();
    layers[1].format = Format::Rgb565;
    layers[1].key = Some(KEY);
    layers[1].words = key_565;
    let mut stage = Stage::new(&layers, UPRIGHT)?;
    // The reference reads a word for each pixel.
    layers[1].format = Format::Xrgb8888;
    layers[1].words = |x, y| {
        let pixel = key_565(x / 2, y) >> (x % 2 * 16) & 0xffff;
        let (r, g, b) = (pixel >> 11, pixel >> 5 & 63, pixel & 31);
        (r << 3 | r >> 2) << 16 | (g << 2 | g >> 4) << 8 | (b << 3 | b >> 2)
    };
    expect_near(&stage.picture()?, &reference(&layers, UPRIGHT), 0.0, "565");
    Ok(())
}

/// A filter mixes no key into what is seen: no channel leaves the range of the layer's own colours
/// and of what is below.
#[test]
fn a_filtered_key_has_no_fringe() -> Result<()> {
    let mut layers = [Layer::new([0, 0, 64, 48], |_, _| 0), Layer::new([2, 2, 60, 45], |_, _| 0)];
    layers[1] = Layer {
        size: (24, 18),
        filter: "bilinear",
        key: Some(KEY),
        words: |x, y| match (x / 3 + y / 2) % 3 {
            0 => KEY,
            1 => 0x20_a040,
            _ => 0x40_c060,
        },
        ..layers[1].clone()
    };
    let mut stage = Stage::new(&layers, UPRIGHT)?;
    let mut kept = 0;
    for word in stage.picture()? {
        let [_, r, g, b] = word.to_be_bytes();
        let of_layer =
            (0x20..=0x40).contains(&r) && (0xa0..=0xc0).contains(&g) && (0x40..=0x60).contains(&b);
        assert!(of_layer || word == 0, "{word:06x} has something of the key");
        kept += u32::from(of_layer);
    }
    // Two thirds of the layer are not the key.
    assert!((1500..2100).contains(&kept), "{kept} pixels of the layer");
    Ok(())
}

fn coverage(x: u32, y: u32) -> u8 {
    [0, 255, 1, 128, 127, 254, 200, 50][((x + 3 * y) % 8) as usize]
}

/// A mask as alpha, or as brightness.
fn write_mask(folder: &Path, (width, height): (u32, u32), as_alpha: bool) -> Result<PathBuf> {
    let file = folder.join(format!("mask-{width}-{as_alpha}.png"));
    let saved = if as_alpha {
        image::RgbaImage::from_fn(width, height, |x, y| image::Rgba([9, 9, 9, coverage(x, y)]))
            .save(&file)
    } else {
        image::GrayImage::from_fn(width, height, |x, y| image::Luma([coverage(x, y)])).save(&file)
    };
    saved.map_err(|error| porthole_tests::Failure::new(format!("cannot write a mask: {error}")))?;
    Ok(file)
}

#[test]
fn masks_follow_the_formulas() -> Result<()> {
    let folder = tempfile::tempdir()?;
    for as_alpha in [false, true] {
        let file = write_mask(folder.path(), (40, 30), as_alpha)?;
        for (alpha, opacity) in [(false, 1.0), (false, 0.6), (true, 1.0), (true, 0.6)] {
            let mut layers = two();
            layers[1].mask = Some((coverage, file.clone()));
            (layers[1].alpha, layers[1].opacity) = (alpha, opacity);
            check(&layers, UPRIGHT, 1.0, &format!("mask, alpha {alpha}, opacity {opacity}"))?;
            // A mask lies on the layer's rectangle, however the picture is turned and scaled.
            layers[1].turn = (false, false, 90);
            layers[1].size = (10, 10);
            layers[1].hole = vec![[4, 4, 20, 2]];
            check(&layers, UPRIGHT, 1.0, "mask over a scaled picture")?;
        }
        let mut layers = two();
        layers[1].mask = Some((coverage, file));
        layers[1].words = near_key;
        layers[1].key = Some(KEY);
        check(&layers, UPRIGHT, 1.0, "mask and key")?;
    }
    Ok(())
}

#[test]
fn masks_turn_with_the_port() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = write_mask(folder.path(), (40, 30), false)?;
    for port in [(false, false, 180), (true, false, 0), (false, true, 0)] {
        let mut layers = two();
        layers[1].mask = Some((coverage, file.clone()));
        check(&layers, port, 1.0, &format!("port {port:?}"))?;
    }
    let file = write_mask(folder.path(), (30, 40), false)?;
    for port in [(false, false, 90), (true, false, 270)] {
        let mut layers = two();
        layers[0].rect = [2, 4, 40, 52];
        (layers[1].rect, layers[1].size) = ([6, 12, 30, 40], (30, 40));
        layers[0].size = (40, 52);
        layers[1].mask = Some((coverage, file.clone()));
        check(&layers, port, 1.0, &format!("port {port:?}"))?;
    }
    Ok(())
}

#[test]
fn a_mask_of_another_size_is_refused_and_nothing_changes() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut layers = two();
    let mut stage = Stage::new(&layers, UPRIGHT)?;
    let before = reference(&layers, UPRIGHT);
    layers[1].mask = Some((coverage, write_mask(folder.path(), (39, 30), false)?));
    // This would be seen.
    layers[0].rect = [0, 0, 52, 40];
    stage.service.reload(&configuration(&layers, UPRIGHT))?;
    wait_until("the refusal in the service's log", SHORT, || {
        let refused = "is 39x30, and its destination is 40x30: they must be the same size";
        Ok(stage.service.process.log().contains(refused).then_some(()))
    })?;
    expect_near(&stage.picture()?, &before, 1.0, "after the refusal");
    Ok(())
}
