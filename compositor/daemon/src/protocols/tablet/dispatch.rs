//! What clients ask of tablets and tools.

use std::sync::Mutex;

use smithay::{
    input::pointer::{CursorImageAttributes, CursorImageStatus},
    reexports::{
        wayland_protocols::wp::tablet::zv2::server::{
            zwp_tablet_manager_v2::{self as manager, ZwpTabletManagerV2 as Manager},
            zwp_tablet_seat_v2::{self as seat, ZwpTabletSeatV2 as SeatObject},
            zwp_tablet_tool_v2::{self as tool, ZwpTabletToolV2 as ToolObject},
            zwp_tablet_v2::{self as tablet, ZwpTabletV2 as TabletObject},
        },
        wayland_server::{
            Client, DataInit, Dispatch, DisplayHandle, Resource, backend::ClientId,
            protocol::wl_surface::WlSurface,
        },
    },
    wayland::{
        compositor::{get_role, give_role, with_states},
        seat::CURSOR_IMAGE_ROLE,
    },
};

use super::{MAX_LISTENERS, TabletHandler, TabletState, ToolId, listener::Listener};
use crate::protocols::globals::plain_manager;

plain_manager!(TabletState, Manager);

impl<D> Dispatch<Manager, (), D> for TabletState
where
    D: TabletHandler
        + Dispatch<Manager, ()>
        + Dispatch<SeatObject, ()>
        + Dispatch<TabletObject, ()>
        + Dispatch<ToolObject, ToolId>
        + 'static,
{
    fn request(
        state: &mut D,
        client: &Client,
        _: &Manager,
        request: manager::Request,
        (): &(),
        display: &DisplayHandle,
        init: &mut DataInit<'_, D>,
    ) {
        let manager::Request::GetTabletSeat { tablet_seat, seat } = request else { return };
        let object = init.init(tablet_seat, ());
        let Some(seat) = state.tablet_seat(&seat) else { return };
        let all = state.tablets();
        let of_client = all.listeners.iter().filter(|l| l.client == client.id()).count();
        if of_client >= MAX_LISTENERS {
            return;
        }
        let mut listener = Listener::new(client.id(), seat, object);
        for (id, tablet) in all.tablets.iter().filter(|(_, tablet)| tablet.seat == seat) {
            listener.tell_tablet::<D>(display, *id, &tablet.info);
        }
        for (id, known) in all.tools.iter().filter(|(_, known)| known.seat == seat) {
            listener.tell_tool::<D>(display, *id, &known.tool);
        }
        all.listeners.push(listener);
    }
}

impl<D> Dispatch<SeatObject, (), D> for TabletState
where
    D: TabletHandler + Dispatch<SeatObject, ()> + 'static,
{
    fn request(
        _: &mut D,
        _: &Client,
        _: &SeatObject,
        _: seat::Request,
        (): &(),
        _: &DisplayHandle,
        _: &mut DataInit<'_, D>,
    ) {
    }

    fn destroyed(state: &mut D, _: ClientId, object: &SeatObject, (): &()) {
        state.tablets().listeners.iter_mut().for_each(|l| l.asks_no_more(object));
        state.tablets().forget_silent();
    }
}

impl<D> Dispatch<TabletObject, (), D> for TabletState
where
    D: TabletHandler + Dispatch<TabletObject, ()> + 'static,
{
    fn request(
        _: &mut D,
        _: &Client,
        _: &TabletObject,
        _: tablet::Request,
        (): &(),
        _: &DisplayHandle,
        _: &mut DataInit<'_, D>,
    ) {
    }

    fn destroyed(state: &mut D, _: ClientId, object: &TabletObject, (): &()) {
        state.tablets().listeners.iter_mut().for_each(|l| l.forget_tablet(object));
        state.tablets().forget_silent();
    }
}

impl<D> Dispatch<ToolObject, ToolId, D> for TabletState
where
    D: TabletHandler + Dispatch<ToolObject, ToolId> + 'static,
{
    fn request(
        state: &mut D,
        _: &Client,
        object: &ToolObject,
        request: tool::Request,
        id: &ToolId,
        _: &DisplayHandle,
        _: &mut DataInit<'_, D>,
    ) {
        let tool::Request::SetCursor { serial, surface, hotspot_x, hotspot_y } = request else {
            return;
        };
        let Some(surface) = surface else {
            if state.tablets().has_entered(object, serial) {
                state.tool_cursor(*id, CursorImageStatus::Hidden);
            }
            return;
        };
        if !is_cursor(&surface) {
            object.post_error(tool::Error::Role, "the surface has another role");
            return;
        }
        // Somebody else has the pen by now.
        if !state.tablets().has_entered(object, serial) {
            return;
        }
        with_states(&surface, |states| {
            let hotspot = || Mutex::new(CursorImageAttributes { hotspot: (0, 0).into() });
            states.data_map.insert_if_missing_threadsafe(hotspot);
            let held = states.data_map.get::<Mutex<CursorImageAttributes>>();
            if let Some(mut held) = held.and_then(|held| held.lock().ok()) {
                held.hotspot = (hotspot_x, hotspot_y).into();
            }
        });
        state.tool_cursor(*id, CursorImageStatus::Surface(surface));
    }

    fn destroyed(state: &mut D, _: ClientId, object: &ToolObject, _: &ToolId) {
        state.tablets().listeners.iter_mut().for_each(|l| l.forget_tool(object));
        state.tablets().forget_silent();
    }
}

/// Whether a surface is a cursor's, or is from now on.
fn is_cursor(surface: &WlSurface) -> bool {
    give_role(surface, CURSOR_IMAGE_ROLE).is_ok() || get_role(surface) == Some(CURSOR_IMAGE_ROLE)
}

/// Gives a `State` the dispatch of this module.
macro_rules! delegate_tablet {
    ($state:ty) => {
        const _: () = {
            use ::smithay::reexports::wayland_protocols::wp::tablet::zv2::server::{
                zwp_tablet_manager_v2::ZwpTabletManagerV2, zwp_tablet_seat_v2::ZwpTabletSeatV2,
                zwp_tablet_tool_v2::ZwpTabletToolV2, zwp_tablet_v2::ZwpTabletV2,
            };
            use $crate::protocols::tablet::{TabletState, ToolId};
            ::wayland_server::delegate_global_dispatch!($state: [ZwpTabletManagerV2: ()] => TabletState);
            ::wayland_server::delegate_dispatch!($state: [ZwpTabletManagerV2: ()] => TabletState);
            ::wayland_server::delegate_dispatch!($state: [ZwpTabletSeatV2: ()] => TabletState);
            ::wayland_server::delegate_dispatch!($state: [ZwpTabletV2: ()] => TabletState);
            ::wayland_server::delegate_dispatch!($state: [ZwpTabletToolV2: ToolId] => TabletState);
        };
    };
}
pub(crate) use delegate_tablet;
