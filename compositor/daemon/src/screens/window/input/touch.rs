//! Fingers on the parent's touch screens.

use wayland_client::{
    Connection, Dispatch, QueueHandle,
    protocol::wl_touch::{self, WlTouch},
};

use super::{Client, Event, OfSeat, ParentSeat};
use crate::protocols::virtual_touch::{FingerId, TouchInput};

impl Client {
    /// A touch screen is gone, with or without a word of the fingers on it. Fingers of all seats are this
    /// window's, so those of other ones leave too.
    pub(super) fn lose_touch(&mut self, of: OfSeat) {
        if self.devices.seat(of).is_some_and(ParentSeat::release_touch) {
            self.tell(Event::Touch(TouchInput::Gone(self.devices.touch)));
        }
    }
}

impl Dispatch<WlTouch, OfSeat> for Client {
    fn event(
        client: &mut Self,
        _: &WlTouch,
        event: wl_touch::Event,
        of: &OfSeat,
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        // Fingers of all seats are this window's; two seats with touch screens are rare, and their
        // numbers are kept apart.
        let device = client.devices.touch;
        let shift = i32::try_from(of.0 % 0x1000).unwrap_or(0) << 16;
        let finger = |id: i32| FingerId { device, id: id ^ shift };
        let input = match event {
            wl_touch::Event::Down { id, x, y, .. } => {
                TouchInput::Down(finger(id), client.devices.part(x, y))
            }
            wl_touch::Event::Motion { id, x, y, .. } => {
                TouchInput::Motion(finger(id), client.devices.part(x, y))
            }
            wl_touch::Event::Up { id, .. } => TouchInput::Up(finger(id)),
            wl_touch::Event::Frame => TouchInput::Frame,
            wl_touch::Event::Cancel => TouchInput::Cancel(device),
            _ => return,
        };
        client.tell(Event::Touch(input));
    }
}
