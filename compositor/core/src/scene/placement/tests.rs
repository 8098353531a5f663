use proptest::prelude::*;

use super::*;
use crate::scene::{Filter, Sampling};

const LAYER: Rect = Rect { x: 100, y: 50, width: 800, height: 600 };

fn placed(layer: Rect, size: Size, crop: Option<SourceRect>, fit: Fit) -> Option<Placement> {
    place(layer, Picture::plain(size), crop, fit.into(), (Transform::Normal, 1.0))
}

fn destination(width: u32, height: u32, fit: Fit) -> Rect {
    placed(LAYER, Size::new(width, height), None, fit).unwrap().mapping.destination
}

#[test]
fn stretch_fills_the_layer() {
    assert_eq!(destination(640, 480, Fit::Stretch), LAYER);
    assert_eq!(destination(1, 1, Fit::Stretch), LAYER);
}

#[test]
fn fit_keeps_the_proportions() {
    assert_eq!(destination(400, 300, Fit::Fit), LAYER);
    assert_eq!(destination(1600, 600, Fit::Fit), Rect::new(100, 200, 800, 300));
    assert_eq!(destination(100, 200, Fit::Fit), Rect::new(350, 50, 300, 600));
    assert_eq!(destination(100_000, 1, Fit::Fit), Rect::new(100, 349, 800, 1));
}

#[test]
fn fill_covers_the_layer_and_cuts() {
    assert_eq!(destination(400, 300, Fit::Fill), LAYER);
    let wide = placed(LAYER, Size::new(1600, 600), None, Fit::Fill).unwrap();
    assert_eq!(wide.mapping.destination, Rect::new(-300, 50, 1600, 600));
    assert_eq!(wide.clip, LAYER);
    assert_eq!(destination(100, 200, Fit::Fill), Rect::new(100, -450, 800, 1600));
}

#[test]
fn centre_keeps_the_pixels_and_cuts() {
    assert_eq!(destination(200, 100, Fit::Centre), Rect::new(400, 300, 200, 100));
    let placement = placed(LAYER, Size::new(1000, 601), None, Fit::Centre).unwrap();
    assert_eq!(placement.mapping.destination, Rect::new(0, 49, 1000, 601));
    assert_eq!(placement.clip, LAYER);
    assert!(placement.mapping.is_exact());
}

#[test]
fn a_scaled_port_shows_coordinates_larger_but_exact_pixels_as_they_are() {
    let drawn_for_it = Picture { size: Size::new(200, 100), density: (1.5, 1.5) };
    let drawn_plain = Picture::plain(Size::new(300, 150));
    let at = |picture, fit: Fit| {
        place(LAYER, picture, None, fit.into(), (Transform::Normal, 1.5))
            .unwrap()
            .mapping
            .destination
            .size()
    };
    assert_eq!(at(drawn_for_it, Fit::Centre), Size::new(300, 150));
    assert_eq!(at(drawn_plain, Fit::Centre), Size::new(450, 225), "enlarged as the port says");
    assert_eq!(at(drawn_for_it, Fit::Exact), Size::new(300, 150));
    assert_eq!(at(drawn_plain, Fit::Exact), Size::new(300, 150), "one pixel is one pixel");
}

#[test]
fn firmware_text_fills_a_4_to_3_screen() {
    let wide = Rect::new(0, 0, 1920, 720);
    let text = Size::new(720, 400);
    let at = |fit, aspect| {
        let sizing = Sizing { fit, aspect, ..Sizing::default() };
        place(wide, Picture::plain(text), None, sizing, (Transform::Normal, 1.0))
            .unwrap()
            .mapping
            .destination
    };
    assert_eq!(at(Fit::Fit, PixelAspect::Auto), Rect::new(480, 0, 960, 720));
    assert_eq!(at(Fit::Fit, PixelAspect::Square), Rect::new(312, 0, 1296, 720));
    assert_eq!(at(Fit::Fill, PixelAspect::Auto), Rect::new(0, -360, 1920, 1440));
    assert_eq!(at(Fit::Exact, PixelAspect::Auto), Rect::new(600, 160, 720, 400));
    // A part of such a picture is not a screen of its own.
    let crop = Some(SourceRect::new(0.0, 0.0, 320.0, 200.0));
    let part = placed(wide, text, crop, Fit::Fit).unwrap();
    assert_eq!(part.mapping.destination, Rect::new(384, 0, 1152, 720));
}

#[test]
fn a_layer_follows_a_picture_that_leads() {
    let sizing = Sizing { lead: Lead::Picture, ..Sizing::default() };
    let at =
        |size| place(LAYER, Picture::plain(size), None, sizing, (Transform::Normal, 2.0)).unwrap();
    let small = at(Size::new(640, 480));
    assert_eq!(small.mapping.destination, Rect::new(100, 50, 640, 480));
    assert_eq!(small.clip, small.mapping.destination);
    assert_eq!(at(Size::new(1024, 480)).clip, Rect::new(100, 50, 800, 480));
}

#[test]
fn a_turned_picture_is_placed_as_it_lies() {
    let turned = |fit: Fit, crop| {
        let picture = Picture::plain(Size::new(600, 800));
        place(LAYER, picture, crop, fit.into(), (Transform::Rotate90, 1.0)).unwrap()
    };
    assert_eq!(turned(Fit::Fit, None).mapping.destination, LAYER, "800 by 600 on its side");
    assert!(turned(Fit::Exact, None).mapping.is_exact());
    let crop = SourceRect::new(0.0, 0.0, 100.0, 400.0);
    let part = turned(Fit::Exact, Some(crop)).mapping;
    assert_eq!(part.source, crop);
    assert_eq!(part.destination, Rect::new(300, 300, 400, 100));
    // The upper left corner of the part is at the upper right.
    assert_eq!(part.to_port(Point { x: 0.0, y: 0.0 }), Point { x: 700.0, y: 300.0 });
}

#[test]
fn a_crop_is_cut_to_the_picture() {
    let crop = Some(SourceRect::new(600.0, 0.0, 100.0, 100.0));
    let placement = placed(LAYER, Size::new(640, 480), crop, Fit::Stretch).unwrap();
    assert_eq!(placement.mapping.source, SourceRect::new(600.0, 0.0, 40.0, 100.0));
    let narrow = placed(LAYER, Size::new(640, 480), crop, Fit::Fit).unwrap();
    assert_eq!(narrow.clip, Rect::new(380, 50, 240, 600), "the rest of the picture stays off");
    assert_eq!(narrow.mapping.destination, narrow.clip);
    assert_eq!(placed(LAYER, Size::new(600, 480), crop, Fit::Stretch), None);
    assert_eq!(placed(LAYER, Size::new(0, 480), None, Fit::Fit), None);
}

#[test]
fn points_outside_what_shows_are_nobodys() {
    let placement = placed(LAYER, Size::new(400, 300), None, Fit::Stretch).unwrap();
    let at = |x, y| placement.content_at(Point { x, y });
    assert_eq!(at(100.0, 50.0), Some(Point { x: 0.0, y: 0.0 }));
    assert_eq!(at(899.0, 649.0), Some(Point { x: 399.5, y: 299.5 }));
    assert_eq!(at(900.0, 50.0), None);
    assert_eq!(at(99.9, 50.0), None);
    let cut = placed(LAYER, Size::new(1000, 600), None, Fit::Centre).unwrap();
    assert_eq!(cut.content_at(Point { x: 50.0, y: 60.0 }), None);
}

#[test]
fn whole_multiples_stay_sharp() {
    let filter = |width, height, fit: Fit| {
        let mapping = placed(LAYER, Size::new(width, height), None, fit).unwrap().mapping;
        Sampling::Auto.filter(&mapping)
    };
    assert_eq!(filter(800, 600, Fit::Stretch), Filter::Nearest);
    assert_eq!(filter(400, 200, Fit::Stretch), Filter::Nearest, "two across, three down");
    assert_eq!(filter(500, 300, Fit::Stretch), Filter::Bilinear);
    assert_eq!(filter(1600, 1200, Fit::Stretch), Filter::Bilinear, "smaller");
}

fn any_sizing() -> impl Strategy<Value = Sizing> {
    let fit = prop_oneof![
        Just(Fit::Stretch),
        Just(Fit::Fit),
        Just(Fit::Fill),
        Just(Fit::Centre),
        Just(Fit::Exact)
    ];
    let lead = prop_oneof![Just(Lead::Layer), Just(Lead::Picture), Just(Lead::Neither)];
    let aspect = prop_oneof![Just(PixelAspect::Auto), Just(PixelAspect::Square)];
    (fit, lead, aspect).prop_map(|(fit, lead, aspect)| Sizing {
        fit,
        lead,
        aspect,
        ..Sizing::default()
    })
}

proptest! {
    #[test]
    fn nothing_shows_outside_the_layer(
        sizing in any_sizing(),
        (width, height) in (1_u32..20_000, 1_u32..20_000),
        (x, y, w, h) in (-50_i32..5000, -50_i32..5000, 1_i32..5000, 1_i32..5000),
        scale in 1.0_f64..4.0,
    ) {
        let layer = Rect::new(x, y, w, h);
        let picture = Picture::plain(Size::new(width, height));
        if let Some(placement) = place(layer, picture, None, sizing, (Transform::Normal, scale)) {
            prop_assert!(layer.contains_rect(placement.clip));
            prop_assert!(placement.mapping.destination.contains_rect(placement.clip));
            if sizing.fit == Fit::Fill && sizing.lead != Lead::Picture {
                prop_assert_eq!(placement.clip, layer);
            }
        }
    }
}
