//! Which elements a display controller shows on planes of its own, and what is left to compose.
//!
//! The controller stacks its planes by their position; the primary plane carries what is composed.
//! An element above everything composed that it overlaps may have an overlay plane. An opaque element
//! may have an underlay plane below the primary one, which is then punched through: made transparent
//! where the element shows, before what lies above it is drawn. The picture is the same whatever is
//! assigned; only the work differs.

use std::ops::RangeInclusive;

use porthole_pixel::{Rect, Region, Size};

use super::compose::{Composition, compose};
use crate::scene::{Element, Transform};

/// A plane of a display controller.
#[derive(Clone, PartialEq, Debug)]
pub struct Plane {
    /// The controller's own number of it.
    pub id: u32,
    /// Its place in the stack; larger is above, unique.
    pub position: i32,
    /// Whether pixels of it can be transparent.
    pub alpha: bool,
    /// Whether it has an opacity of its own.
    pub opacity: bool,
    /// How much it scales; 1 to 1 for not at all.
    pub scale: RangeInclusive<f64>,
    /// How it can be turned.
    pub transforms: Vec<Transform>,
}

/// The planes that a port can use.
#[derive(Clone, PartialEq, Debug)]
pub struct Planes {
    /// Carries the composed picture, as large as the port.
    pub primary: Plane,
    /// All others.
    pub others: Vec<Plane>,
}

/// How an element reaches the screen.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Placing {
    /// It contributes nothing.
    Nowhere,
    /// It is drawn into the primary plane's picture, for this reason.
    Composed(Why),
    /// The primary plane shows it, and nothing is composed.
    Primary,
    /// A plane above the primary one shows it.
    Overlay(u32),
    /// A plane below the primary one shows it, through a hole.
    Underlay(u32),
}

/// Why an element has no plane of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Why {
    /// Its colour key, mask or hole is more than a plane can do.
    Formula,
    /// No plane that is left scales, turns or dims it so.
    Shape,
    /// Something composed lies over it, so that it can be on no plane above.
    Covered,
    /// Only what is opaque can be below the primary plane.
    NotOpaque,
    /// What is composed cannot be transparent.
    PrimaryWithoutAlpha,
    /// It overlaps an element on a plane below it.
    Overlap,
    /// No plane is left.
    NoPlane,
    /// The controller refused it, all planes together.
    Refused,
}

/// What is shown by which plane.
#[derive(Clone, PartialEq, Debug)]
pub struct Assignment {
    /// Of each element, from the bottom to the top.
    pub placing: Vec<Placing>,
    /// Where the primary plane's picture is transparent but for what lies above: under it are planes.
    pub punched: Region,
}

/// What to draw into the primary plane's picture.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Punched {
    /// Pixels to make transparent first.
    pub punch: Region,
    /// What to paint then; `clear` has none of the punched pixels.
    pub composition: Composition,
}

/// Gives planes to elements (bottom to top), as long as `accepts` says that the controller can show
/// the assignment (an atomic test commit).
#[must_use]
pub fn assign(
    elements: &[Element],
    port: Size,
    planes: &Planes,
    mut accepts: impl FnMut(&Assignment) -> bool,
) -> Assignment {
    let shown = |element: &Element| {
        if element.covers(port).is_empty() {
            Placing::Nowhere
        } else {
            Placing::Composed(Why::NoPlane)
        }
    };
    let mut assignment =
        Assignment { placing: elements.iter().map(shown).collect(), punched: Region::new() };
    overlays(&mut assignment, elements, port, planes, &mut accepts);
    underlays(&mut assignment, elements, port, planes, &mut accepts);
    primary(&mut assignment, elements, port, planes, &mut accepts);
    assignment
}

/// Planes above the primary one, from the top of the list down.
fn overlays(
    assignment: &mut Assignment,
    elements: &[Element],
    port: Size,
    planes: &Planes,
    accepts: &mut impl FnMut(&Assignment) -> bool,
) {
    let above = planes.others.iter().filter(|p| p.position > planes.primary.position);
    let mut free: Vec<&Plane> = above.collect();
    // Popped from its end: the topmost plane first.
    free.sort_by_key(|plane| plane.position);
    // What is composed above the element in question would be hidden by its plane.
    let mut composed = Region::new();
    for (index, element) in elements.iter().enumerate().rev() {
        let Some(visible) = element.visible(port) else { continue };
        let why = if is_composed(assignment, index) {
            why_not(element, visible, &composed, free.last().copied())
        } else {
            continue;
        };
        match why {
            None => {
                let Some(plane) = free.pop() else { continue };
                if try_place(assignment, index, Placing::Overlay(plane.id), accepts) {
                    continue;
                }
            }
            Some(why) => set(assignment, index, Placing::Composed(why)),
        }
        composed.union(&element.covers(port));
    }
}

/// Why an element cannot have this overlay plane.
fn why_not(
    element: &Element,
    visible: Rect,
    composed: &Region,
    plane: Option<&Plane>,
) -> Option<Why> {
    if has_formula(element) {
        return Some(Why::Formula);
    }
    if !composed.intersect(visible).is_empty() {
        return Some(Why::Covered);
    }
    let Some(plane) = plane else { return Some(Why::NoPlane) };
    let dims = element.opacity < 1.0 && !plane.opacity;
    let see_through = !hides_all(element, visible) && !plane.alpha;
    (dims || see_through || !fits(element, plane)).then_some(Why::Shape)
}

/// Planes below the primary one, from the bottom of the list up.
fn underlays(
    assignment: &mut Assignment,
    elements: &[Element],
    port: Size,
    planes: &Planes,
    accepts: &mut impl FnMut(&Assignment) -> bool,
) {
    let below = planes.others.iter().filter(|p| p.position < planes.primary.position);
    let mut free: Vec<&Plane> = below.collect();
    free.sort_by_key(|plane| plane.position);
    let mut taken = Region::new();
    for (index, element) in elements.iter().enumerate() {
        let Some(visible) = element.visible(port).filter(|_| is_composed(assignment, index)) else {
            continue;
        };
        let why = if free.is_empty() {
            // The reason why it is no overlay is the better one.
            continue;
        } else if has_formula(element) {
            Some(Why::Formula)
        } else if !hides_all(element, visible) {
            Some(Why::NotOpaque)
        } else if !planes.primary.alpha {
            Some(Why::PrimaryWithoutAlpha)
        } else if !taken.intersect(visible).is_empty() {
            Some(Why::Overlap)
        } else if !fits(element, free.first().copied().unwrap_or(&planes.primary)) {
            Some(Why::Shape)
        } else {
            None
        };
        if let Some(why) = why {
            set(assignment, index, Placing::Composed(why));
            continue;
        }
        let plane = free.remove(0);
        let before = assignment.punched.clone();
        assignment.punched.add(visible);
        if try_place(assignment, index, Placing::Underlay(plane.id), accepts) {
            taken.add(visible);
        } else {
            assignment.punched = before;
        }
    }
}

/// The primary plane shows the only element that is left, if that fills it.
fn primary(
    assignment: &mut Assignment,
    elements: &[Element],
    port: Size,
    planes: &Planes,
    accepts: &mut impl FnMut(&Assignment) -> bool,
) {
    let mut left = (0..elements.len()).filter(|&index| is_composed(assignment, index));
    let (Some(index), None) = (left.next(), left.next()) else { return };
    let Some(element) = elements.get(index) else { return };
    let all = Rect::from_size(port);
    let fills = element.visible(port) == Some(all)
        && element.destination == all
        && !has_formula(element)
        && hides_all(element, all)
        && assignment.punched.is_empty();
    if fills && fits(element, &planes.primary) {
        try_place(assignment, index, Placing::Primary, accepts);
    }
}

fn is_composed(assignment: &Assignment, index: usize) -> bool {
    matches!(assignment.placing.get(index), Some(Placing::Composed(_)))
}

fn set(assignment: &mut Assignment, index: usize, placing: Placing) {
    if let Some(place) = assignment.placing.get_mut(index) {
        *place = placing;
    }
}

/// Places an element, unless the controller refuses.
fn try_place(
    assignment: &mut Assignment,
    index: usize,
    placing: Placing,
    accepts: &mut impl FnMut(&Assignment) -> bool,
) -> bool {
    set(assignment, index, placing);
    let accepted = accepts(assignment);
    if !accepted {
        set(assignment, index, Placing::Composed(Why::Refused));
    }
    accepted
}

/// Whether an element needs more than a plane can do.
fn has_formula(element: &Element) -> bool {
    element.blend.key.is_some() || element.mask.is_some() || !element.hole.is_empty()
}

fn hides_all(element: &Element, visible: Rect) -> bool {
    element.opacity >= 1.0 && element.opaque.contains_rect(visible)
}

fn fits(element: &Element, plane: &Plane) -> bool {
    let (source, to) = (element.source, element.destination);
    let (width, height) = if element.transform.swaps_sides() {
        (source.height, source.width)
    } else {
        (source.width, source.height)
    };
    let scales = [f64::from(to.width) / width, f64::from(to.height) / height];
    scales.iter().all(|scale| plane.scale.contains(scale))
        && plane.transforms.contains(&element.transform)
}

/// How to paint `damage` of the primary plane's picture, leaving out what other planes show.
#[must_use]
pub fn compose_primary(
    elements: &[Element],
    port: Size,
    damage: &Region,
    assignment: &Assignment,
) -> Punched {
    let placing = |index: usize| assignment.placing.get(index).copied();
    // What an overlay hides need not be drawn; what it shows is not drawn here.
    let mut punched =
        Punched { punch: Region::new(), composition: compose(elements, port, damage) };
    let draws = std::mem::take(&mut punched.composition.draws);
    for draw in draws {
        match placing(draw.element) {
            Some(Placing::Underlay(_)) => punched.punch.union(&draw.clip),
            Some(Placing::Composed(_)) => punched.composition.draws.push(draw),
            _ => {}
        }
    }
    punched
}

#[cfg(test)]
mod tests;
