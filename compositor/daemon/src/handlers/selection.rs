//! Copy and paste, drag and drop. Every seat has a clipboard of its own; who has its keyboard may use
//! it, and who has the right `clipboard:PORT`.

use std::os::fd::OwnedFd;
use std::sync::PoisonError;

use smithay::{
    input::Seat,
    reexports::{
        wayland_protocols::ext::data_control::v1::server::{
            ext_data_control_device_v1::{self, ExtDataControlDeviceV1 as ExtDevice},
            ext_data_control_manager_v1::{self, ExtDataControlManagerV1 as ExtManager},
        },
        wayland_protocols::wp::primary_selection::zv1::server::{
            zwp_primary_selection_device_manager_v1::ZwpPrimarySelectionDeviceManagerV1 as PrimaryManager,
        },
        wayland_protocols_wlr::data_control::v1::server::{
            zwlr_data_control_device_v1::{self, ZwlrDataControlDeviceV1 as WlrDevice},
            zwlr_data_control_manager_v1::{self, ZwlrDataControlManagerV1 as WlrManager},
        },
        wayland_server::{
            Client, DataInit, Dispatch, DisplayHandle, GlobalDispatch, New, Resource,
            backend::ObjectId,
            protocol::{
                wl_data_device_manager::WlDataDeviceManager,
                wl_data_source::WlDataSource,
                wl_seat::WlSeat,
                wl_surface::WlSurface,
            },
        },
    },
    wayland::selection::{
        SelectionHandler, SelectionSource, SelectionTarget,
        data_device::{
            ClientDndGrabHandler, DataDeviceHandler, DataDeviceState,
            ServerDndGrabHandler, clear_data_device_selection,
            current_data_device_selection_userdata, set_data_device_focus,
        },
        ext_data_control,
        primary_selection::{
            PrimaryDeviceManagerGlobalData, PrimarySelectionHandler,
            PrimarySelectionState, set_primary_focus,
        },
        wlr_data_control,
    },
};

use crate::{
    desktop::{is_guest, may_copy},
    drag::DragIcon,
    sockets::{ClientState, end_clients, socket_of},
    state::State,
};

impl SelectionHandler for State {
    /// What the service itself offers is what is copied on a window's parent.
    type SelectionUserData = ();

    fn new_selection(
        &mut self,
        target: SelectionTarget,
        source: Option<SelectionSource>,
        seat: Seat<Self>,
    ) {
        if target != SelectionTarget::Clipboard {
            return;
        }
        let desktop = &mut self.globals.desktop;
        if let Some(id) = self.seats.id_of(&seat) {
            match desktop.selecting.take() {
                Some(source) => drop(desktop.selected.insert(id, source)),
                None => drop(desktop.selected.remove(&id)),
            }
        }
        self.copied_on_port(&seat, source.map(|source| source.mime_types()));
    }

    fn send_selection(
        &mut self,
        _: SelectionTarget,
        kind: String,
        to: OwnedFd,
        seat: Seat<Self>,
        (): &(),
    ) {
        self.paste_of_parent(&seat, &kind, to);
    }
}

impl ClientDndGrabHandler for State {
    fn started(&mut self, _: Option<WlDataSource>, icon: Option<WlSurface>, seat: Seat<Self>) {
        self.drags(&seat, icon.map(DragIcon::new));
    }

    fn dropped(&mut self, _: Option<WlSurface>, _: bool, seat: Seat<Self>) {
        self.drags(&seat, None);
    }
}
impl ServerDndGrabHandler for State {}

impl DataDeviceHandler for State {
    fn data_device_state(&self) -> &DataDeviceState {
        &self.globals.desktop.data_device
    }
}

impl PrimarySelectionHandler for State {
    fn primary_selection_state(&self) -> &PrimarySelectionState {
        &self.globals.desktop.primary
    }
}

impl ext_data_control::DataControlHandler for State {
    fn data_control_state(&self) -> &ext_data_control::DataControlState {
        &self.globals.desktop.ext_control
    }
}

impl wlr_data_control::DataControlHandler for State {
    fn data_control_state(&self) -> &wlr_data_control::DataControlState {
        &self.globals.desktop.wlr_control
    }
}

impl State {
    /// A source is gone. smithay would tell nobody before something else happens on its seat.
    pub(super) fn source_gone(&mut self, source: &ObjectId) {
        let mut seats = self.globals.desktop.selected.iter();
        let Some(id) = seats.find_map(|(id, of)| (of == source).then_some(*id)) else { return };
        self.globals.desktop.selected.remove(&id);
        let Some(seat) = self.seats.get(id).map(|seat| seat.seat.clone()) else { return };
        // A window's parent may have copied something since.
        if current_data_device_selection_userdata(&seat).is_none() {
            clear_data_device_selection(&self.display, &seat);
            self.copied_on_port(&seat, None);
        }
    }

    fn drags(&mut self, seat: &Seat<Self>, icon: Option<DragIcon>) {
        let Some(id) = self.seats.id_of(seat) else { return };
        if let Some(seat) = self.seats.get_mut(id) {
            seat.dragged = icon;
        }
        self.cursor_changed(id);
    }

    /// The clipboard of a seat goes with its keyboard.
    pub(crate) fn selection_focus(&mut self, seat: &Seat<Self>, focused: Option<&WlSurface>) {
        let client = focused.and_then(Resource::client);
        // A guest that may only give hears of nothing.
        let hears = client.clone().filter(|client| {
            !is_guest(client) || socket_of(client).is_some_and(|s| s.clipboard().lets_in())
        });
        set_data_device_focus(&self.display, seat, hears);
        set_primary_focus(&self.display, seat, client);
    }

    /// Whether a client may use the clipboard of a seat whoever has its keyboard. One that may is
    /// remembered, as the right may go.
    fn opens_clipboard(&self, client: &Client, seat: &WlSeat) -> bool {
        let port = Seat::from_resource(seat).and_then(|s| self.seats.port_of(&s));
        let Some(port) = port.and_then(|id| self.ports.get(id)) else { return false };
        let allowed =
            socket_of(client).is_some_and(|s| s.with_rights(|r| r.may_clipboard(&port.name)));
        if allowed && let Some(data) = client.get_data::<ClientState>() {
            data.clipboards.add(&port.name);
        }
        allowed
    }

    /// Disconnects who holds a clipboard for which a reload took the right away: nothing of the
    /// protocol ends what a device was promised.
    pub(crate) fn end_forbidden_clipboards(&mut self) {
        end_clients(&self.display, "the right to its clipboard is gone", |client| {
            let may = |port: &str| {
                client.socket.as_ref().is_some_and(|s| s.with_rights(|r| r.may_clipboard(port)))
            };
            client.clipboards.any(|port| !may(port))
        });
        end_clients(&self.display, "its guest may not copy as it could", |client| {
            let now = client.socket.as_ref().map(|s| s.clipboard()).unwrap_or_default();
            let promised = *client.promised.lock().unwrap_or_else(PoisonError::into_inner);
            !promised.is_within(now)
        });
    }

    /// Remembers what the clipboard of a guest was when its client began to use it.
    pub(super) fn promise_clipboard(client: &Client) {
        if let Some(data) = client.get_data::<ClientState>()
            && let Some(socket) = &data.socket
        {
            *data.promised.lock().unwrap_or_else(PoisonError::into_inner) = socket.clipboard();
        }
    }
}

impl GlobalDispatch<WlDataDeviceManager, ()> for State {
    fn bind(
        _: &mut Self,
        _: &DisplayHandle,
        _: &Client,
        resource: New<WlDataDeviceManager>,
        (): &(),
        data_init: &mut DataInit<'_, Self>,
    ) {
        data_init.init(resource, ());
    }

    fn can_view(client: Client, (): &()) -> bool {
        may_copy(&client)
    }
}

impl State {
    /// Whether a client's surface has the pointer of a seat because a button is held on it.
    pub(super) fn holds_a_button(&self, client: &Client) -> bool {
        self.seats.iter().any(|(_, seat)| {
            let start = seat.seat.get_pointer().and_then(|p| p.grab_start_data());
            let on = start.and_then(|start| start.focus);
            on.is_some_and(|(surface, _)| surface.client().is_some_and(|c| c == *client))
        })
    }
}

/// A device for a seat that its client may not use: it is over as soon as it is made.
#[derive(Debug)]
struct Refused;

macro_rules! data_control {
    ($state:ty, $manager:ty, $manager_module:ident, $device:ty, $device_module:ident, $forget:ident, $module:ident {
        $global_data:ident, $manager_data:ident
    }) => {
        impl Dispatch<$manager, $module::$manager_data> for $state {
            fn request(
                state: &mut Self,
                client: &Client,
                manager: &$manager,
                request: $manager_module::Request,
                data: &$module::$manager_data,
                display: &DisplayHandle,
                data_init: &mut DataInit<'_, Self>,
            ) {
                if matches!(request, $manager_module::Request::GetDataDevice { .. }) {
                    state.$forget(client, display, data_init);
                }
                match request {
                    $manager_module::Request::GetDataDevice { id, seat }
                        if !state.opens_clipboard(client, &seat) =>
                    {
                        data_init.init(id, Refused).finished();
                    }
                    request => <$module::DataControlState as Dispatch<
                        $manager,
                        $module::$manager_data,
                        Self,
                    >>::request(
                        state, client, manager, request, data, display, data_init
                    ),
                }
            }
        }

        impl Dispatch<$device, Refused> for $state {
            fn request(
                _: &mut Self,
                _: &Client,
                _: &$device,
                _: $device_module::Request,
                _: &Refused,
                _: &DisplayHandle,
                _: &mut DataInit<'_, Self>,
            ) {
            }
        }

        wayland_server::delegate_global_dispatch!($state: [$manager: $module::$global_data] => $module::DataControlState);
    };
}

data_control!(
    State,
    ExtManager,
    ext_data_control_manager_v1,
    ExtDevice,
    ext_data_control_device_v1,
    forget_ext_devices,
    ext_data_control { ExtDataControlManagerGlobalData, ExtDataControlManagerUserData }
);
data_control!(
    State,
    WlrManager,
    zwlr_data_control_manager_v1,
    WlrDevice,
    zwlr_data_control_device_v1,
    forget_wlr_devices,
    wlr_data_control { DataControlManagerGlobalData, DataControlManagerUserData }
);
wayland_server::delegate_global_dispatch!(State: [PrimaryManager: PrimaryDeviceManagerGlobalData] => PrimarySelectionState);
