//! How a picture fills its layer's rectangle.

use porthole_pixel::{Rect, Size};

use super::{Mapping, Point, SourceRect, Transform};

/// How a picture of another size fills the rectangle of its layer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Default)]
pub enum Fit {
    /// Scaled to fill it, whatever becomes of the proportions (what WFD does).
    #[default]
    Stretch,
    /// Scaled as large as fits with its proportions kept, in the middle.
    Fit,
    /// Not scaled, in the middle; what does not fit is cut off.
    Centre,
}

/// Where a picture of a layer went.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Placement {
    /// From the content's coordinates to the port's.
    pub mapping: Mapping,
    /// Nothing shows outside it: the part of the destination that is in the layer. Not the whole
    /// layer, because what was cropped off would show beside the destination.
    pub clip: Rect,
}

impl Placement {
    /// Port pixels for each content pixel, across and down.
    #[must_use]
    pub fn scale(&self) -> (f64, f64) {
        let to = SourceRect::from(self.mapping.destination);
        (to.width / self.mapping.source.width, to.height / self.mapping.source.height)
    }

    /// The content's point at a point of the port; `None` outside what shows.
    #[must_use]
    pub fn content_at(&self, point: Point) -> Option<Point> {
        let shows = SourceRect::from(self.clip);
        let inside = point.x >= shows.x
            && point.y >= shows.y
            && point.x < shows.x + shows.width
            && point.y < shows.y + shows.height;
        inside.then(|| self.mapping.to_source(point))
    }
}

/// Places a picture in a layer.
///
/// `content` is the size of the picture in its own coordinates (for a surface: its logical size,
/// after its buffer transform and scale), `crop` the part of it to show. `None` when that part is
/// empty, or the layer is.
#[must_use]
pub fn place(layer: Rect, content: Size, crop: Option<SourceRect>, fit: Fit) -> Option<Placement> {
    let all = SourceRect::from_size(content);
    // A guest may become smaller than the crop at any time; what is left of it is shown.
    let source = crop.map_or(all, |crop| crop.intersect(all));
    if source.is_empty() || layer.is_empty() {
        return None;
    }
    let (width, height) = match fit {
        Fit::Stretch => (layer.width, layer.height),
        Fit::Centre => (pixels(source.width), pixels(source.height)),
        Fit::Fit => {
            let across = f64::from(layer.width) / source.width;
            let down = f64::from(layer.height) / source.height;
            let scale = across.min(down);
            let width = pixels(source.width * scale).min(layer.width);
            (width, pixels(source.height * scale).min(layer.height))
        }
    };
    let destination = Rect::new(
        layer.x.saturating_add(middle(layer.width, width)),
        layer.y.saturating_add(middle(layer.height, height)),
        width,
        height,
    );
    let mapping = Mapping { source, destination, transform: Transform::Normal };
    Some(Placement { mapping, clip: layer.intersect(destination)? })
}

/// The nearest whole number of pixels, at least one.
#[expect(clippy::cast_possible_truncation, reason = "the cast saturates, which is what is wanted")]
fn pixels(length: f64) -> i32 {
    (length.round() as i32).max(1)
}

/// Where something of a length begins that is in the middle of something else; half a pixel goes
/// to the right or the bottom.
const fn middle(outer: i32, inner: i32) -> i32 {
    outer.saturating_sub(inner).div_euclid(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAYER: Rect = Rect { x: 100, y: 50, width: 800, height: 600 };

    fn destination(width: u32, height: u32, fit: Fit) -> Rect {
        place(LAYER, Size::new(width, height), None, fit).unwrap().mapping.destination
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
    fn centre_keeps_the_pixels_and_cuts() {
        assert_eq!(destination(200, 100, Fit::Centre), Rect::new(400, 300, 200, 100));
        let placement = place(LAYER, Size::new(1000, 601), None, Fit::Centre).unwrap();
        assert_eq!(placement.mapping.destination, Rect::new(0, 49, 1000, 601));
        assert_eq!(placement.clip, LAYER);
        assert!(placement.mapping.is_exact());
    }

    #[test]
    fn a_crop_is_cut_to_the_picture() {
        let crop = Some(SourceRect::new(600.0, 0.0, 100.0, 100.0));
        let placement = place(LAYER, Size::new(640, 480), crop, Fit::Stretch).unwrap();
        assert_eq!(placement.mapping.source, SourceRect::new(600.0, 0.0, 40.0, 100.0));
        assert_eq!(placement.scale(), (20.0, 6.0));
        let narrow = place(LAYER, Size::new(640, 480), crop, Fit::Fit).unwrap();
        assert_eq!(narrow.clip, Rect::new(380, 50, 240, 600), "the rest of the picture stays off");
        assert_eq!(narrow.mapping.destination, narrow.clip);
        assert_eq!(place(LAYER, Size::new(600, 480), crop, Fit::Stretch), None);
        assert_eq!(place(LAYER, Size::new(0, 480), None, Fit::Fit), None);
    }

    #[test]
    fn points_outside_what_shows_are_nobodys() {
        let placement = place(LAYER, Size::new(400, 300), None, Fit::Stretch).unwrap();
        let at = |x, y| placement.content_at(Point { x, y });
        assert_eq!(at(100.0, 50.0), Some(Point { x: 0.0, y: 0.0 }));
        assert_eq!(at(899.0, 649.0), Some(Point { x: 399.5, y: 299.5 }));
        assert_eq!(at(900.0, 50.0), None);
        assert_eq!(at(99.9, 50.0), None);
        let cut = place(LAYER, Size::new(1000, 600), None, Fit::Centre).unwrap();
        assert_eq!(cut.content_at(Point { x: 50.0, y: 60.0 }), None);
    }
}
