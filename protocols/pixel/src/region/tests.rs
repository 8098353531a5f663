use proptest::prelude::*;

use super::*;

const SIDE: i32 = 24;

/// The slow model: one bool for each pixel.
#[derive(Clone, PartialEq, Debug)]
struct Grid(Vec<bool>);

impl Grid {
    fn new() -> Self {
        Self(vec![false; usize::try_from(SIDE * SIDE).unwrap()])
    }
    fn set(&mut self, r: Rect, to: bool) {
        for y in 0..SIDE {
            for x in 0..SIDE {
                if r.contains(x, y) {
                    self.0[usize::try_from(y * SIDE + x).unwrap()] = to;
                }
            }
        }
    }
    fn of(region: &Region) -> Self {
        let mut g = Self::new();
        for r in region.rects() {
            g.set(*r, true);
        }
        g
    }
}

/// What the docs promise of the form.
fn check_form(region: &Region) {
    let rects = region.rects();
    for (i, a) in rects.iter().enumerate() {
        assert!(!a.is_empty());
        for b in &rects[i + 1..] {
            assert!(a.intersect(*b).is_none(), "{a} and {b} overlap");
            let same_band = a.top() == b.top();
            assert!(same_band == (a.top() < b.bottom() && b.top() < a.bottom()), "{a} {b}: bands");
            assert!(!same_band || (a.bottom() == b.bottom() && a.right() < b.left()), "{a} {b}");
        }
    }
}

fn rect() -> impl Strategy<Value = Rect> {
    (0..SIDE, 0..SIDE, 0i32..10, 0i32..10)
        .prop_map(|(x, y, w, h)| Rect::new(x, y, w.min(SIDE - x), h.min(SIDE - y)))
}

fn build(ops: &[(bool, Rect)]) -> (Region, Grid) {
    let (mut region, mut grid) = (Region::new(), Grid::new());
    for &(add, r) in ops {
        if add {
            region.add(r);
        } else {
            region.subtract(r);
        }
        grid.set(r, add);
        check_form(&region);
    }
    (region, grid)
}

proptest! {
    #[test]
    fn equals_the_grid(ops in prop::collection::vec((any::<bool>(), rect()), 0..24)) {
        let (region, grid) = build(&ops);
        prop_assert_eq!(Grid::of(&region), grid.clone());
        prop_assert_eq!(region.area(), grid.0.iter().filter(|b| **b).count() as u64);
        // The form is unique: built from its own pieces in another order, it is equal.
        let again: Region = region.rects().iter().rev().copied().collect();
        prop_assert_eq!(again, region);
    }

    #[test]
    fn set_operations(a in prop::collection::vec((any::<bool>(), rect()), 0..12),
                      b in prop::collection::vec((any::<bool>(), rect()), 0..12)) {
        let ((a, ga), (b, gb)) = (build(&a), build(&b));
        let zip = |f: fn(bool, bool) -> bool| Grid(ga.0.iter().zip(&gb.0).map(|(x, y)| f(*x, *y)).collect());
        let mut u = a.clone();
        u.union(&b);
        check_form(&u);
        prop_assert_eq!(Grid::of(&u), zip(|x, y| x | y));
        let mut s = a.clone();
        s.subtract_region(&b);
        check_form(&s);
        prop_assert_eq!(Grid::of(&s), zip(|x, y| x & !y));
        let i = a.intersect_region(&b);
        check_form(&i);
        prop_assert_eq!(Grid::of(&i), zip(|x, y| x & y));
    }

    #[test]
    fn the_order_of_adding_is_nothing(rects in prop::collection::vec(rect(), 0..40)) {
        let mut one_by_one = Region::new();
        rects.iter().for_each(|r| one_by_one.add(*r));
        let at_once: Region = rects.into_iter().collect();
        check_form(&at_once);
        prop_assert_eq!(at_once, one_by_one);
    }

    #[test]
    fn simplify_only_grows(ops in prop::collection::vec((any::<bool>(), rect()), 0..24), max in 1usize..6) {
        let (region, _) = build(&ops);
        let mut simple = region.clone();
        simple.simplify(max);
        check_form(&simple);
        prop_assert!(simple.rects().len() <= max);
        prop_assert_eq!(simple.bounds(), region.bounds());
        prop_assert!(region.rects().iter().all(|r| simple.contains_rect(*r)));
    }
}

#[test]
fn crossing_rectangles_are_given_up_in_time() {
    let crossing = |i: i32| {
        if i % 2 == 0 { Rect::new(0, i * 9, 9999, 1) } else { Rect::new(i * 9, 0, 1, 9999) }
    };
    assert_eq!(Region::of((0..1000).map(crossing), 4096), None);
    let rects = Region::of((0..20).map(crossing), 4096).map(|region| region.rects().len());
    assert_eq!(rects, Some(10 + 10 * 10));
}

#[test]
fn extreme_coordinates_do_not_overflow() {
    let mut r = Region::from_rect(Rect::new(i32::MIN, i32::MIN, i32::MAX, i32::MAX));
    r.add(Rect::new(0, 0, i32::MAX, i32::MAX));
    r.translate(i32::MAX, i32::MAX);
    r.subtract(Rect::new(5, 5, 1, 1));
    check_form(&r);
    assert!(!r.contains(5, 5));
}
