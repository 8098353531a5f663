//! Where a picture of any size goes in its layer.

use porthole_pixel::{Rect, Size};

use super::sizing::{Fit, Lead, PixelAspect, Sizing};
use super::{Mapping, Point, SourceRect, Transform};

/// A picture that is to be placed.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Picture {
    /// Its size in its own coordinates (for a surface: its logical size, after its buffer
    /// transform, scale and viewport).
    pub size: Size,
    /// Buffer pixels for each coordinate, across and down, as the picture stands upright; 1 unless
    /// its program draws for a scaled port.
    pub density: (f64, f64),
}

impl Picture {
    /// A picture whose coordinates are its pixels.
    #[must_use]
    pub const fn plain(size: Size) -> Self {
        Self { size, density: (1.0, 1.0) }
    }
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
/// `crop` is the part of the picture to show, in its coordinates; `transform` is how that part is
/// turned, and `scale` how many port pixels a coordinate takes on this port by itself. `None` when the part is empty, or the layer is.
#[must_use]
pub fn place(
    layer: Rect,
    picture: Picture,
    crop: Option<SourceRect>,
    sizing: Sizing,
    (transform, scale): (Transform, f64),
) -> Option<Placement> {
    let all = SourceRect::from_size(picture.size);
    // A guest may become smaller than the crop at any time; what is left of it is shown.
    let cropped = crop.map_or(all, |crop| crop.intersect(all));
    if cropped.is_empty() || layer.is_empty() {
        return None;
    }
    let whole = cropped == all;
    // As it lies on the port.
    let (source, (across, down)) = if transform.swaps_sides() {
        let SourceRect { x, y, width, height } = cropped;
        (SourceRect::new(y, x, height, width), (picture.density.1, picture.density.0))
    } else {
        (cropped, picture.density)
    };
    // A part of such a picture, or one that lies on its side, is no screen of its own.
    let upright = whole && !transform.swaps_sides();
    let aspect = if upright { sizing.aspect } else { PixelAspect::Square };
    let exact = || (pixels(source.width * across), pixels(source.height * down));
    let (width, height) = match sizing.fit {
        _ if sizing.lead == Lead::Picture => exact(),
        Fit::Stretch => (layer.width, layer.height),
        Fit::Centre => (pixels(source.width * scale), pixels(source.height * scale)),
        Fit::Exact => exact(),
        Fit::Fit => {
            let (across, down, by) = proportions(layer, source, aspect, f64::min);
            (pixels(across * by).min(layer.width), pixels(down * by).min(layer.height))
        }
        Fit::Fill => {
            let (across, down, by) = proportions(layer, source, aspect, f64::max);
            (pixels(across * by).max(layer.width), pixels(down * by).max(layer.height))
        }
    };
    let (x, y) = match sizing.lead {
        Lead::Picture => (0, 0),
        Lead::Layer | Lead::Neither => (middle(layer.width, width), middle(layer.height, height)),
    };
    let destination =
        Rect::new(layer.x.saturating_add(x), layer.y.saturating_add(y), width, height);
    let mapping = Mapping { source: cropped, destination, transform };
    Some(Placement { mapping, clip: layer.intersect(destination)? })
}

/// Width and height of what is shown, as its pixels are meant to look, and what to multiply them
/// with so that it fits into the layer or, with the other choice, covers it.
fn proportions(
    layer: Rect,
    source: SourceRect,
    aspect: PixelAspect,
    choose: fn(f64, f64) -> f64,
) -> (f64, f64, f64) {
    let (width, height) = (source.width, source.height);
    let width = if aspect == PixelAspect::Auto && is_tube_mode(width, height) {
        height * 4.0 / 3.0
    } else {
        width
    };
    (width, height, choose(f64::from(layer.width) / width, f64::from(layer.height) / height))
}

/// Modes of VGA and CGA that fill a 4:3 screen with pixels that are not square.
fn is_tube_mode(width: f64, height: f64) -> bool {
    const MODES: [(f64, f64); 8] = [
        (320.0, 200.0),
        (640.0, 200.0),
        (640.0, 350.0),
        (640.0, 400.0),
        (720.0, 350.0),
        (720.0, 400.0),
        (360.0, 400.0),
        (320.0, 400.0),
    ];
    MODES.contains(&(width, height))
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
mod tests;
