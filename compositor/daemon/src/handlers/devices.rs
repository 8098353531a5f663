//! Devices of selections that went with their client. smithay drops a device only when it is asked
//! to, so who just leaves would stay in its lists for ever: it is asked here, when the next one comes.

use smithay::{
    reexports::{
        wayland_protocols::{
            ext::data_control::v1::server::ext_data_control_device_v1::{
                self, ExtDataControlDeviceV1,
            },
            wp::primary_selection::zv1::server::{
                zwp_primary_selection_device_manager_v1::{
                    self, ZwpPrimarySelectionDeviceManagerV1,
                },
                zwp_primary_selection_device_v1::{self, ZwpPrimarySelectionDeviceV1},
            },
        },
        wayland_protocols_wlr::data_control::v1::server::zwlr_data_control_device_v1::{
            self, ZwlrDataControlDeviceV1,
        },
        wayland_server::{
            Client, DataInit, Dispatch, DisplayHandle, Resource,
            backend::{ClientId, ObjectId},
            protocol::{
                wl_data_device::{self, WlDataDevice},
                wl_data_device_manager::{self, WlDataDeviceManager},
                wl_data_source::WlDataSource,
            },
        },
    },
    wayland::selection::{
        data_device::{DataDeviceState, DataDeviceUserData},
        ext_data_control::{self, ExtDataControlDeviceUserData},
        primary_selection::{PrimaryDeviceUserData, PrimarySelectionState},
        wlr_data_control::{self, DataControlDeviceUserData},
    },
};

use crate::{desktop::is_guest, sockets::socket_of, state::State};

/// Devices whose objects are gone, until smithay has dropped them.
#[derive(Debug, Default)]
pub(crate) struct GoneDevices {
    core: Vec<WlDataDevice>,
    primary: Vec<ZwpPrimarySelectionDeviceV1>,
    ext: Vec<ExtDataControlDeviceV1>,
    wlr: Vec<ZwlrDataControlDeviceV1>,
}

/// What a program may not ask of a device; most may ask for all.
trait Allowed: Resource {
    fn allowed(_: &State, _: &Client, _: &Self::Request) -> bool {
        true
    }

    /// What it makes the selection of its seat.
    fn selects(_: &Self::Request) -> Option<ObjectId> {
        None
    }

    /// The same, where it is told that it is not taken.
    fn source(_: &Self::Request) -> Option<WlDataSource> {
        None
    }
}

impl Allowed for WlDataDevice {
    fn selects(request: &Self::Request) -> Option<ObjectId> {
        Self::source(request).map(|source| source.id())
    }

    fn source(request: &Self::Request) -> Option<WlDataSource> {
        let wl_data_device::Request::SetSelection { source, .. } = request else { return None };
        source.clone()
    }

    fn allowed(state: &State, client: &Client, request: &Self::Request) -> bool {
        match request {
            // smithay looks at the serial alone, which any client can guess. Guests drag nothing.
            wl_data_device::Request::StartDrag { origin, .. } => {
                let holds = |client| state.holds_a_button(&client);
                !is_guest(client) && origin.client().is_some_and(holds)
            }
            wl_data_device::Request::SetSelection { .. } if is_guest(client) => {
                socket_of(client).is_some_and(|socket| socket.clipboard().lets_out())
            }
            _ => true,
        }
    }
}
impl Allowed for ZwpPrimarySelectionDeviceV1 {}
impl Allowed for ExtDataControlDeviceV1 {
    fn selects(request: &Self::Request) -> Option<ObjectId> {
        let ext_data_control_device_v1::Request::SetSelection { source } = request else {
            return None;
        };
        source.as_ref().map(Resource::id)
    }
}
impl Allowed for ZwlrDataControlDeviceV1 {
    fn selects(request: &Self::Request) -> Option<ObjectId> {
        let zwlr_data_control_device_v1::Request::SetSelection { source } = request else {
            return None;
        };
        source.as_ref().map(Resource::id)
    }
}

macro_rules! device {
    ($device:ty, $data:ty, $to:ty, $gone:ident, $forget:ident, $release:expr) => {
        impl Dispatch<$device, $data> for State {
            fn request(
                state: &mut Self,
                client: &Client,
                device: &$device,
                request: <$device as Resource>::Request,
                data: &$data,
                display: &DisplayHandle,
                data_init: &mut DataInit<'_, Self>,
            ) {
                let source = <$device as Allowed>::source(&request);
                let mut refused = true;
                if <$device as Allowed>::allowed(state, client, &request) {
                    state.globals.desktop.selecting = <$device as Allowed>::selects(&request);
                    <$to as Dispatch<$device, $data, Self>>::request(
                        state, client, device, request, data, display, data_init,
                    );
                    // smithay refuses who has no keyboard, and tells nobody.
                    refused = state.globals.desktop.selecting.take().is_some();
                }
                // Who is not told would take what others copy for its own.
                if let Some(source) = source.filter(|_| refused) {
                    source.cancelled();
                }
            }

            fn destroyed(state: &mut Self, _: ClientId, device: &$device, _: &$data) {
                state.globals.desktop.gone.$gone.push(device.clone());
            }
        }

        impl State {
            /// Has the devices of this kind dropped that are gone. Any client's request will do.
            pub(super) fn $forget(
                &mut self,
                client: &Client,
                display: &DisplayHandle,
                data_init: &mut DataInit<'_, Self>,
            ) {
                for device in std::mem::take(&mut self.globals.desktop.gone.$gone) {
                    if let Some(data) = device.data::<$data>() {
                        <$to as Dispatch<$device, $data, Self>>::request(
                            self, client, &device, $release, data, display, data_init,
                        );
                    }
                }
            }
        }
    };
}

device!(
    WlDataDevice,
    DataDeviceUserData,
    DataDeviceState,
    core,
    forget_devices,
    wl_data_device::Request::Release
);
device!(
    ZwpPrimarySelectionDeviceV1,
    PrimaryDeviceUserData,
    PrimarySelectionState,
    primary,
    forget_primary_devices,
    zwp_primary_selection_device_v1::Request::Destroy
);
device!(
    ExtDataControlDeviceV1,
    ExtDataControlDeviceUserData,
    ext_data_control::DataControlState,
    ext,
    forget_ext_devices,
    ext_data_control_device_v1::Request::Destroy
);
device!(
    ZwlrDataControlDeviceV1,
    DataControlDeviceUserData,
    wlr_data_control::DataControlState,
    wlr,
    forget_wlr_devices,
    zwlr_data_control_device_v1::Request::Destroy
);

macro_rules! manager {
    ($manager:ty, $module:ident, $get:pat, $to:ty, $forget:ident) => {
        impl Dispatch<$manager, ()> for State {
            fn request(
                state: &mut Self,
                client: &Client,
                manager: &$manager,
                request: $module::Request,
                (): &(),
                display: &DisplayHandle,
                data_init: &mut DataInit<'_, Self>,
            ) {
                if matches!(request, $get) {
                    State::promise_clipboard(client);
                    state.$forget(client, display, data_init);
                }
                <$to as Dispatch<$manager, (), Self>>::request(
                    state,
                    client,
                    manager,
                    request,
                    &(),
                    display,
                    data_init,
                );
            }
        }
    };
}

manager!(
    WlDataDeviceManager,
    wl_data_device_manager,
    wl_data_device_manager::Request::GetDataDevice { .. },
    DataDeviceState,
    forget_devices
);
manager!(
    ZwpPrimarySelectionDeviceManagerV1,
    zwp_primary_selection_device_manager_v1,
    zwp_primary_selection_device_manager_v1::Request::GetDevice { .. },
    PrimarySelectionState,
    forget_primary_devices
);
