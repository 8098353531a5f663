//! Requests of the capture protocols.

use smithay::reexports::{
    wayland_protocols::ext::{
        image_capture_source::v1::server::{
            ext_foreign_toplevel_image_capture_source_manager_v1::{
                self as toplevel_source_manager,
                ExtForeignToplevelImageCaptureSourceManagerV1 as ToplevelSourceManager,
            },
            ext_image_capture_source_v1::{self, ExtImageCaptureSourceV1 as Source},
            ext_output_image_capture_source_manager_v1::{
                self as source_manager, ExtOutputImageCaptureSourceManagerV1 as SourceManager,
            },
        },
        image_copy_capture::v1::server::{
            ext_image_copy_capture_cursor_session_v1::{
                self as cursor_session, ExtImageCopyCaptureCursorSessionV1 as CursorSession,
            },
            ext_image_copy_capture_frame_v1::{self as frame, ExtImageCopyCaptureFrameV1},
            ext_image_copy_capture_manager_v1::{
                self as manager, ExtImageCopyCaptureManagerV1 as Manager, Options,
            },
            ext_image_copy_capture_session_v1::{
                self as session, ExtImageCopyCaptureSessionV1 as SessionObject,
            },
        },
    },
    wayland_server::{
        Client, DataInit, Dispatch, DisplayHandle, Resource, WEnum, backend::ClientId,
    },
};

use porthole_pixel::Size;

use super::{
    CaptureHandler, CaptureState, CursorSessionData, SourceId,
    frame::Frame,
    session::{Session, SessionKind},
};
use crate::protocols::globals::filtered_manager;

/// Data of a session object: the number of its state.
#[derive(Debug)]
pub(crate) struct SessionData {
    id: u64,
}

/// Data of a frame object: the number of its session.
#[derive(Debug)]
pub(crate) struct FrameData {
    session: u64,
}

filtered_manager!(CaptureState, SourceManager);

filtered_manager!(CaptureState, ToplevelSourceManager);

filtered_manager!(CaptureState, Manager);

impl<D> Dispatch<SourceManager, (), D> for CaptureState
where
    D: CaptureHandler + Dispatch<SourceManager, ()> + Dispatch<Source, Option<SourceId>> + 'static,
{
    fn request(
        state: &mut D,
        client: &Client,
        _: &SourceManager,
        request: source_manager::Request,
        (): &(),
        _: &DisplayHandle,
        init: &mut DataInit<'_, D>,
    ) {
        if let source_manager::Request::CreateSource { source, output } = request {
            // A source of nothing is legal: its sessions are stopped at once.
            let id = state.source_of_output(client, &output);
            init.init(source, id);
        }
    }
}

impl<D> Dispatch<ToplevelSourceManager, (), D> for CaptureState
where
    D: CaptureHandler
        + Dispatch<ToplevelSourceManager, ()>
        + Dispatch<Source, Option<SourceId>>
        + 'static,
{
    fn request(
        state: &mut D,
        client: &Client,
        _: &ToplevelSourceManager,
        request: toplevel_source_manager::Request,
        (): &(),
        _: &DisplayHandle,
        init: &mut DataInit<'_, D>,
    ) {
        if let toplevel_source_manager::Request::CreateSource { source, toplevel_handle } = request
        {
            let id = state.source_of_toplevel(client, &toplevel_handle);
            init.init(source, id);
        }
    }
}

impl<D> Dispatch<Source, Option<SourceId>, D> for CaptureState
where
    D: Dispatch<Source, Option<SourceId>> + 'static,
{
    fn request(
        _: &mut D,
        _: &Client,
        _: &Source,
        _: ext_image_capture_source_v1::Request,
        _: &Option<SourceId>,
        _: &DisplayHandle,
        _: &mut DataInit<'_, D>,
    ) {
    }
}

fn source_id(source: &Source) -> Option<SourceId> {
    source.data::<Option<SourceId>>().copied().flatten()
}

/// Makes a session's state and answers with its first constraints.
fn open<D>(state: &mut D, id: u64, object: SessionObject, kind: SessionKind, size: Option<Size>)
where
    D: CaptureHandler,
{
    let mut session = Session::new(id, object, kind, size.unwrap_or_default());
    if size.is_none() {
        session.stop();
    }
    state.capture_state().sessions.push(session);
}

impl<D> Dispatch<Manager, (), D> for CaptureState
where
    D: CaptureHandler
        + Dispatch<Manager, ()>
        + Dispatch<SessionObject, SessionData>
        + Dispatch<CursorSession, CursorSessionData>
        + 'static,
{
    fn request(
        state: &mut D,
        _: &Client,
        resource: &Manager,
        request: manager::Request,
        (): &(),
        _: &DisplayHandle,
        init: &mut DataInit<'_, D>,
    ) {
        match request {
            manager::Request::CreateSession { session, source, options } => {
                let WEnum::Value(options) = options else {
                    resource.post_error(manager::Error::InvalidOption, "an unknown option");
                    return;
                };
                let id = state.capture_state().next_id();
                let object = init.init(session, SessionData { id });
                let source = source_id(&source);
                let size = source.and_then(|s| state.source_size(s));
                let paint_cursor = options.contains(Options::PaintCursors);
                let kind = source.map_or(SessionKind::Stopped, |source| SessionKind::Picture {
                    source,
                    paint_cursor,
                });
                open(state, id, object, kind, size);
            }
            manager::Request::CreatePointerCursorSession { session, source, pointer } => {
                let of = source_id(&source).zip(state.seat_of_pointer(&pointer));
                let object = init.init(session, CursorSessionData { of });
                if let Some(of) = of {
                    state.capture_state().cursors.add_session(of, object);
                }
            }
            _ => {}
        }
    }
}

impl<D> Dispatch<CursorSession, CursorSessionData, D> for CaptureState
where
    D: CaptureHandler
        + Dispatch<CursorSession, CursorSessionData>
        + Dispatch<SessionObject, SessionData>
        + 'static,
{
    fn request(
        state: &mut D,
        _: &Client,
        _: &CursorSession,
        request: cursor_session::Request,
        data: &CursorSessionData,
        _: &DisplayHandle,
        init: &mut DataInit<'_, D>,
    ) {
        if let cursor_session::Request::GetCaptureSession { session } = request {
            let id = state.capture_state().next_id();
            let object = init.init(session, SessionData { id });
            let kind = data.of.map_or(SessionKind::Stopped, |(source, seat)| SessionKind::Cursor {
                source,
                seat,
            });
            let capture = state.capture_state();
            let image = data.of.and_then(|(_, seat)| capture.cursors.image(seat)).cloned();
            // Without a picture there are no constraints yet; they follow with the first one.
            let size = data.of.map(|_| Size::default());
            open(state, id, object, kind, size);
            if let Some(session) = state.capture_state().session(id) {
                session.cursor_changed(image.as_ref());
            }
        }
    }

    fn destroyed(state: &mut D, _: ClientId, object: &CursorSession, _: &CursorSessionData) {
        state.capture_state().cursors.remove_session(object);
    }
}

impl<D> Dispatch<SessionObject, SessionData, D> for CaptureState
where
    D: CaptureHandler
        + Dispatch<SessionObject, SessionData>
        + Dispatch<ExtImageCopyCaptureFrameV1, FrameData>
        + 'static,
{
    fn request(
        state: &mut D,
        _: &Client,
        resource: &SessionObject,
        request: session::Request,
        data: &SessionData,
        _: &DisplayHandle,
        init: &mut DataInit<'_, D>,
    ) {
        if let session::Request::CreateFrame { frame } = request {
            let object = init.init(frame, FrameData { session: data.id });
            let Some(session) = state.capture_state().session(data.id) else { return };
            if session.has_frame() {
                resource.post_error(
                    session::Error::DuplicateFrame,
                    "create_frame before the last frame was destroyed",
                );
                return;
            }
            session.frame = Some(Frame::new(object));
        }
    }

    fn destroyed(state: &mut D, _: ClientId, _: &SessionObject, data: &SessionData) {
        state.capture_state().forget(data.id);
    }
}

impl<D> Dispatch<ExtImageCopyCaptureFrameV1, FrameData, D> for CaptureState
where
    D: CaptureHandler + Dispatch<ExtImageCopyCaptureFrameV1, FrameData> + 'static,
{
    fn request(
        state: &mut D,
        _: &Client,
        object: &ExtImageCopyCaptureFrameV1,
        request: frame::Request,
        data: &FrameData,
        _: &DisplayHandle,
        _: &mut DataInit<'_, D>,
    ) {
        let Some(session) = state.capture_state().session(data.session) else {
            // The session was destroyed before its frame, which the protocol allows.
            if matches!(request, frame::Request::Capture) {
                object.failed(frame::FailureReason::Stopped);
            }
            return;
        };
        let stopped = session.kind == SessionKind::Stopped;
        let Some(frame) = session.frame.as_mut().filter(|f| f.is(object)) else {
            if matches!(request, frame::Request::Capture) {
                object.failed(frame::FailureReason::Stopped);
            }
            return;
        };
        match request {
            frame::Request::AttachBuffer { buffer } => frame.attach(buffer),
            frame::Request::DamageBuffer { x, y, width, height } => {
                frame.damage_buffer([x, y, width, height]);
            }
            frame::Request::Capture if frame.capture() => {
                if stopped {
                    frame.fail(frame::FailureReason::Stopped);
                } else if let Some(source) = session.kind.picture() {
                    state.capture_wanted(source);
                } else {
                    session.serve_cursor();
                }
            }
            _ => {}
        }
    }

    fn destroyed(
        state: &mut D,
        _: ClientId,
        object: &ExtImageCopyCaptureFrameV1,
        data: &FrameData,
    ) {
        if let Some(session) = state.capture_state().session(data.session) {
            session.drop_frame(object);
        }
    }
}
