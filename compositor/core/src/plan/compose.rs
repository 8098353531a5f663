//! Painting a region from a list of elements, without drawing what something opaque hides.

use porthole_pixel::{Rect, Region, Size};

use crate::scene::Element;

/// Paint these pixels from this element.
#[derive(Clone, PartialEq, Debug)]
pub struct Draw {
    /// The index in the list of elements.
    pub element: usize,
    /// The port pixels to paint, within the element's visible rectangle.
    pub clip: Region,
}

/// How to paint a region from nothing: `clear` first, then `draws`, bottom to top.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Composition {
    /// The pixels to set to the background.
    pub clear: Region,
    /// What to draw over it.
    pub draws: Vec<Draw>,
}

/// How to paint `damage` on a port of this size from `elements` (bottom to top).
///
/// Every pixel of `damage` is painted whatever it held before, so this also repairs a buffer that
/// missed several frames.
#[must_use]
pub fn compose(elements: &[Element], port: Size, damage: &Region) -> Composition {
    // What is still to be painted, from the top down.
    let mut open = damage.intersect(Rect::from_size(port));
    let mut draws = Vec::new();
    for (element, item) in elements.iter().enumerate().rev() {
        if open.is_empty() {
            break;
        }
        let Some(visible) = item.visible(port) else { continue };
        let mut clip = open.intersect(visible);
        clip.subtract_region(&item.hole);
        if clip.is_empty() {
            continue;
        }
        subtract_bounded(&mut open, &item.hides(port));
        draws.push(Draw { element, clip });
    }
    draws.reverse();
    Composition { clear: open, draws }
}

/// Rectangles beyond which hidden pixels are drawn rather than told apart.
const MAX_OPEN_RECTS: usize = 512;

/// Takes `hidden` off `open`, unless that would make a region of too many rectangles: a client
/// chooses its opaque region, and drawing a hidden pixel only costs time.
pub(super) fn subtract_bounded(open: &mut Region, hidden: &Region) {
    if hidden.is_empty() {
        return;
    }
    let mut less = open.clone();
    less.subtract_region(hidden);
    if less.rects().len() <= MAX_OPEN_RECTS {
        *open = less;
    }
}
