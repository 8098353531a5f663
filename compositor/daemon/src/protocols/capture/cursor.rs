//! Where each port's pointer is and what it looks like, for those who capture it.

use std::{collections::BTreeMap, sync::Arc};

use porthole_pixel::{Rect, Size};
use smithay::reexports::wayland_protocols::ext::image_copy_capture::v1::server::ext_image_copy_capture_cursor_session_v1::ExtImageCopyCaptureCursorSessionV1 as CursorSession;

use super::SourceId;
use crate::protocols::shm::{BufferWriter, Pixels};

/// What a pointer looks like.
#[derive(Clone, Debug)]
pub(crate) struct CursorImage {
    /// The picture; premultiplied where it has alpha.
    pub(crate) pixels: Arc<Pixels>,
    /// The pixel of it that points.
    pub(crate) hotspot: (i32, i32),
}

impl CursorImage {
    pub(super) fn size(&self) -> Size {
        self.pixels.layout().size()
    }

    /// Copies the picture into a client's buffer of the same size, as `Argb8888`.
    pub(super) fn write(&self, into: &BufferWriter) -> std::io::Result<u64> {
        let words = self.pixels.to_argb();
        let bytes: Vec<u8> = words.iter().flat_map(|w| w.to_le_bytes()).collect();
        into.write(Rect::from_size(self.size()), &bytes, self.size().width as usize * 4)
    }
}

/// Data of a cursor session object.
#[derive(Debug)]
pub(crate) struct CursorSessionData {
    pub(super) source: Option<SourceId>,
}

#[derive(Debug, Default)]
struct Cursor {
    at: Option<(i32, i32)>,
    image: Option<CursorImage>,
    sessions: Vec<CursorSession>,
    /// What sessions were last told: inside or not.
    entered: bool,
}

impl Cursor {
    fn area(&self) -> Option<Rect> {
        let ((x, y), image) = (self.at?, self.image.as_ref()?);
        let (hot_x, hot_y) = image.hotspot;
        Some(Rect::from_size(image.size()).translate(x - hot_x, y - hot_y))
    }

    /// Applies a change and returns the port pixels that look different.
    fn change(&mut self, change: impl FnOnce(&mut Self)) -> Vec<Rect> {
        let before = self.area();
        change(self);
        let visible = self.area().is_some();
        if visible != self.entered {
            self.entered = visible;
            for session in &self.sessions {
                if visible {
                    session.enter();
                } else {
                    session.leave();
                }
            }
        }
        before.into_iter().chain(self.area()).collect()
    }

    fn tell(&self, session: &CursorSession) {
        if let (Some((x, y)), Some(image), true) = (self.at, &self.image, self.entered) {
            session.position(x, y);
            session.hotspot(image.hotspot.0, image.hotspot.1);
        }
    }
}

/// The pointer of every source.
#[derive(Debug, Default)]
pub(super) struct Cursors {
    by_source: BTreeMap<SourceId, Cursor>,
}

impl Cursors {
    pub(super) fn add_session(&mut self, source: SourceId, session: CursorSession) {
        let cursor = self.by_source.entry(source).or_default();
        if cursor.entered {
            session.enter();
            cursor.tell(&session);
        }
        cursor.sessions.push(session);
    }

    pub(super) fn remove_session(&mut self, session: &CursorSession) {
        for cursor in self.by_source.values_mut() {
            cursor.sessions.retain(|s| s != session);
        }
    }

    pub(super) fn removed(&mut self, source: SourceId) {
        if let Some(mut cursor) = self.by_source.remove(&source) {
            cursor.change(|c| c.at = None);
        }
    }

    pub(super) fn moved(&mut self, source: SourceId, at: Option<(i32, i32)>) -> Vec<Rect> {
        let cursor = self.by_source.entry(source).or_default();
        if cursor.at == at {
            return Vec::new();
        }
        let touched = cursor.change(|c| c.at = at);
        if let (Some((x, y)), true) = (at, cursor.entered) {
            cursor.sessions.iter().for_each(|s| s.position(x, y));
        }
        touched
    }

    pub(super) fn changed(&mut self, source: SourceId, image: Option<CursorImage>) -> Vec<Rect> {
        let cursor = self.by_source.entry(source).or_default();
        let touched = cursor.change(|c| c.image = image);
        cursor.sessions.iter().for_each(|s| cursor.tell(s));
        touched
    }

    pub(super) fn image(&self, source: SourceId) -> Option<&CursorImage> {
        self.by_source.get(&source)?.image.as_ref()
    }

    /// The picture and where its top left corner is, when the pointer is visible.
    pub(super) fn painted(&self, source: SourceId) -> Option<(Arc<Pixels>, i32, i32)> {
        let cursor = self.by_source.get(&source)?;
        let (area, image) = (cursor.area()?, cursor.image.as_ref()?);
        Some((image.pixels.clone(), area.x, area.y))
    }
}
