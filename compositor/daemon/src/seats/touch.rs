//! Fingers of a seat. Each belongs to the surface on which it came down until it leaves.
//!
//! Events go to the surfaces past smithay's own state of touches: its grab sends every finger to the
//! surface of the first one, and so two guests could not be touched at once.

use std::collections::{BTreeMap, HashSet};

use porthole_core::{input::SeatId, scene::Point};
use smithay::{
    backend::input::TouchSlot,
    input::{
        Seat,
        touch::{DownEvent, MotionEvent, TouchTarget, UpEvent},
    },
    reexports::wayland_server::{Resource, backend::ClientId, protocol::wl_surface::WlSurface},
    utils::{SERIAL_COUNTER, Serial},
};

use crate::{
    clock,
    protocols::virtual_touch::{FingerId, TouchInput},
    scene::surface_at,
    seats::pointer::smithay_point,
    state::State,
};

/// Fingers of one seat: more than two hands have.
const MAX_FINGERS: usize = 16;

/// A finger that is down.
#[derive(Debug)]
struct Finger {
    slot: u32,
    on: Option<WlSurface>,
    /// Where it is, in the surface's own coordinates.
    local: Point,
    /// The surface's client listened to this seat's touch screens when it came down.
    heard: bool,
}

/// The fingers of a seat, and who listens to them.
#[derive(Debug, Default)]
pub(super) struct Fingers {
    down: BTreeMap<FingerId, Finger>,
    /// Surfaces that were told something since the last frame.
    told: Vec<WlSurface>,
    listeners: HashSet<ClientId>,
}

impl Fingers {
    fn free_slot(&self) -> u32 {
        let used = |slot: u32| self.down.values().any(|finger| finger.slot == slot);
        (0..).find(|slot| !used(*slot)).unwrap_or_default()
    }
}

fn slot(finger: &Finger) -> TouchSlot {
    TouchSlot::from(Some(finger.slot))
}

impl State {
    /// A virtual touch screen appeared on a seat.
    pub(crate) fn add_touch(&mut self, id: SeatId) {
        if let Some(seat) = self.seats.get_mut(id).filter(|s| s.seat.get_touch().is_none()) {
            seat.seat.add_touch();
        }
    }

    /// A touch screen of a seat did something.
    pub(crate) fn touch_input(&mut self, id: SeatId, input: TouchInput) {
        match input {
            TouchInput::Down(finger, at) => self.finger_down(id, finger, at),
            TouchInput::Motion(finger, at) => self.finger_moved(id, finger, at),
            TouchInput::Up(finger) => self.finger_up(id, finger),
            TouchInput::Frame => self.touch_frame(id),
            TouchInput::Cancel(device) => self.cancel_fingers(id, device),
            TouchInput::Gone(device) => self.lift_fingers(id, |finger| finger.device == device),
        }
    }

    /// Part of the port to port pixels; the last pixel is the farthest that a finger gets.
    fn place_on_port(&self, id: SeatId, part: Point) -> Option<Point> {
        let size = self.ports.get(self.seats.get(id)?.port?)?.size;
        let at =
            |part: f64, len: u32| (part * f64::from(len)).clamp(0.0, f64::from(len) - 1.0 / 256.0);
        Some(Point { x: at(part.x, size.width), y: at(part.y, size.height) })
    }

    fn finger_down(&mut self, id: SeatId, finger: FingerId, part: Point) {
        let Some(at) = self.place_on_port(id, part) else { return };
        let Some(seat) = self.seats.get(id) else { return };
        let fingers = &seat.fingers;
        if fingers.down.contains_key(&finger) || fingers.down.len() >= MAX_FINGERS {
            return;
        }
        let (slot, wl_seat) = (fingers.free_slot(), seat.seat.clone());
        let Some(port) = seat.port else { return };
        let found = self.ports.get(port).and_then(|p| surface_at(&p.input, at));
        let found = found.filter(|(on, _)| self.hears(on.element.layer, id));
        let found = found.map(|(on, local)| (on.surface.clone(), on.element.layer, local));
        let surface = found.as_ref().map(|(surface, ..)| surface);
        self.clicked_outside(&wl_seat, surface);
        if let Some((_, layer, _)) = found {
            self.click_focus(id, port, layer);
        }
        let (on, local) = found.map(|(surface, _, local)| (surface, local)).unzip();
        let local = local.unwrap_or_default();
        let Some(seat) = self.seats.get_mut(id) else { return };
        let client = on.as_ref().and_then(Resource::client);
        let heard = client.is_none_or(|c| seat.fingers.listeners.contains(&c.id()));
        seat.fingers.down.insert(finger, Finger { slot, on, local, heard });
        self.send_down(id, finger);
    }

    /// Tells the surface of a finger something about it.
    fn tell_finger(
        &mut self,
        id: SeatId,
        finger: &Finger,
        tell: impl FnOnce(&mut Self, &WlSurface, &Seat<Self>, Serial),
    ) {
        let Some(surface) = finger.on.clone().filter(Resource::is_alive) else { return };
        let Some(seat) = self.seats.get_mut(id).filter(|s| s.seat.get_touch().is_some()) else {
            return;
        };
        if !seat.fingers.told.contains(&surface) {
            seat.fingers.told.push(surface.clone());
        }
        let seat = seat.seat.clone();
        // Each event has a number, or smithay takes it for one that it has sent.
        tell(self, &surface, &seat, SERIAL_COUNTER.next_serial());
    }

    fn send_down(&mut self, id: SeatId, name: FingerId) {
        let Some(seat) = self.seats.get_mut(id) else { return };
        let Some(finger) = seat.fingers.down.remove(&name) else { return };
        let event = DownEvent {
            slot: slot(&finger),
            location: smithay_point(finger.local),
            serial: SERIAL_COUNTER.next_serial(),
            time: clock::milliseconds(),
        };
        self.tell_finger(id, &finger, |state, surface, seat, number| {
            surface.down(seat, state, &event, number);
        });
        self.put_finger(id, name, finger);
    }

    fn put_finger(&mut self, id: SeatId, name: FingerId, finger: Finger) {
        if let Some(seat) = self.seats.get_mut(id) {
            seat.fingers.down.insert(name, finger);
        }
    }

    fn finger_moved(&mut self, id: SeatId, name: FingerId, part: Point) {
        let Some(at) = self.place_on_port(id, part) else { return };
        let Some(seat) = self.seats.get_mut(id) else { return };
        let port = seat.port;
        let Some(mut finger) = seat.fingers.down.remove(&name) else { return };
        // The layer may be scaled, or may have moved since.
        let shown = port.and_then(|port| self.ports.get(port)).and_then(|port| {
            let on = port.input.iter().find(|on| finger.on.as_ref() == Some(&on.surface));
            on.map(|on| on.mapping.to_source(at))
        });
        if let Some(local) = shown {
            finger.local = local;
            let event = MotionEvent {
                slot: slot(&finger),
                location: smithay_point(local),
                time: clock::milliseconds(),
            };
            self.tell_finger(id, &finger, |state, surface, seat, number| {
                surface.motion(seat, state, &event, number);
            });
        }
        self.put_finger(id, name, finger);
    }

    fn finger_up(&mut self, id: SeatId, name: FingerId) {
        let Some(seat) = self.seats.get_mut(id) else { return };
        let Some(finger) = seat.fingers.down.remove(&name) else { return };
        let event = UpEvent {
            slot: slot(&finger),
            serial: SERIAL_COUNTER.next_serial(),
            time: clock::milliseconds(),
        };
        self.tell_finger(id, &finger, |state, surface, seat, number| {
            surface.up(seat, state, &event, number);
        });
    }

    fn touch_frame(&mut self, id: SeatId) {
        self.end_touches(id, |state, surface, seat, number| surface.frame(seat, state, number));
    }

    /// Tells every surface that was told something, with one number: a client hears it once.
    fn end_touches(
        &mut self,
        id: SeatId,
        tell: impl Fn(&mut Self, &WlSurface, &Seat<Self>, Serial),
    ) {
        let Some(seat) = self.seats.get_mut(id) else { return };
        let (told, seat) = (std::mem::take(&mut seat.fingers.told), seat.seat.clone());
        let number = SERIAL_COUNTER.next_serial();
        for surface in told.iter().filter(|surface| surface.is_alive()) {
            tell(self, surface, &seat, number);
        }
    }

    /// Fingers of a seat leave.
    pub(super) fn lift_fingers(&mut self, id: SeatId, which: impl Fn(&FingerId) -> bool) {
        let Some(seat) = self.seats.get(id) else { return };
        let leaving: Vec<FingerId> = seat.fingers.down.keys().copied().filter(which).collect();
        if !leaving.is_empty() {
            leaving.into_iter().for_each(|finger| self.finger_up(id, finger));
            self.touch_frame(id);
        }
    }

    /// What a device's fingers did was not meant. Wayland cancels all fingers of a seat or none, so
    /// those of a device that is not alone only leave.
    fn cancel_fingers(&mut self, id: SeatId, device: u64) {
        let Some(seat) = self.seats.get_mut(id) else { return };
        if seat.fingers.down.keys().any(|finger| finger.device != device) {
            self.lift_fingers(id, |finger| finger.device == device);
            return;
        }
        for finger in std::mem::take(&mut seat.fingers.down).into_values() {
            if let Some(surface) = finger.on
                && !seat.fingers.told.contains(&surface)
            {
                seat.fingers.told.push(surface);
            }
        }
        self.end_touches(id, |state, surface, seat, number| surface.cancel(seat, state, number));
    }

    /// A toplevel is shown no more: what fingers do on it was not meant. A client that has fingers
    /// elsewhere hears that these leave, because it cannot be told to forget only some.
    pub(crate) fn cancel_fingers_on(&mut self, toplevel: &WlSurface) {
        let seats: Vec<SeatId> = self.seats.iter().map(|(id, _)| id).collect();
        for id in seats {
            let Some(seat) = self.seats.get(id) else { continue };
            let on = |surface: &WlSurface| self.root_of(surface.clone()) == *toplevel;
            let (gone, others): (Vec<_>, Vec<_>) = seat
                .fingers
                .down
                .iter()
                .filter_map(|(name, finger)| Some((*name, finger.on.clone()?)))
                .filter(|(_, surface)| surface.client() == toplevel.client())
                .partition(|(_, surface)| on(surface));
            if gone.is_empty() {
                continue;
            }
            if !others.is_empty() {
                self.lift_fingers(id, |name| gone.iter().any(|(finger, _)| finger == name));
                continue;
            }
            // What others were told is theirs, and ends as it was meant.
            self.touch_frame(id);
            let Some(seat) = self.seats.get_mut(id) else { continue };
            for (name, surface) in gone {
                seat.fingers.down.remove(&name);
                if seat.fingers.told.is_empty() {
                    seat.fingers.told.push(surface);
                }
            }
            self.end_touches(id, |state, surface, seat, number| {
                surface.cancel(seat, state, number);
            });
        }
    }

    /// A client asked for the touch screens of a seat. When its request is done, for smithay wants
    /// that, it hears of fingers that came down on its surfaces before: those that a new touch screen
    /// begins with.
    pub(crate) fn touch_bound(&mut self, id: SeatId, client: ClientId) {
        self.seats.late.push((id, client));
    }

    /// The end of a turn, before anything is sent.
    pub(crate) fn refresh_touches(&mut self) {
        for (id, client) in std::mem::take(&mut self.seats.late) {
            let Some(seat) = self.seats.get_mut(id) else { continue };
            let mut unheard = Vec::new();
            for (name, finger) in &mut seat.fingers.down {
                let on = finger.on.as_ref().and_then(Resource::client);
                if !finger.heard && on.is_some_and(|c| c.id() == client) {
                    finger.heard = true;
                    unheard.push(*name);
                }
            }
            seat.fingers.listeners.insert(client);
            if !unheard.is_empty() {
                unheard.into_iter().for_each(|name| self.send_down(id, name));
                self.touch_frame(id);
            }
        }
    }

    /// A client let go of a seat.
    pub(crate) fn touch_unbound(&mut self, id: SeatId, client: &ClientId) {
        if let Some(seat) = self.seats.get_mut(id) {
            seat.fingers.listeners.remove(client);
        }
    }
}
