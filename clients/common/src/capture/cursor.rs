//! The port's cursor, captured apart from its picture, so that viewers can draw it themselves
//! without delay.

use porthole_pixel::Size;
use wayland_protocols::ext::image_copy_capture::v1::client::ext_image_copy_capture_cursor_session_v1::{
    Event, ExtImageCopyCaptureCursorSessionV1 as CursorProxy,
};

use super::session::Session;

/// Cursors with a larger side are not shown.
const MAX_SIDE: u32 = 512;

/// A cursor's image: premultiplied `0xAARRGGBB` words in rows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CursorPicture {
    /// Size in pixels.
    pub size: Size,
    /// The pixel that points; inside of the image.
    pub hotspot: (u16, u16),
    /// The pixels.
    pub pixels: Vec<u32>,
}

#[derive(Debug)]
pub(super) struct Cursor {
    proxy: CursorProxy,
    pub(super) session: Session,
    inside: bool,
    hotspot: (i32, i32),
}

impl Cursor {
    pub(super) const fn new(proxy: CursorProxy, session: Session) -> Self {
        Self { proxy, session, inside: false, hotspot: (0, 0) }
    }

    /// Takes an event; where the cursor is now, if that is news.
    pub(super) fn event(&mut self, event: &Event) -> Option<Option<(i32, i32)>> {
        match *event {
            Event::Enter => self.inside = true,
            Event::Leave => {
                self.inside = false;
                return Some(None);
            }
            Event::Position { x, y } if self.inside => {
                return Some(Some((x, y)));
            }
            // It counts with the next image.
            Event::Hotspot { x, y } => self.hotspot = (x, y),
            _ => {}
        }
        None
    }

    /// The image that was just captured.
    pub(super) fn picture(&self) -> Option<CursorPicture> {
        self.session.with_pictures(|size, bytes, _| {
            if size.width > MAX_SIDE || size.height > MAX_SIDE {
                return None;
            }
            let count = usize::try_from(size.area()).ok()?;
            let (words, _) = bytes.as_chunks::<4>();
            let pixels = words.iter().take(count).map(|word| u32::from_le_bytes(*word)).collect();
            let clamp = |at: i32, side: u32| {
                u16::try_from(at.clamp(0, i32::try_from(side).unwrap_or(i32::MAX).max(1) - 1))
                    .unwrap_or(0)
            };
            let hotspot = (clamp(self.hotspot.0, size.width), clamp(self.hotspot.1, size.height));
            Some(CursorPicture { size, hotspot, pixels })
        })?
    }

    pub(super) fn destroy(&mut self) {
        self.session.destroy();
        self.proxy.destroy();
    }
}
