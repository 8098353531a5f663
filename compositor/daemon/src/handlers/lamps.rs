//! Whose lamps are on a seat's keyboard: those of the guest that has it, or else the seat's own.

use porthole_core::input::SeatId;
use smithay::reexports::wayland_server::{
    Client,
    protocol::{wl_seat::WlSeat, wl_surface::WlSurface},
};

use crate::{
    protocols::lamps::{Lamps, LampsHandler, LampsState, delegate_lamps},
    state::State,
};

impl LampsHandler for State {
    fn lamps_state(&mut self) -> &mut LampsState {
        &mut self.globals.lamps
    }

    fn lamps_seat(&mut self, client: &Client, seat: &WlSeat) -> Option<SeatId> {
        self.seat_id(seat).filter(|id| self.may_use(client, *id))
    }

    fn may_see_lamps(&self, client: &Client, seat: SeatId) -> bool {
        self.may_use(client, seat)
    }

    fn lamps(&self, seat: SeatId) -> Lamps {
        let shown = self.keyboard_layer(seat).and_then(|layer| self.windows.shown(layer));
        let report = shown.and_then(|t| self.globals.desktop.streams.report(t.wl_surface()));
        if let Some(lamps) = report.and_then(|report| report.lamps) {
            return Lamps::from_bits_truncate(lamps.bits());
        }
        let keyboard = self.seats.get(seat).and_then(|s| s.seat.get_keyboard());
        let own = keyboard.map(|keyboard| keyboard.led_state()).unwrap_or_default();
        let lamps = [(own.num, Lamps::Num), (own.caps, Lamps::Caps), (own.scroll, Lamps::Scroll)];
        lamps.into_iter().filter(|(on, _)| *on == Some(true)).map(|(_, lamp)| lamp).collect()
    }
}

impl State {
    /// A seat's keyboard may show other lamps now.
    pub(crate) fn tell_lamps(&mut self, id: SeatId) {
        LampsState::tell(self, id);
    }

    /// The guest that shows a toplevel changed its lamps.
    pub(super) fn lamps_changed(&mut self, surface: &WlSurface) {
        let Some(layer) = self.windows.layer_of(surface) else { return };
        let seats = self.seats.iter().map(|(id, _)| id);
        let seats: Vec<SeatId> =
            seats.filter(|id| self.keyboard_layer(*id) == Some(layer)).collect();
        seats.into_iter().for_each(|id| self.tell_lamps(id));
    }
}

delegate_lamps!(State);
