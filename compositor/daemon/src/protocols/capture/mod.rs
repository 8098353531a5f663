//! `ext-image-copy-capture-v1` with `ext-image-capture-source-v1` for outputs and toplevels.
//!
//! A client makes a source from an output or a listed toplevel and a session from the source, then one frame after
//! another. The first frame of a session is answered at once with the whole picture; later ones when
//! something changed since the session's last frame, with exactly that damage. Every session gathers
//! its own damage, so a slow client misses no change and holds up nobody.

mod cursor;
mod dispatch;
mod frame;
mod session;

use std::{sync::Arc, time::Duration};

use porthole_core::{input::SeatId, model::PortId};
use porthole_pixel::{Rect, Region, Size};
use smithay::reexports::{
    wayland_protocols::ext::{
        foreign_toplevel_list::v1::server::ext_foreign_toplevel_handle_v1::ExtForeignToplevelHandleV1 as Handle,
        image_capture_source::v1::server::{
            ext_foreign_toplevel_image_capture_source_manager_v1::ExtForeignToplevelImageCaptureSourceManagerV1 as ToplevelSourceManager,
            ext_output_image_capture_source_manager_v1::ExtOutputImageCaptureSourceManagerV1 as SourceManager,
        },
        image_copy_capture::v1::server::ext_image_copy_capture_manager_v1::ExtImageCopyCaptureManagerV1 as CaptureManager,
    },
    wayland_server::{
        Client, DisplayHandle, GlobalDispatch,
        protocol::{wl_output::WlOutput, wl_pointer::WlPointer},
    },
};

use cursor::Touched;
pub(crate) use cursor::{CursorImage, CursorSessionData, Places};
pub(crate) use dispatch::{FrameData, SessionData};
use session::{Session, SessionKind};

use super::{foreign_toplevel::ToplevelId, shm::Pixels};
use crate::protocols::globals::Filtered;
use crate::render::{CaptureJob, Captured};

/// What is captured.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub(crate) enum SourceId {
    /// All that a port shows.
    Port(PortId),
    /// One toplevel at its own size, without what is above or below it.
    Toplevel(ToplevelId),
}

/// What the compositor must answer.
pub(crate) trait CaptureHandler {
    fn capture_state(&mut self) -> &mut CaptureState;
    /// The source of an output, when this client may capture it.
    fn source_of_output(&mut self, client: &Client, output: &WlOutput) -> Option<SourceId>;
    /// The source of a listed toplevel, when this client may capture it.
    fn source_of_toplevel(&mut self, client: &Client, handle: &Handle) -> Option<SourceId>;
    /// The size of a source's picture, when it still exists.
    fn source_size(&mut self, source: SourceId) -> Option<Size>;
    /// The seat of a pointer.
    fn seat_of_pointer(&mut self, pointer: &WlPointer) -> Option<SeatId>;
    /// A frame waits: call [`CaptureState::take_ready`] for this source in good time.
    fn capture_wanted(&mut self, source: SourceId);
}

/// All capture sessions.
#[derive(Debug, Default)]
pub(crate) struct CaptureState {
    sessions: Vec<Session>,
    cursors: cursor::Cursors,
    next: u64,
}

impl CaptureState {
    /// Announces the globals to the clients that `filter` lets see them.
    pub(crate) fn new<D>(
        display: &DisplayHandle,
        filter: impl Fn(&Client) -> bool + Send + Sync + Clone + 'static,
    ) -> Self
    where
        D: GlobalDispatch<SourceManager, Filtered>
            + GlobalDispatch<ToplevelSourceManager, Filtered>
            + GlobalDispatch<CaptureManager, Filtered>
            + 'static,
    {
        let global = || Filtered::new(filter.clone());
        display.create_global::<D, SourceManager, _>(1, global());
        display.create_global::<D, ToplevelSourceManager, _>(1, global());
        display.create_global::<D, CaptureManager, _>(1, global());
        Self::default()
    }

    fn next_id(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn session(&mut self, id: u64) -> Option<&mut Session> {
        self.sessions.iter_mut().find(|s| s.id == id)
    }

    fn of_source(&mut self, source: SourceId) -> impl Iterator<Item = &mut Session> {
        self.sessions.iter_mut().filter(move |s| s.kind.picture() == Some(source))
    }

    /// True when somebody captures `source`.
    pub(crate) fn is_captured(&self, source: SourceId) -> bool {
        self.sessions.iter().any(|s| s.kind.picture() == Some(source))
    }

    /// True when somebody waits for a frame of `source`.
    pub(crate) fn is_awaited(&self, source: SourceId) -> bool {
        self.sessions.iter().any(|s| s.kind.picture() == Some(source) && s.is_waiting())
    }

    /// The picture of `source` is about to change in `region`.
    pub(crate) fn damaged(&mut self, source: SourceId, region: &Region) {
        for session in self.of_source(source) {
            session.damage.union(region);
            session.damage.simplify(session::MAX_DAMAGE_RECTS);
        }
    }

    /// The captures of `source` that can be served from its next picture.
    pub(crate) fn take_ready(&mut self, source: SourceId) -> Vec<CaptureJob> {
        let cursors = self.cursors.painted(source);
        self.of_source(source)
            .filter_map(|session| {
                let mut job = session.take_job()?;
                if let SessionKind::Picture { paint_cursor: true, .. } = session.kind {
                    job.cursors.clone_from(&cursors);
                }
                Some(job)
            })
            .collect()
    }

    /// Tells a client what became of its capture. `at` is when the picture was complete.
    pub(crate) fn finished(&mut self, Captured { token, outcome }: Captured, at: Duration) {
        // A session that was destroyed meanwhile has nobody to tell.
        if let Some(session) = self.sessions.iter_mut().find(|s| s.has_job(token)) {
            session.finish_job(outcome, at);
        }
    }

    /// The source's picture has another size now.
    pub(crate) fn resized(&mut self, source: SourceId, size: Size) {
        for session in self.of_source(source) {
            session.resize(size);
        }
    }

    /// The source is gone: its sessions are stopped.
    pub(crate) fn removed(&mut self, source: SourceId) {
        for session in self.of_source(source) {
            session.stop();
        }
        self.cursors.source_removed(source);
    }

    /// The pictures of the visible pointers on `source` and where their top left corners are.
    pub(crate) fn pointers(&self, source: SourceId) -> Vec<(Arc<Pixels>, i32, i32)> {
        self.cursors.painted(source)
    }

    /// The last of [`Self::pointers`], with its hot spot and where that is.
    pub(crate) fn top_pointer(&self, source: SourceId) -> Option<(CursorImage, (i32, i32))> {
        self.cursors.top(source)
    }

    /// The pointer of `seat` is on these sources, with its hot spot there. Tells where pictures that show
    /// it changed.
    pub(crate) fn cursor_moved(&mut self, seat: SeatId, places: Places) -> Touched {
        let touched = self.cursors.moved(seat, places);
        self.cursor_damage(&touched);
        touched
    }

    /// The pointer of `seat` looks like this now, or is hidden. Tells as [`Self::cursor_moved`].
    pub(crate) fn cursor_changed(&mut self, seat: SeatId, image: Option<CursorImage>) -> Touched {
        let touched = self.cursors.changed(seat, image);
        for session in self.sessions.iter_mut().filter(|s| s.kind.cursor() == Some(seat)) {
            session.cursor_changed(self.cursors.image(seat));
        }
        self.cursor_damage(&touched);
        touched
    }

    /// The seat is gone: the sessions on its pointer are stopped. Tells as [`Self::cursor_moved`].
    pub(crate) fn cursor_gone(&mut self, seat: SeatId) -> Touched {
        let touched = self.cursors.seat_removed(seat);
        for session in self.sessions.iter_mut().filter(|s| s.kind.cursor() == Some(seat)) {
            session.stop();
        }
        self.cursor_damage(&touched);
        touched
    }

    /// Sessions that paint pointers see them move as damage.
    fn cursor_damage(&mut self, touched: &[(SourceId, Rect)]) {
        for session in &mut self.sessions {
            if let SessionKind::Picture { source, paint_cursor: true } = session.kind {
                let own = touched.iter().filter(|(of, _)| *of == source);
                own.for_each(|(_, rect)| session.damage.add(*rect));
            }
        }
    }

    /// Stops the sessions of clients that may not capture their source any more.
    pub(crate) fn stop_unless(&mut self, allowed: impl Fn(&Client, SourceId) -> bool) {
        for session in &mut self.sessions {
            let source = session.kind.source();
            let client = session.client();
            if let (Some(source), Some(client)) = (source, client)
                && !allowed(&client, source)
            {
                session.stop();
            }
        }
    }

    fn forget(&mut self, id: u64) {
        self.sessions.retain(|s| s.id != id);
    }
}

/// Gives a `State` the dispatch of this module.
macro_rules! delegate_capture {
    ($state:ty) => {
        const _: () = {
            use ::smithay::reexports::wayland_protocols::ext::{
                image_capture_source::v1::server::{
                    ext_image_capture_source_v1::ExtImageCaptureSourceV1,
                    ext_foreign_toplevel_image_capture_source_manager_v1::ExtForeignToplevelImageCaptureSourceManagerV1,
                    ext_output_image_capture_source_manager_v1::ExtOutputImageCaptureSourceManagerV1,
                },
                image_copy_capture::v1::server::{
                    ext_image_copy_capture_cursor_session_v1::ExtImageCopyCaptureCursorSessionV1,
                    ext_image_copy_capture_frame_v1::ExtImageCopyCaptureFrameV1,
                    ext_image_copy_capture_manager_v1::ExtImageCopyCaptureManagerV1,
                    ext_image_copy_capture_session_v1::ExtImageCopyCaptureSessionV1,
                },
            };
            use $crate::protocols::capture::{
                CaptureState, CursorSessionData, FrameData, SessionData, SourceId,
            };
            ::wayland_server::delegate_global_dispatch!($state: [ExtOutputImageCaptureSourceManagerV1: $crate::protocols::globals::Filtered] => CaptureState);
            ::wayland_server::delegate_global_dispatch!($state: [ExtForeignToplevelImageCaptureSourceManagerV1: $crate::protocols::globals::Filtered] => CaptureState);
            ::wayland_server::delegate_dispatch!($state: [ExtForeignToplevelImageCaptureSourceManagerV1: ()] => CaptureState);
            ::wayland_server::delegate_global_dispatch!($state: [ExtImageCopyCaptureManagerV1: $crate::protocols::globals::Filtered] => CaptureState);
            ::wayland_server::delegate_dispatch!($state: [ExtOutputImageCaptureSourceManagerV1: ()] => CaptureState);
            ::wayland_server::delegate_dispatch!($state: [ExtImageCopyCaptureManagerV1: ()] => CaptureState);
            ::wayland_server::delegate_dispatch!($state: [ExtImageCaptureSourceV1: Option<SourceId>] => CaptureState);
            ::wayland_server::delegate_dispatch!($state: [ExtImageCopyCaptureSessionV1: SessionData] => CaptureState);
            ::wayland_server::delegate_dispatch!($state: [ExtImageCopyCaptureFrameV1: FrameData] => CaptureState);
            ::wayland_server::delegate_dispatch!($state: [ExtImageCopyCaptureCursorSessionV1: CursorSessionData] => CaptureState);
        };
    };
}
pub(crate) use delegate_capture;
