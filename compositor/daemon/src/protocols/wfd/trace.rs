//! What happened when, for each frame of a port.

use std::{collections::BTreeMap, time::Duration};

use porthole_core::model::{PipelineId, PortId};
use porthole_wayland::wfd::server::wfd_trace_v1::{
    self as trace, Stage, WfdTraceV1 as TraceObject,
};
use smithay::reexports::wayland_server::{
    Client, DataInit, Dispatch, DisplayHandle, backend::ClientId,
};

use super::{Frame, WfdHandler, WfdState, halves};

/// A frame that is planned.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    /// When the pictures that are new in it came.
    pub(crate) came: Vec<(PipelineId, Duration)>,
    pub(crate) planned: Duration,
    /// Pixels that may differ from the frame before.
    pub(crate) damaged: u64,
    /// How many captures it goes to.
    pub(crate) captures: usize,
}

/// Who wants to know.
#[derive(Debug, Default)]
pub(super) struct Tracers {
    objects: Vec<(PortId, TraceObject)>,
    planned: BTreeMap<PortId, Trace>,
}

impl Tracers {
    pub(super) fn add(&mut self, port: PortId, object: TraceObject) {
        self.objects.push((port, object));
    }
}

impl WfdState {
    /// Whether anybody traces the frames of a port.
    pub(crate) fn is_traced(&self, port: PortId) -> bool {
        self.tracers.objects.iter().any(|(traced, _)| *traced == port)
    }

    /// A traced frame was planned.
    pub(crate) fn trace(&mut self, port: PortId, trace: Trace) {
        self.tracers.planned.insert(port, trace);
    }

    /// The planned frame is shown, and who waited for it was told.
    pub(super) fn traced(&mut self, port: PortId, frame: Frame, told: Duration) {
        let Some(trace) = self.tracers.planned.remove(&port) else { return };
        for (_, object) in self.tracers.objects.iter().filter(|(traced, _)| *traced == port) {
            trace.tell(object, frame, told);
        }
    }
}

impl Trace {
    fn tell(&self, object: &TraceObject, frame: Frame, told: Duration) {
        let bounded = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
        let (hi, lo) = halves(frame.frame);
        object.frame(hi, lo, bounded(self.damaged), bounded(self.captures as u64));
        // The newest picture of each layer: it is the one that is shown.
        let newest: BTreeMap<PipelineId, Duration> = self.came.iter().copied().collect();
        let mut stages: Vec<(Duration, Stage, u32)> =
            newest.into_iter().map(|(id, at)| (at, Stage::Committed, id.get())).collect();
        stages.sort_by_key(|(at, ..)| *at);
        stages.push((self.planned, Stage::Planned, 0));
        stages.push((frame.at, Stage::Drawn, 0));
        stages.push((told, Stage::Told, 0));
        for (at, stage, pipeline) in stages {
            let (hi, lo) = halves(u64::try_from(at.as_nanos()).unwrap_or(u64::MAX));
            object.stage(stage, pipeline, hi, lo);
        }
        object.done();
    }
}

impl<D> Dispatch<TraceObject, (), D> for WfdState
where
    D: WfdHandler + Dispatch<TraceObject, ()> + 'static,
{
    fn request(
        _: &mut D,
        _: &Client,
        _: &TraceObject,
        _: trace::Request,
        (): &(),
        _: &DisplayHandle,
        _: &mut DataInit<'_, D>,
    ) {
        // Only `destroy`, a destructor.
    }

    fn destroyed(state: &mut D, _: ClientId, object: &TraceObject, (): &()) {
        state.wfd().tracers.objects.retain(|(_, tracer)| tracer != object);
    }
}
