//! From source pixels to port pixels and back.

use porthole_pixel::{Rect, Size};

use super::{Filter, Transform};

/// A point with fractions, in source or port pixels; (0, 0) is the top left corner of the top
/// left pixel.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Point {
    /// To the right.
    pub x: f64,
    /// Downwards.
    pub y: f64,
}

/// A rectangle with fractions, in source pixels (WFD: SOURCE_RECTANGLE, by its float accessors).
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct SourceRect {
    /// The left edge.
    pub x: f64,
    /// The upper edge.
    pub y: f64,
    /// Not negative when it came from [`SourceRect::new`].
    pub width: f64,
    /// Not negative when it came from [`SourceRect::new`].
    pub height: f64,
}

impl SourceRect {
    /// A rectangle; a side that is negative or not a number is 0.
    #[must_use]
    pub const fn new(x: f64, y: f64, width: f64, height: f64) -> Self {
        // max() gives its other argument for NaN.
        Self { x, y, width: width.max(0.0), height: height.max(0.0) }
    }

    /// All of a picture.
    #[must_use]
    pub fn from_size(size: Size) -> Self {
        Self::new(0.0, 0.0, f64::from(size.width), f64::from(size.height))
    }

    /// Whether nothing is in it, or it is not a rectangle of finite numbers.
    #[must_use]
    pub fn is_empty(self) -> bool {
        let finite = self.x.is_finite()
            && self.y.is_finite()
            && self.width.is_finite()
            && self.height.is_finite();
        !finite || self.width <= 0.0 || self.height <= 0.0
    }

    /// The part in both.
    #[must_use]
    pub fn intersect(self, other: Self) -> Self {
        let (left, top) = (self.x.max(other.x), self.y.max(other.y));
        let right = (self.x + self.width).min(other.x + other.width);
        let bottom = (self.y + self.height).min(other.y + other.height);
        Self::new(left, top, right - left, bottom - top)
    }
}

impl From<Rect> for SourceRect {
    fn from(rect: Rect) -> Self {
        let (x, y) = (f64::from(rect.x), f64::from(rect.y));
        Self::new(x, y, f64::from(rect.width), f64::from(rect.height))
    }
}

/// A source rectangle shown in a destination rectangle: WFD's stages crop, mirror, rotate, scale
/// and offset.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Mapping {
    /// In source pixels; not empty (an empty one maps everything to the destination's corner).
    pub source: SourceRect,
    /// In port pixels, after rotation.
    pub destination: Rect,
    /// Done between the two.
    pub transform: Transform,
}

impl Mapping {
    /// Where a source point is on the port; points outside the source rectangle map outside the
    /// destination.
    #[must_use]
    pub fn to_port(&self, point: Point) -> Point {
        let SourceRect { x, y, width, height } = self.source;
        let part = (ratio(point.x - x, width), ratio(point.y - y, height));
        let (u, v) = self.transform.apply(part);
        let to = SourceRect::from(self.destination);
        Point { x: u.mul_add(to.width, to.x), y: v.mul_add(to.height, to.y) }
    }

    /// Which source point is at this point of the port.
    #[must_use]
    pub fn to_source(&self, point: Point) -> Point {
        let from = SourceRect::from(self.destination);
        let part = (ratio(point.x - from.x, from.width), ratio(point.y - from.y, from.height));
        let (u, v) = self.transform.inverse().apply(part);
        let SourceRect { x, y, width, height } = self.source;
        Point { x: u.mul_add(width, x), y: v.mul_add(height, y) }
    }

    /// Whether each source pixel is exactly one port pixel, so that no filter mixes neighbours.
    #[must_use]
    #[expect(clippy::float_cmp, reason = "exactly equal is what is asked")]
    pub fn is_exact(&self) -> bool {
        let SourceRect { x, y, width, height } = self.source;
        let (across, down) =
            if self.transform.swaps_sides() { (height, width) } else { (width, height) };
        x.fract() == 0.0
            && y.fract() == 0.0
            && across == f64::from(self.destination.width)
            && down == f64::from(self.destination.height)
    }

    /// Whether each source pixel becomes the same whole number of port pixels, across and down.
    #[must_use]
    pub fn is_whole_multiple(&self) -> bool {
        let SourceRect { x, y, width, height } = self.source;
        let (across, down) =
            if self.transform.swaps_sides() { (height, width) } else { (width, height) };
        let whole = |to: i32, from: f64| {
            let factor = f64::from(to) / from;
            factor >= 1.0 && factor.fract() == 0.0
        };
        x.fract() == 0.0
            && y.fract() == 0.0
            && whole(self.destination.width, across)
            && whole(self.destination.height, down)
    }

    /// The port pixels that may change when the source pixels in `damage` do: rounded outwards,
    /// grown by what the filter mixes in, and cut to the destination. `None` when there are none.
    #[must_use]
    pub fn damage_to_port(&self, damage: Rect, filter: Filter) -> Option<Rect> {
        if damage.is_empty() || self.source.is_empty() || self.destination.is_empty() {
            return None;
        }
        if self.is_exact() {
            return self.rect_to_port(SourceRect::from(damage)).intersect(self.destination);
        }
        let reach = match filter {
            Filter::Nearest => 0.0,
            // A bilinear sample takes pixels whose centres are less than one pixel away.
            Filter::Bilinear => 1.0,
        };
        let SourceRect { x, y, width, height } = SourceRect::from(damage);
        let grown = SourceRect::new(
            x - reach,
            y - reach,
            2.0_f64.mul_add(reach, width),
            2.0_f64.mul_add(reach, height),
        );
        // One port pixel more, for renderers that step through the source in fixed point.
        let rect = self.rect_to_port(grown);
        let rect = Rect::from_edges(
            rect.left().saturating_sub(1),
            rect.top().saturating_sub(1),
            rect.right().saturating_add(1),
            rect.bottom().saturating_add(1),
        );
        rect.intersect(self.destination)
    }

    /// The smallest rectangle of whole port pixels around a source rectangle; not cut.
    #[must_use]
    pub fn rect_to_port(&self, rect: SourceRect) -> Rect {
        let a = self.to_port(Point { x: rect.x, y: rect.y });
        let b = self.to_port(Point { x: rect.x + rect.width, y: rect.y + rect.height });
        Rect::from_edges(
            whole(a.x.min(b.x), f64::floor),
            whole(a.y.min(b.y), f64::floor),
            whole(a.x.max(b.x), f64::ceil),
            whole(a.y.max(b.y), f64::ceil),
        )
    }

    /// The largest rectangle of whole port pixels inside a source rectangle, for opaque regions,
    /// which may be stated too small but never too large. `None` when there is none.
    #[must_use]
    pub fn opaque_to_port(&self, rect: Rect) -> Option<Rect> {
        let rect = SourceRect::from(rect).intersect(self.source);
        if rect.is_empty() {
            return None;
        }
        let a = self.to_port(Point { x: rect.x, y: rect.y });
        let b = self.to_port(Point { x: rect.x + rect.width, y: rect.y + rect.height });
        let inner = Rect::from_edges(
            whole(a.x.min(b.x), f64::ceil),
            whole(a.y.min(b.y), f64::ceil),
            whole(a.x.max(b.x), f64::floor),
            whole(a.y.max(b.y), f64::floor),
        );
        inner.intersect(self.destination).filter(|rect| !rect.is_empty())
    }
}

fn ratio(part: f64, whole: f64) -> f64 {
    if whole == 0.0 { 0.0 } else { part / whole }
}

/// Rounds in a direction, after taking what is a whole number but for the error of a few
/// multiplications for that number; such an error must not grow a region by a pixel.
#[expect(clippy::cast_possible_truncation, reason = "the cast saturates, which is what is wanted")]
fn whole(value: f64, direction: fn(f64) -> f64) -> i32 {
    let nearest = value.round();
    if (value - nearest).abs() < 1e-6 { nearest as i32 } else { direction(value) as i32 }
}

#[cfg(test)]
mod tests;
