//! Which pixels of the next frame to paint, and from which element.
//!
//! A port's colour at a pixel depends on the elements that cover it, from the topmost down to the
//! first that hides the rest. The planner compares these stacks with those of the list before:
//! where they differ, or an element in them has damage, the pixel is painted again; everywhere
//! else the old frame stays. Nothing is painted that something opaque hides.

use porthole_pixel::{Rect, Region, Size};

use crate::color::Color;
use crate::scene::Element;

mod compose;
mod difference;
pub mod planes;

#[cfg(test)]
mod tests;

pub use compose::{Composition, Draw, compose};

/// What to do for the next frame. Do `clear` first, then `draws` in their order.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Plan {
    /// All pixels that may differ from the frame before. Empty: there is nothing to draw.
    pub damage: Region,
    /// What to paint; it stays within `damage`.
    pub composition: Composition,
}

/// Plans the frames of one port.
#[derive(Clone, Debug)]
pub struct Planner {
    size: Size,
    background: Color,
    /// The list before, by id.
    before: difference::Memory,
    /// Pixels to paint whatever the lists say.
    invalid: Region,
}

impl Planner {
    /// The most rectangles that a plan's damage has; finer damage is covered by coarser.
    pub const MAX_DAMAGE_RECTS: usize = 64;

    /// A port that has shown nothing yet: all of it is invalid.
    #[must_use]
    pub fn new(size: Size) -> Self {
        Self {
            size,
            background: Color::BLACK,
            before: difference::Memory::new(),
            invalid: Region::from_rect(Rect::from_size(size)),
        }
    }

    /// The size of the port.
    #[must_use]
    pub const fn size(&self) -> Size {
        self.size
    }

    /// Begins anew for a port of another size.
    pub fn resize(&mut self, size: Size) {
        *self = Self::new(size);
    }

    /// Has these pixels painted by the next plan, whatever changes; for frames that were lost.
    pub fn invalidate(&mut self, region: &Region) {
        self.invalid.union(&region.intersect(Rect::from_size(self.size)));
        self.invalid.simplify(Self::MAX_DAMAGE_RECTS);
    }

    /// The elements of the last plan of which any pixel is seen, by their ids.
    pub fn seen(&self) -> impl Iterator<Item = u64> + '_ {
        difference::seen(&self.before)
    }

    /// Plans the frame that shows `elements` (bottom to top) on `background`.
    pub fn plan(&mut self, elements: &[Element], background: Color) -> Plan {
        let mut damage = difference::damage(&mut self.before, elements, self.size);
        if background != self.background {
            self.background = background;
            damage.union(&difference::uncovered(elements, self.size));
        }
        damage.union(&self.invalid);
        self.invalid = Region::new();
        damage.simplify(Self::MAX_DAMAGE_RECTS);
        let composition = compose(elements, self.size, &damage);
        Plan { damage, composition }
    }
}
