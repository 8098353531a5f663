//! Which buffer is used next, and how old its picture is. The compositor only repairs what it is
//! told to be old, so a mistake here would be seen as pixels of an earlier picture.

use porthole_pixel::{Rect, Region, Size};

/// Damage with more rectangles is made simpler before it is told.
const MAX_RECTS: usize = 64;

/// Bookkeeping of a set of buffers of one size.
#[derive(Debug)]
pub(super) struct Slots {
    /// For each buffer: where it is older than the newest picture.
    old: Vec<Region>,
    newest: Option<usize>,
    before: Option<usize>,
}

impl Slots {
    pub(super) fn new(count: usize, size: Size) -> Self {
        let all = Region::from_rect(Rect::from_size(size));
        Self { old: vec![all; count], newest: None, before: None }
    }

    /// The buffer with the newest picture.
    pub(super) const fn newest(&self) -> Option<usize> {
        self.newest
    }

    /// The buffer with the picture before that, where it is still whole.
    pub(super) const fn before(&self) -> Option<usize> {
        self.before
    }

    /// The buffer to capture into: one that nobody looks at. Where there is none but the one of
    /// the picture before, that one is given up.
    pub(super) fn take(&mut self) -> usize {
        let free = (0..self.old.len())
            .find(|slot| Some(*slot) != self.newest && Some(*slot) != self.before);
        free.or_else(|| self.before.take()).unwrap_or(0)
    }

    /// Where the buffer must be repaired.
    pub(super) fn old(&self, slot: usize) -> &[Rect] {
        self.old.get(slot).map(Region::rects).unwrap_or_default()
    }

    /// A capture into the buffer is finished; `damage` is what changed since the one before.
    pub(super) fn finish(&mut self, slot: usize, damage: &Region) {
        for old in &mut self.old {
            old.union(damage);
            old.simplify(MAX_RECTS);
        }
        if let Some(old) = self.old.get_mut(slot) {
            *old = Region::new();
        }
        self.before = self.newest.filter(|newest| *newest != slot);
        self.newest = Some(slot);
    }

    /// A capture failed: nobody knows what the buffer holds.
    pub(super) fn spoil(&mut self, slot: usize, size: Size) {
        if let Some(old) = self.old.get_mut(slot) {
            *old = Region::from_rect(Rect::from_size(size));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Size = Size::new(100, 50);

    fn region(x: i32) -> Region {
        Region::from_rect(Rect::new(x, 0, 1, 1))
    }

    #[test]
    fn the_newest_two_pictures_are_left_alone() {
        let mut slots = Slots::new(3, SIZE);
        for turn in 0..7 {
            let slot = slots.take();
            assert!(Some(slot) != slots.newest() && Some(slot) != slots.before());
            let newest = slots.newest();
            slots.finish(slot, &region(turn));
            assert_eq!((slots.newest(), slots.before()), (Some(slot), newest));
        }
    }

    #[test]
    fn a_buffer_is_repaired_where_others_changed_since() {
        let mut slots = Slots::new(3, SIZE);
        let first = slots.take();
        assert_eq!(slots.old(first), [Rect::from_size(SIZE)]);
        slots.finish(first, &Region::from_rect(Rect::from_size(SIZE)));
        assert!(slots.old(first).is_empty());
        for x in [10, 20] {
            let slot = slots.take();
            assert_eq!(slots.old(slot), [Rect::from_size(SIZE)]);
            slots.finish(slot, &region(x));
        }
        assert_eq!(slots.take(), first);
        let mut missed = region(10);
        missed.union(&region(20));
        assert_eq!(slots.old(first), missed.rects());
        slots.spoil(first, SIZE);
        assert_eq!(slots.old(first), [Rect::from_size(SIZE)]);
    }

    #[test]
    fn with_two_buffers_the_picture_before_is_given_up() {
        let mut slots = Slots::new(2, SIZE);
        for _ in 0..2 {
            let slot = slots.take();
            slots.finish(slot, &region(0));
        }
        let before = slots.before().unwrap();
        assert_eq!(slots.take(), before);
        assert_eq!(slots.before(), None);
        let mut single = Slots::new(1, SIZE);
        assert_eq!(single.take(), 0);
        single.finish(0, &region(0));
        assert_eq!((single.take(), single.before()), (0, None));
    }
}
