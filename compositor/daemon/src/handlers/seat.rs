//! Seats.

use smithay::{
    input::{Seat, SeatHandler, SeatState, pointer::CursorImageStatus},
    reexports::wayland_server::{
        Client, DataInit, Dispatch, DisplayHandle,
        backend::ClientId,
        protocol::{
            wl_keyboard::WlKeyboard,
            wl_pointer::WlPointer,
            wl_seat::{self, WlSeat},
            wl_surface::WlSurface,
            wl_touch::WlTouch,
        },
    },
    wayland::seat::{
        KeyboardUserData, PointerUserData, SeatGlobalData, SeatUserData, TouchUserData,
    },
};

use crate::state::State;

impl SeatHandler for State {
    type KeyboardFocus = WlSurface;
    type PointerFocus = WlSurface;
    type TouchFocus = WlSurface;

    fn seat_state(&mut self) -> &mut SeatState<Self> {
        &mut self.seats.state
    }

    fn focus_changed(&mut self, seat: &Seat<Self>, focused: Option<&WlSurface>) {
        self.selection_focus(seat, focused);
    }

    fn cursor_image(&mut self, seat: &Seat<Self>, image: CursorImageStatus) {
        let Some(id) = self.seats.id_of(seat) else { return };
        if let Some(seat) = self.seats.get_mut(id) {
            seat.cursor = image;
        }
        self.cursor_changed(id);
    }
}

impl Dispatch<WlSeat, SeatUserData<State>> for State {
    fn request(
        state: &mut Self,
        client: &Client,
        object: &WlSeat,
        request: wl_seat::Request,
        data: &SeatUserData<State>,
        display: &DisplayHandle,
        init: &mut DataInit<'_, Self>,
    ) {
        let pointer = matches!(request, wl_seat::Request::GetPointer { .. });
        let touch = matches!(request, wl_seat::Request::GetTouch { .. });
        <SeatState<Self> as Dispatch<WlSeat, SeatUserData<Self>, Self>>::request(
            state, client, object, request, data, display, init,
        );
        let seat = (pointer || touch).then(|| Seat::from_resource(object)).flatten();
        if let Some(id) = seat.and_then(|seat| state.seats.id_of(&seat)) {
            if pointer {
                state.pointer_bound(id, client);
            } else {
                state.touch_bound(id, client.id());
            }
        }
    }

    fn destroyed(state: &mut Self, client: ClientId, object: &WlSeat, data: &SeatUserData<State>) {
        if let Some(id) = Seat::from_resource(object).and_then(|seat| state.seats.id_of(&seat)) {
            state.touch_unbound(id, &client);
        }
        <SeatState<Self> as Dispatch<WlSeat, SeatUserData<Self>, Self>>::destroyed(
            state, client, object, data,
        );
    }
}

wayland_server::delegate_global_dispatch!(State: [WlSeat: SeatGlobalData<State>] => SeatState<State>);
wayland_server::delegate_dispatch!(State: [WlPointer: PointerUserData<State>] => SeatState<State>);
wayland_server::delegate_dispatch!(State: [WlKeyboard: KeyboardUserData<State>] => SeatState<State>);
wayland_server::delegate_dispatch!(State: [WlTouch: TouchUserData<State>] => SeatState<State>);
