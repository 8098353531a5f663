//! `wfd_v1`: control of ports and layers in the way of OpenWF Display.
//!
//! Requests become typed changes in the [`Pending`] of their device; who may change what, and what a
//! commit does, is the handler's. Everybody who looks at an object is told what changed by comparing
//! what it was told last with what is so now.

mod commit;
mod device;
mod manager;
mod pipeline;
mod port;
mod setter;
mod source;
mod streams;
mod tell;
mod trace;

use std::{collections::BTreeMap, time::Duration};

use porthole_core::model::{Device, MaskId, Object, Pending, PipelineId, PortId, SourceId, Status};
use porthole_pixel::Region;
use porthole_wayland::wfd::server::{
    wfd_commit_v1::WfdCommitV1 as CommitObject,
    wfd_device_v1::{self as wire, WfdDeviceV1 as DeviceObject},
    wfd_manager_v1::WfdManagerV1 as Manager,
    wfd_pipeline_v1::WfdPipelineV1 as PipelineObject,
    wfd_port_v1::WfdPortV1 as PortObject,
};
use smithay::reexports::wayland_server::{
    Client, DisplayHandle, GlobalDispatch, Resource, WEnum,
    protocol::{wl_buffer::WlBuffer, wl_region::WlRegion},
};

use super::globals::Filtered;
use commit::{Ending, Waiting};
pub(crate) use commit::{Frame, Order};
pub(crate) use device::DeviceData;
pub(crate) use pipeline::PipelineData;
pub(crate) use port::PortData;
pub(crate) use source::{MaskData, SourceData, SourceFrom};
use streams::Streams;
pub(crate) use streams::{StreamInfo, StreamState};
use tell::{PipelineTold, PortTold, Told};
pub(crate) use trace::Trace;
use trace::Tracers;

/// Names a device object; never used twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub(crate) struct DeviceKey(u64);

/// What a client may want to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum May {
    /// Read the state of a port.
    Observe(PortId),
    /// Control a port in any way.
    Control(PortId),
    /// Change what a port shows.
    Layout(PortId),
    /// Turn a port on and off.
    Power(PortId),
    /// Control any port.
    ControlAny,
    /// Know of streams that no port shows, and show them.
    SeeStreams,
}

/// Why an object cannot be had.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) status: Status,
    pub(crate) message: String,
}

/// How a pipeline reaches the screen.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Placing {
    #[default]
    Nowhere,
    Composed,
    /// It is what the port shows, and nothing is composed.
    Direct,
}

/// What is so of a pipeline beside the model.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Condition {
    pub(crate) placing: Placing,
    /// How long nothing was heard of its stream, while the fallback is shown instead.
    pub(crate) fallen_back: Option<Duration>,
}

/// What the compositor must answer.
pub(crate) trait WfdHandler: Sized {
    fn wfd(&mut self) -> &mut WfdState;
    /// What is controlled.
    fn model(&self) -> &Device;
    fn may(&self, client: &Client, what: May) -> bool;
    /// Everything that may have a picture.
    fn streams(&self) -> Vec<StreamInfo>;
    /// Makes something that a pipeline can show.
    fn create_source(
        &mut self,
        client: &Client,
        pipeline: PipelineId,
        from: SourceFrom<'_>,
    ) -> Result<SourceId, Refusal>;
    /// Makes a mask for a pipeline.
    fn create_mask(
        &mut self,
        client: &Client,
        pipeline: PipelineId,
        buffer: &WlBuffer,
    ) -> Result<MaskId, Refusal>;
    /// No client names this source any more; it stays for as long as it is used.
    fn forget_source(&mut self, source: SourceId);
    /// The same of a mask.
    fn forget_mask(&mut self, mask: MaskId);
    /// The pixels of a region inside these bounds; `None` when it has too many pieces.
    fn region(&mut self, client: &Client, region: &WlRegion) -> Option<Region>;
    /// Commits what a device has pending.
    fn commit(&mut self, client: &Client, order: Order);
    /// A device is gone, with all that it had pending.
    fn end_device(&mut self, device: DeviceKey);
    /// What is so of a pipeline beside the model.
    fn condition(&self, pipeline: PipelineId) -> Condition;
    /// Somebody looks from now on, and nobody did before.
    fn first_device(&mut self);
    /// All that a client may see, as JSON; `None` where that was too much for this turn.
    fn dump(&mut self, client: &Client) -> Option<String>;
}

/// A device object.
#[derive(Debug)]
struct Entry {
    object: DeviceObject,
    /// Whether it may change anything.
    controls: bool,
    pending: Pending,
    ports: Vec<PortEntry>,
    pipelines: Vec<PipelineEntry>,
    told: Told,
    /// A dump is to be sent at the end of the turn.
    dump: bool,
}

#[derive(Debug)]
struct PortEntry {
    object: PortObject,
    id: PortId,
    told: Option<PortTold>,
}

#[derive(Debug)]
struct PipelineEntry {
    object: PipelineObject,
    id: PipelineId,
    told: Option<PipelineTold>,
}

/// Everybody who controls or observes.
#[derive(Debug, Default)]
pub(crate) struct WfdState {
    devices: BTreeMap<DeviceKey, Entry>,
    last_device: u64,
    streams: Streams,
    /// Commits that took effect and are not on screen yet.
    waiting: Vec<Waiting>,
    /// Commits that ended in this turn.
    endings: Vec<(CommitObject, Ending)>,
    tracers: Tracers,
    /// Something may have changed that somebody has to be told.
    news: bool,
}

impl WfdState {
    /// Announces the global to the clients that `filter` lets see it.
    pub(crate) fn new<D>(
        display: &DisplayHandle,
        filter: impl Fn(&Client) -> bool + Send + Sync + 'static,
    ) -> Self
    where
        D: GlobalDispatch<Manager, Filtered> + 'static,
    {
        let global = Filtered::new(filter);
        display.create_global::<D, Manager, _>(1, global);
        Self::default()
    }

    /// Something changed that clients may have to be told at the end of the turn.
    pub(crate) const fn changed(&mut self) {
        self.news = true;
    }

    /// Takes what a device has pending, to be put back by [`Self::put_pending`].
    pub(crate) fn take_pending(&mut self, device: DeviceKey) -> Pending {
        self.devices.get_mut(&device).map(|e| std::mem::take(&mut e.pending)).unwrap_or_default()
    }

    /// Puts back what a commit left of a device's pending changes.
    pub(crate) fn put_pending(&mut self, device: DeviceKey, pending: Pending) {
        if let Some(entry) = self.devices.get_mut(&device) {
            entry.pending = pending;
        }
    }

    /// Whether anybody controls or looks.
    pub(crate) fn is_observed(&self) -> bool {
        !self.devices.is_empty()
    }

    /// Whether no device has anything pending.
    pub(crate) fn nothing_pending(&self) -> bool {
        self.devices.values().all(|entry| entry.pending.is_empty())
    }

    fn port(&self, data: &PortData, object: &PortObject) -> Option<&Entry> {
        let entry = self.devices.get(&data.device)?;
        entry.ports.iter().any(|port| port.object == *object).then_some(entry)
    }

    fn pipeline(&self, data: &PipelineData, object: &PipelineObject) -> Option<&Entry> {
        let entry = self.devices.get(&data.device)?;
        entry.pipelines.iter().any(|pipeline| pipeline.object == *object).then_some(entry)
    }

    fn pending(&mut self, device: DeviceKey) -> Option<&mut Pending> {
        self.devices.get_mut(&device).map(|entry| &mut entry.pending)
    }

    /// Whether another device than this one controls an object.
    fn is_controlled(&self, object: Object) -> bool {
        self.devices.values().filter(|entry| entry.controls).any(|entry| match object {
            Object::Port(id) => entry.ports.iter().any(|port| port.id == id),
            Object::Pipeline(id) => entry.pipelines.iter().any(|pipeline| pipeline.id == id),
            Object::Source(_) | Object::Mask(_) => false,
        })
    }
}

/// A value out of an enum; another one is the client's protocol error.
fn known<T>(device: &DeviceObject, value: WEnum<T>, what: &str) -> Option<T> {
    match value {
        WEnum::Value(value) => Some(value),
        WEnum::Unknown(number) => {
            let error = wire::Error::InvalidEnum;
            device.post_error(error, format!("{number} is no {what}"));
            None
        }
    }
}

/// A status as it is sent.
const fn wire_status(status: Status) -> wire::Status {
    match status {
        Status::OutOfMemory => wire::Status::OutOfMemory,
        Status::IllegalArgument => wire::Status::IllegalArgument,
        Status::NotSupported => wire::Status::NotSupported,
        Status::InUse => wire::Status::InUse,
        Status::BadHandle => wire::Status::BadHandle,
        Status::Inconsistency => wire::Status::Inconsistency,
        Status::Denied => wire::Status::Denied,
        Status::Timeout => wire::Status::Timeout,
        Status::Superseded => wire::Status::Superseded,
    }
}

/// The number of an object, as it is sent.
const fn number(object: Object) -> u32 {
    match object {
        Object::Port(id) => id.get(),
        Object::Pipeline(id) => id.get(),
        Object::Source(id) => id.get(),
        Object::Mask(id) => id.get(),
    }
}

/// A number of 64 bits as two of 32, the upper ones first.
const fn halves(value: u64) -> (u32, u32) {
    #[expect(clippy::cast_possible_truncation, reason = "the halves of a number")]
    ((value >> 32) as u32, value as u32)
}

/// Gives a `State` the dispatch of this module.
macro_rules! delegate_wfd {
    ($state:ty) => {
        const _: () = {
            use ::porthole_wayland::wfd::server::{
                wfd_trace_v1::WfdTraceV1,
                wfd_commit_v1::WfdCommitV1, wfd_device_v1::WfdDeviceV1,
                wfd_manager_v1::WfdManagerV1, wfd_mask_v1::WfdMaskV1,
                wfd_pipeline_v1::WfdPipelineV1, wfd_port_v1::WfdPortV1,
                wfd_source_v1::WfdSourceV1,
            };
            use $crate::protocols::wfd::{
                DeviceData, MaskData, PipelineData, PortData, SourceData, WfdState,
            };
            ::wayland_server::delegate_global_dispatch!($state: [WfdManagerV1: $crate::protocols::globals::Filtered] => WfdState);
            ::wayland_server::delegate_dispatch!($state: [WfdManagerV1: ()] => WfdState);
            ::wayland_server::delegate_dispatch!($state: [WfdDeviceV1: DeviceData] => WfdState);
            ::wayland_server::delegate_dispatch!($state: [WfdCommitV1: ()] => WfdState);
            ::wayland_server::delegate_dispatch!($state: [WfdTraceV1: ()] => WfdState);
            ::wayland_server::delegate_dispatch!($state: [WfdPortV1: PortData] => WfdState);
            ::wayland_server::delegate_dispatch!($state: [WfdPipelineV1: PipelineData] => WfdState);
            ::wayland_server::delegate_dispatch!($state: [WfdSourceV1: SourceData] => WfdState);
            ::wayland_server::delegate_dispatch!($state: [WfdMaskV1: MaskData] => WfdState);
        };
    };
}
pub(crate) use delegate_wfd;
