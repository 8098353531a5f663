//! `porthole_virtual_touch_v1`, through the seat: the fingers of a device leave when it goes.

use std::sync::atomic::{AtomicU64, Ordering};

use porthole_core::{input::SeatId, scene::Point};
use porthole_wayland::virtual_touch::server::{
    porthole_virtual_touch_manager_v1::{
        self as manager, PortholeVirtualTouchManagerV1 as Manager,
    },
    porthole_virtual_touch_v1::{self as touch, PortholeVirtualTouchV1 as Touch},
};
use smithay::reexports::wayland_server::{
    Client, DataInit, Dispatch, DisplayHandle, GlobalDispatch, Resource,
    backend::ClientId,
    protocol::{wl_output::WlOutput, wl_seat::WlSeat},
};

use super::globals::{Filtered, filtered_manager};

/// A finger of one device.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub(crate) struct FingerId {
    /// Unlike for every other device.
    pub(crate) device: u64,
    /// The client's number.
    pub(crate) id: i32,
}

/// What a device did. Places are parts of the port: 0 is its left or top edge, 1 its right or bottom
/// one.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum TouchInput {
    Down(FingerId, Point),
    Motion(FingerId, Point),
    Up(FingerId),
    Frame,
    /// All fingers of the device, which were not meant.
    Cancel(u64),
    /// All fingers of the device, which is gone.
    Gone(u64),
}

/// What the compositor must answer.
pub(crate) trait VirtualTouchHandler {
    /// The seat that is meant by this seat and output, when the client may send it input.
    fn touch_seat(
        &mut self,
        client: &Client,
        seat: Option<&WlSeat>,
        output: &WlOutput,
    ) -> Option<SeatId>;
    /// Whether the client may still send input to this seat.
    fn may_touch(&mut self, client: &Client, seat: SeatId) -> bool;
    fn virtual_touch(&mut self, seat: SeatId, input: TouchInput);
}

/// One device.
#[derive(Debug)]
pub(crate) struct VirtualTouchData {
    seat: Option<SeatId>,
    device: u64,
}

/// The global.
#[derive(Debug)]
pub(crate) struct VirtualTouchState;

impl VirtualTouchState {
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
        Self
    }
}

filtered_manager!(VirtualTouchState, Manager);

impl<D> Dispatch<Manager, (), D> for VirtualTouchState
where
    D: VirtualTouchHandler + Dispatch<Manager, ()> + Dispatch<Touch, VirtualTouchData> + 'static,
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
        static DEVICES: AtomicU64 = AtomicU64::new(0);
        let manager::Request::CreateVirtualTouch { seat, output, id } = request else { return };
        let seat = state.touch_seat(client, seat.as_ref(), &output);
        if seat.is_none() {
            tracing::warn!("a virtual touch screen without the right 'input:PORT' is ignored");
        }
        let device = DEVICES.fetch_add(1, Ordering::Relaxed);
        init.init(id, VirtualTouchData { seat, device });
    }
}

/// A place as parts of the port.
fn place(object: &Touch, (x, y): (u32, u32), (width, height): (u32, u32)) -> Option<Point> {
    if width == 0 || height == 0 {
        object.post_error(touch::Error::InvalidExtent, "an extent is zero");
        return None;
    }
    let part = |value: u32, extent: u32| (f64::from(value) / f64::from(extent)).min(1.0);
    Some(Point { x: part(x, width), y: part(y, height) })
}

impl<D> Dispatch<Touch, VirtualTouchData, D> for VirtualTouchState
where
    D: VirtualTouchHandler + Dispatch<Touch, VirtualTouchData> + 'static,
{
    fn request(
        state: &mut D,
        client: &Client,
        object: &Touch,
        request: touch::Request,
        data: &VirtualTouchData,
        _: &DisplayHandle,
        _: &mut DataInit<'_, D>,
    ) {
        let (Some(seat), device) = (data.seat, data.device) else { return };
        let input = match request {
            touch::Request::Down { id, x, y, x_extent, y_extent, .. } => {
                place(object, (x, y), (x_extent, y_extent))
                    .map(|at| TouchInput::Down(FingerId { device, id }, at))
            }
            touch::Request::Motion { id, x, y, x_extent, y_extent, .. } => {
                place(object, (x, y), (x_extent, y_extent))
                    .map(|at| TouchInput::Motion(FingerId { device, id }, at))
            }
            touch::Request::Up { id, .. } => Some(TouchInput::Up(FingerId { device, id })),
            touch::Request::Frame => Some(TouchInput::Frame),
            touch::Request::Cancel => Some(TouchInput::Cancel(device)),
            _ => None,
        };
        let Some(input) = input else { return };
        // The right may be gone since; fingers may leave all the same.
        let adds = matches!(input, TouchInput::Down(..) | TouchInput::Motion(..));
        if !adds || state.may_touch(client, seat) {
            state.virtual_touch(seat, input);
        }
    }

    fn destroyed(state: &mut D, _: ClientId, _: &Touch, data: &VirtualTouchData) {
        if let Some(seat) = data.seat {
            state.virtual_touch(seat, TouchInput::Gone(data.device));
        }
    }
}

/// Gives a `State` the dispatch of this module.
macro_rules! delegate_virtual_touch {
    ($state:ty) => {
        const _: () = {
            use $crate::protocols::virtual_touch::{
                VirtualTouchData, VirtualTouchState,
            };
            use ::porthole_wayland::virtual_touch::server::{
                porthole_virtual_touch_manager_v1::PortholeVirtualTouchManagerV1,
                porthole_virtual_touch_v1::PortholeVirtualTouchV1,
            };
            ::wayland_server::delegate_global_dispatch!($state: [PortholeVirtualTouchManagerV1: $crate::protocols::globals::Filtered] => VirtualTouchState);
            ::wayland_server::delegate_dispatch!($state: [PortholeVirtualTouchManagerV1: ()] => VirtualTouchState);
            ::wayland_server::delegate_dispatch!($state: [PortholeVirtualTouchV1: VirtualTouchData] => VirtualTouchState);
        };
    };
}
pub(crate) use delegate_virtual_touch;
