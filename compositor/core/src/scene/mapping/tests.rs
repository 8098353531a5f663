use proptest::prelude::*;

use super::*;

fn mapping(source: SourceRect, destination: Rect, transform: Transform) -> Mapping {
    Mapping { source, destination, transform }
}

#[test]
fn an_exact_mapping_grows_nothing() {
    let map = mapping(
        SourceRect::new(10.0, 20.0, 30.0, 40.0),
        Rect::new(100, 200, 30, 40),
        Transform::Normal,
    );
    assert!(map.is_exact());
    let damage = map.damage_to_port(Rect::new(12, 23, 4, 5), Filter::Bilinear);
    assert_eq!(damage, Some(Rect::new(102, 203, 4, 5)));
    assert_eq!(map.damage_to_port(Rect::new(0, 0, 10, 20), Filter::Bilinear), None);
}

#[test]
fn turned_damage_lands_where_the_pixels_do() {
    let source = SourceRect::new(0.0, 0.0, 30.0, 40.0);
    let turned = mapping(source, Rect::new(0, 0, 40, 30), Transform::Rotate90);
    assert!(turned.is_exact());
    // The top left pixel is at the top right after a clockwise turn.
    let damage = turned.damage_to_port(Rect::new(0, 0, 1, 1), Filter::Nearest);
    assert_eq!(damage, Some(Rect::new(39, 0, 1, 1)));
    let not_turned = mapping(source, Rect::new(0, 0, 40, 30), Transform::Normal);
    assert!(!not_turned.is_exact());
}

#[test]
fn scaled_damage_grows_by_the_filter() {
    let map =
        mapping(SourceRect::new(0.0, 0.0, 10.0, 10.0), Rect::new(0, 0, 40, 40), Transform::Normal);
    let pixel = Rect::new(5, 5, 1, 1);
    assert_eq!(map.damage_to_port(pixel, Filter::Nearest), Some(Rect::new(19, 19, 6, 6)));
    assert_eq!(map.damage_to_port(pixel, Filter::Bilinear), Some(Rect::new(15, 15, 14, 14)));
    // Never outside the destination.
    let corner = map.damage_to_port(Rect::new(9, 9, 1, 1), Filter::Bilinear);
    assert_eq!(corner, Some(Rect::new(31, 31, 9, 9)));
}

#[test]
fn opaque_regions_shrink() {
    let map =
        mapping(SourceRect::new(0.0, 0.0, 10.0, 10.0), Rect::new(0, 0, 15, 15), Transform::Normal);
    assert_eq!(map.opaque_to_port(Rect::new(0, 0, 10, 10)), Some(Rect::new(0, 0, 15, 15)));
    assert_eq!(map.opaque_to_port(Rect::new(1, 1, 2, 2)), Some(Rect::new(2, 2, 2, 2)));
    assert_eq!(map.opaque_to_port(Rect::new(20, 20, 2, 2)), None);
}

#[test]
fn no_number_makes_it_panic() {
    let odd = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300, -1e300, 0.0];
    for a in odd {
        for b in odd {
            let source = SourceRect::new(a, b, b, a);
            let map =
                mapping(source, Rect::new(i32::MAX, i32::MIN, i32::MAX, 1), Transform::Flipped);
            let _ =
                map.damage_to_port(Rect::new(i32::MIN, 0, i32::MAX, i32::MAX), Filter::Bilinear);
            let _ = map.to_source(Point { x: a, y: b });
            let _ = map.opaque_to_port(Rect::new(0, 0, 5, 5));
        }
    }
}

fn any_mapping() -> impl Strategy<Value = Mapping> {
    let source = (0..50_u32, 0..50_u32, 1..200_u32, 1..200_u32).prop_map(|(x, y, w, h)| {
        SourceRect::new(
            f64::from(x) / 2.0,
            f64::from(y) / 2.0,
            f64::from(w) / 2.0,
            f64::from(h) / 2.0,
        )
    });
    let destination = (-20..50_i32, -20..50_i32, 1..100_i32, 1..100_i32)
        .prop_map(|(x, y, w, h)| Rect::new(x, y, w, h));
    (source, destination, 0..8_usize)
        .prop_map(|(source, destination, t)| mapping(source, destination, Transform::ALL[t]))
}

proptest! {
    #[test]
    fn to_source_undoes_to_port(map in any_mapping(), x in -50.0..150.0_f64, y in -50.0..150.0_f64) {
        let back = map.to_source(map.to_port(Point { x, y }));
        prop_assert!((back.x - x).abs() < 1e-6 && (back.y - y).abs() < 1e-6, "{back:?}");
    }

    /// Samples every port pixel the way renderers do; a pixel that reads a damaged source pixel
    /// must be in the mapped damage.
    #[test]
    fn damage_covers_every_pixel_that_reads_it(
        map in any_mapping(),
        (x, y, w, h) in (0..80_i32, 0..80_i32, 1..20_i32, 1..20_i32),
    ) {
        let damage = Rect::new(x, y, w, h);
        let mapped = |filter| map.damage_to_port(damage, filter);
        let (near, linear) = (mapped(Filter::Nearest), mapped(Filter::Bilinear));
        let to = map.destination;
        for py in to.top()..to.bottom() {
            for px in to.left()..to.right() {
                let centre = Point { x: f64::from(px) + 0.5, y: f64::from(py) + 0.5 };
                let at = map.to_source(centre);
                #[expect(clippy::cast_possible_truncation, reason = "small numbers")]
                let pixel = |x: f64, y: f64| (x.floor() as i32, y.floor() as i32);
                let (sx, sy) = pixel(at.x, at.y);
                if damage.contains(sx, sy) {
                    prop_assert!(near.is_some_and(|r| r.contains(px, py)), "nearest {px},{py}");
                }
                let (lx, ly) = pixel(at.x - 0.5, at.y - 0.5);
                let reads = [(0, 0), (1, 0), (0, 1), (1, 1)];
                let exact = map.is_exact();
                if !exact && reads.iter().any(|(dx, dy)| damage.contains(lx + dx, ly + dy)) {
                    prop_assert!(linear.is_some_and(|r| r.contains(px, py)), "linear {px},{py}");
                }
            }
        }
    }
}
