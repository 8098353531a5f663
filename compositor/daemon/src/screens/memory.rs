//! Memory that takes turns: one piece is shown while the next frame goes into another.

use std::sync::Arc;

use porthole_pixel::{Rect, Region};

use super::ScreenMemory;

/// A region of more rectangles is replaced by a simpler one that covers it.
const MOST_RECTS: usize = 32;

/// A piece of memory.
#[derive(Debug)]
struct Piece<T> {
    memory: Arc<ScreenMemory>,
    /// What the screen knows it by.
    id: T,
    /// What changed in the port's picture since it went into this piece.
    lacks: Region,
}

/// The memory of one screen.
#[derive(Debug)]
pub(crate) struct Swapped<T> {
    pieces: Vec<Piece<T>>,
    /// Which is shown.
    front: Option<usize>,
    /// Which was filled last, until it is shown.
    next: Option<usize>,
}

impl<T: Copy> Swapped<T> {
    /// Pieces of one size, none of which is shown. With a single one, the screen may show half a frame.
    pub(crate) fn new(pieces: Vec<(Arc<ScreenMemory>, T)>) -> Self {
        let piece = |(memory, id): (Arc<ScreenMemory>, T)| {
            let lacks = Region::from_rect(Rect::from_size(memory.size()));
            Piece { memory, id, lacks }
        };
        Self { pieces: pieces.into_iter().map(piece).collect(), front: None, next: None }
    }

    /// All pieces, by what the screen knows them by.
    pub(crate) fn ids(&self) -> impl Iterator<Item = T> + '_ {
        self.pieces.iter().map(|piece| piece.id)
    }

    /// The piece that is shown.
    pub(crate) fn front(&self) -> Option<T> {
        self.pieces.get(self.front?).map(|piece| piece.id)
    }

    /// Notes what changed in the picture.
    pub(crate) fn damage(&mut self, damage: &Region) {
        for piece in &mut self.pieces {
            piece.lacks.union(damage);
            piece.lacks.simplify(MOST_RECTS);
        }
    }

    /// The piece for the next frame, and what it lacks. It lacks nothing from then on.
    pub(crate) fn fill(&mut self) -> Option<(Arc<ScreenMemory>, Region)> {
        let free = (0..self.pieces.len()).find(|index| Some(*index) != self.front);
        let next = free.or(self.front)?;
        let piece = self.pieces.get_mut(next)?;
        self.next = Some(next);
        Some((piece.memory.clone(), std::mem::take(&mut piece.lacks)))
    }

    /// The piece that was filled and is not shown yet.
    pub(crate) fn filled(&self) -> Option<T> {
        self.pieces.get(self.next?).map(|piece| piece.id)
    }

    /// The filled piece is shown.
    pub(crate) fn swap(&mut self) {
        self.front = self.next.take().or(self.front);
    }
}

#[cfg(test)]
mod tests {
    use porthole_pixel::Size;
    use rustix::fs::{MemfdFlags, ftruncate, memfd_create};

    use super::*;

    fn swapped(count: u8) -> Swapped<u8> {
        let piece = |id| {
            let file = memfd_create("screen", MemfdFlags::CLOEXEC).unwrap();
            ftruncate(&file, 4096).unwrap();
            (Arc::new(ScreenMemory::map(&file, 0, Size::new(10, 10), 40).unwrap()), id)
        };
        Swapped::new((0..count).map(piece).collect())
    }

    fn frame(swapped: &mut Swapped<u8>, x: i32) -> (u8, u64) {
        swapped.damage(&Region::from_rect(Rect::new(x, 0, 1, 1)));
        let (_, lacks) = swapped.fill().unwrap();
        let filled = swapped.filled().unwrap();
        swapped.swap();
        assert_eq!(swapped.front(), Some(filled));
        (filled, lacks.area())
    }

    #[test]
    fn a_piece_gets_what_changed_since_it_was_filled() {
        let mut two = swapped(2);
        let frames: Vec<_> = (0..5).map(|x| frame(&mut two, x)).collect();
        assert_eq!(frames, [(0, 100), (1, 100), (0, 2), (1, 2), (0, 2)]);
        assert_eq!(two.ids().count(), 2);
    }

    #[test]
    fn a_single_piece_gets_what_changed_in_the_last_frame() {
        let mut one = swapped(1);
        assert_eq!([frame(&mut one, 0), frame(&mut one, 1)], [(0, 100), (0, 1)]);
    }

    #[test]
    fn a_frame_that_is_never_shown_is_not_lost() {
        let mut two = swapped(2);
        frame(&mut two, 0);
        frame(&mut two, 1);
        two.damage(&Region::from_rect(Rect::new(5, 0, 1, 1)));
        assert_eq!(two.fill().unwrap().1.area(), 2);
        assert_eq!(frame(&mut two, 6), (0, 1), "the same piece is filled again");
        assert_eq!(frame(&mut two, 7), (1, 3));
    }
}
