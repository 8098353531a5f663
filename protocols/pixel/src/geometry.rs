//! Sizes and rectangles in whole pixels.

/// A width and a height in pixels.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Default)]
pub struct Size {
    /// Pixels from left to right.
    pub width: u32,
    /// Pixels from top to bottom.
    pub height: u32,
}

impl Size {
    /// A size of `width` by `height` pixels.
    #[must_use]
    pub const fn new(width: u32, height: u32) -> Self {
        Self { width, height }
    }

    /// True when no pixel fits.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.width == 0 || self.height == 0
    }

    /// Number of pixels.
    #[must_use]
    pub const fn area(self) -> u64 {
        self.width as u64 * self.height as u64
    }
}

impl std::fmt::Display for Size {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

/// A rectangle of pixels: the left and top edges are inside, the right and bottom ones are not.
///
/// Width and height are never negative ([`Rect::new`] clamps them to 0), and edges saturate, so
/// that no arithmetic on values from a peer can overflow.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Default)]
pub struct Rect {
    /// Left edge.
    pub x: i32,
    /// Top edge; y grows downwards.
    pub y: i32,
    /// Width, at least 0.
    pub width: i32,
    /// Height, at least 0.
    pub height: i32,
}

impl Rect {
    /// A rectangle; a negative width or height becomes 0.
    #[must_use]
    pub const fn new(x: i32, y: i32, width: i32, height: i32) -> Self {
        Self {
            x,
            y,
            width: if width < 0 { 0 } else { width },
            height: if height < 0 { 0 } else { height },
        }
    }

    /// The rectangle between two corners; empty when they are the wrong way round.
    #[must_use]
    pub const fn from_edges(left: i32, top: i32, right: i32, bottom: i32) -> Self {
        Self::new(left, top, right.saturating_sub(left), bottom.saturating_sub(top))
    }

    /// The rectangle from the origin with this size; sides beyond `i32::MAX` are cut there.
    #[must_use]
    pub fn from_size(size: Size) -> Self {
        let side = |v: u32| i32::try_from(v).unwrap_or(i32::MAX);
        Self::new(0, 0, side(size.width), side(size.height))
    }

    /// First column inside.
    #[must_use]
    pub const fn left(self) -> i32 {
        self.x
    }

    /// First row inside.
    #[must_use]
    pub const fn top(self) -> i32 {
        self.y
    }

    /// First column beyond.
    #[must_use]
    pub const fn right(self) -> i32 {
        self.x.saturating_add(self.width)
    }

    /// First row beyond.
    #[must_use]
    pub const fn bottom(self) -> i32 {
        self.y.saturating_add(self.height)
    }

    /// True when no pixel is inside.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.width <= 0 || self.height <= 0
    }

    /// Number of pixels inside.
    #[must_use]
    pub fn area(self) -> u64 {
        u64::from(self.width.max(0).unsigned_abs()) * u64::from(self.height.max(0).unsigned_abs())
    }

    /// Width and height.
    #[must_use]
    pub fn size(self) -> Size {
        Size::new(self.width.max(0).unsigned_abs(), self.height.max(0).unsigned_abs())
    }

    /// The pixels in both, or nothing.
    #[must_use]
    pub fn intersect(self, other: Self) -> Option<Self> {
        let r = Self::from_edges(
            self.x.max(other.x),
            self.y.max(other.y),
            self.right().min(other.right()),
            self.bottom().min(other.bottom()),
        );
        (!r.is_empty()).then_some(r)
    }

    /// The smallest rectangle around both; an empty one counts for nothing.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        if self.is_empty() {
            return other;
        }
        if other.is_empty() {
            return self;
        }
        Self::from_edges(
            self.x.min(other.x),
            self.y.min(other.y),
            self.right().max(other.right()),
            self.bottom().max(other.bottom()),
        )
    }

    /// True when every pixel of `other` is inside (always, when `other` is empty).
    #[must_use]
    pub const fn contains_rect(self, other: Self) -> bool {
        other.is_empty()
            || (other.x >= self.x
                && other.y >= self.y
                && other.right() <= self.right()
                && other.bottom() <= self.bottom())
    }

    /// True when this pixel is inside.
    #[must_use]
    pub const fn contains(self, x: i32, y: i32) -> bool {
        x >= self.x && y >= self.y && x < self.right() && y < self.bottom()
    }

    /// The same rectangle moved right by `dx` and down by `dy`.
    #[must_use]
    pub const fn translate(self, dx: i32, dy: i32) -> Self {
        Self { x: self.x.saturating_add(dx), y: self.y.saturating_add(dy), ..self }
    }
}

impl std::fmt::Display for Rect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}x{}+{}+{}", self.width, self.height, self.x, self.y)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_saturate_and_negative_sides_are_empty() {
        let r = Rect::new(i32::MAX - 1, 0, 100, -5);
        assert_eq!(r.right(), i32::MAX);
        assert!(r.is_empty());
        assert_eq!(r.area(), 0);
    }

    #[test]
    fn intersection_is_half_open() {
        let a = Rect::new(0, 0, 10, 10);
        assert_eq!(a.intersect(Rect::new(10, 0, 5, 5)), None);
        assert_eq!(a.intersect(Rect::new(9, 9, 5, 5)), Some(Rect::new(9, 9, 1, 1)));
    }

    #[test]
    fn union_ignores_empty() {
        let a = Rect::new(5, 5, 2, 2);
        assert_eq!(a.union(Rect::new(-100, 0, 0, 4)), a);
        assert_eq!(a.union(Rect::new(0, 0, 1, 1)), Rect::new(0, 0, 7, 7));
    }
}
