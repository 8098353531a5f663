//! `zwlr_virtual_pointer_v1`, through the seat: buttons that a device held are released when it goes.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

use porthole_core::input::SeatId;
use smithay::reexports::wayland_server::{
    Client, DataInit, Dispatch, DisplayHandle, GlobalDispatch, Resource, WEnum,
    backend::ClientId,
    protocol::{
        wl_output::WlOutput,
        wl_pointer::{Axis, AxisSource, ButtonState},
        wl_seat::WlSeat,
    },
};
use wayland_protocols_wlr::virtual_pointer::v1::server::{
    zwlr_virtual_pointer_manager_v1::{self as manager, ZwlrVirtualPointerManagerV1 as Manager},
    zwlr_virtual_pointer_v1::{self as pointer, ZwlrVirtualPointerV1 as Pointer},
};

use super::globals::{Filtered, filtered_manager};

/// What a device did. Positions are parts of the port: 0 is its left or top edge, 1 its right or
/// bottom one.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum PointerInput {
    Motion { dx: f64, dy: f64 },
    MotionAbsolute { x: f64, y: f64 },
    Button { code: u32, pressed: bool },
    Axis { axis: Axis, value: f64, steps: Option<i32> },
    AxisSource(AxisSource),
    AxisStop(Axis),
    Frame,
}

/// What the compositor must answer.
pub(crate) trait VirtualPointerHandler {
    /// The seat that is meant by this seat and output, when the client may send it input.
    fn pointer_seat(
        &mut self,
        client: &Client,
        seat: Option<&WlSeat>,
        output: Option<&WlOutput>,
    ) -> Option<SeatId>;
    /// Whether the client may still send input to this seat.
    fn may_point(&mut self, client: &Client, seat: SeatId) -> bool;
    fn virtual_pointer(&mut self, seat: SeatId, input: PointerInput);
}

/// One device.
#[derive(Debug)]
pub(crate) struct VirtualPointerData {
    seat: Option<SeatId>,
    held: Mutex<BTreeSet<u32>>,
}

/// The global.
#[derive(Debug)]
pub(crate) struct VirtualPointerState;

impl VirtualPointerState {
    /// Announces the global to the clients that `filter` lets see it.
    pub(crate) fn new<D>(
        display: &DisplayHandle,
        filter: impl Fn(&Client) -> bool + Send + Sync + 'static,
    ) -> Self
    where
        D: GlobalDispatch<Manager, Filtered> + 'static,
    {
        let global = Filtered::new(filter);
        display.create_global::<D, Manager, _>(2, global);
        Self
    }
}

filtered_manager!(VirtualPointerState, Manager);

impl<D> Dispatch<Manager, (), D> for VirtualPointerState
where
    D: VirtualPointerHandler
        + Dispatch<Manager, ()>
        + Dispatch<Pointer, VirtualPointerData>
        + 'static,
{
    fn request(
        state: &mut D,
        client: &Client,
        _: &Manager,
        request: manager::Request,
        (): &(),
        _: &DisplayHandle,
        init: &mut DataInit<'_, D>,
    ) {
        let (seat, output, id) = match request {
            manager::Request::CreateVirtualPointer { seat, id } => (seat, None, id),
            manager::Request::CreateVirtualPointerWithOutput { seat, output, id } => {
                (seat, output, id)
            }
            _ => return,
        };
        let seat = state.pointer_seat(client, seat.as_ref(), output.as_ref());
        if seat.is_none() {
            // The protocol has no error for it; the device stays and moves nothing.
            tracing::warn!("a virtual pointer without the right 'input:PORT' is ignored");
        }
        init.init(id, VirtualPointerData { seat, held: Mutex::default() });
    }
}

/// A request as an input, or nothing when its numbers mean nothing.
fn input(resource: &Pointer, request: &pointer::Request) -> Option<PointerInput> {
    let finite = |v: f64| if v.is_finite() { v } else { 0.0 };
    let known_axis = |axis: WEnum<Axis>| match axis {
        WEnum::Value(axis) => Some(axis),
        WEnum::Unknown(_) => {
            resource.post_error(pointer::Error::InvalidAxis, "an axis that wl_pointer lacks");
            None
        }
    };
    Some(match *request {
        pointer::Request::Motion { dx, dy, .. } => {
            PointerInput::Motion { dx: finite(dx), dy: finite(dy) }
        }
        pointer::Request::MotionAbsolute { x, y, x_extent, y_extent, .. }
            if x_extent > 0 && y_extent > 0 =>
        {
            PointerInput::MotionAbsolute {
                x: (f64::from(x) / f64::from(x_extent)).min(1.0),
                y: (f64::from(y) / f64::from(y_extent)).min(1.0),
            }
        }
        pointer::Request::Button { button, state, .. } => PointerInput::Button {
            code: button,
            pressed: state == WEnum::Value(ButtonState::Pressed),
        },
        pointer::Request::Axis { axis, value, .. } => {
            PointerInput::Axis { axis: known_axis(axis)?, value: finite(value), steps: None }
        }
        pointer::Request::AxisDiscrete { axis, value, discrete, .. } => PointerInput::Axis {
            axis: known_axis(axis)?,
            value: finite(value),
            steps: Some(discrete),
        },
        pointer::Request::AxisSource { axis_source } => match axis_source {
            WEnum::Value(source) => PointerInput::AxisSource(source),
            WEnum::Unknown(_) => {
                resource.post_error(pointer::Error::InvalidAxisSource, "an unknown axis source");
                return None;
            }
        },
        pointer::Request::AxisStop { axis, .. } => PointerInput::AxisStop(known_axis(axis)?),
        pointer::Request::Frame => PointerInput::Frame,
        _ => return None,
    })
}

impl<D> Dispatch<Pointer, VirtualPointerData, D> for VirtualPointerState
where
    D: VirtualPointerHandler + Dispatch<Pointer, VirtualPointerData> + 'static,
{
    fn request(
        state: &mut D,
        client: &Client,
        resource: &Pointer,
        request: pointer::Request,
        data: &VirtualPointerData,
        _: &DisplayHandle,
        _: &mut DataInit<'_, D>,
    ) {
        let (Some(seat), Some(input)) = (data.seat, input(resource, &request)) else { return };
        // The right may be gone since; what is held may be let go all the same.
        let lets_go =
            matches!(input, PointerInput::Button { pressed: false, .. } | PointerInput::Frame);
        if !lets_go && !state.may_point(client, seat) {
            return;
        }
        if let PointerInput::Button { code, pressed } = input {
            let mut held = data.held.lock().unwrap_or_else(PoisonError::into_inner);
            // A device has a handful of buttons; more are a fault and would only take memory.
            let full = held.len() >= 64;
            let news = if pressed { !full && held.insert(code) } else { held.remove(&code) };
            if !news {
                return;
            }
        }
        state.virtual_pointer(seat, input);
    }

    fn destroyed(state: &mut D, _: ClientId, _: &Pointer, data: &VirtualPointerData) {
        let held = {
            let mut held = data.held.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *held)
        };
        let (Some(seat), false) = (data.seat, held.is_empty()) else { return };
        for code in held {
            state.virtual_pointer(seat, PointerInput::Button { code, pressed: false });
        }
        state.virtual_pointer(seat, PointerInput::Frame);
    }
}

/// Gives a `State` the dispatch of this module.
macro_rules! delegate_virtual_pointer {
    ($state:ty) => {
        const _: () = {
            use $crate::protocols::virtual_pointer::{
                VirtualPointerData, VirtualPointerState,
            };
            use ::wayland_protocols_wlr::virtual_pointer::v1::server::{
                zwlr_virtual_pointer_manager_v1::ZwlrVirtualPointerManagerV1,
                zwlr_virtual_pointer_v1::ZwlrVirtualPointerV1,
            };
            ::wayland_server::delegate_global_dispatch!($state: [ZwlrVirtualPointerManagerV1: $crate::protocols::globals::Filtered] => VirtualPointerState);
            ::wayland_server::delegate_dispatch!($state: [ZwlrVirtualPointerManagerV1: ()] => VirtualPointerState);
            ::wayland_server::delegate_dispatch!($state: [ZwlrVirtualPointerV1: VirtualPointerData] => VirtualPointerState);
        };
    };
}
pub(crate) use delegate_virtual_pointer;
