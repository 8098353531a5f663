//! Telling everybody what is so, once, and what changed, each time.

mod pipeline;
mod port;

use std::collections::BTreeMap;

use porthole_core::config::Content;
use porthole_core::model::{Device, PipelineId, PortId, Status};
use porthole_pixel::Size;
use porthole_wayland::wfd::server::{wfd_device_v1 as wire, wfd_port_v1::Kind};
use smithay::reexports::wayland_server::Resource;

pub(super) use self::{pipeline::PipelineTold, port::PortTold};
use super::{
    Condition, DeviceKey, Entry, May, PipelineEntry, PortEntry, StreamInfo, WfdHandler, WfdState,
    streams::Streams, wire_status,
};

/// What a device object was told of what there is.
#[derive(Debug, Default)]
pub(super) struct Told {
    done: bool,
    ports: BTreeMap<PortId, ()>,
    pipelines: BTreeMap<PipelineId, PortId>,
    streams: BTreeMap<u32, (super::StreamState, Size)>,
}

/// What is so now, for one client.
struct Now<'a> {
    model: &'a Device,
    ports: Vec<PortId>,
    /// What the client may know of.
    streams: Vec<(u32, &'a StreamInfo)>,
    numbers: &'a Streams,
    condition: &'a dyn Fn(PipelineId) -> Condition,
}

impl WfdState {
    /// Tells all devices what changed, if anything may have.
    pub(crate) fn tell(&mut self, handler: &impl WfdHandler) {
        if std::mem::take(&mut self.news) {
            let keys: Vec<DeviceKey> = self.devices.keys().copied().collect();
            self.tell_some(handler, &keys);
        }
        self.tell_endings();
    }

    /// Tells one device at once.
    pub(super) fn tell_device<D: WfdHandler>(state: &mut D, key: DeviceKey) {
        let mut wfd = std::mem::take(state.wfd());
        wfd.tell_some(state, &[key]);
        *state.wfd() = wfd;
    }

    fn tell_some(&mut self, handler: &impl WfdHandler, keys: &[DeviceKey]) {
        let streams = handler.streams();
        self.streams.update(&streams);
        let model = handler.model();
        for key in keys {
            let Some(entry) = self.devices.get_mut(key) else { continue };
            let Some(client) = entry.object.client() else { continue };
            let ports: Vec<PortId> = model
                .ports()
                .map(|(id, _)| id)
                .filter(|id| handler.may(&client, May::Observe(*id)))
                .collect();
            let all = handler.may(&client, May::SeeStreams);
            let visible = |content: &Content| {
                all || model.pipeline_showing(content).is_some_and(|(_, p)| ports.contains(&p.port))
            };

            let streams = streams.iter().filter(|info| visible(&info.content));
            let streams = streams.map(|info| (self.streams.id(&info.content), info)).collect();
            let controls = |port| handler.may(&client, May::Control(port));
            entry.drop_forbidden(model, &ports, controls);
            let (numbers, condition) = (&self.streams, &|id| handler.condition(id));
            entry.tell(&Now { model, ports: ports.clone(), streams, numbers, condition });
        }
    }
}

impl Entry {
    /// Objects of ports that are gone, or for which a reload took the right away, become inert.
    fn drop_forbidden(
        &mut self,
        model: &Device,
        visible: &[PortId],
        controls: impl Fn(PortId) -> bool,
    ) {
        let device_controls = self.controls;
        let stays = |port: PortId| visible.contains(&port) && (!device_controls || controls(port));
        let why = "the port is gone, or the right to it";
        self.ports.retain(|port| {
            let stays = stays(port.id);
            if !stays {
                port.object.failed(wire_status(Status::Denied), why.into());
            }
            stays
        });
        self.pipelines.retain(|pipeline| {
            let stays = model.pipeline(pipeline.id).is_some_and(|p| stays(p.port));
            if !stays {
                pipeline.object.failed(wire_status(Status::Denied), why.into());
            }
            stays
        });
    }

    fn tell(&mut self, now: &Now<'_>) {
        let lists = self.tell_lists(now);
        let streams = self.tell_streams(now);
        let mut objects = false;
        for PortEntry { object, id, told } in &mut self.ports {
            if let Some(port) = now.model.port(*id) {
                objects |= port::tell(object, told, port, &pipelines(now.model, *id));
            }
        }
        for PipelineEntry { object, id, told } in &mut self.pipelines {
            if let Some(pipeline) = now.model.pipeline(*id) {
                objects |= pipeline::tell(object, told, (*id, pipeline), now);
            }
        }
        if lists || streams || objects || !self.told.done {
            self.told.done = true;
            self.object.done();
        }
    }

    fn tell_lists(&mut self, now: &Now<'_>) -> bool {
        let (object, told) = (&self.object, &mut self.told);
        let mut changed = false;
        told.pipelines.retain(|id, port| {
            let stays = now.ports.contains(port) && now.model.pipeline(*id).is_some();
            if !stays {
                object.pipeline_removed(id.get());
                changed = true;
            }
            stays
        });
        told.ports.retain(|id, ()| {
            let stays = now.ports.contains(id);
            if !stays {
                object.port_removed(id.get());
                changed = true;
            }
            stays
        });
        for &id in &now.ports {
            let Some(port) = now.model.port(id) else { continue };
            if told.ports.insert(id, ()).is_none() {
                object.port(id.get(), Kind::Virtual, port.name.to_string());
                changed = true;
            }
            for pipeline in pipelines(now.model, id) {
                if told.pipelines.insert(pipeline, id).is_none() {
                    object.pipeline(pipeline.get(), id.get());
                    changed = true;
                }
            }
        }
        changed
    }

    fn tell_streams(&mut self, now: &Now<'_>) -> bool {
        let (object, told) = (&self.object, &mut self.told.streams);
        let mut changed = false;
        told.retain(|id, _| {
            let stays = now.streams.iter().any(|(now, _)| now == id);
            if !stays {
                object.stream_removed(*id);
                changed = true;
            }
            stays
        });
        for (id, info) in &now.streams {
            let state = (info.state, info.size);
            let before = told.insert(*id, state);
            if before.is_none() {
                let (kind, socket, app_id, scanout) = match &info.content {
                    Content::Guest { guest, scanout } => {
                        (wire::StreamKind::Guest, guest, String::new(), *scanout)
                    }
                    Content::App { socket, app_id } => {
                        (wire::StreamKind::Program, socket, app_id.clone(), 0)
                    }
                };
                object.stream(*id, kind, socket.to_string(), app_id, scanout);
            }
            if before != Some(state) {
                object.stream_state(*id, info.state.wire(), info.size.width, info.size.height);
                changed = true;
            }
        }
        changed
    }
}

fn pipelines(model: &Device, port: PortId) -> Vec<PipelineId> {
    model.pipelines_of(port).map(|(id, _)| id).collect()
}
