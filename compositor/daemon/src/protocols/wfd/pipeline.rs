//! Requests of a pipeline.

use porthole_core::{
    model::{CommitError, Device, Object, PipelineId},
    scene::Sizing,
};
use porthole_wayland::wfd::server::{
    wfd_mask_v1::WfdMaskV1 as MaskObject,
    wfd_pipeline_v1::{self as pipeline, WfdPipelineV1 as PipelineObject},
    wfd_source_v1::WfdSourceV1 as SourceObject,
};
use smithay::reexports::wayland_server::{
    Client, DataInit, Dispatch, DisplayHandle, backend::ClientId,
};

use super::{
    DeviceKey, May, WfdHandler, WfdState,
    setter::Setter,
    source::{self, MaskData, SourceData},
};

/// Data of a pipeline object.
#[derive(Debug)]
pub(crate) struct PipelineData {
    pub(super) device: DeviceKey,
    /// None for an object that stands for nothing.
    pub(super) pipeline: Option<PipelineId>,
}

impl<D> Dispatch<PipelineObject, PipelineData, D> for WfdState
where
    D: WfdHandler
        + Dispatch<PipelineObject, PipelineData>
        + Dispatch<SourceObject, SourceData>
        + Dispatch<MaskObject, MaskData>
        + 'static,
{
    fn request(
        state: &mut D,
        client: &Client,
        resource: &PipelineObject,
        request: pipeline::Request,
        data: &PipelineData,
        _: &DisplayHandle,
        init: &mut DataInit<'_, D>,
    ) {
        if matches!(request, pipeline::Request::Destroy) {
            return;
        }
        let entry = state.wfd().pipeline(data, resource);
        let live = entry.map(|entry| (entry.object.clone(), entry.may_change()));
        let mine = live.as_ref().filter(|(_, may)| *may).and(data.pipeline);
        let port = mine.and_then(|id| Some(state.model().pipeline(id)?.port));
        let target = mine.zip(port).map(|(id, port)| source::Target {
            pipeline: id,
            allowed: state.may(client, May::Layout(port)),
        });
        // New objects come into being even where they stand for nothing.
        let Some(request) = source::create(state, client, request, target, init) else { return };
        let (Some((device, _)), Some(target)) = (live, target) else { return };
        let id = target.pipeline;
        let hole = match &request {
            pipeline::Request::SetHole { region: Some(region) } => state.region(client, region),
            _ => None,
        };
        let setter = Setter { device: &device, id, now: sizing(state.model(), id), hole };
        let Some(pending) = state.wfd().pending(data.device) else { return };
        let outcome = if target.allowed {
            let Some(outcome) = setter.set(pending, request) else { return };
            outcome
        } else {
            Err(CommitError::Denied(Object::Pipeline(id), "layout"))
        };
        if let Err(error) = outcome {
            pending.refuse(Object::Pipeline(id), error);
        }
    }

    fn destroyed(state: &mut D, _: ClientId, resource: &PipelineObject, data: &PipelineData) {
        if let Some(entry) = state.wfd().devices.get_mut(&data.device) {
            entry.pipelines.retain(|pipeline| pipeline.object != *resource);
            if let Some(id) = data.pipeline {
                entry.pending.forget(Object::Pipeline(id));
            }
        }
    }
}

fn sizing(model: &Device, id: PipelineId) -> Sizing {
    model.pipeline(id).map(|pipeline| pipeline.sizing).unwrap_or_default()
}
