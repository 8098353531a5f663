//! Who gets the pointer, touches and keys of a port.

use std::collections::BTreeMap;

use porthole_pixel::Region;

use crate::model::PipelineId;
use crate::scene::Point;

/// A seat of the service: one for each port, and one for each person at a viewer. Numbers are never
/// used twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct SeatId(pub u64);

/// How many devices of one seat hold which keys and buttons: what two of them hold goes up when the
/// second lets go.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Held(BTreeMap<u32, u32>);

impl Held {
    /// A device presses a code. True when no other device holds it.
    pub fn press(&mut self, code: u32) -> bool {
        let count = self.0.entry(code).or_default();
        *count = count.saturating_add(1);
        *count == 1
    }

    /// A device lets go of a code. True when no other device holds it any more.
    pub fn release(&mut self, code: u32) -> bool {
        let Some(count) = self.0.get_mut(&code) else { return false };
        *count = count.saturating_sub(1);
        let last = *count == 0;
        if last {
            self.0.remove(&code);
        }
        last
    }

    /// Whether any device holds a code.
    #[must_use]
    pub fn holds(&self, code: u32) -> bool {
        self.0.contains_key(&code)
    }

    /// Everything is let go of at once; what was held.
    pub fn release_all(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.0).into_keys().collect()
    }
}

/// Something on a port that may take input. Lists go from the bottom to the top, as the scene.
#[derive(Clone, PartialEq, Debug)]
pub struct InputElement {
    /// The scene element's id.
    pub id: u64,
    /// The layer that it belongs to.
    pub layer: PipelineId,
    /// Where it takes input, in port pixels: the surface's input region, cut to what it shows.
    pub region: Region,
}

/// The topmost element that takes input at this point of the port.
///
/// Only regions count, never colours: a guest cannot gain or drop input by what it paints.
#[must_use]
pub fn pick(elements: &[InputElement], point: Point) -> Option<&InputElement> {
    let (x, y) = pixel(point)?;
    elements.iter().rev().find(|element| element.region.contains(x, y))
}

/// The pixel that a point is in.
#[expect(clippy::cast_possible_truncation, reason = "the cast saturates, which is what is wanted")]
fn pixel(point: Point) -> Option<(i32, i32)> {
    let finite = point.x.is_finite() && point.y.is_finite();
    finite.then(|| (point.x.floor() as i32, point.y.floor() as i32))
}

/// A layer that is shown on the port now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FocusLayer {
    /// The layer.
    pub layer: PipelineId,
    /// Whether it may have the keyboard.
    pub keyboard: bool,
}

/// Which layer of a port has the keyboard.
///
/// A click gives it to the layer under the pointer. When nobody has it, the first layer that is
/// shown and may have it gets it: a single guest needs no click.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct KeyboardFocus(Option<PipelineId>);

impl KeyboardFocus {
    /// The layer that has the keyboard.
    #[must_use]
    pub const fn layer(&self) -> Option<PipelineId> {
        self.0
    }

    /// The layers that are shown are now these, from the bottom to the top.
    /// True when the focus changed.
    pub fn layers_changed(&mut self, shown: &[FocusLayer]) -> bool {
        let before = self.0;
        let kept = before.filter(|&layer| may_focus(shown, layer));
        self.0 = kept.or_else(|| shown.iter().find(|l| l.keyboard).map(|l| l.layer));
        self.0 != before
    }

    /// The first layer that may have the keyboard gets it.
    pub fn reset(&mut self, shown: &[FocusLayer]) {
        self.0 = None;
        self.layers_changed(shown);
    }

    /// A button went down or a finger touched on this layer. True when the focus changed.
    ///
    /// A layer that may not have the keyboard leaves it where it is.
    pub fn clicked(&mut self, layer: PipelineId, shown: &[FocusLayer]) -> bool {
        if self.0 == Some(layer) || !may_focus(shown, layer) {
            return false;
        }
        self.0 = Some(layer);
        true
    }
}

fn may_focus(shown: &[FocusLayer], layer: PipelineId) -> bool {
    shown.iter().any(|l| l.layer == layer && l.keyboard)
}

#[cfg(test)]
mod tests {
    use porthole_pixel::Rect;

    use super::*;

    fn id(n: u32) -> PipelineId {
        PipelineId::new(n).unwrap()
    }

    fn element(number: u32, rect: Rect) -> InputElement {
        InputElement { id: u64::from(number), layer: id(number), region: Region::from_rect(rect) }
    }

    #[test]
    fn what_two_devices_hold_goes_up_with_the_second() {
        let mut held = Held::default();
        assert!(held.press(30) && !held.press(30) && held.press(42));
        assert!(!held.release(30) && held.release(30) && !held.release(30));
        assert_eq!(held.release_all(), [42]);
        assert!(!held.release(42));
    }

    #[test]
    fn the_topmost_region_takes_the_point() {
        let mut upper = element(2, Rect::new(50, 0, 100, 100));
        upper.region.subtract(Rect::new(60, 10, 10, 10));
        let elements = [element(1, Rect::new(0, 0, 100, 100)), upper];
        let at = |x, y| pick(&elements, Point { x, y }).map(|e| e.id);
        assert_eq!(at(49.9, 5.0), Some(1));
        assert_eq!(at(50.0, 5.0), Some(2));
        assert_eq!(at(65.0, 15.0), Some(1), "through the hole in the upper one");
        assert_eq!(at(149.9, 99.9), Some(2));
        assert_eq!(at(150.0, 50.0), None);
        assert_eq!(at(-0.1, 50.0), None);
        assert_eq!(at(f64::NAN, 50.0), None);
    }

    #[test]
    fn the_first_layer_gets_the_keyboard_and_clicks_move_it() {
        let layer = |n, keyboard| FocusLayer { layer: id(n), keyboard };
        let mut focus = KeyboardFocus::default();
        assert!(!focus.layers_changed(&[layer(3, false)]));
        assert_eq!(focus.layer(), None);
        let shown = [layer(3, false), layer(1, true), layer(2, true)];
        assert!(focus.layers_changed(&shown));
        assert_eq!(focus.layer(), Some(id(1)));
        assert!(focus.clicked(id(2), &shown));
        assert!(!focus.clicked(id(2), &shown));
        assert!(!focus.clicked(id(3), &shown), "may not have it");
        assert!(!focus.clicked(id(9), &shown), "is not shown");
        assert_eq!(focus.layer(), Some(id(2)));
        assert!(!focus.layers_changed(&[layer(2, true), layer(1, true)]), "keeps it");
        assert!(focus.layers_changed(&[layer(2, false), layer(1, true)]), "lost the right to it");
        assert_eq!(focus.layer(), Some(id(1)));
        assert!(focus.layers_changed(&[]));
        assert_eq!(focus.layer(), None);
    }
}
