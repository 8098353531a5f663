//! Pens: whose tablets are whose.

use porthole_core::input::SeatId;
use smithay::{
    input::pointer::CursorImageStatus, reexports::wayland_server::protocol::wl_seat::WlSeat,
};

use crate::{
    protocols::tablet::{TabletHandler, TabletState, ToolId, delegate_tablet},
    state::State,
};

impl TabletHandler for State {
    fn tablets(&mut self) -> &mut TabletState {
        &mut self.globals.tablets
    }

    fn tablet_seat(&self, seat: &WlSeat) -> Option<SeatId> {
        self.seat_id(seat)
    }

    fn tool_cursor(&mut self, tool: ToolId, image: CursorImageStatus) {
        self.pen_looks(tool, image);
    }
}

delegate_tablet!(State);
