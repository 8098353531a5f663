//! The pointer of a seat: where it is, and what is under it.

use porthole_core::{input::SeatId, model::PortId, scene::Point};
use porthole_pixel::Rect;
use smithay::{
    backend::input::{Axis, AxisSource, ButtonState},
    input::pointer::{AxisFrame, ButtonEvent, ClickGrab, MotionEvent, PointerHandle},
    reexports::wayland_server::{
        Client, Resource,
        protocol::{wl_pointer, wl_surface::WlSurface},
    },
    utils::{Logical, Point as SmithayPoint, SERIAL_COUNTER},
    wayland::selection::data_device::DnDGrab,
};

use super::Seats;
use crate::{
    clock, desktop::is_guest, protocols::virtual_pointer::PointerInput, scene::surface_at,
    state::State,
};

pub(super) const fn smithay_point(p: Point) -> SmithayPoint<f64, Logical> {
    SmithayPoint::new(p.x, p.y)
}

impl Seats {
    /// Gives a seat a pointer if it has none.
    pub(super) fn want_pointer(&mut self, id: SeatId) {
        if let Some(seat) = self.get_mut(id).filter(|s| s.seat.get_pointer().is_none()) {
            seat.seat.add_pointer();
        }
    }
}

impl State {
    /// A virtual pointer appeared on a seat.
    pub(crate) fn add_pointer(&mut self, id: SeatId) {
        self.seats.want_pointer(id);
        // An arrow, until a client says otherwise.
        self.cursor_changed(id);
    }

    /// A pointing device of a seat did something.
    pub(crate) fn pointer_input(&mut self, id: SeatId, input: PointerInput) {
        self.take_pointer_back(id);
        match input {
            PointerInput::MotionAbsolute { x, y } => {
                if let Some(size) = self.port_of_seat(id).map(|p| p.size) {
                    let (w, h) = (f64::from(size.width), f64::from(size.height));
                    let to = Point { x: x * w, y: y * h };
                    let from = self.seats.get_mut(id).and_then(|s| s.device.replace(to));
                    let from = from.unwrap_or(to);
                    self.move_pointer(id, to, Point { x: to.x - from.x, y: to.y - from.y });
                }
            }
            PointerInput::Motion { dx, dy } => {
                let at = self.seats.get(id).and_then(|s| s.at).unwrap_or_default();
                let to = Point { x: at.x + dx, y: at.y + dy };
                self.move_pointer(id, to, Point { x: dx, y: dy });
            }
            PointerInput::Button { code, pressed } => self.button(id, code, pressed),
            PointerInput::Axis { axis, value, steps } => {
                let Some(axis) = our_axis(axis) else { return };
                self.with_axis(id, |frame| {
                    let frame = frame.value(axis, value);
                    steps.map_or(frame, |n| frame.v120(axis, n.saturating_mul(120)))
                });
            }
            PointerInput::AxisSource(source) => {
                if let Some(source) = our_source(source) {
                    self.with_axis(id, |frame| frame.source(source));
                }
            }
            PointerInput::AxisStop(axis) => {
                if let Some(axis) = our_axis(axis) {
                    self.with_axis(id, |frame| frame.stop(axis));
                }
            }
            PointerInput::Frame => self.pointer_frame(id),
        }
    }

    /// The part of its port that a seat's one guest has, if it has only one.
    pub(crate) fn bounds_of(&self, id: SeatId) -> Option<Rect> {
        let seat = self.seats.get(id)?;
        let (port, layer) = self.guest_layer(seat.only.as_ref()?)?;
        let all = Rect::from_size(self.ports.get(port)?.size);
        let place = self.device.pipeline(layer)?.destination;
        place.intersect(all).filter(|_| seat.port == Some(port))
    }

    /// The port that a seat is at.
    fn port_of_seat(&self, id: SeatId) -> Option<&crate::ports::Port> {
        self.ports.get(self.seats.get(id)?.port?)
    }

    fn with_axis(&mut self, id: SeatId, change: impl FnOnce(AxisFrame) -> AxisFrame) {
        if let Some(seat) = self.seats.get_mut(id) {
            let frame = seat.axis.take().unwrap_or_else(|| AxisFrame::new(clock::milliseconds()));
            seat.axis = Some(change(frame));
        }
    }

    pub(super) fn pointer_frame(&mut self, id: SeatId) {
        let Some(seat) = self.seats.get_mut(id) else { return };
        let axis = seat.axis.take();
        let Some(pointer) = seat.seat.get_pointer() else { return };
        if let Some(axis) = axis {
            pointer.axis(self, axis);
        }
        pointer.frame(self);
    }

    fn move_pointer(&mut self, id: SeatId, to: Point, by: Point) {
        let Some(to) = self.constrained(id, to, by) else { return };
        let Some(size) = self.port_of_seat(id).map(|p| p.size) else { return };
        let within = self.bounds_of(id).unwrap_or_else(|| Rect::from_size(size));
        // The last pixel is the farthest that a pointer gets.
        let clamp =
            |v: f64, from: i32, to: i32| v.clamp(f64::from(from), f64::from(to) - 1.0 / 256.0);
        let to = Point {
            x: clamp(to.x, within.left(), within.right()),
            y: clamp(to.y, within.top(), within.bottom()),
        };
        if let Some(seat) = self.seats.get_mut(id) {
            seat.at = Some(to);
        }
        self.send_motion(id);
        self.begin_constraint(id);
        self.cursor_moved(id);
    }

    /// The pointing device of a seat has gone elsewhere: its pointer is nowhere.
    pub(crate) fn pointer_left(&mut self, id: SeatId) {
        let Some(seat) = self.seats.get_mut(id) else { return };
        seat.at = None;
        seat.told = None;
        seat.device = None;
        let pointer = seat.seat.get_pointer();
        if let Some(pointer) = pointer {
            self.point_nowhere(&pointer);
        }
        self.cursor_moved(id);
    }

    /// The surface that the pointer is over, and the point in its own coordinates.
    pub(crate) fn under_pointer(&self, id: SeatId) -> Option<(&crate::scene::InputSurface, Point)> {
        let at = self.seats.get(id)?.at?;
        let found = surface_at(&self.port_of_seat(id)?.input, at)?;
        self.hears(found.0.element.layer, id).then_some(found)
    }

    /// Tells the surface under the pointer where the pointer is.
    pub(super) fn send_motion(&mut self, id: SeatId) {
        let Some(seat) = self.seats.get(id) else { return };
        let (Some(at), Some(pointer)) = (seat.at, seat.seat.get_pointer()) else { return };
        // smithay subtracts the surface's origin from the location. A layer may be scaled, so the
        // origin is chosen such that the difference is the point in the surface's own coordinates.
        // What is dragged is not for guests: their devices are not even to hear of it.
        let drags = pointer.with_grab(|_, grab| grab.is::<DnDGrab<Self>>()).unwrap_or_default();
        let of_guest = |on: &crate::scene::InputSurface| {
            on.surface.client().is_some_and(|client| is_guest(&client))
        };
        let under = self.under_pointer(id).filter(|(on, _)| !drags || !of_guest(on));
        let told = under.as_ref().map(|(_, local)| *local);
        let focus = under.map(|(found, local)| {
            let origin = Point { x: at.x - local.x, y: at.y - local.y };
            (found.surface.clone(), smithay_point(origin))
        });
        let dragged = self.dragged_to(id, at, &pointer);
        let event = MotionEvent {
            location: smithay_point(dragged.unwrap_or(at)),
            serial: SERIAL_COUNTER.next_serial(),
            time: clock::milliseconds(),
        };
        pointer.motion(self, focus, &event);
        if let Some(seat) = self.seats.get_mut(id) {
            seat.told = told;
        }
    }

    /// The location that says where the pointer is to the surface on which a button is held: smithay
    /// keeps that surface's origin as it was when the button went down.
    fn dragged_to(&self, id: SeatId, at: Point, pointer: &PointerHandle<Self>) -> Option<Point> {
        let held = pointer.with_grab(|_, grab| {
            let click = grab.is::<ClickGrab<Self>>();
            if click { grab.start_data().focus.clone() } else { None }
        });
        let (surface, origin) = held.flatten()?;
        let on = self.port_of_seat(id)?.input.iter().find(|on| on.surface == surface)?;
        let local = on.mapping.to_source(at);
        Some(Point { x: origin.x + local.x, y: origin.y + local.y })
    }

    /// Takes a pointer away from the surface that has it.
    pub(super) fn point_nowhere(&mut self, pointer: &PointerHandle<Self>) {
        let event = MotionEvent {
            location: pointer.current_location(),
            serial: SERIAL_COUNTER.next_serial(),
            time: clock::milliseconds(),
        };
        pointer.motion(self, None, &event);
        pointer.frame(self);
    }

    fn button(&mut self, id: SeatId, code: u32, pressed: bool) {
        let Some(seat) = self.seats.get_mut(id) else { return };
        let news = if pressed { seat.buttons.press(code) } else { seat.buttons.release(code) };
        if !news {
            return;
        }
        if pressed && let Some(port) = seat.port {
            // Who clicks wants to be where he clicks, and be held there if it must be.
            let was_free = std::mem::take(&mut seat.escape.free);
            let seat = seat.seat.clone();
            if was_free {
                self.begin_constraint(id);
            }
            let under =
                self.under_pointer(id).map(|(on, _)| (on.surface.clone(), on.element.layer));
            self.clicked_outside(&seat, under.as_ref().map(|(surface, _)| surface));
            if let Some((_, layer)) = under {
                self.click_focus(id, port, layer);
            }
        }
        self.send_button(id, code, pressed);
    }

    pub(super) fn send_button(&mut self, id: SeatId, code: u32, pressed: bool) {
        let pointer = self.seats.get(id).and_then(|s| s.seat.get_pointer());
        let Some(pointer) = pointer else { return };
        let state = if pressed { ButtonState::Pressed } else { ButtonState::Released };
        let event = ButtonEvent {
            serial: SERIAL_COUNTER.next_serial(),
            time: clock::milliseconds(),
            button: code,
            state,
        };
        pointer.button(self, &event);
    }

    /// What a port shows may have changed under its pointers, and who may have its keyboards.
    pub(crate) fn refresh_input(&mut self, port: PortId) {
        for id in self.seats.at_port(port) {
            self.refresh_keyboard_focus(id, port);
            self.refresh_pens(id);
            self.refresh_pointer_focus(id);
        }
    }

    fn refresh_pointer_focus(&mut self, id: SeatId) {
        let Some(seat) = self.seats.get(id) else { return };
        let (Some(_), Some(pointer)) = (seat.at, seat.seat.get_pointer()) else { return };
        if seat.pens.have_cursor() {
            return;
        }
        let told = seat.told;
        let under = self.under_pointer(id).map(|(found, local)| (found.surface.clone(), local));
        let (surface, local) = under.unzip();
        // The surface may have moved under a pointer that rests. One that is locked stays where it is.
        let moved = local != told && surface.as_ref().is_some_and(|s| !self.is_locked(s, &pointer));
        // A held button keeps its surface until it is released.
        if (surface != pointer.current_focus() || moved) && !pointer.is_grabbed() {
            self.send_motion(id);
            pointer.frame(self);
            // Another toplevel may be under it, or another part of the same one.
            self.cursor_moved(id);
        }
    }

    /// A client asked for the pointer of a seat. If the pointer is over its surface already, which
    /// smithay does not look at, it is told now: the seat of somebody who just came is heard of with
    /// the first motion.
    pub(crate) fn pointer_bound(&mut self, id: SeatId, client: &Client) {
        let Some(handle) = self.seats.get(id).and_then(|s| s.seat.get_pointer()) else { return };
        let (Some(focus), Some(serial)) = (handle.current_focus(), handle.last_enter()) else {
            return;
        };
        let of_client = |surface: &WlSurface| surface.client().is_some_and(|c| c == *client);
        let Some((on, local)) = self.under_pointer(id) else { return };
        if on.surface != focus || !of_client(&focus) {
            return;
        }
        if let Some(object) = handle.client_pointers(client).last() {
            object.enter(serial.into(), &focus, local.x, local.y);
            if object.version() >= wl_pointer::EVT_FRAME_SINCE {
                object.frame();
            }
        }
    }
}

const fn our_axis(axis: wl_pointer::Axis) -> Option<Axis> {
    match axis {
        wl_pointer::Axis::HorizontalScroll => Some(Axis::Horizontal),
        wl_pointer::Axis::VerticalScroll => Some(Axis::Vertical),
        _ => None,
    }
}

const fn our_source(source: wl_pointer::AxisSource) -> Option<AxisSource> {
    Some(match source {
        wl_pointer::AxisSource::Wheel => AxisSource::Wheel,
        wl_pointer::AxisSource::Finger => AxisSource::Finger,
        wl_pointer::AxisSource::Continuous => AxisSource::Continuous,
        wl_pointer::AxisSource::WheelTilt => AxisSource::WheelTilt,
        _ => return None,
    })
}
