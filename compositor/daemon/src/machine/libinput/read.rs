//! What libinput's events say.

use std::ffi::c_void;

use porthole_core::scene::Point;

use super::{Axis, Devices, Event, FingerEvent, Scroll, number};

impl Devices {
    /// Tells what an event of libinput says, which may be several things.
    pub(super) fn read(&self, event: *mut c_void, tell: &mut dyn FnMut(Event)) {
        // SAFETY: an event that was not destroyed, as in all calls of functions that read events here
        // and below: each is of the kind that its type says.
        match unsafe { (self.functions.event_type)(event) } {
            number::REMOVED => tell(Event::Removed),
            number::KEY => {
                // SAFETY: as above.
                let event = unsafe { (self.functions.as_key)(event) };
                // SAFETY: as above.
                let code = unsafe { (self.functions.key)(event) };
                // SAFETY: as above.
                let pressed = unsafe { (self.functions.key_state)(event) } == 1;
                tell(Event::Key { code, pressed });
            }
            kind @ number::MOTION..=number::CONTINUOUS => {
                // SAFETY: as above.
                let event = unsafe { (self.functions.as_pointer)(event) };
                self.read_pointer(kind, event, tell);
            }
            number::TOUCH_FRAME => tell(Event::Finger(FingerEvent::Frame)),
            number::TOUCH_CANCEL => tell(Event::Finger(FingerEvent::Cancel)),
            kind @ number::TOUCH_DOWN..=number::TOUCH_MOTION => {
                // SAFETY: as above.
                let event = unsafe { (self.functions.as_touch)(event) };
                // SAFETY: as above.
                let slot = unsafe { (self.functions.touch_slot)(event) };
                let at = || self.place(event, self.functions.touch_x, self.functions.touch_y);
                tell(Event::Finger(match kind {
                    number::TOUCH_DOWN => FingerEvent::Down(slot, at()),
                    number::TOUCH_UP => FingerEvent::Up(slot),
                    _ => FingerEvent::Motion(slot, at()),
                }));
            }
            kind @ number::PEN_AXIS..=number::PEN_BUTTON => {
                // SAFETY: as above.
                let event = unsafe { (self.functions.as_pen)(event) };
                tell(Event::Pen(self.read_pen(kind, event)));
            }
            _ => {}
        }
    }

    pub(super) fn place(
        &self,
        event: *mut c_void,
        x: unsafe extern "system" fn(*mut c_void, u32) -> f64,
        y: unsafe extern "system" fn(*mut c_void, u32) -> f64,
    ) -> Point {
        // SAFETY: functions of libinput for an event of this kind.
        let x = unsafe { x(event, 1) };
        // SAFETY: as above.
        let y = unsafe { y(event, 1) };
        Point { x, y }
    }

    fn read_pointer(&self, kind: u32, event: *mut c_void, tell: &mut dyn FnMut(Event)) {
        let with = &self.functions;
        match kind {
            number::MOTION => {
                // SAFETY: an event of a pointer, as in all calls below.
                let dx = unsafe { (with.dx)(event) };
                // SAFETY: as above.
                let dy = unsafe { (with.dy)(event) };
                tell(Event::Motion { dx, dy });
            }
            number::ABSOLUTE => {
                tell(Event::Place(self.place(event, with.absolute_x, with.absolute_y)));
            }
            number::BUTTON => {
                // SAFETY: as above.
                let code = unsafe { (with.button)(event) };
                // SAFETY: as above.
                let pressed = unsafe { (with.button_state)(event) } == 1;
                tell(Event::Button { code, pressed });
            }
            number::WHEEL | number::FINGERS | number::CONTINUOUS => {
                let source = match kind {
                    number::WHEEL => Scroll::Wheel,
                    number::FINGERS => Scroll::Fingers,
                    _ => Scroll::Continuous,
                };
                for (code, axis) in [(0, Axis::Vertical), (1, Axis::Horizontal)] {
                    // SAFETY: as above.
                    if unsafe { (with.has_axis)(event, code) } == 0 {
                        continue;
                    }
                    // SAFETY: as above, and it has this axis.
                    let value = unsafe { (with.scroll)(event, code) };
                    let v120 = match source {
                        // SAFETY: as above, and it is a wheel.
                        Scroll::Wheel => unsafe { (with.scroll_v120)(event, code) },
                        _ => 0.0,
                    };
                    tell(Event::Scroll { source, axis, value, v120 });
                }
            }
            _ => {}
        }
    }
}
