//! A display controller made of paper: it stacks its planes, and the picture must be the one that
//! composing everything gives.

use proptest::prelude::*;

use super::*;
use crate::model::ColorKey;
use crate::scene::{Blend, Filter, SourceRect};

const PORT: Size = Size { width: 24, height: 18 };

fn plane(id: u32, position: i32) -> Plane {
    Plane {
        id,
        position,
        alpha: true,
        opacity: true,
        scale: 1.0..=1.0,
        transforms: vec![Transform::Normal],
    }
}

fn planes(below: u32, above: u32) -> Planes {
    let position = |id: u32| i32::try_from(id).unwrap() - 10;
    let ids = (10 - below..10).chain(11..11 + above);
    Planes { primary: plane(10, 0), others: ids.map(|id| plane(id, position(id))).collect() }
}

fn element(id: u64, rect: Rect) -> Element {
    Element {
        id,
        serial: 1,
        source: SourceRect::from_size(rect.size()),
        destination: rect,
        clip: Rect::from_size(PORT),
        transform: Transform::Normal,
        filter: Filter::Nearest,
        opacity: 1.0,
        blend: Blend::default(),
        mask: None,
        hole: Region::new(),
        opaque: Region::from_rect(rect),
        damage: Region::new(),
    }
}

fn see_through(id: u64, rect: Rect) -> Element {
    Element { opaque: Region::new(), ..element(id, rect) }
}

/// What is seen at a pixel: everything that contributes, from the bottom up. 0 is the background.
type Colour = Vec<u64>;

fn put(colour: &mut Colour, element: &Element, (x, y): (i32, i32)) {
    if element.hides(PORT).contains(x, y) {
        colour.clear();
    }
    if element.covers(PORT).contains(x, y) {
        colour.push(element.id);
    }
}

fn composed(elements: &[Element], at: (i32, i32)) -> Colour {
    let mut colour = vec![0];
    elements.iter().for_each(|element| put(&mut colour, element, at));
    colour
}

/// What the controller shows: underlays, then the primary plane, then overlays.
fn displayed(elements: &[Element], assignment: &Assignment, at: (i32, i32)) -> Colour {
    let on_planes = |wanted: fn(Placing) -> Option<u32>| {
        let placed = elements.iter().zip(&assignment.placing);
        let mut found: Vec<(u32, &Element)> =
            placed.filter_map(|(e, p)| Some((wanted(*p)?, e))).collect();
        found.sort_by_key(|(plane, _)| *plane);
        found
    };
    let mut colour = Vec::new();
    for (_, element) in on_planes(|p| if let Placing::Underlay(id) = p { Some(id) } else { None }) {
        put(&mut colour, element, at);
    }
    let all = Region::from_rect(Rect::from_size(PORT));
    let painted = compose_primary(elements, PORT, &all, assignment);
    let direct = on_planes(|p| (p == Placing::Primary).then_some(0));
    if painted.composition.clear.contains(at.0, at.1) {
        colour = vec![0];
    }
    for draw in &painted.composition.draws {
        if draw.clip.contains(at.0, at.1) {
            put(&mut colour, &elements[draw.element], at);
        }
    }
    for (_, element) in direct {
        put(&mut colour, element, at);
    }
    for (_, element) in on_planes(|p| if let Placing::Overlay(id) = p { Some(id) } else { None }) {
        put(&mut colour, element, at);
    }
    colour
}

fn assert_same(elements: &[Element], assignment: &Assignment) {
    for at in (0..18).flat_map(|y| (0..24).map(move |x| (x, y))) {
        assert_eq!(displayed(elements, assignment, at), composed(elements, at), "{at:?}");
    }
}

#[test]
fn what_lies_on_top_gets_an_overlay() {
    let elements = [element(1, Rect::new(0, 0, 24, 18)), see_through(2, Rect::new(2, 2, 8, 8))];
    let assignment = assign(&elements, PORT, &planes(0, 1), |_| true);
    assert_eq!(assignment.placing, [Placing::Primary, Placing::Overlay(11)]);
    assert_same(&elements, &assignment);
}

#[test]
fn what_is_opaque_gets_an_underlay_seen_through_a_hole() {
    let video = element(1, Rect::new(4, 4, 10, 8));
    let panel = see_through(2, Rect::new(0, 0, 24, 18));
    let elements = [video, panel];
    let assignment = assign(&elements, PORT, &planes(1, 0), |_| true);
    assert_eq!(assignment.placing, [Placing::Underlay(9), Placing::Composed(Why::NoPlane)]);
    assert_eq!(assignment.punched, Region::from_rect(Rect::new(4, 4, 10, 8)));
    assert_same(&elements, &assignment);
}

#[test]
fn each_refusal_has_its_reason_and_the_same_picture() {
    let under = Rect::new(4, 4, 10, 8);
    let panel = see_through(9, Rect::new(0, 0, 24, 18));
    let no_alpha = || {
        let mut planes = planes(1, 0);
        planes.primary.alpha = false;
        planes
    };
    let key = Blend { key: Some(ColorKey::default()), ..Blend::default() };
    let scaled = SourceRect::new(0.0, 0.0, 5.0, 4.0);
    let cases = [
        (vec![see_through(1, under), panel.clone()], planes(1, 0), Why::NotOpaque),
        (vec![element(1, under), panel.clone()], no_alpha(), Why::PrimaryWithoutAlpha),
        (vec![Element { blend: key, ..element(1, under) }], planes(1, 1), Why::Formula),
        (
            vec![Element { source: scaled, ..element(1, under) }, panel.clone()],
            planes(1, 0),
            Why::Shape,
        ),
        (vec![element(1, under), panel.clone()], planes(0, 0), Why::Covered),
        (vec![element(1, under)], planes(0, 0), Why::NoPlane),
    ];
    for (elements, planes, why) in cases {
        let assignment = assign(&elements, PORT, &planes, |_| true);
        assert_eq!(assignment.placing[0], Placing::Composed(why), "{why:?}");
        assert_same(&elements, &assignment);
    }
    let elements = [element(1, under), element(2, Rect::new(8, 8, 10, 8)), panel];
    let assignment = assign(&elements, PORT, &planes(2, 0), |_| true);
    assert_eq!(assignment.placing[0], Placing::Underlay(8));
    assert_eq!(assignment.placing[1], Placing::Composed(Why::Overlap));
    assert_same(&elements, &assignment);
    let assignment = assign(&elements, PORT, &planes(2, 2), |_| false);
    assert!(assignment.placing.iter().all(|p| *p == Placing::Composed(Why::Refused)));
    assert_same(&elements, &assignment);
}

fn any_element() -> impl Strategy<Value = Element> {
    let rect = (-4..20_i32, -4..14_i32, 1..24_i32, 1..18_i32)
        .prop_map(|(x, y, w, h)| Rect::new(x, y, w, h));
    (rect.clone(), any::<bool>(), 0..8_u8, prop::option::weighted(0.2, rect)).prop_map(
        |(rect, opaque, formula, hole)| {
            let mut element = if opaque { element(0, rect) } else { see_through(0, rect) };
            match formula {
                0 => element.opacity = 0.5,
                1 => element.blend.key = Some(ColorKey::default()),
                2 => element.transform = Transform::Rotate180,
                3 => element.source.width += 3.0,
                _ => {}
            }
            element.hole = hole.map_or_else(Region::new, Region::from_rect);
            element
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    /// Whatever planes there are and whatever the controller refuses: the picture is the composed one.
    #[test]
    fn planes_never_change_the_picture(
        mut elements in prop::collection::vec(any_element(), 0..7),
        (below, above) in (0..3_u32, 0..3_u32),
        alpha in any::<bool>(),
        refusals in prop::collection::vec(any::<bool>(), 16),
    ) {
        elements.iter_mut().zip(1..).for_each(|(element, id)| element.id = id);
        let mut planes = planes(below, above);
        planes.primary.alpha = alpha;
        let mut refusals = refusals.into_iter();
        let assignment = assign(&elements, PORT, &planes, |_| refusals.next().unwrap_or(true));
        for at in (0..18).flat_map(|y| (0..24).map(move |x| (x, y))) {
            prop_assert_eq!(displayed(&elements, &assignment, at), composed(&elements, at));
        }
        if !alpha {
            prop_assert!(assignment.punched.is_empty());
        }
    }
}
