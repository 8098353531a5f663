//! The cursor of a console.

use std::sync::Arc;

use porthole_client::present::Show;
use porthole_pixel::Size;

use crate::listener::Refused;

/// Larger ones are none.
const MAX_SIDE: u32 = 512;

#[derive(Clone, Debug)]
struct Image {
    size: Size,
    pixels: Arc<[u8]>,
    hot: (u32, u32),
}

/// What QEMU last said of it, and what of that is news.
#[derive(Debug, Default)]
pub(crate) struct Cursor {
    image: Option<Image>,
    hidden: bool,
    changed: bool,
    place: Option<(i32, i32)>,
}

impl Cursor {
    /// Takes an image: words of blue, green, red and alpha.
    pub(crate) fn define(
        &mut self,
        (width, height): (i32, i32),
        hot: (i32, i32),
        data: &[u8],
    ) -> Result<(), Refused> {
        let side = |value: i32| u32::try_from(value).ok().filter(|v| (1..=MAX_SIDE).contains(v));
        let (Some(width), Some(height)) = (side(width), side(height)) else {
            return Err(Refused(format!(
                "a cursor of {width}x{height}; at most {MAX_SIDE} each way"
            )));
        };
        let size = Size::new(width, height);
        if data.len() as u64 != size.area() * 4 {
            return Err(Refused(format!("{} bytes for a cursor of {size}", data.len())));
        }
        let inside = |value: i32, side: u32| u32::try_from(value).unwrap_or(0).min(side - 1);
        let hot = (inside(hot.0, width), inside(hot.1, height));
        self.image = Some(Image { size, pixels: premultiplied(data), hot });
        self.changed = true;
        Ok(())
    }

    /// It is here, and seen or not.
    pub(crate) fn set(&mut self, place: (i32, i32), shown: bool) {
        self.changed |= self.hidden == shown;
        self.hidden = !shown;
        self.place = Some(place);
    }

    /// What is news of it.
    pub(crate) fn news(&mut self, scanout: usize) -> Vec<Show> {
        let mut news = Vec::new();
        if let Some((x, y)) = self.place.take() {
            news.push(Show::CursorMoved { scanout, x, y });
        }
        if !std::mem::take(&mut self.changed) {
            return news;
        }
        match &self.image {
            Some(Image { size, pixels, hot }) if !self.hidden => {
                let (size, pixels, hot) = (*size, Arc::clone(pixels), *hot);
                news.push(Show::CursorImage { scanout, size, pixels, hot });
            }
            _ => news.push(Show::CursorHidden { scanout }),
        }
        news
    }
}

/// Cards give colours with or without their alpha multiplied in. One that is brighter than its alpha
/// shows that it is not.
fn premultiplied(data: &[u8]) -> Arc<[u8]> {
    let words = || data.chunks_exact(4);
    let over = |word: &[u8]| matches!(word, [b, g, r, a] if b.max(g).max(r) > a);
    if !words().any(over) {
        return data.into();
    }
    let times = |colour: u8, alpha: u8| {
        u8::try_from((u16::from(colour) * u16::from(alpha) + 127) / 255).unwrap_or(u8::MAX)
    };
    words()
        .flat_map(|word| match *word {
            [b, g, r, a] => [times(b, a), times(g, a), times(r, a), a],
            _ => [0; 4],
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_of_any_other_size_are_refused() {
        let mut cursor = Cursor::default();
        for (size, bytes) in
            [((0, 1), 0), ((-1, 1), 4), ((513, 1), 2052), ((2, 2), 15), ((i32::MAX, 1), 4)]
        {
            cursor.define(size, (0, 0), &vec![0; bytes]).unwrap_err();
        }
        assert!(cursor.news(0).is_empty());
        cursor.define((2, 1), (9, -1), &[0; 8]).unwrap();
        assert!(matches!(
            cursor.news(3)[..],
            [Show::CursorImage { scanout: 3, size: Size { width: 2, height: 1 }, hot: (1, 0), .. }]
        ));
    }

    #[test]
    fn only_news_are_told() {
        let mut cursor = Cursor::default();
        cursor.define((1, 1), (0, 0), &[0; 4]).unwrap();
        cursor.news(0);
        assert!(cursor.news(0).is_empty());
        cursor.set((5, 6), true);
        assert!(matches!(cursor.news(0)[..], [Show::CursorMoved { x: 5, y: 6, .. }]));
        cursor.set((5, 6), false);
        assert!(matches!(cursor.news(0)[..], [_, Show::CursorHidden { .. }]));
        cursor.set((5, 6), true);
        assert!(matches!(cursor.news(0)[..], [_, Show::CursorImage { .. }]));
    }

    #[test]
    fn colours_never_exceed_their_alpha() {
        assert_eq!(*premultiplied(&[10, 20, 30, 40]), [10, 20, 30, 40]);
        assert_eq!(
            *premultiplied(&[255, 0, 255, 0, 255, 255, 255, 128]),
            [0, 0, 0, 0, 128, 128, 128, 128]
        );
    }
}
