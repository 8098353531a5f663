//! What differs between two lists of elements.

use std::borrow::Cow;
use std::collections::HashMap;

use porthole_pixel::{Rect, Region, Size};

use super::compose::subtract_bounded;
use crate::scene::{Blend, Element, ElementMask, Filter, Mapping};

/// What is remembered of an element.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Seen {
    serial: u64,
    /// Its place in the list, from the bottom.
    index: usize,
    mapping: Mapping,
    filter: Filter,
    opacity: f32,
    blend: Blend,
    mask: Option<ElementMask>,
    /// What it covered: all but its hole.
    covers: Region,
    hides: Region,
    /// The pixels of `covers` that nothing above hid.
    shown: Region,
}

/// The list before. Elements of one id (a mistake of the caller) are told apart by how many of them
/// are above, so that even then every change is found.
pub(super) type Memory = HashMap<(u64, usize), Seen>;

/// The ids of the elements that nothing above hides wholly.
pub(super) fn seen(memory: &Memory) -> impl Iterator<Item = u64> + '_ {
    memory.iter().filter(|(_, seen)| !seen.shown.is_empty()).map(|((id, _), _)| *id)
}

/// Reorderings beyond which the whole port is painted: they cost their square.
const MAX_REORDERED: usize = 64;

/// The pixels whose colour may change from the list in `before` to `elements`, which replaces it.
pub(super) fn damage(before: &mut Memory, elements: &[Element], port: Size) -> Region {
    let mut damage = Region::new();
    let mut after = Memory::with_capacity(elements.len());
    let mut uses = HashMap::<u64, usize>::with_capacity(elements.len());
    let mut common = Vec::new();
    let mut open = Region::from_rect(Rect::from_size(port));
    for (index, element) in elements.iter().enumerate().rev() {
        let covers = element.covers(port);
        if covers.is_empty() {
            continue;
        }
        let shown = open.intersect_region(&covers);
        let hides = element.hides(port);
        subtract_bounded(&mut open, &hides);
        let now = Seen {
            serial: element.serial,
            index,
            mapping: element.mapping(),
            filter: element.filter,
            opacity: element.opacity,
            blend: element.blend,
            mask: element.mask,
            covers,
            hides,
            shown,
        };
        let above = uses.entry(element.id).or_default();
        let key = (element.id, *above);
        *above += 1;
        match before.remove(&key) {
            Some(old) => {
                changes(&mut damage, &old, &now, &element.damage);
                common.push((key, old));
            }
            None => grow(&mut damage, &now.shown),
        }
        after.insert(key, now);
    }
    for gone in before.values() {
        grow(&mut damage, &gone.shown);
    }
    reordered(&mut damage, &common, &after, port);
    *before = after;
    damage
}

/// Adds what changed of an element that is in both lists.
fn changes(damage: &mut Region, old: &Seen, now: &Seen, content: &Region) {
    let looks = |s: &Seen| (s.mapping, s.filter, s.opacity.to_bits(), s.blend, s.mask);
    if looks(old) != looks(now) {
        grow(damage, &old.shown);
        grow(damage, &now.shown);
        return;
    }
    if old.covers != now.covers {
        // Only the clip or the hole moved: what is in both stays.
        let mut lost = old.shown.clone();
        lost.subtract_region(&now.covers);
        grow(damage, &lost);
        let mut won = now.shown.clone();
        won.subtract_region(&old.covers);
        grow(damage, &won);
    }
    if old.hides != now.hides {
        // What it hides may not have been painted for a while, and blending is not copying. Where
        // something above changed as well, that one's damage covers it.
        let mut differs = old.hides.clone();
        differs.subtract_region(&now.hides);
        let mut won = now.hides.clone();
        won.subtract_region(&old.hides);
        differs.union(&won);
        grow(damage, &differs.intersect_region(&now.shown));
    }
    if old.serial != now.serial {
        grow(damage, &bounded(content).intersect_region(&now.shown));
    }
}

/// Rectangles beyond which a region is not kept exactly: clients choose how many they send.
const MAX_RECTS: usize = 256;

/// Adds to a damage region, and keeps it of bounded size by growing it.
fn grow(damage: &mut Region, more: &Region) {
    damage.union(&bounded(more));
    if damage.rects().len() > MAX_RECTS {
        damage.simplify(MAX_RECTS / 4);
    }
}

/// The region, or its bounds when it has very many rectangles.
fn bounded(region: &Region) -> Cow<'_, Region> {
    match region.bounds() {
        Some(bounds) if region.rects().len() > MAX_RECTS => Cow::Owned(Region::from_rect(bounds)),
        _ => Cow::Borrowed(region),
    }
}

/// Adds the pixels where two elements of both lists changed places.
///
/// `common` is from the top down by the new list, each with what it was in the old one.
fn reordered(damage: &mut Region, common: &[((u64, usize), Seen)], after: &Memory, port: Size) {
    if common.is_sorted_by_key(|(_, old)| std::cmp::Reverse(old.index)) {
        return;
    }
    let mut pairs = 0;
    for (i, (upper_id, upper)) in common.iter().enumerate() {
        for (_, lower) in common.iter().skip(i + 1) {
            if lower.index < upper.index {
                continue;
            }
            // `upper` is above now and was below.
            pairs += 1;
            if pairs > MAX_REORDERED {
                *damage = Region::from_rect(Rect::from_size(port));
                return;
            }
            let Some(now) = after.get(upper_id) else { continue };
            grow(damage, &lower.shown.intersect_region(&now.shown));
        }
    }
}

/// The pixels at which the background shows, at least in part.
pub(super) fn uncovered(elements: &[Element], port: Size) -> Region {
    let mut open = Region::from_rect(Rect::from_size(port));
    for element in elements.iter().rev() {
        subtract_bounded(&mut open, &element.hides(port));
    }
    open
}
