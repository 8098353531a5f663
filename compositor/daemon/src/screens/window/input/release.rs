//! The parent's objects of a seat that goes, or loses a device: an object that is only forgotten stays with
//! the parent for as long as the connection.

use wayland_client::{
    Proxy,
    protocol::{
        wl_keyboard::WlKeyboard, wl_pointer::WlPointer, wl_seat::WlSeat, wl_touch::WlTouch,
    },
};

use super::ParentSeat;

/// Since these versions an object can be given back.
const DEVICE: u32 = 3;
const SEAT: u32 = 5;

impl ParentSeat {
    /// Gives a pointer back, and first what hangs on it.
    pub(super) fn release_pointer(&mut self) {
        if let Some(lock) = self.lock.take() {
            lock.destroy();
        }
        if let Some(relative) = self.relative.take() {
            relative.destroy();
        }
        self.pointer
            .take()
            .filter(is_released::<WlPointer, DEVICE>)
            .iter()
            .for_each(WlPointer::release);
        self.locked = false;
    }

    pub(super) fn release_keyboard(&mut self) {
        let keyboard = self.keyboard.take().filter(is_released::<WlKeyboard, DEVICE>);
        keyboard.iter().for_each(WlKeyboard::release);
    }

    /// Whether there was a touch screen.
    pub(super) fn release_touch(&mut self) -> bool {
        let touch = self.touch.take();
        let was_there = touch.is_some();
        touch.filter(is_released::<WlTouch, DEVICE>).iter().for_each(WlTouch::release);
        was_there
    }

    /// Gives all back that there still is.
    pub(super) fn release(mut self) {
        if let Some(inhibitor) = self.inhibitor.take() {
            inhibitor.destroy();
        }
        self.release_pointer();
        self.release_keyboard();
        self.release_touch();
        Some(self.seat).filter(is_released::<WlSeat, SEAT>).iter().for_each(WlSeat::release);
    }
}

fn is_released<P: Proxy, const SINCE: u32>(object: &P) -> bool {
    object.version() >= SINCE
}
