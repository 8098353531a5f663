//! Sources and masks: what a pipeline can show, and through what.

use porthole_core::Name;
use porthole_core::config::Content;
use porthole_core::model::{CommitError, MaskId, PipelineId, SourceId, Status};
use porthole_wayland::wfd::server::{
    wfd_device_v1::{self as wire, WfdDeviceV1 as DeviceObject},
    wfd_mask_v1::{self as mask, WfdMaskV1 as MaskObject},
    wfd_pipeline_v1::Request,
    wfd_source_v1::{self as source, WfdSourceV1 as SourceObject},
};
use smithay::reexports::wayland_server::{
    Client, DataInit, Dispatch, DisplayHandle, Resource, backend::ClientId,
    protocol::wl_buffer::WlBuffer,
};

use super::{Refusal, WfdHandler, WfdState, wire_status};

/// What a source is made from.
#[derive(Debug)]
pub(crate) enum SourceFrom<'a> {
    /// Whatever has this name.
    Stream(Content),
    /// A picture.
    Buffer(&'a WlBuffer),
}

/// Data of a source object.
#[derive(Debug)]
pub(crate) struct SourceData {
    pipeline: Option<PipelineId>,
    source: Option<SourceId>,
}

/// Data of a mask object.
#[derive(Debug)]
pub(crate) struct MaskData {
    pipeline: Option<PipelineId>,
    mask: Option<MaskId>,
}

/// The pipeline that a request is for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target {
    pub(super) pipeline: PipelineId,
    /// Whether the client may change it.
    pub(super) allowed: bool,
}

/// Serves requests that make sources and masks; gives back any other one. Without a target they are
/// made inert.
pub(super) fn create<D>(
    state: &mut D,
    client: &Client,
    request: Request,
    target: Option<Target>,
    init: &mut DataInit<'_, D>,
) -> Option<Request>
where
    D: WfdHandler + Dispatch<SourceObject, SourceData> + Dispatch<MaskObject, MaskData> + 'static,
{
    let pipeline = target.map(|target| target.pipeline);
    let (id, made) = match request {
        Request::CreateSourceFromStream { id, stream_id } => {
            let content = state.wfd().streams.content(stream_id);
            let made = on(target, |pipeline| {
                let unknown =
                    || refusal(Status::BadHandle, format!("there is no stream {stream_id}"));
                let content = content.ok_or_else(unknown)?;
                state.create_source(client, pipeline, SourceFrom::Stream(content))
            });
            (id, made)
        }
        Request::CreateSourceFromProgram { id, socket, app_id } => {
            let made = on(target, |pipeline| {
                let socket = Name::new(&socket)
                    .map_err(|e| refusal(Status::IllegalArgument, format!("'{socket}': {e}")))?;
                let content = Content::App { socket, app_id };
                state.create_source(client, pipeline, SourceFrom::Stream(content))
            });
            (id, made)
        }
        Request::CreateSourceFromBuffer { id, buffer } => {
            let made = on(target, |pipeline| {
                state.create_source(client, pipeline, SourceFrom::Buffer(&buffer))
            });
            (id, made)
        }
        Request::CreateMaskFromBuffer { id, buffer } => {
            let made = on(target, |pipeline| state.create_mask(client, pipeline, &buffer));
            let mask = made.as_ref().and_then(|made| made.as_ref().ok()).copied();
            let object = init.init(id, MaskData { pipeline, mask });
            if let Some(Err(why)) = made {
                object.failed(wire_status(why.status), why.message);
            }
            return None;
        }
        other => return Some(other),
    };
    let source = made.as_ref().and_then(|made| made.as_ref().ok()).copied();
    let object = init.init(id, SourceData { pipeline, source });
    match made {
        Some(Ok(id)) => object.created(id.get()),
        Some(Err(why)) => object.failed(wire_status(why.status), why.message),
        None => {}
    }
    None
}

/// Makes something for a pipeline, if the client may change it; `None` where all is inert.
fn on<T>(
    target: Option<Target>,
    make: impl FnOnce(PipelineId) -> Result<T, Refusal>,
) -> Option<Result<T, Refusal>> {
    let Target { pipeline, allowed } = target?;
    if !allowed {
        let why = "the socket has no right 'layout' for this port";
        return Some(Err(refusal(Status::Denied, why.into())));
    }
    Some(make(pipeline))
}

const fn refusal(status: Status, message: String) -> Refusal {
    Refusal { status, message }
}

/// The source behind an object, for a pipeline; `None` after a protocol error.
pub(super) fn source_of(
    object: &SourceObject,
    pipeline: PipelineId,
    device: &DeviceObject,
) -> Option<Result<SourceId, CommitError>> {
    let data = object.data::<SourceData>();
    let (of, id) = data.map_or((None, None), |data| (data.pipeline, data.source));
    let failed = CommitError::Unusable { pipeline, what: "source" };
    of_pipeline(of, id, pipeline, device).map(|id| id.ok_or(failed))
}

/// The mask behind an object, for a pipeline; `None` after a protocol error.
pub(super) fn mask_of(
    object: &MaskObject,
    pipeline: PipelineId,
    device: &DeviceObject,
) -> Option<Result<MaskId, CommitError>> {
    let data = object.data::<MaskData>();
    let (of, id) = data.map_or((None, None), |data| (data.pipeline, data.mask));
    let failed = CommitError::Unusable { pipeline, what: "mask" };
    of_pipeline(of, id, pipeline, device).map(|id| id.ok_or(failed))
}

fn of_pipeline<T>(
    of: Option<PipelineId>,
    id: Option<T>,
    pipeline: PipelineId,
    device: &DeviceObject,
) -> Option<Option<T>> {
    if of.is_some_and(|of| of != pipeline) {
        let why = format!("it was created for another pipeline than {}", pipeline.get());
        device.post_error(wire::Error::ForeignObject, why);
        return None;
    }
    Some(id)
}

impl<D> Dispatch<SourceObject, SourceData, D> for WfdState
where
    D: WfdHandler + Dispatch<SourceObject, SourceData> + 'static,
{
    fn request(
        _: &mut D,
        _: &Client,
        _: &SourceObject,
        _: source::Request,
        _: &SourceData,
        _: &DisplayHandle,
        _: &mut DataInit<'_, D>,
    ) {
        // Only `destroy`, a destructor.
    }

    fn destroyed(state: &mut D, _: ClientId, _: &SourceObject, data: &SourceData) {
        if let Some(id) = data.source {
            state.forget_source(id);
        }
    }
}

impl<D> Dispatch<MaskObject, MaskData, D> for WfdState
where
    D: WfdHandler + Dispatch<MaskObject, MaskData> + 'static,
{
    fn request(
        _: &mut D,
        _: &Client,
        _: &MaskObject,
        _: mask::Request,
        _: &MaskData,
        _: &DisplayHandle,
        _: &mut DataInit<'_, D>,
    ) {
        // Only `destroy`, a destructor.
    }

    fn destroyed(state: &mut D, _: ClientId, _: &MaskObject, data: &MaskData) {
        if let Some(id) = data.mask {
            state.forget_mask(id);
        }
    }
}
