//! Pointers by name.

use smithay::{
    reexports::{
        wayland_protocols::wp::cursor_shape::v1::server::{
            wp_cursor_shape_device_v1::{self, WpCursorShapeDeviceV1 as Device},
            wp_cursor_shape_manager_v1::{self, WpCursorShapeManagerV1 as Manager},
        },
        wayland_server::{Client, DataInit, Dispatch, DisplayHandle},
    },
    wayland::{
        cursor_shape::{CursorShapeDeviceUserData, CursorShapeManagerState},
        tablet_manager::TabletSeatHandler,
    },
};

use crate::{protocols::capture::CaptureHandler, state::State};

/// No seat has a tablet.
impl TabletSeatHandler for State {}

/// A device for a pointer whose seat is gone.
#[derive(Debug)]
struct Inert;

impl Dispatch<Manager, ()> for State {
    fn request(
        state: &mut Self,
        client: &Client,
        manager: &Manager,
        request: wp_cursor_shape_manager_v1::Request,
        data: &(),
        display: &DisplayHandle,
        data_init: &mut DataInit<'_, Self>,
    ) {
        match request {
            // smithay gives no object here, which is fatal to the service.
            wp_cursor_shape_manager_v1::Request::GetPointer { cursor_shape_device, pointer }
                if state.seat_of_pointer(&pointer).is_none() =>
            {
                data_init.init(cursor_shape_device, Inert);
            }
            request => <CursorShapeManagerState as Dispatch<Manager, (), Self>>::request(
                state, client, manager, request, data, display, data_init,
            ),
        }
    }
}

impl Dispatch<Device, Inert> for State {
    fn request(
        _: &mut Self,
        _: &Client,
        _: &Device,
        _: wp_cursor_shape_device_v1::Request,
        _: &Inert,
        _: &DisplayHandle,
        _: &mut DataInit<'_, Self>,
    ) {
    }
}

wayland_server::delegate_global_dispatch!(State: [Manager: ()] => CursorShapeManagerState);
wayland_server::delegate_dispatch!(State: [Device: CursorShapeDeviceUserData<State>] => CursorShapeManagerState);
