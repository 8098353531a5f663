//! Pointers by name.

use smithay::{
    input::pointer::{CursorIcon, CursorImageStatus},
    reexports::{
        wayland_protocols::wp::{
            cursor_shape::v1::server::{
                wp_cursor_shape_device_v1::{self, Shape, WpCursorShapeDeviceV1 as Device},
                wp_cursor_shape_manager_v1::{self, WpCursorShapeManagerV1 as Manager},
            },
            tablet::zv2::server::zwp_tablet_tool_v2::ZwpTabletToolV2 as Tool,
        },
        wayland_server::{Client, DataInit, Dispatch, DisplayHandle, Resource, WEnum, Weak},
    },
    wayland::{
        cursor_shape::{CursorShapeDeviceUserData, CursorShapeManagerState},
        tablet_manager::TabletSeatHandler,
    },
};

use crate::{
    protocols::{capture::CaptureHandler, tablet::ToolId},
    state::State,
};

/// smithay wants it of who names pointers; its tablets are not used.
impl TabletSeatHandler for State {}

/// The names of the protocol, from 1 on.
const SHAPES: [CursorIcon; 36] = [
    CursorIcon::Default,
    CursorIcon::ContextMenu,
    CursorIcon::Help,
    CursorIcon::Pointer,
    CursorIcon::Progress,
    CursorIcon::Wait,
    CursorIcon::Cell,
    CursorIcon::Crosshair,
    CursorIcon::Text,
    CursorIcon::VerticalText,
    CursorIcon::Alias,
    CursorIcon::Copy,
    CursorIcon::Move,
    CursorIcon::NoDrop,
    CursorIcon::NotAllowed,
    CursorIcon::Grab,
    CursorIcon::Grabbing,
    CursorIcon::EResize,
    CursorIcon::NResize,
    CursorIcon::NeResize,
    CursorIcon::NwResize,
    CursorIcon::SResize,
    CursorIcon::SeResize,
    CursorIcon::SwResize,
    CursorIcon::WResize,
    CursorIcon::EwResize,
    CursorIcon::NsResize,
    CursorIcon::NeswResize,
    CursorIcon::NwseResize,
    CursorIcon::ColResize,
    CursorIcon::RowResize,
    CursorIcon::AllScroll,
    CursorIcon::ZoomIn,
    CursorIcon::ZoomOut,
    CursorIcon::DndAsk,
    CursorIcon::AllResize,
];

/// A device for a pen.
#[derive(Debug)]
struct OfPen(Weak<Tool>);

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
            wp_cursor_shape_manager_v1::Request::GetTabletToolV2 {
                cursor_shape_device,
                tablet_tool,
            } => {
                data_init.init(cursor_shape_device, OfPen(tablet_tool.downgrade()));
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

impl Dispatch<Device, OfPen> for State {
    fn request(
        state: &mut Self,
        _: &Client,
        _: &Device,
        request: wp_cursor_shape_device_v1::Request,
        data: &OfPen,
        _: &DisplayHandle,
        _: &mut DataInit<'_, Self>,
    ) {
        let wp_cursor_shape_device_v1::Request::SetShape { serial, shape: WEnum::Value(shape) } =
            request
        else {
            return;
        };
        let Ok(tool) = data.0.upgrade() else { return };
        if state.globals.tablets.has_entered(&tool, serial)
            && let Some(id) = tool.data::<ToolId>()
        {
            state.pen_looks(*id, CursorImageStatus::Named(icon(shape)));
        }
    }
}

fn icon(shape: Shape) -> CursorIcon {
    let at = usize::try_from(u32::from(shape)).ok().and_then(|number| number.checked_sub(1));
    at.and_then(|at| SHAPES.get(at)).copied().unwrap_or(CursorIcon::Default)
}

wayland_server::delegate_global_dispatch!(State: [Manager: ()] => CursorShapeManagerState);
wayland_server::delegate_dispatch!(State: [Device: CursorShapeDeviceUserData<State>] => CursorShapeManagerState);
