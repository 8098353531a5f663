//! `porthole_seat_feedback_v1`: what the devices of a seat are to do, for those who stand for them.

use porthole_core::input::SeatId;
pub(crate) use porthole_wayland::seat_feedback::server::porthole_seat_feedback_v1::Lamps;
use porthole_wayland::seat_feedback::server::{
    porthole_seat_feedback_manager_v1::{
        self as manager, PortholeSeatFeedbackManagerV1 as Manager,
    },
    porthole_seat_feedback_v1::{self as feedback, Pointer, PortholeSeatFeedbackV1 as Object},
};
use smithay::reexports::wayland_server::{
    Client, DataInit, Dispatch, DisplayHandle, GlobalDispatch, Resource, backend::ClientId,
    protocol::wl_seat::WlSeat,
};

use super::globals::{Filtered, filtered_manager};

/// What a seat's devices are to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Feedback {
    /// The lamps that are on.
    pub(crate) lamps: Lamps,
    /// A surface has locked the pointer.
    pub(crate) locked: bool,
}

/// What the compositor must answer.
pub(crate) trait SeatFeedbackHandler {
    fn seat_feedback(&mut self) -> &mut SeatFeedbackState;
    /// The seat, when the client may hear of it.
    fn feedback_seat(&mut self, client: &Client, seat: &WlSeat) -> Option<SeatId>;
    /// Whether the client may still hear of it.
    fn may_hear(&self, client: &Client, seat: SeatId) -> bool;
    fn feedback(&self, seat: SeatId) -> Feedback;
}

/// Somebody who wants to hear.
#[derive(Debug)]
struct Listener {
    object: Object,
    seat: SeatId,
    told: Option<Feedback>,
}

impl Listener {
    fn tell(&mut self, now: Feedback) {
        let before = self.told.replace(now);
        if before.map(|before| before.lamps) != Some(now.lamps) {
            self.object.lamps(now.lamps);
        }
        if before.map(|before| before.locked) != Some(now.locked) {
            self.object.pointer(if now.locked { Pointer::Locked } else { Pointer::Free });
        }
    }
}

/// All who want to hear.
#[derive(Debug)]
pub(crate) struct SeatFeedbackState {
    listeners: Vec<Listener>,
}

impl SeatFeedbackState {
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
        Self { listeners: Vec::new() }
    }

    /// Tells everybody what is news. Much changes what seats are to do, so it is looked at once a turn.
    pub(crate) fn refresh<D: SeatFeedbackHandler>(state: &mut D) {
        let mut listeners = std::mem::take(&mut state.seat_feedback().listeners);
        for listener in &mut listeners {
            let now = state.feedback(listener.seat);
            if listener.told != Some(now)
                && let Some(client) = listener.object.client()
                && state.may_hear(&client, listener.seat)
            {
                listener.tell(now);
            }
        }
        state.seat_feedback().listeners = listeners;
    }
}

filtered_manager!(SeatFeedbackState, Manager);

impl<D> Dispatch<Manager, (), D> for SeatFeedbackState
where
    D: SeatFeedbackHandler + Dispatch<Manager, ()> + Dispatch<Object, ()> + 'static,
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
        let manager::Request::GetFeedback { id, seat } = request else { return };
        let object = init.init(id, ());
        match state.feedback_seat(client, &seat) {
            // It is told at the end of the turn.
            Some(seat) => {
                state.seat_feedback().listeners.push(Listener { object, seat, told: None });
            }
            None => {
                tracing::warn!("nobody hears of a seat without the right 'input:PORT'");
            }
        }
    }
}

impl<D> Dispatch<Object, (), D> for SeatFeedbackState
where
    D: SeatFeedbackHandler + Dispatch<Object, ()> + 'static,
{
    fn request(
        _: &mut D,
        _: &Client,
        _: &Object,
        _: feedback::Request,
        (): &(),
        _: &DisplayHandle,
        _: &mut DataInit<'_, D>,
    ) {
    }

    fn destroyed(state: &mut D, _: ClientId, object: &Object, (): &()) {
        state.seat_feedback().listeners.retain(|l| l.object != *object);
    }
}

/// Gives a `State` the dispatch of this module.
macro_rules! delegate_seat_feedback {
    ($state:ty) => {
        const _: () = {
            use ::porthole_wayland::seat_feedback::server::{
                porthole_seat_feedback_manager_v1::PortholeSeatFeedbackManagerV1,
                porthole_seat_feedback_v1::PortholeSeatFeedbackV1,
            };
            use $crate::protocols::seat_feedback::{SeatFeedbackState};
            ::wayland_server::delegate_global_dispatch!($state: [PortholeSeatFeedbackManagerV1: $crate::protocols::globals::Filtered] => SeatFeedbackState);
            ::wayland_server::delegate_dispatch!($state: [PortholeSeatFeedbackManagerV1: ()] => SeatFeedbackState);
            ::wayland_server::delegate_dispatch!($state: [PortholeSeatFeedbackV1: ()] => SeatFeedbackState);
        };
    };
}
pub(crate) use delegate_seat_feedback;
