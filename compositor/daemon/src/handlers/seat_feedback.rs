//! What the devices of a seat are to do: lamps as the guest that has the keyboard lights them, and motion
//! where a surface has locked the pointer.

use porthole_core::input::SeatId;
use smithay::reexports::wayland_server::{Client, protocol::wl_seat::WlSeat};

use crate::{
    protocols::seat_feedback::{
        Feedback, Lamps, SeatFeedbackHandler, SeatFeedbackState, delegate_seat_feedback,
    },
    state::State,
};

impl SeatFeedbackHandler for State {
    fn seat_feedback(&mut self) -> &mut SeatFeedbackState {
        &mut self.globals.feedback
    }

    fn feedback_seat(&mut self, client: &Client, seat: &WlSeat) -> Option<SeatId> {
        self.seat_id(seat).filter(|id| self.may_use(client, *id))
    }

    fn may_hear(&self, client: &Client, seat: SeatId) -> bool {
        self.may_use(client, seat)
    }

    fn feedback(&self, seat: SeatId) -> Feedback {
        Feedback { lamps: self.lamps(seat), locked: self.has_locked_pointer(seat) }
    }
}

impl State {
    /// Tells those who stand for devices what is news.
    pub(crate) fn refresh_feedback(&mut self) {
        SeatFeedbackState::refresh(self);
        self.refresh_lamps();
    }

    /// Those of the guest that has the keyboard, or else those of the seat's own keymap.
    pub(super) fn lamps(&self, seat: SeatId) -> Lamps {
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

delegate_seat_feedback!(State);
