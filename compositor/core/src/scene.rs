//! What a port shows, as a list of elements, and how their pixels map to the port's.

use porthole_pixel::{Rect, Region, Size};

use crate::model::ColorKey;

mod mapping;
mod placement;
mod sizing;
mod transform;

#[cfg(test)]
mod tests;

pub use mapping::{Mapping, Point, SourceRect};
pub use placement::{Picture, Placement, place};
pub use sizing::{Fit, Lead, PixelAspect, Sampling, Sizing};
pub use transform::Transform;

/// How a picture is sampled when it is scaled.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Default)]
pub enum Filter {
    /// The nearest source pixel (WFD: NONE).
    Nearest,
    /// A mean of the four nearest source pixels (WFD: FASTER).
    #[default]
    Bilinear,
}

/// What of a buffer's pixels counts (WFD 1.0 section 5.6.8).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct Blend {
    /// Whether the buffer's alpha counts; without it colours are shown as they are stored.
    pub source_alpha: bool,
    /// Buffer pixels of this colour show what is below; compared before any filter.
    pub key: Option<ColorKey>,
}

impl Default for Blend {
    fn default() -> Self {
        Self { source_alpha: true, key: None }
    }
}

/// Weighs each pixel of an element: 0 leaves what is below.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct ElementMask {
    /// Another one for another picture.
    pub id: u64,
    /// Where it lies, in port pixels: one pixel of the mask for each.
    pub area: Rect,
}

/// One rectangle of pixels on a port: a surface, a cursor, a splash. Lists of elements go from the
/// bottom to the top.
#[derive(Clone, PartialEq, Debug)]
pub struct Element {
    /// The same for the same thing in the next list; unique in a list.
    pub id: u64,
    /// Changes whenever the content does.
    pub serial: u64,
    /// The part of the buffer that is shown, in buffer pixels.
    pub source: SourceRect,
    /// Where it goes, in port pixels; may reach outside the port.
    pub destination: Rect,
    /// Only pixels in here are shown (a [`Placement`]'s clip), in port pixels.
    pub clip: Rect,
    /// How the buffer is turned before it is scaled.
    pub transform: Transform,
    /// How the buffer is sampled where it is scaled.
    pub filter: Filter,
    /// 0 to 1, over the buffer's own alpha.
    pub opacity: f32,
    /// What of the buffer's pixels counts.
    pub blend: Blend,
    /// What weighs each pixel of the element.
    pub mask: Option<ElementMask>,
    /// Pixels that the element leaves alone, in port pixels.
    pub hole: Region,
    /// Pixels that hide what is below, in port pixels. Honoured only where the element shows, and only
    /// without a mask or colour key and when `opacity` is 1.
    pub opaque: Region,
    /// What the content changed since the list before, in port pixels. Read only when `serial`
    /// is not the one of the list before.
    pub damage: Region,
}

impl Element {
    /// The pixels that the element covers on a port of this size, hidden or not.
    /// `None` when there are none, or when it is wholly transparent.
    #[must_use]
    pub fn visible(&self, port: Size) -> Option<Rect> {
        let shows = self.opacity > 0.0 && !self.source.is_empty();
        let rect = self.destination.intersect(self.clip)?.intersect(Rect::from_size(port))?;
        (shows && !rect.is_empty()).then_some(rect)
    }

    /// The same without the hole, exactly.
    #[must_use]
    pub fn covers(&self, port: Size) -> Region {
        let mut covers = self.visible(port).map_or_else(Region::new, Region::from_rect);
        covers.subtract_region(&self.hole);
        covers
    }

    /// The pixels that hide what is below, on a port of this size.
    #[must_use]
    pub fn hides(&self, port: Size) -> Region {
        if self.opacity < 1.0 || self.mask.is_some() || self.blend.key.is_some() {
            return Region::new();
        }
        let visible = self.visible(port);
        let mut hides = visible.map_or_else(Region::new, |rect| self.opaque.intersect(rect));
        hides.subtract_region(&self.hole);
        hides
    }

    /// The element on a port that turns its finished picture, which has this size before.
    #[must_use]
    pub fn turned(mut self, by: Transform, area: Size) -> Self {
        if by == Transform::Normal {
            return self;
        }
        self.destination = by.rect(self.destination, area);
        self.clip = by.rect(self.clip, area);
        self.transform = self.transform.then(by);
        self.opaque = by.region(&self.opaque, area);
        self.hole = by.region(&self.hole, area);
        self.damage = by.region(&self.damage, area);
        if let Some(mask) = &mut self.mask {
            mask.area = by.rect(mask.area, area);
        }
        self
    }

    /// How the buffer's pixels map to the port's.
    #[must_use]
    pub const fn mapping(&self) -> Mapping {
        Mapping { source: self.source, destination: self.destination, transform: self.transform }
    }
}
