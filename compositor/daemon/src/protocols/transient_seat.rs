//! `ext-transient-seat-v1`: a seat for each person whom a client stands for.

use porthole_core::input::SeatId;
use smithay::reexports::{
    wayland_protocols::ext::transient_seat::v1::server::{
        ext_transient_seat_manager_v1::{self as manager, ExtTransientSeatManagerV1 as Manager},
        ext_transient_seat_v1::{self as transient, ExtTransientSeatV1 as TransientSeat},
    },
    wayland_server::{
        Client, DataInit, Dispatch, DisplayHandle, GlobalDispatch,
        backend::{ClientId, GlobalId},
    },
};

use super::globals::{Filtered, filtered_manager};

/// What the compositor must answer.
pub(crate) trait TransientSeatHandler {
    /// Makes and announces a seat for this client; `None` denies it.
    fn create_transient_seat(&mut self, client: &Client) -> Option<(SeatId, GlobalId)>;
    /// The client does not want the seat any more, or is gone.
    fn transient_seat_destroyed(&mut self, seat: SeatId);
}

/// Data of a seat's object: the seat, unless it was denied.
#[derive(Debug)]
pub(crate) struct TransientSeatData {
    seat: Option<SeatId>,
}

/// The global.
#[derive(Debug)]
pub(crate) struct TransientSeatState;

impl TransientSeatState {
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

filtered_manager!(TransientSeatState, Manager);

impl<D> Dispatch<Manager, (), D> for TransientSeatState
where
    D: TransientSeatHandler
        + Dispatch<Manager, ()>
        + Dispatch<TransientSeat, TransientSeatData>
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
        let manager::Request::Create { seat } = request else { return };
        let made = state.create_transient_seat(client);
        let object = init.init(seat, TransientSeatData { seat: made.as_ref().map(|(id, _)| *id) });
        let backend = display.backend_handle();
        match made.and_then(|(_, global)| backend.global_name(global, client.id())) {
            Some(name) => object.ready(name),
            None => object.denied(),
        }
    }
}

impl<D> Dispatch<TransientSeat, TransientSeatData, D> for TransientSeatState
where
    D: TransientSeatHandler + Dispatch<TransientSeat, TransientSeatData> + 'static,
{
    fn request(
        _: &mut D,
        _: &Client,
        _: &TransientSeat,
        _: transient::Request,
        _: &TransientSeatData,
        _: &DisplayHandle,
        _: &mut DataInit<'_, D>,
    ) {
        // There is only its end.
    }

    fn destroyed(state: &mut D, _: ClientId, _: &TransientSeat, data: &TransientSeatData) {
        if let Some(seat) = data.seat {
            state.transient_seat_destroyed(seat);
        }
    }
}

/// Gives a `State` the dispatch of this module.
macro_rules! delegate_transient_seat {
    ($state:ty) => {
        const _: () = {
            use ::smithay::reexports::wayland_protocols::ext::transient_seat::v1::server::{
                ext_transient_seat_manager_v1::ExtTransientSeatManagerV1,
                ext_transient_seat_v1::ExtTransientSeatV1,
            };
            use $crate::protocols::transient_seat::{
                TransientSeatData, TransientSeatState,
            };
            ::wayland_server::delegate_global_dispatch!($state: [ExtTransientSeatManagerV1: $crate::protocols::globals::Filtered] => TransientSeatState);
            ::wayland_server::delegate_dispatch!($state: [ExtTransientSeatManagerV1: ()] => TransientSeatState);
            ::wayland_server::delegate_dispatch!($state: [ExtTransientSeatV1: TransientSeatData] => TransientSeatState);
        };
    };
}
pub(crate) use delegate_transient_seat;
