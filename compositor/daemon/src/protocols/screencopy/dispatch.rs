//! Requests of the protocol.

use porthole_pixel::Rect;
use smithay::reexports::wayland_server::{
    Client, DataInit, Dispatch, DisplayHandle, GlobalDispatch, New, backend::ClientId,
};
use wayland_protocols_wlr::screencopy::v1::server::{
    zwlr_screencopy_frame_v1::{self as frame, ZwlrScreencopyFrameV1 as FrameObject},
    zwlr_screencopy_manager_v1::{self as manager, ZwlrScreencopyManagerV1 as Manager},
};

use super::{Frame, ScreencopyHandler, ScreencopyState};
use crate::protocols::globals::Filtered;

/// Data of a manager: its number.
#[derive(Debug)]
pub(crate) struct ManagerData {
    id: u64,
}

/// Data of a frame object: the number of its state.
#[derive(Debug)]
pub(crate) struct FrameData {
    id: u64,
}

impl<D> GlobalDispatch<Manager, Filtered, D> for ScreencopyState
where
    D: ScreencopyHandler
        + GlobalDispatch<Manager, Filtered>
        + Dispatch<Manager, ManagerData>
        + 'static,
{
    fn bind(
        state: &mut D,
        _: &DisplayHandle,
        _: &Client,
        resource: New<Manager>,
        _: &Filtered,
        init: &mut DataInit<'_, D>,
    ) {
        let id = state.screencopy_state().next_id();
        init.init(resource, ManagerData { id });
    }

    fn can_view(client: Client, global: &Filtered) -> bool {
        global.lets(&client)
    }
}

impl<D> Dispatch<Manager, ManagerData, D> for ScreencopyState
where
    D: ScreencopyHandler
        + Dispatch<Manager, ManagerData>
        + Dispatch<FrameObject, FrameData>
        + 'static,
{
    fn request(
        state: &mut D,
        client: &Client,
        _: &Manager,
        request: manager::Request,
        data: &ManagerData,
        _: &DisplayHandle,
        init: &mut DataInit<'_, D>,
    ) {
        let (object, pointer, output, part) = match request {
            manager::Request::CaptureOutput { frame, overlay_cursor, output } => {
                (frame, overlay_cursor, output, None)
            }
            manager::Request::CaptureOutputRegion {
                frame,
                overlay_cursor,
                output,
                x,
                y,
                width,
                height,
            } => (frame, overlay_cursor, output, Some(Rect::new(x, y, width, height))),
            _ => return,
        };
        let id = state.screencopy_state().next_id();
        let object = init.init(object, FrameData { id });
        match state.wanted(client, &output, part) {
            Some(wanted) => {
                let frame = Frame::new((id, data.id), object, wanted, pointer != 0);
                state.screencopy_state().frames.push(frame);
            }
            None => object.failed(),
        }
    }

    fn destroyed(state: &mut D, _: ClientId, _: &Manager, data: &ManagerData) {
        state.screencopy_state().news.retain(|(manager, _, _), _| *manager != data.id);
    }
}

impl<D> Dispatch<FrameObject, FrameData, D> for ScreencopyState
where
    D: ScreencopyHandler + Dispatch<FrameObject, FrameData> + 'static,
{
    fn request(
        state: &mut D,
        _: &Client,
        _: &FrameObject,
        request: frame::Request,
        data: &FrameData,
        _: &DisplayHandle,
        _: &mut DataInit<'_, D>,
    ) {
        let (into, with_damage) = match request {
            frame::Request::Copy { buffer } => (buffer, false),
            frame::Request::CopyWithDamage { buffer } => (buffer, true),
            _ => return,
        };
        let frames = &mut state.screencopy_state().frames;
        // One that was answered, or failed from the start, has nothing more to say.
        let Some(frame) = frames.iter_mut().find(|f| f.id == data.id) else { return };
        if frame.copy(into, with_damage) {
            let port = frame.wanted.port;
            state.copy_wanted(port);
        }
    }

    fn destroyed(state: &mut D, _: ClientId, _: &FrameObject, data: &FrameData) {
        state.screencopy_state().frames.retain(|f| f.id != data.id);
    }
}
