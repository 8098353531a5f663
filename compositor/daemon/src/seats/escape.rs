//! The way out: a chord that no guest and no program can take.

use std::collections::BTreeSet;

use porthole_core::input::SeatId;
use smithay::{utils::SERIAL_COUNTER, wayland::pointer_constraints::with_pointer_constraint};

use crate::state::State;

/// What the way out means to one seat.
#[derive(Debug, Default)]
pub(super) struct Escape {
    /// Keys that completed the chord and are held still: nobody hears of them.
    pub(super) kept: BTreeSet<u32>,
    /// No surface holds the pointer before the next click.
    pub(super) free: bool,
}

impl State {
    /// Whether a key that a seat presses or lets go of is the service's own.
    pub(super) fn keeps_key(&mut self, id: SeatId, code: u32, pressed: bool) -> bool {
        let Some(chord) = self.config.input.escape else { return false };
        let Some(seat) = self.seats.get_mut(id) else { return false };
        if !pressed {
            return seat.escape.kept.remove(&code);
        }
        if !chord.completed_by(code, &seat.keys) {
            return false;
        }
        seat.escape.kept.insert(code);
        self.escape(id);
        true
    }

    /// Takes pointer and keyboard of a seat back from whoever has them.
    fn escape(&mut self, id: SeatId) {
        let Some(seat) = self.seats.get_mut(id) else { return };
        tracing::info!("seat '{}' takes its pointer and keyboard back", seat.seat.name());
        seat.escape.free = true;
        let (port, wl_seat) = (seat.port, seat.seat.clone());
        if let Some(pointer) = wl_seat.get_pointer()
            && let Some(surface) = pointer.current_focus()
        {
            with_pointer_constraint(&surface, &pointer, |constraint| {
                if let Some(held) = constraint.filter(|c| c.is_active()) {
                    held.deactivate();
                }
            });
        }
        self.globals.desktop.grabs.dismiss(&wl_seat);
        // Who had it hears that the modifiers of the chord are not its own any more.
        if let Some(keyboard) = wl_seat.get_keyboard() {
            keyboard.unset_grab(self);
            keyboard.set_focus(self, None, SERIAL_COUNTER.next_serial());
        }
        if let Some(port) = port {
            let shown = self.focus_layers(id, port);
            if let Some(seat) = self.seats.get_mut(id) {
                seat.focus.reset(&shown);
            }
            self.send_keyboard_focus(id);
        }
    }
}
