//! Decides when a search for moves is worth its time.

use porthole_client::capture::PortView;
use porthole_pixel::Region;
use porthole_rfb::{Frame, Move, find_move};

/// A video has large damage and no moves: after each search in vain, twice as many frames go by
/// without one, up to this number.
const MAX_PAUSE: u32 = 32;

/// Damage below this is encoded faster than searched.
const MIN_AREA: u64 = 128 * 64;

/// See the module's text.
#[derive(Debug, Default)]
pub(super) struct Search {
    pause: u32,
    skip: u32,
}

impl Search {
    /// The move from the frame before to the newest one, if there is one.
    pub(super) fn find(&mut self, view: &PortView, damage: &Region) -> Option<Move> {
        let bounds = damage.bounds()?;
        // Scattered damage is no scrolled window.
        if bounds.area() < MIN_AREA || damage.area() < bounds.area() / 2 || !self.is_due() {
            return None;
        }
        let found = view.with_pictures(|size, new, old| {
            let stride = size.width as usize * 4;
            let new = Frame::new(size, stride, new).ok()?;
            find_move(&Frame::new(size, stride, old?).ok()?, &new, bounds)
        })?;
        // A move that leaves the damage was no change; it is not used.
        let found = found.filter(|found| damage.contains_rect(found.to));
        self.learn(found.is_some());
        found
    }

    fn is_due(&mut self) -> bool {
        self.skip = self.skip.saturating_sub(1);
        self.skip == 0
    }

    fn learn(&mut self, found: bool) {
        self.pause = if found { 0 } else { (self.pause * 2 + 1).min(MAX_PAUSE) };
        self.skip = self.pause;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn searches_in_vain_become_rare_and_a_find_brings_them_back() {
        let mut search = Search::default();
        let mut searches = 0;
        for _ in 0..320 {
            if search.is_due() {
                searches += 1;
                search.learn(false);
            }
        }
        assert!((10..=16).contains(&searches), "{searches}");
        search.learn(true);
        assert!(search.is_due() && search.is_due());
    }
}
