use proptest::prelude::*;

use super::*;
use crate::model::ColorKey;
use crate::scene::{Blend, ElementMask, Filter, SourceRect, Transform};

const PORT: Size = Size { width: 24, height: 18 };

/// A reference without any cleverness: colours are numbers made of everything that was painted
/// at a pixel, in order, so painting too much, too little or twice gives another number.
mod reference {
    use super::*;

    pub(super) type Frame = Vec<u64>;

    fn mix(a: u64, b: u64) -> u64 {
        (a ^ b.wrapping_mul(0x9e37_79b9_7f4a_7c15))
            .rotate_left(29)
            .wrapping_mul(0xbf58_476d_1ce4_e5b9)
    }

    pub(super) fn pixels() -> impl Iterator<Item = (i32, i32)> {
        (0..18).flat_map(|y| (0..24).map(move |x| (x, y)))
    }

    pub(super) fn index(x: i32, y: i32) -> usize {
        usize::try_from(y * 24 + x).unwrap()
    }

    /// A thing on the port, with a version for each pixel of its content.
    #[derive(Clone, Debug)]
    pub(super) struct Thing {
        pub(super) element: Element,
        pub(super) versions: Vec<u64>,
    }

    impl Thing {
        fn paint(&self, below: u64, x: i32, y: i32) -> u64 {
            let e = &self.element;
            let mut own = mix(e.id, self.versions[index(x, y)]);
            for part in
                [e.destination.x, e.destination.y, e.destination.width, e.destination.height]
            {
                own = mix(own, u64::from(part.cast_unsigned()));
            }
            own = mix(own, u64::from(e.filter == Filter::Nearest));
            own = mix(own, u64::from(e.opacity.to_bits()));
            own = mix(own, u64::from(e.blend.source_alpha));
            own = mix(own, e.blend.key.map_or(0, |key| u64::from(key.argb())));
            own = mix(own, e.mask.map_or(0, |mask| mask.id));
            if e.hides(PORT).contains(x, y) { own } else { mix(below, own) }
        }

        fn covers(&self, x: i32, y: i32) -> bool {
            let e = &self.element;
            e.visible(PORT).is_some_and(|rect| rect.contains(x, y)) && !e.hole.contains(x, y)
        }
    }

    fn ground(background: Color) -> u64 {
        mix(7, u64::from(background.argb()))
    }

    pub(super) fn full(things: &[Thing], background: Color) -> Frame {
        pixels()
            .map(|(x, y)| {
                let over = things.iter().filter(|thing| thing.covers(x, y));
                over.fold(ground(background), |below, thing| thing.paint(below, x, y))
            })
            .collect()
    }

    /// The things of which a pixel is seen, by id.
    pub(super) fn seen(things: &[Thing]) -> Vec<u64> {
        let is_seen = |(i, thing): &(usize, &Thing)| {
            pixels().any(|(x, y)| {
                let above = things.iter().skip(i + 1);
                let hidden = above.clone().any(|above| above.element.hides(PORT).contains(x, y));
                thing.covers(x, y) && !hidden
            })
        };
        let mut seen: Vec<u64> =
            things.iter().enumerate().filter(is_seen).map(|(_, t)| t.element.id).collect();
        seen.sort_unstable();
        seen
    }

    pub(super) fn apply(frame: &mut Frame, things: &[Thing], plan: &Plan, background: Color) {
        for (x, y) in pixels() {
            let pixel = &mut frame[index(x, y)];
            if plan.composition.clear.contains(x, y) {
                *pixel = ground(background);
            }
            for draw in &plan.composition.draws {
                if draw.clip.contains(x, y) {
                    let thing = &things[draw.element];
                    assert!(thing.covers(x, y), "draws outside the element");
                    *pixel = thing.paint(*pixel, x, y);
                }
            }
        }
    }

    pub(super) fn check(before: &Frame, after: &Frame, things: &[Thing], plan: &Plan) {
        for (x, y) in pixels() {
            let damaged = plan.damage.contains(x, y);
            if !damaged {
                assert_eq!(before[index(x, y)], after[index(x, y)], "({x}, {y}) is not damaged");
                assert!(!plan.composition.clear.contains(x, y));
            }
            for draw in plan.composition.draws.iter().filter(|draw| draw.clip.contains(x, y)) {
                assert!(damaged, "draws outside the damage");
                let hidden = things[draw.element + 1..]
                    .iter()
                    .any(|above| above.element.hides(PORT).contains(x, y));
                assert!(!hidden, "draws what is hidden at ({x}, {y})");
            }
        }
    }
}

use reference::Thing;

#[derive(Clone, Debug)]
enum Op {
    Add {
        at: usize,
        rect: Rect,
        opaque: Vec<Rect>,
        opacity: f32,
    },
    Remove(usize),
    Move(usize, Rect),
    Clip(usize, Rect),
    Swap(usize, usize),
    Filter(usize),
    Opacity(usize, f32),
    Hole(usize, Vec<Rect>),
    Blend(usize, bool, bool),
    Mask(usize, u64),
    Opaque(usize, Vec<Rect>),
    Content(usize, Vec<Rect>),
    Background(u8),
    Invalidate(Rect),
    /// Everything is decided; ask for a plan.
    Plan,
}

fn rect() -> impl Strategy<Value = Rect> {
    (-6..24_i32, -6..18_i32, 0..20_i32, 0..20_i32).prop_map(|(x, y, w, h)| Rect::new(x, y, w, h))
}

fn rects() -> impl Strategy<Value = Vec<Rect>> {
    prop::collection::vec(rect(), 0..4)
}

fn opacity() -> impl Strategy<Value = f32> {
    prop_oneof![4 => Just(1.0_f32), 1 => Just(0.5), 1 => Just(0.0)]
}

fn op() -> impl Strategy<Value = Op> {
    let n = 0..8_usize;
    prop_oneof![
        3 => (n.clone(), rect(), rects(), opacity())
            .prop_map(|(at, rect, opaque, opacity)| Op::Add { at, rect, opaque, opacity }),
        1 => n.clone().prop_map(Op::Remove),
        1 => (n.clone(), rect()).prop_map(|(i, rect)| Op::Move(i, rect)),
        1 => (n.clone(), rect()).prop_map(|(i, rect)| Op::Clip(i, rect)),
        1 => (n.clone(), n.clone()).prop_map(|(i, j)| Op::Swap(i, j)),
        1 => n.clone().prop_map(Op::Filter),
        1 => (n.clone(), opacity()).prop_map(|(i, opacity)| Op::Opacity(i, opacity)),
        1 => (n.clone(), rects()).prop_map(|(i, rects)| Op::Opaque(i, rects)),
        2 => (n.clone(), rects()).prop_map(|(i, rects)| Op::Hole(i, rects)),
        1 => (n.clone(), any::<bool>(), any::<bool>()).prop_map(|(i, a, k)| Op::Blend(i, a, k)),
        1 => (n.clone(), 0..3_u64).prop_map(|(i, id)| Op::Mask(i, id)),
        2 => (n, rects()).prop_map(|(i, rects)| Op::Content(i, rects)),
        1 => (0..3_u8).prop_map(Op::Background),
        1 => rect().prop_map(Op::Invalidate),
        6 => Just(Op::Plan),
    ]
}

fn region(rects: &[Rect]) -> Region {
    let mut region = Region::new();
    rects.iter().for_each(|&rect| region.add(rect));
    region
}

fn element(id: u64, rect: Rect) -> Element {
    Element {
        id,
        serial: 1,
        source: SourceRect::new(0.0, 0.0, f64::from(rect.width.max(1)), 10.0),
        destination: rect,
        clip: Rect::from_size(PORT),
        transform: Transform::Normal,
        filter: Filter::Nearest,
        opacity: 1.0,
        blend: Blend::default(),
        mask: None,
        hole: Region::new(),
        opaque: Region::new(),
        damage: Region::new(),
    }
}

/// Applies an operation to the list; indices wrap around.
fn step(things: &mut Vec<Thing>, next_id: &mut u64, op: &Op) {
    let (count, some) = (things.len().max(1), !things.is_empty());
    let mut change = |index: usize, with: &dyn Fn(&mut Thing)| {
        if let Some(thing) = things.get_mut(index % count) {
            with(thing);
        }
    };
    match op {
        Op::Add { at, rect, opaque, opacity } => {
            *next_id += 1;
            let opaque = region(opaque);
            let element = Element { opaque, opacity: *opacity, ..element(*next_id, *rect) };
            things.insert(at % count, Thing { element, versions: vec![0; 24 * 18] });
        }
        Op::Remove(i) if some => drop(things.remove(i % count)),
        Op::Move(i, rect) => change(*i, &|thing| thing.element.destination = *rect),
        Op::Clip(i, rect) => change(*i, &|thing| thing.element.clip = *rect),
        Op::Filter(i) => change(*i, &|thing| {
            thing.element.filter = match thing.element.filter {
                Filter::Nearest => Filter::Bilinear,
                Filter::Bilinear => Filter::Nearest,
            };
        }),
        Op::Swap(i, j) if some => things.swap(i % count, j % count),
        Op::Opacity(i, opacity) => change(*i, &|thing| thing.element.opacity = *opacity),
        Op::Hole(i, rects) => change(*i, &|thing| thing.element.hole = region(rects)),
        Op::Blend(i, source_alpha, keyed) => change(*i, &|thing| {
            let key = keyed.then(ColorKey::default);
            thing.element.blend = Blend { source_alpha: *source_alpha, key };
        }),
        Op::Mask(i, id) => change(*i, &|thing| {
            let area = thing.element.destination;
            thing.element.mask = (*id > 0).then_some(ElementMask { id: *id, area });
        }),
        Op::Opaque(i, rects) => change(*i, &|thing| thing.element.opaque = region(rects)),
        Op::Content(i, rects) => change(*i, &|thing| {
            let damage = region(rects);
            thing.element.serial += 1;
            for (x, y) in reference::pixels().filter(|&(x, y)| damage.contains(x, y)) {
                thing.versions[reference::index(x, y)] += 1;
            }
            thing.element.damage.union(&damage);
        }),
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]
    #[test]
    fn plans_paint_what_a_full_repaint_would(ops in prop::collection::vec(op(), 1..40)) {
        let mut planner = Planner::new(PORT);
        let mut things = Vec::new();
        let mut next_id = 0;
        let mut background = Color::BLACK;
        // Nothing was painted yet: every pixel is some rubbish.
        let mut frame = vec![0xdead_u64; 24 * 18];
        for op in ops.iter().chain([&Op::Plan]) {
            match op {
                Op::Background(red) => background = Color { red: *red, ..Color::BLACK },
                Op::Invalidate(rect) => {
                    for (x, y) in reference::pixels().filter(|&(x, y)| rect.contains(x, y)) {
                        frame[reference::index(x, y)] = 0xdead;
                    }
                    planner.invalidate(&Region::from_rect(*rect));
                }
                Op::Plan => {
                    let list: Vec<_> = things.iter().map(|t: &Thing| t.element.clone()).collect();
                    let plan = planner.plan(&list, background);
                    let before = frame.clone();
                    reference::apply(&mut frame, &things, &plan, background);
                    reference::check(&before, &frame, &things, &plan);
                    prop_assert_eq!(&frame, &reference::full(&things, background));
                    let mut seen: Vec<u64> = planner.seen().collect();
                    seen.sort_unstable();
                    prop_assert_eq!(seen, reference::seen(&things));
                    things.iter_mut().for_each(|thing| thing.element.damage = Region::new());
                }
                op => step(&mut things, &mut next_id, op),
            }
        }
    }

    /// Painting any region from nothing repairs exactly that region.
    #[test]
    fn composing_a_region_repairs_it(ops in prop::collection::vec(op(), 1..20), rects in rects()) {
        let mut things = Vec::new();
        let mut next_id = 0;
        ops.iter().for_each(|op| step(&mut things, &mut next_id, op));
        let list: Vec<_> = things.iter().map(|thing| thing.element.clone()).collect();
        let damage = region(&rects);
        let plan = Plan { composition: compose(&list, PORT, &damage), damage };
        let full = reference::full(&things, Color::BLACK);
        let mut frame = vec![0xdead_u64; 24 * 18];
        reference::apply(&mut frame, &things, &plan, Color::BLACK);
        for (x, y) in reference::pixels() {
            let i = reference::index(x, y);
            prop_assert_eq!(frame[i], if plan.damage.contains(x, y) { full[i] } else { 0xdead });
        }
    }
}

fn opaque(id: u64, rect: Rect) -> Element {
    Element { opaque: Region::from_rect(rect), ..element(id, rect) }
}

/// A planner that has shown these elements.
fn shown(elements: &[Element]) -> Planner {
    let mut planner = Planner::new(PORT);
    let first = planner.plan(elements, Color::BLACK);
    assert_eq!(first.damage, Region::from_rect(Rect::from_size(PORT)), "a new port is all damage");
    planner
}

#[test]
fn nothing_changed_is_nothing_to_draw() {
    let list = [opaque(1, Rect::new(0, 0, 10, 10)), element(2, Rect::new(5, 5, 10, 10))];
    let mut planner = shown(&list);
    assert_eq!(planner.plan(&list, Color::BLACK), Plan::default());
}

#[test]
fn damage_under_something_opaque_is_none() {
    let below = opaque(1, Rect::new(0, 0, 10, 10));
    let mut above = opaque(2, Rect::new(0, 0, 10, 10));
    // A hole of 2 x 2.
    above.opaque.subtract(Rect::new(4, 4, 2, 2));
    let mut planner = shown(&[below.clone(), above.clone()]);
    let new = Element { serial: 2, damage: Region::from_rect(Rect::new(0, 0, 5, 5)), ..below };
    let plan = planner.plan(&[new, above], Color::BLACK);
    assert_eq!(plan.damage, Region::from_rect(Rect::new(4, 4, 1, 1)));
    assert_eq!(plan.composition.draws.len(), 2);
    assert!(plan.composition.clear.is_empty());
}

#[test]
fn damage_counts_only_with_a_new_serial() {
    let old = opaque(1, Rect::new(0, 0, 10, 10));
    let mut planner = shown(std::slice::from_ref(&old));
    let damage = Region::from_rect(Rect::new(1, 1, 2, 2));
    let same = Element { damage: damage.clone(), ..old };
    assert!(planner.plan(std::slice::from_ref(&same), Color::BLACK).damage.is_empty());
    let new = Element { serial: 9, ..same };
    assert_eq!(planner.plan(&[new], Color::BLACK).damage, damage);
}

#[test]
fn reordering_damages_only_where_both_are() {
    let a = opaque(1, Rect::new(0, 0, 10, 10));
    let b = opaque(2, Rect::new(8, 8, 10, 10));
    let mut planner = shown(&[a.clone(), b.clone()]);
    let plan = planner.plan(&[b, a], Color::BLACK);
    // Of the two, only the overlap looked different. `a` was hidden there, so that what it shows
    // now, and what `b` showed, is the overlap too.
    assert_eq!(plan.damage, Region::from_rect(Rect::new(8, 8, 2, 2)));
}

#[test]
fn a_background_change_spares_what_is_covered() {
    let a = opaque(1, Rect::new(0, 0, 24, 17));
    let mut planner = shown(std::slice::from_ref(&a));
    let plan = planner.plan(&[a], Color { red: 1, green: 2, blue: 3 });
    assert_eq!(plan.damage, Region::from_rect(Rect::new(0, 17, 24, 1)));
    assert_eq!(plan.composition, Composition { clear: plan.damage, draws: Vec::new() });
}

#[test]
fn a_resized_port_is_all_damage() {
    let a = opaque(1, Rect::new(0, 0, 40, 40));
    let mut planner = shown(std::slice::from_ref(&a));
    planner.resize(Size::new(30, 30));
    let plan = planner.plan(&[a], Color::BLACK);
    assert_eq!(plan.damage, Region::from_rect(Rect::new(0, 0, 30, 30)));
}

#[test]
fn the_same_id_twice_is_still_right() {
    let a = opaque(1, Rect::new(0, 0, 4, 4));
    let b = opaque(1, Rect::new(10, 10, 4, 4));
    let mut planner = shown(&[a.clone(), b.clone()]);
    assert!(planner.plan(&[a.clone(), b], Color::BLACK).damage.is_empty());
    let plan = planner.plan(std::slice::from_ref(&a), Color::BLACK);
    assert!(plan.damage.contains_rect(Rect::new(10, 10, 4, 4)));
}

#[test]
fn a_hostile_opaque_region_stays_bounded() {
    let port = Size::new(1024, 1024);
    let mut checkers = Region::new();
    for i in 0..64 {
        for j in 0..64 {
            checkers.add(Rect::new(i * 16 + (j % 2) * 8, j * 16, 8, 8));
        }
    }
    let top = Element {
        opaque: checkers,
        clip: Rect::from_size(port),
        ..element(2, Rect::from_size(port))
    };
    let below = Element { clip: Rect::from_size(port), ..element(1, Rect::from_size(port)) };
    let plan = Planner::new(port).plan(&[below, top], Color::BLACK);
    let rects: usize = plan.composition.draws.iter().map(|draw| draw.clip.rects().len()).sum();
    assert!(rects <= 1024, "{rects}");
    assert_eq!(plan.composition.draws.len(), 2);
}

#[test]
fn damage_of_many_small_pieces_is_covered_by_few() {
    let port = Size::new(1024, 1024);
    let place = Rect::from_size(port);
    let old = Element { clip: place, ..opaque(1, place) };
    let mut planner = Planner::new(port);
    planner.plan(std::slice::from_ref(&old), Color::BLACK);
    let mut damage = Region::new();
    for i in 0..1000 {
        damage.add(Rect::new((i * 37) % 1000, i, 3, 1));
    }
    let new = Element { serial: 2, damage: damage.clone(), ..old };
    let plan = planner.plan(std::slice::from_ref(&new), Color::BLACK);
    assert!(plan.damage.rects().len() <= Planner::MAX_DAMAGE_RECTS);
    assert!(damage.rects().iter().all(|rect| plan.damage.contains_rect(*rect)));
}
