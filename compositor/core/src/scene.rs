//! What a port shows, as a list of elements, and how their pixels map to the port's.

use porthole_pixel::{Rect, Region, Size};

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
    /// Pixels that hide what is below, in port pixels. Honoured only where the element shows and
    /// only when `opacity` is 1.
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

    /// The pixels that hide what is below, on a port of this size.
    #[must_use]
    pub fn hides(&self, port: Size) -> Region {
        if self.opacity < 1.0 {
            return Region::new();
        }
        self.visible(port).map_or_else(Region::new, |rect| self.opaque.intersect(rect))
    }

    /// How the buffer's pixels map to the port's.
    #[must_use]
    pub const fn mapping(&self) -> Mapping {
        Mapping { source: self.source, destination: self.destination, transform: self.transform }
    }
}
