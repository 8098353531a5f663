//! A viewer's cursor, which is painted for viewers that draw none.

use porthole_client::capture::CursorPicture;
use porthole_pixel::{Rect, Region};
use porthole_rfb::{CursorImage, Overlay};

/// What is known of the cursor.
#[derive(Debug, Default)]
pub(crate) struct Cursor {
    image: Option<CursorImage>,
    at: Option<(i32, i32)>,
    /// False until the compositor has said anything: then viewers keep their own cursors.
    known: bool,
}

impl Cursor {
    /// Takes a new image; what looks different then.
    pub(crate) fn set_image(&mut self, picture: CursorPicture) -> Region {
        let CursorPicture { size, hotspot, pixels } = picture;
        match CursorImage::new(size, hotspot, pixels) {
            Ok(image) => self.change(|cursor| cursor.image = Some(image)),
            Err(error) => {
                tracing::debug!(%error, "the cursor's image is left out");
                Region::new()
            }
        }
    }

    /// Takes a new place; what looks different then.
    pub(crate) fn set_place(&mut self, at: Option<(i32, i32)>) -> Region {
        self.change(|cursor| cursor.at = at)
    }

    fn change(&mut self, change: impl FnOnce(&mut Self)) -> Region {
        let before = self.area();
        change(self);
        self.known = true;
        let mut region = Region::new();
        for area in [before, self.area()] {
            region.add(area);
        }
        region
    }

    /// The image that viewers should draw; `None` while nothing is known.
    pub(crate) fn shown(&self) -> Option<CursorImage> {
        if !self.known {
            return None;
        }
        let visible = self.at.and(self.image.clone());
        Some(visible.unwrap_or_else(CursorImage::invisible))
    }

    /// What is to be painted.
    pub(crate) fn overlay(&self) -> Option<Overlay<'_>> {
        let (x, y) = self.at?;
        Some(Overlay { image: self.image.as_ref()?, x, y })
    }

    /// What it covers.
    pub(crate) fn area(&self) -> Rect {
        self.overlay().map(|overlay| overlay.area()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use porthole_pixel::Size;

    use super::*;

    #[test]
    fn both_places_look_different_after_a_move() {
        let mut cursor = Cursor::default();
        assert_eq!(cursor.shown(), None);
        let picture =
            CursorPicture { size: Size::new(2, 2), hotspot: (1, 0), pixels: vec![0xff00_0000; 4] };
        assert!(cursor.set_image(picture).is_empty());
        assert_eq!(cursor.shown(), Some(CursorImage::invisible()));
        let shown = cursor.set_place(Some((10, 10)));
        assert_eq!(shown.rects(), [Rect::new(9, 10, 2, 2)]);
        assert_eq!(cursor.shown().unwrap().size(), Size::new(2, 2));
        let moved = cursor.set_place(Some((20, 10)));
        assert_eq!(moved.rects(), [Rect::new(9, 10, 2, 2), Rect::new(19, 10, 2, 2)]);
        assert_eq!(cursor.set_place(None).rects(), [Rect::new(19, 10, 2, 2)]);
        assert_eq!(cursor.shown(), Some(CursorImage::invisible()));
    }
}
