//! The global: which display controllers there are.

use porthole_core::model::{Pending, Status};
use porthole_wayland::wfd::server::{
    wfd_device_v1::WfdDeviceV1 as DeviceObject,
    wfd_manager_v1::{self as manager, Access, WfdManagerV1 as Manager},
};
use smithay::reexports::wayland_server::{
    Client, DataInit, Dispatch, DisplayHandle, GlobalDispatch, New, Resource, WEnum,
};

use super::{DeviceData, DeviceKey, Entry, May, WfdHandler, WfdState, tell::Told, wire_status};
use crate::protocols::globals::Filtered;

/// The number of the one device.
const DEVICE: u32 = 1;

/// What this device can do beyond OpenWF Display.
const EXTENSIONS: &str =
    "hole layer sizing input_policy keyboard when_ready fallback rate_limit custom_mode dump trace";

impl<D> GlobalDispatch<Manager, Filtered, D> for WfdState
where
    D: GlobalDispatch<Manager, Filtered> + Dispatch<Manager, ()> + 'static,
{
    fn bind(
        _: &mut D,
        _: &DisplayHandle,
        _: &Client,
        resource: New<Manager>,
        _: &Filtered,
        init: &mut DataInit<'_, D>,
    ) {
        let manager = init.init(resource, ());
        manager.device(DEVICE, "Porthole".into(), "software".into(), EXTENSIONS.into());
        manager.done();
    }

    fn can_view(client: Client, global: &Filtered) -> bool {
        global.lets(&client)
    }
}

impl<D> Dispatch<Manager, (), D> for WfdState
where
    D: WfdHandler + Dispatch<Manager, ()> + Dispatch<DeviceObject, DeviceData> + 'static,
{
    fn request(
        state: &mut D,
        client: &Client,
        resource: &Manager,
        request: manager::Request,
        (): &(),
        _: &DisplayHandle,
        init: &mut DataInit<'_, D>,
    ) {
        let manager::Request::CreateDevice { id, device_id, access } = request else { return };
        let wfd = state.wfd();
        wfd.last_device += 1;
        let key = DeviceKey(wfd.last_device);
        let object = init.init(id, DeviceData(key));
        let controls = match access {
            WEnum::Value(access) => access == Access::Control,
            WEnum::Unknown(number) => {
                let error = manager::Error::InvalidAccess;
                resource.post_error(error, format!("{number} is no access"));
                return;
            }
        };
        if device_id > DEVICE {
            let status = super::wire::Status::BadDevice;
            object.failed(status, format!("there is no device {device_id}"));
            return;
        }
        if controls && !state.may(client, May::ControlAny) {
            let why = "this socket has neither 'layout' nor 'power' for any port";
            object.failed(wire_status(Status::Denied), why.into());
            return;
        }
        let entry = Entry {
            object,
            controls,
            pending: Pending::new(),
            ports: Vec::new(),
            pipelines: Vec::new(),
            told: Told::default(),
            dump: false,
        };
        let first = !state.wfd().is_observed();
        state.wfd().devices.insert(key, entry);
        if first {
            state.first_device();
        }
        Self::tell_device(state, key);
    }
}
