//! Requests of a display controller.

use std::os::fd::AsFd;

use porthole_core::model::{Flags, Object, PipelineId, PortId, Scope, Status};
use porthole_wayland::wfd::server::{
    wfd_commit_v1::WfdCommitV1 as CommitObject,
    wfd_device_v1::{self as device, CommitFlags, CommitScope, WfdDeviceV1 as DeviceObject},
    wfd_pipeline_v1::WfdPipelineV1 as PipelineObject,
    wfd_port_v1::WfdPortV1 as PortObject,
};
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use smithay::reexports::wayland_server::{
    Client, DataInit, Dispatch, DisplayHandle, Resource, backend::ClientId,
};

use super::{
    DeviceKey, Ending, Entry, May, Order, PipelineData, PipelineEntry, PortData, PortEntry,
    WfdHandler, WfdState, known, wire_status,
};

/// Data of a device object.
#[derive(Debug)]
pub(crate) struct DeviceData(pub(super) DeviceKey);

impl<D> Dispatch<DeviceObject, DeviceData, D> for WfdState
where
    D: WfdHandler
        + Dispatch<DeviceObject, DeviceData>
        + Dispatch<CommitObject, ()>
        + Dispatch<PortObject, PortData>
        + Dispatch<PipelineObject, PipelineData>
        + 'static,
{
    fn request(
        state: &mut D,
        client: &Client,
        resource: &DeviceObject,
        request: device::Request,
        data: &DeviceData,
        _: &DisplayHandle,
        init: &mut DataInit<'_, D>,
    ) {
        let key = data.0;
        match request {
            device::Request::CreatePort { id, port_id } => {
                let port = PortId::new(port_id);
                let object = init.init(id, PortData { device: key, port });
                match admit(state, client, key, port.map(Object::Port), port) {
                    Ok((entry, port)) => {
                        entry.ports.push(PortEntry { object, id: port, told: None });
                        Self::tell_device(state, key);
                    }
                    Err(Some((status, why))) => object.failed(wire_status(status), why.into()),
                    Err(None) => {}
                }
            }
            device::Request::CreatePipeline { id, pipeline_id } => {
                let pipeline = PipelineId::new(pipeline_id);
                let object = init.init(id, PipelineData { device: key, pipeline });
                let port = pipeline.and_then(|id| Some(state.model().pipeline(id)?.port));
                let admitted = admit(state, client, key, pipeline.map(Object::Pipeline), port);
                match (admitted, pipeline) {
                    (Ok((entry, _)), Some(id)) => {
                        entry.pipelines.push(PipelineEntry { object, id, told: None });
                        Self::tell_device(state, key);
                    }
                    (Err(Some((status, why))), _) => {
                        object.failed(wire_status(status), why.into());
                    }
                    _ => {}
                }
            }
            device::Request::Commit { id, scope, object_id, flags, serial } => {
                let object = init.init(id, ());
                let Some(entry) = state.wfd().devices.get(&key) else { return };
                if !entry.may_change() {
                    return;
                }
                let (Some(scope), Some(flags)) = (
                    known(resource, scope, "commit scope"),
                    known(resource, flags, "set of commit flags"),
                ) else {
                    return;
                };
                let Some(scope) = entry.scope(scope, object_id) else {
                    let why = format!("no object {object_id} was created on this device");
                    let failed =
                        Ending::Failed { status: Status::BadHandle, object: object_id, why };
                    state.wfd().endings.push((object, failed));
                    return;
                };
                let flags = Flags {
                    test_only: flags.contains(CommitFlags::TestOnly),
                    allow_modeset: flags.contains(CommitFlags::AllowModeset),
                };
                state.commit(client, Order { device: key, scope, flags, serial, object });
            }
            device::Request::Dump => Self::dump(state, client, key),
            _ => {}
        }
    }

    fn destroyed(state: &mut D, _: ClientId, _: &DeviceObject, data: &DeviceData) {
        if state.wfd().devices.remove(&data.0).is_some() {
            state.end_device(data.0);
        }
    }
}

impl WfdState {
    /// Sends a dump, or leaves it to the end of the turn.
    pub(super) fn dump<D: WfdHandler>(state: &mut D, client: &Client, key: DeviceKey) {
        let Some(text) = state.dump(client) else {
            if let Some(entry) = state.wfd().devices.get_mut(&key) {
                entry.dump = true;
            }
            return;
        };
        let Some(entry) = state.wfd().devices.get(&key) else { return };
        match sealed(text.as_bytes()) {
            Ok(file) => {
                entry.object.dump(file.as_fd(), u32::try_from(text.len()).unwrap_or(u32::MAX));
            }
            Err(error) => tracing::error!("no memory file for a dump: {error}"),
        }
    }

    /// Sends one dump for all that were left to the end of a turn.
    pub(crate) fn dump_rest<D: WfdHandler>(state: &mut D) {
        let wanted = |(key, entry): (&DeviceKey, &mut Entry)| {
            std::mem::take(&mut entry.dump).then(|| Some((*key, entry.object.client()?)))?
        };
        let wanted: Vec<_> = state.wfd().devices.iter_mut().filter_map(wanted).collect();
        for (key, client) in wanted {
            Self::dump(state, &client, key);
        }
    }
}

type Refused = Option<(Status, &'static str)>;

/// Whether a device may have an object of this port; `Err(None)` where the device is inert.
fn admit<'a, D: WfdHandler>(
    state: &'a mut D,
    client: &Client,
    key: DeviceKey,
    object: Option<Object>,
    port: Option<PortId>,
) -> Result<(&'a mut Entry, PortId), Refused> {
    let controls = state.wfd().devices.get(&key).ok_or(None)?.controls;
    let unknown = Some((Status::BadHandle, "there is no such object"));
    let (object, port) = object.zip(port).ok_or(unknown)?;
    // Whether it exists is nobody's business who may not see it.
    if state.model().port(port).is_none() || !state.may(client, May::Observe(port)) {
        return Err(unknown);
    }
    if controls && !state.may(client, May::Control(port)) {
        return Err(Some((Status::Denied, "this socket has neither 'layout' nor 'power' for it")));
    }
    let wfd = state.wfd();
    if controls && wfd.is_controlled(object) {
        return Err(Some((Status::InUse, "it has a controller already")));
    }
    wfd.devices.get_mut(&key).map(|entry| (entry, port)).ok_or(None)
}

impl Entry {
    /// A change on an observing device is the client's protocol error.
    pub(super) fn may_change(&self) -> bool {
        if !self.controls {
            let why = "a change on a device that was created to observe";
            self.object.post_error(device::Error::ReadOnly, why);
        }
        self.controls
    }

    /// What a commit is about; `None` when it is no object of this device.
    fn scope(&self, scope: CommitScope, object: u32) -> Option<Scope> {
        match scope {
            CommitScope::EntireDevice => (object == 0).then_some(Scope::EntireDevice),
            CommitScope::EntirePort => {
                let id = PortId::new(object)?;
                self.ports.iter().any(|port| port.id == id).then_some(Scope::EntirePort(id))
            }
            CommitScope::Pipeline => {
                let id = PipelineId::new(object)?;
                self.pipelines.iter().any(|p| p.id == id).then_some(Scope::Pipeline(id))
            }
            _ => None,
        }
    }
}

/// A memory file that nobody can change.
fn sealed(bytes: &[u8]) -> rustix::io::Result<std::os::fd::OwnedFd> {
    let file = memfd_create("wfd-dump", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
    let mut rest = bytes;
    while !rest.is_empty() {
        let written = rustix::io::write(&file, rest)?;
        rest = rest.get(written..).unwrap_or_default();
    }
    rustix::fs::seek(&file, rustix::fs::SeekFrom::Start(0))?;
    let seals = SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE | SealFlags::SEAL;
    fcntl_add_seals(&file, seals)?;
    Ok(file)
}

impl<D> Dispatch<CommitObject, (), D> for WfdState
where
    D: Dispatch<CommitObject, ()> + 'static,
{
    fn request(
        _: &mut D,
        _: &Client,
        _: &CommitObject,
        request: <CommitObject as Resource>::Request,
        (): &(),
        _: &DisplayHandle,
        _: &mut DataInit<'_, D>,
    ) {
        // There are no requests.
        let _ = request;
    }
}
