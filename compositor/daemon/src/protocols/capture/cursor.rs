//! Where each seat's pointer is and what it looks like, for those who capture it.

use std::{collections::BTreeMap, sync::Arc};

use porthole_core::input::SeatId;
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

/// Data of a cursor session object: what is captured, and whose pointer.
#[derive(Debug)]
pub(crate) struct CursorSessionData {
    pub(super) of: Option<(SourceId, SeatId)>,
}

/// Parts of sources that look different with their pointers painted in.
pub(super) type Touched = Vec<(SourceId, Rect)>;

#[derive(Debug)]
struct Watcher {
    session: CursorSession,
    source: SourceId,
    /// What it was last told: inside or not.
    entered: bool,
}

/// The pointer of one seat.
#[derive(Debug, Default)]
struct Cursor {
    /// The source that it is on, and its hot spot there.
    at: Option<(SourceId, (i32, i32))>,
    image: Option<CursorImage>,
    watchers: Vec<Watcher>,
}

impl Cursor {
    fn area(&self) -> Option<(SourceId, Rect)> {
        let ((source, (x, y)), image) = (self.at?, self.image.as_ref()?);
        let (hot_x, hot_y) = image.hotspot;
        Some((source, Rect::from_size(image.size()).translate(x - hot_x, y - hot_y)))
    }

    /// Applies a change and returns what looks different.
    fn change(&mut self, change: impl FnOnce(&mut Self)) -> Touched {
        let before = self.area();
        change(self);
        let after = self.area();
        let hotspot = self.image.as_ref().map(|image| image.hotspot);
        for watcher in &mut self.watchers {
            let inside = after.is_some_and(|(source, _)| source == watcher.source);
            watcher.tell_entered(hotspot.filter(|_| inside));
        }
        before.into_iter().chain(after).collect()
    }

    fn tell_position(&self) {
        if let Some((_, (x, y))) = self.at {
            self.watchers.iter().filter(|w| w.entered).for_each(|w| w.session.position(x, y));
        }
    }

    fn tell_hotspot(&self) {
        if let Some(CursorImage { hotspot: (x, y), .. }) = self.image {
            self.watchers.iter().filter(|w| w.entered).for_each(|w| w.session.hotspot(x, y));
        }
    }
}

impl Watcher {
    /// Tells whether the pointer is on the source: its hot spot, if it is.
    fn tell_entered(&mut self, hotspot: Option<(i32, i32)>) {
        match (hotspot, self.entered) {
            (Some((x, y)), false) => {
                self.session.enter();
                self.session.hotspot(x, y);
            }
            (None, true) => self.session.leave(),
            _ => {}
        }
        self.entered = hotspot.is_some();
    }
}

/// The pointers of all seats.
#[derive(Debug, Default)]
pub(super) struct Cursors {
    by_seat: BTreeMap<SeatId, Cursor>,
}

impl Cursors {
    pub(super) fn add_session(
        &mut self,
        (source, seat): (SourceId, SeatId),
        session: CursorSession,
    ) {
        let cursor = self.by_seat.entry(seat).or_default();
        let mut watcher = Watcher { session, source, entered: false };
        if let Some((of, _)) = cursor.area()
            && of == source
        {
            watcher.tell_entered(cursor.image.as_ref().map(|image| image.hotspot));
            if let Some((_, (x, y))) = cursor.at {
                watcher.session.position(x, y);
            }
        }
        cursor.watchers.push(watcher);
    }

    pub(super) fn remove_session(&mut self, session: &CursorSession) {
        for cursor in self.by_seat.values_mut() {
            cursor.watchers.retain(|w| w.session != *session);
        }
    }

    /// A source is gone: no pointer is on it.
    pub(super) fn source_removed(&mut self, source: SourceId) {
        for cursor in self.by_seat.values_mut() {
            if cursor.at.is_some_and(|(of, _)| of == source) {
                cursor.change(|c| c.at = None);
            }
        }
    }

    /// A seat is gone, and its pointer.
    pub(super) fn seat_removed(&mut self, seat: SeatId) -> Touched {
        self.by_seat.remove(&seat).map(|mut c| c.change(|c| c.at = None)).unwrap_or_default()
    }

    pub(super) fn moved(&mut self, seat: SeatId, at: Option<(SourceId, (i32, i32))>) -> Touched {
        let cursor = self.by_seat.entry(seat).or_default();
        if cursor.at == at {
            return Vec::new();
        }
        let touched = cursor.change(|c| c.at = at);
        cursor.tell_position();
        touched
    }

    pub(super) fn changed(&mut self, seat: SeatId, image: Option<CursorImage>) -> Touched {
        let cursor = self.by_seat.entry(seat).or_default();
        let touched = cursor.change(|c| c.image = image);
        // Those that it enters with its picture know no position yet.
        cursor.tell_position();
        cursor.tell_hotspot();
        touched
    }

    pub(super) fn image(&self, seat: SeatId) -> Option<&CursorImage> {
        self.by_seat.get(&seat)?.image.as_ref()
    }

    /// The pictures of all visible pointers of a source, and where their top left corners are.
    pub(super) fn painted(&self, source: SourceId) -> Vec<(Arc<Pixels>, i32, i32)> {
        let cursors = self.by_seat.values();
        let painted = cursors.filter_map(|cursor| {
            let ((of, area), image) = (cursor.area()?, cursor.image.as_ref()?);
            (of == source).then(|| (image.pixels.clone(), area.x, area.y))
        });
        painted.collect()
    }
}
