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
    ///
    /// # Errors
    /// Where it lies, or is to go, in memory of a device, for which nobody waits here.
    pub(super) fn write(&self, into: &BufferWriter) -> std::io::Result<u64> {
        if !(self.pixels.needs_no_device() && into.needs_no_device()) {
            return Err(std::io::Error::other("the pointer's picture is in memory of a device"));
        }
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

/// Where the hot spot of a pointer is on each source that it is on: its port, and the toplevel there.
pub(crate) type Places = Vec<(SourceId, (i32, i32))>;

#[derive(Debug)]
struct Watcher {
    session: CursorSession,
    source: SourceId,
    /// What it was last told: inside or not, and where.
    entered: bool,
    at: Option<(i32, i32)>,
}

/// The pointer of one seat.
#[derive(Debug, Default)]
struct Cursor {
    places: Places,
    image: Option<CursorImage>,
    watchers: Vec<Watcher>,
}

impl Cursor {
    fn areas(&self) -> Touched {
        let Some(image) = &self.image else { return Vec::new() };
        let (hot_x, hot_y) = image.hotspot;
        let all = Rect::from_size(image.size());
        let area = |(source, (x, y)): &(SourceId, (i32, i32))| {
            (*source, all.translate(x.saturating_sub(hot_x), y.saturating_sub(hot_y)))
        };
        self.places.iter().map(area).collect()
    }

    fn place(&self, source: SourceId) -> Option<(i32, i32)> {
        self.places.iter().find(|(of, _)| *of == source).map(|(_, at)| *at)
    }

    /// Applies a change and returns what looks different.
    fn change(&mut self, change: impl FnOnce(&mut Self)) -> Touched {
        let before = self.areas();
        change(self);
        self.tell();
        before.into_iter().chain(self.areas()).collect()
    }

    /// Tells each watcher what is news to it.
    fn tell(&mut self) {
        let mut watchers = std::mem::take(&mut self.watchers);
        for watcher in &mut watchers {
            let seen = self.image.as_ref().zip(self.place(watcher.source));
            watcher.tell(seen.map(|(image, at)| (image.hotspot, at)));
        }
        self.watchers = watchers;
    }

    fn tell_hotspot(&self) {
        if let Some(CursorImage { hotspot: (x, y), .. }) = self.image {
            self.watchers.iter().filter(|w| w.entered).for_each(|w| w.session.hotspot(x, y));
        }
    }
}

impl Watcher {
    /// Tells where the pointer is on the source, with its hot spot, or that it is not there.
    fn tell(&mut self, seen: Option<((i32, i32), (i32, i32))>) {
        let Some(((hot_x, hot_y), (x, y))) = seen else {
            if std::mem::take(&mut self.entered) {
                self.session.leave();
            }
            self.at = None;
            return;
        };
        if !std::mem::replace(&mut self.entered, true) {
            self.session.enter();
            self.session.hotspot(hot_x, hot_y);
        }
        if self.at.replace((x, y)) != Some((x, y)) {
            self.session.position(x, y);
        }
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
        cursor.watchers.push(Watcher { session, source, entered: false, at: None });
        cursor.tell();
    }

    pub(super) fn remove_session(&mut self, session: &CursorSession) {
        for cursor in self.by_seat.values_mut() {
            cursor.watchers.retain(|w| w.session != *session);
        }
    }

    /// A source is gone: no pointer is on it.
    pub(super) fn source_removed(&mut self, source: SourceId) {
        for cursor in self.by_seat.values_mut() {
            cursor.change(|c| c.places.retain(|(of, _)| *of != source));
        }
    }

    /// A seat is gone, and its pointer.
    pub(super) fn seat_removed(&mut self, seat: SeatId) -> Touched {
        self.by_seat.remove(&seat).map(|mut c| c.change(|c| c.places.clear())).unwrap_or_default()
    }

    pub(super) fn moved(&mut self, seat: SeatId, places: Places) -> Touched {
        let cursor = self.by_seat.entry(seat).or_default();
        if cursor.places == places {
            return Vec::new();
        }
        cursor.change(|c| c.places = places)
    }

    pub(super) fn changed(&mut self, seat: SeatId, image: Option<CursorImage>) -> Touched {
        let cursor = self.by_seat.entry(seat).or_default();
        let touched = cursor.change(|c| c.image = image);
        cursor.tell_hotspot();
        touched
    }

    pub(super) fn image(&self, seat: SeatId) -> Option<&CursorImage> {
        self.by_seat.get(&seat)?.image.as_ref()
    }

    /// The visible pointer of a source that is above all others, and where its hot spot is.
    pub(super) fn top(&self, source: SourceId) -> Option<(CursorImage, (i32, i32))> {
        let mut cursors = self.by_seat.values().rev();
        cursors.find_map(|cursor| Some((cursor.image.clone()?, cursor.place(source)?)))
    }

    /// The pictures of all visible pointers of a source, and where their top left corners are.
    pub(super) fn painted(&self, source: SourceId) -> Vec<(Arc<Pixels>, i32, i32)> {
        let cursors = self.by_seat.values();
        let painted = cursors.filter_map(|cursor| {
            let (_, area) = cursor.areas().into_iter().find(|(of, _)| *of == source)?;
            Some((cursor.image.as_ref()?.pixels.clone(), area.x, area.y))
        });
        painted.collect()
    }
}
