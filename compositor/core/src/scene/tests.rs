use super::*;

const PORT: Size = Size { width: 100, height: 50 };

fn element(destination: Rect) -> Element {
    Element {
        id: 1,
        serial: 1,
        source: SourceRect::new(0.0, 0.0, 10.0, 10.0),
        destination,
        clip: Rect::new(10, 10, 200, 20),
        transform: Transform::Normal,
        filter: Filter::default(),
        opacity: 1.0,
        blend: Blend::default(),
        mask: None,
        hole: Region::new(),
        opaque: Region::from_rect(destination),
        damage: Region::new(),
    }
}

#[test]
fn what_shows_is_in_the_port_and_in_the_clip() {
    let wide = element(Rect::new(0, 0, 300, 300));
    assert_eq!(wide.visible(PORT), Some(Rect::new(10, 10, 90, 20)));
    assert_eq!(wide.hides(PORT), Region::from_rect(Rect::new(10, 10, 90, 20)));
    assert_eq!(element(Rect::new(0, 0, 10, 50)).visible(PORT), None, "beside the clip");
    assert_eq!(element(Rect::new(20, 20, 0, 10)).visible(PORT), None, "empty");
}

#[test]
fn something_transparent_hides_nothing() {
    let rect = Rect::new(10, 10, 20, 20);
    let half = Element { opacity: 0.5, ..element(rect) };
    assert_eq!(half.visible(PORT), Some(rect));
    assert!(half.hides(PORT).is_empty());
    for opacity in [0.0, -1.0, f32::NAN] {
        let none = Element { opacity, ..element(rect) };
        assert_eq!(none.visible(PORT), None);
        assert!(none.hides(PORT).is_empty());
    }
    let no_source = Element { source: SourceRect::default(), ..element(rect) };
    assert!(no_source.hides(PORT).is_empty());
}
