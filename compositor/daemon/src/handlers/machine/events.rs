//! What a person does with the machine's own devices, on the seats that these are on.

use std::collections::BTreeSet;

use porthole_core::{input::SeatId, scene::Point};
use porthole_pixel::{Rect, Size};
use smithay::reexports::wayland_server::protocol::wl_pointer;

use super::Used;
use crate::{
    machine::{
        DeviceId, Event, FingerEvent, PenEvent,
        libinput::{Axis, Scroll},
    },
    protocols::{
        seat_feedback::Lamps,
        virtual_pointer::PointerInput,
        virtual_touch::{FingerId, TouchInput},
    },
    seats::PenInput,
    state::State,
};

/// Steps of a wheel are told in parts of this.
const STEP: f64 = 120.0;

impl State {
    /// Takes what devices did.
    pub(super) fn take_device_events(&mut self) {
        let Some(devices) = self.machine.devices.as_mut() else { return };
        for (id, event) in devices.take() {
            self.device_event(id, event);
        }
    }

    fn device_event(&mut self, id: DeviceId, event: Event) {
        if event == Event::Removed {
            return self.device_gone(id);
        }
        let Some(used) = self.machine.used.get_mut(&id) else { return };
        let Some(seat) = used.seat else { return };
        match event {
            Event::Key { code, pressed } => {
                if held(&mut used.keys, code, pressed) {
                    self.device_key(id, seat, code, pressed);
                }
            }
            Event::Button { code, pressed } => {
                if held(&mut used.buttons, code, pressed) {
                    self.point(seat, PointerInput::Button { code, pressed });
                }
            }
            Event::Motion { dx, dy } => {
                self.begin_in_the_middle(seat);
                self.point(seat, PointerInput::Motion { dx, dy });
            }
            Event::Place(at) => {
                if let Some(Point { x, y }) = self.place_of(id, seat, at) {
                    self.point(seat, PointerInput::MotionAbsolute { x, y });
                }
            }
            Event::Scroll { source, axis, value, v120 } => {
                let steps = used.steps(axis, v120);
                self.scroll(seat, (source, axis), value, steps);
            }
            Event::Finger(event) => self.finger(id, seat, event),
            Event::Pen(event) => self.pen(id, seat, &event),
            Event::Removed => {}
        }
    }

    fn device_key(&mut self, id: DeviceId, seat: SeatId, code: u32, pressed: bool) {
        let held = self.seats.get(seat).map(|seat| seat.keys().clone());
        if pressed && held.is_some_and(|held| self.switches_console(&held, code)) {
            return;
        }
        let layout = self.machine.used.get(&id).map(|used| used.assignment.keymap.clone());
        if let Some(layout) = layout.filter(|_| pressed) {
            self.use_layout(seat, &layout);
        }
        self.key(seat, code, pressed);
    }

    fn point(&mut self, seat: SeatId, input: PointerInput) {
        self.pointer_input(seat, input);
        self.pointer_input(seat, PointerInput::Frame);
    }

    /// A mouse begins in the middle of what it is for.
    fn begin_in_the_middle(&mut self, seat: SeatId) {
        if self.seats.get(seat).is_some_and(|seat| seat.at().is_none())
            && let Some((port, area)) = self.extent_of(seat)
        {
            let manner = porthole_core::devices::Manner::default();
            let Point { x, y } = manner.place(Point { x: 0.5, y: 0.5 }, port, area);
            self.pointer_input(seat, PointerInput::MotionAbsolute { x, y });
        }
    }

    /// The size of the port that a seat is at, and the part of it that is the seat's guest's.
    fn extent_of(&self, seat: SeatId) -> Option<(Size, Option<Rect>)> {
        let size = self.ports.get(self.seats.get(seat)?.port?)?.size;
        Some((size, self.bounds_of(seat)))
    }

    /// Where a place of a device is, as parts of its port.
    fn place_of(&self, id: DeviceId, seat: SeatId, at: Point) -> Option<Point> {
        let (port, area) = self.extent_of(seat)?;
        let used = self.machine.used.get(&id)?;
        Some(used.assignment.manner.place(at, port, area))
    }

    fn scroll(
        &mut self,
        seat: SeatId,
        (source, axis): (Scroll, Axis),
        value: f64,
        steps: Option<i32>,
    ) {
        let source = match source {
            Scroll::Wheel => wl_pointer::AxisSource::Wheel,
            Scroll::Fingers => wl_pointer::AxisSource::Finger,
            Scroll::Continuous => wl_pointer::AxisSource::Continuous,
        };
        let axis = match axis {
            Axis::Vertical => wl_pointer::Axis::VerticalScroll,
            Axis::Horizontal => wl_pointer::Axis::HorizontalScroll,
        };
        self.pointer_input(seat, PointerInput::AxisSource(source));
        let ends = source == wl_pointer::AxisSource::Finger && value == 0.0;
        let input = if ends {
            PointerInput::AxisStop(axis)
        } else {
            PointerInput::Axis { axis, value, steps }
        };
        self.point(seat, input);
    }

    fn finger(&mut self, id: DeviceId, seat: SeatId, event: FingerEvent) {
        let device = id.number();
        let name = |id: i32| FingerId { device, id };
        let input = match event {
            FingerEvent::Down(finger, at) => {
                self.place_of(id, seat, at).map(|at| TouchInput::Down(name(finger), at))
            }
            FingerEvent::Motion(finger, at) => {
                self.place_of(id, seat, at).map(|at| TouchInput::Motion(name(finger), at))
            }
            FingerEvent::Up(finger) => Some(TouchInput::Up(name(finger))),
            FingerEvent::Cancel => Some(TouchInput::Cancel(device)),
            FingerEvent::Frame => Some(TouchInput::Frame),
        };
        if let Some(input) = input {
            self.touch_input(seat, input);
        }
    }

    fn pen(&mut self, id: DeviceId, seat: SeatId, event: &PenEvent) {
        let PenEvent { tool, axes, wheel, action, .. } = *event;
        let tablet = self.machine.used.get(&id).and_then(|used| used.tablet);
        let Some(tablet) = tablet else { return };
        let Some(tool) = self.tool_on(seat, tablet, tool) else { return };
        // One may leave while the seat is nowhere.
        let at = self.place_of(id, seat, event.at).unwrap_or_default();
        self.pen_input(seat, PenInput { tablet, tool, at, axes, wheel, action });
    }

    /// Lets go of buttons.
    pub(super) fn release_buttons(&mut self, seat: SeatId, buttons: BTreeSet<u32>) {
        for code in buttons {
            self.point(seat, PointerInput::Button { code, pressed: false });
        }
    }

    /// Lights keyboards' lamps as who has the keyboard wants them.
    pub(crate) fn refresh_lamps(&mut self) {
        if self.machine.used.is_empty() {
            return;
        }
        let wanted: Vec<(DeviceId, u32)> = self
            .machine
            .used
            .iter()
            .filter(|(_, used)| {
                used.described.kinds.contains(&porthole_core::devices::Kind::Keyboard)
            })
            .filter_map(|(id, used)| {
                let lamps = self.lamps(used.seat?);
                let all = [(Lamps::Num, 1), (Lamps::Caps, 2), (Lamps::Scroll, 4)];
                let lit = all.into_iter().filter(|(lamp, _)| lamps.contains(*lamp));
                Some((*id, lit.map(|(_, bit)| bit).sum()))
            })
            .collect();
        for (id, lamps) in wanted {
            if let Some(used) = self.machine.used.get_mut(&id)
                && used.lamps.replace(lamps) != Some(lamps)
                && let Some(devices) = self.machine.devices.as_ref()
            {
                devices.light(id, lamps);
            }
        }
    }
}

impl Used {
    /// Whole steps of a wheel, of which this is the next part.
    fn steps(&mut self, axis: Axis, v120: f64) -> Option<i32> {
        let [vertical, horizontal] = &mut self.turned;
        let turned = match axis {
            Axis::Vertical => vertical,
            Axis::Horizontal => horizontal,
        };
        *turned += v120;
        let steps = (*turned / STEP).trunc();
        *turned -= steps * STEP;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a whole number, and the cast saturates"
        )]
        let steps = steps as i32;
        (steps != 0).then_some(steps)
    }
}

/// Whether this is news of a key or button.
fn held(all: &mut BTreeSet<u32>, code: u32, pressed: bool) -> bool {
    if pressed { all.insert(code) } else { all.remove(&code) }
}
