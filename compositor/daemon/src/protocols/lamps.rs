//! `porthole_lamps_v1`: which lamps of a seat's keyboard are on, for those who have such a keyboard.

use porthole_core::input::SeatId;
pub(crate) use porthole_wayland::lamps::server::porthole_lamps_v1::Lamps;
use porthole_wayland::lamps::server::{
    porthole_lamps_manager_v1::{self as manager, PortholeLampsManagerV1 as Manager},
    porthole_lamps_v1::{self as lamps, PortholeLampsV1 as Object},
};
use smithay::reexports::wayland_server::{
    Client, DataInit, Dispatch, DisplayHandle, GlobalDispatch, New, Resource, backend::ClientId,
    protocol::wl_seat::WlSeat,
};

use super::capture::ClientFilter;

/// What the compositor must answer.
pub(crate) trait LampsHandler {
    fn lamps_state(&mut self) -> &mut LampsState;
    /// The seat, when the client may know of its lamps.
    fn lamps_seat(&mut self, client: &Client, seat: &WlSeat) -> Option<SeatId>;
    /// Whether the client may still know.
    fn may_see_lamps(&self, client: &Client, seat: SeatId) -> bool;
    /// The lamps that are on.
    fn lamps(&self, seat: SeatId) -> Lamps;
}

/// Somebody who wants to know.
#[derive(Debug)]
struct Watcher {
    object: Object,
    seat: SeatId,
    told: Option<Lamps>,
}

/// All who want to know.
#[derive(Debug)]
pub(crate) struct LampsState {
    watchers: Vec<Watcher>,
}

/// Data of the global: who sees it.
pub(crate) struct LampsGlobal {
    filter: ClientFilter,
}

impl std::fmt::Debug for LampsGlobal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LampsGlobal")
    }
}

impl LampsState {
    /// Announces the global to the clients that `filter` lets see it.
    pub(crate) fn new<D>(
        display: &DisplayHandle,
        filter: impl Fn(&Client) -> bool + Send + Sync + 'static,
    ) -> Self
    where
        D: GlobalDispatch<Manager, LampsGlobal> + 'static,
    {
        let global = LampsGlobal { filter: Box::new(filter) };
        display.create_global::<D, Manager, _>(1, global);
        Self { watchers: Vec::new() }
    }

    /// Tells everybody who may know of a seat's lamps what is news.
    pub(crate) fn tell<D: LampsHandler>(state: &mut D, seat: SeatId) {
        if state.lamps_state().watchers.iter().all(|w| w.seat != seat) {
            return;
        }
        let lamps = state.lamps(seat);
        let mut watchers = std::mem::take(&mut state.lamps_state().watchers);
        for watcher in watchers.iter_mut().filter(|w| w.seat == seat && w.told != Some(lamps)) {
            let client = watcher.object.client();
            if client.is_some_and(|client| state.may_see_lamps(&client, seat)) {
                watcher.object.lamps(lamps);
                watcher.told = Some(lamps);
            }
        }
        state.lamps_state().watchers = watchers;
    }
}

impl<D> GlobalDispatch<Manager, LampsGlobal, D> for LampsState
where
    D: GlobalDispatch<Manager, LampsGlobal> + Dispatch<Manager, ()> + 'static,
{
    fn bind(
        _: &mut D,
        _: &DisplayHandle,
        _: &Client,
        resource: New<Manager>,
        _: &LampsGlobal,
        init: &mut DataInit<'_, D>,
    ) {
        init.init(resource, ());
    }

    fn can_view(client: Client, global: &LampsGlobal) -> bool {
        (global.filter)(&client)
    }
}

impl<D> Dispatch<Manager, (), D> for LampsState
where
    D: LampsHandler + Dispatch<Manager, ()> + Dispatch<Object, ()> + 'static,
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
        let manager::Request::GetLamps { id, seat } = request else { return };
        let object = init.init(id, ());
        match state.lamps_seat(client, &seat) {
            Some(seat) => {
                state.lamps_state().watchers.push(Watcher { object, seat, told: None });
                Self::tell(state, seat);
            }
            None => {
                tracing::warn!("the lamps of a seat without the right 'input:PORT' stay hidden");
            }
        }
    }
}

impl<D> Dispatch<Object, (), D> for LampsState
where
    D: LampsHandler + Dispatch<Object, ()> + 'static,
{
    fn request(
        _: &mut D,
        _: &Client,
        _: &Object,
        _: lamps::Request,
        (): &(),
        _: &DisplayHandle,
        _: &mut DataInit<'_, D>,
    ) {
    }

    fn destroyed(state: &mut D, _: ClientId, object: &Object, (): &()) {
        state.lamps_state().watchers.retain(|w| w.object != *object);
    }
}

/// Gives a `State` the dispatch of this module.
macro_rules! delegate_lamps {
    ($state:ty) => {
        const _: () = {
            use ::porthole_wayland::lamps::server::{
                porthole_lamps_manager_v1::PortholeLampsManagerV1,
                porthole_lamps_v1::PortholeLampsV1,
            };
            use $crate::protocols::lamps::{LampsGlobal, LampsState};
            ::wayland_server::delegate_global_dispatch!($state: [PortholeLampsManagerV1: LampsGlobal] => LampsState);
            ::wayland_server::delegate_dispatch!($state: [PortholeLampsManagerV1: ()] => LampsState);
            ::wayland_server::delegate_dispatch!($state: [PortholeLampsV1: ()] => LampsState);
        };
    };
}
pub(crate) use delegate_lamps;
