//! Exact sets of pixels.
//!
//! A region is kept as bands: rectangles sorted by y and then x, where those that overlap in y have
//! the same top and bottom, neighbours never touch, and bands with the same spans are merged. This
//! form is unique for a set, so equality is plain equality, and every operation is one sweep.

use crate::Rect;

/// An exact set of pixels, as disjoint rectangles.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Region {
    rects: Vec<Rect>,
}

/// Columns inside a band: (first inside, first beyond).
type Span = (i32, i32);

impl Region {
    /// The empty set.
    #[must_use]
    pub const fn new() -> Self {
        Self { rects: Vec::new() }
    }

    /// The pixels of one rectangle.
    #[must_use]
    pub fn from_rect(rect: Rect) -> Self {
        // Through the edges, so that a rectangle that saturates is kept by what it really covers.
        let rect = Rect::from_edges(rect.left(), rect.top(), rect.right(), rect.bottom());
        Self { rects: if rect.is_empty() { Vec::new() } else { vec![rect] } }
    }

    /// The pixels of rectangles of any number and order. `None` where on the way there are more than
    /// `most` disjoint ones: a thousand that cross each other make a quarter of a million.
    #[must_use]
    pub fn of(rects: impl IntoIterator<Item = Rect>, most: usize) -> Option<Self> {
        let mut parts: Vec<Self> = rects.into_iter().map(Self::from_rect).collect();
        // Pair by pair, so that each rectangle is looked at as often as the number can be halved.
        while parts.len() > 1 {
            let mut pairs = std::mem::take(&mut parts).into_iter();
            while let Some(mut part) = pairs.next() {
                if let Some(other) = pairs.next() {
                    part.union(&other);
                }
                if part.rects.len() > most {
                    return None;
                }
                parts.push(part);
            }
        }
        Some(parts.pop().unwrap_or_default())
    }

    /// The disjoint rectangles, by top edge and then left edge.
    #[must_use]
    pub fn rects(&self) -> &[Rect] {
        &self.rects
    }

    /// True when no pixel is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rects.is_empty()
    }

    /// Adds the pixels of `rect`.
    pub fn add(&mut self, rect: Rect) {
        if rect.is_empty() || self.rects.iter().any(|r| r.contains_rect(rect)) {
            return;
        }
        self.union(&Self::from_rect(rect));
    }

    /// Adds the pixels of `other`.
    pub fn union(&mut self, other: &Self) {
        if other.is_empty() {
            return;
        }
        if self.is_empty() {
            self.rects.clone_from(&other.rects);
            return;
        }
        self.rects = combine(&self.rects, &other.rects, |a, b| a || b);
    }

    /// Removes the pixels of `rect`.
    pub fn subtract(&mut self, rect: Rect) {
        if self.rects.iter().any(|r| r.intersect(rect).is_some()) {
            self.subtract_region(&Self::from_rect(rect));
        }
    }

    /// Removes the pixels of `other`.
    pub fn subtract_region(&mut self, other: &Self) {
        if !self.is_empty() && !other.is_empty() {
            self.rects = combine(&self.rects, &other.rects, |a, b| a && !b);
        }
    }

    /// The pixels that are also in `rect`.
    #[must_use]
    pub fn intersect(&self, rect: Rect) -> Self {
        if self.bounds().is_some_and(|b| rect.contains_rect(b)) {
            return self.clone();
        }
        self.intersect_region(&Self::from_rect(rect))
    }

    /// The pixels that are in both.
    #[must_use]
    pub fn intersect_region(&self, other: &Self) -> Self {
        if self.is_empty() || other.is_empty() {
            return Self::new();
        }
        Self { rects: combine(&self.rects, &other.rects, |a, b| a && b) }
    }

    /// Moves every pixel right by `dx` and down by `dy`. What would leave the range of `i32` is cut.
    pub fn translate(&mut self, dx: i32, dy: i32) {
        for r in &mut self.rects {
            *r = Rect::from_edges(
                r.left().saturating_add(dx),
                r.top().saturating_add(dy),
                r.right().saturating_add(dx),
                r.bottom().saturating_add(dy),
            );
        }
        self.rects.retain(|r| !r.is_empty());
    }

    /// The smallest rectangle around all pixels.
    #[must_use]
    pub fn bounds(&self) -> Option<Rect> {
        self.rects.iter().copied().reduce(Rect::union)
    }

    /// Number of pixels.
    #[must_use]
    pub fn area(&self) -> u64 {
        self.rects.iter().map(|r| r.area()).sum()
    }

    /// True when this pixel is in it.
    #[must_use]
    pub fn contains(&self, x: i32, y: i32) -> bool {
        self.rects.iter().any(|r| r.contains(x, y))
    }

    /// True when every pixel of `rect` is in it (always, when `rect` is empty).
    #[must_use]
    pub fn contains_rect(&self, rect: Rect) -> bool {
        self.intersect(rect).area() == rect.area()
    }

    /// Makes it at most `max_rects` rectangles (at least one), by growing: for damage, where a few
    /// pixels more cost less than many small pieces. Merges neighbours first, so that pieces that
    /// are far apart stay apart as long as may be.
    pub fn simplify(&mut self, max_rects: usize) {
        let max_rects = max_rects.max(1);
        while self.rects.len() > max_rects {
            // One pass halves the list; the result is made disjoint again by adding one by one.
            let mut merged = Self::new();
            for pair in self.rects.chunks(2) {
                if let Some(r) = pair.iter().copied().reduce(Rect::union) {
                    merged.union(&Self::from_rect(r));
                }
            }
            if merged.rects.len() >= self.rects.len() {
                // Growing made as many pieces as it took away: only the bounds are sure to help.
                merged = self.bounds().map(Self::from_rect).unwrap_or_default();
            }
            *self = merged;
        }
    }
}

impl FromIterator<Rect> for Region {
    fn from_iter<I: IntoIterator<Item = Rect>>(rects: I) -> Self {
        Self::of(rects, usize::MAX).unwrap_or_default()
    }
}

/// One sweep over two lists of bands; `keep` says whether a pixel stays, from where it lies.
fn combine(a: &[Rect], b: &[Rect], keep: fn(bool, bool) -> bool) -> Vec<Rect> {
    let mut edges: Vec<i32> = a.iter().chain(b).flat_map(|r| [r.top(), r.bottom()]).collect();
    edges.sort_unstable();
    edges.dedup();

    let mut out: Vec<Rect> = Vec::new();
    // Where the band above starts in `out`, to merge with it when the spans are equal.
    let mut above = 0;
    let (mut rest_a, mut rest_b) = (a, b);
    let (mut spans_a, mut spans_b, mut spans) = (Vec::new(), Vec::new(), Vec::new());
    for (&top, &bottom) in edges.iter().zip(edges.iter().skip(1)) {
        spans_of(&mut rest_a, top, &mut spans_a);
        spans_of(&mut rest_b, top, &mut spans_b);
        combine_spans(&spans_a, &spans_b, keep, &mut spans);
        let start = out.len();
        out.extend(spans.iter().map(|&(l, r)| Rect::from_edges(l, top, r, bottom)));
        above = merge_band(&mut out, above, start);
    }
    out
}

/// Merges the band from `start` with the one from `above` when they touch and have the same spans;
/// returns where the last band now starts.
fn merge_band(out: &mut Vec<Rect>, above: usize, start: usize) -> usize {
    let (upper, lower) = out.split_at_mut(start);
    let upper = upper.get_mut(above..).unwrap_or_default();
    let same = !lower.is_empty()
        && upper.len() == lower.len()
        && upper
            .iter()
            .zip(lower.iter())
            .all(|(u, l)| u.bottom() == l.top() && u.x == l.x && u.width == l.width);
    if !same {
        return start;
    }
    for (u, l) in upper.iter_mut().zip(lower.iter()) {
        *u = Rect::from_edges(u.left(), u.top(), u.right(), l.bottom());
    }
    out.truncate(start);
    above
}

/// The spans of the band that covers row `top`; bands wholly above are dropped from `rest`.
fn spans_of(rest: &mut &[Rect], top: i32, spans: &mut Vec<Span>) {
    let passed = rest.iter().take_while(|r| r.bottom() <= top).count();
    *rest = rest.get(passed..).unwrap_or_default();
    spans.clear();
    spans.extend(rest.iter().take_while(|r| r.top() <= top).map(|r| (r.left(), r.right())));
}

/// The same sweep along x.
fn combine_spans(a: &[Span], b: &[Span], keep: fn(bool, bool) -> bool, out: &mut Vec<Span>) {
    out.clear();
    let (mut a, mut b) = (edge_walk(a), edge_walk(b));
    let (mut in_a, mut in_b) = (false, false);
    let mut open: Option<i32> = None;
    while let Some(x) = [a.peek(), b.peek()].into_iter().flatten().min().copied() {
        if a.next_if_eq(&x).is_some() {
            in_a = !in_a;
        }
        if b.next_if_eq(&x).is_some() {
            in_b = !in_b;
        }
        match (keep(in_a, in_b), open) {
            (true, None) => open = Some(x),
            (false, Some(left)) => {
                out.push((left, x));
                open = None;
            }
            _ => {}
        }
    }
}

/// The edges of spans from left to right; each one toggles inside and outside.
fn edge_walk(spans: &[Span]) -> std::iter::Peekable<impl Iterator<Item = i32> + '_> {
    spans.iter().flat_map(|&(l, r)| [l, r]).peekable()
}

#[cfg(test)]
mod tests;
