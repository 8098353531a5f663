//! What a person does in a window: keys, pointers and fingers of the parent's seats.

mod cursor;
mod release;
mod touch;

use std::collections::BTreeSet;

use porthole_core::scene::Point;
use wayland_client::{
    Connection, Dispatch, QueueHandle, WEnum, delegate_noop,
    protocol::{
        wl_data_device::WlDataDevice,
        wl_keyboard::{self, WlKeyboard},
        wl_pointer::{self, WlPointer},
        wl_seat::{self, Capability, WlSeat},
        wl_touch::WlTouch,
    },
};
use wayland_protocols::wp::{
    keyboard_shortcuts_inhibit::zv1::client::{
        zwp_keyboard_shortcuts_inhibit_manager_v1::ZwpKeyboardShortcutsInhibitManagerV1,
        zwp_keyboard_shortcuts_inhibitor_v1::ZwpKeyboardShortcutsInhibitorV1,
    },
    pointer_constraints::zv1::client::{
        zwp_locked_pointer_v1::{self, ZwpLockedPointerV1},
        zwp_pointer_constraints_v1::{Lifetime, ZwpPointerConstraintsV1},
    },
    relative_pointer::zv1::client::{
        zwp_relative_pointer_manager_v1::ZwpRelativePointerManagerV1,
        zwp_relative_pointer_v1::{self, ZwpRelativePointerV1},
    },
};
use wayland_server::protocol::wl_pointer as served;

use super::{
    Event, Wants,
    client::{Client, Heard, is},
};
use crate::protocols::{virtual_pointer::PointerInput, virtual_touch::TouchInput};
use cursor::{Cursor, Over};

/// Evdev codes of modifiers, which count in a window even if they were pressed before it had the keyboard.
const MODIFIERS: [u32; 8] = [29, 42, 54, 56, 97, 100, 125, 126];
/// Seats of one parent that are listened to.
const MOST_SEATS: usize = 16;
/// The newest version of `wl_seat` that tells steps of a wheel as whole ones.
const SEAT_VERSION: u32 = 7;
/// The first one that says which pointer events belong together.
const FRAMES_SINCE: u32 = 5;

/// All seats of the parent, and where things are in the window.
#[derive(Debug)]
pub(super) struct Devices {
    seats: Vec<ParentSeat>,
    /// Of the window, in the parent's units.
    pub(super) extent: (f64, f64),
    /// Of the port.
    pub(super) pixels: (f64, f64),
    /// Names the fingers of this window.
    touch: u64,
    wants: Wants,
    constraints: Option<ZwpPointerConstraintsV1>,
    relative: Option<ZwpRelativePointerManagerV1>,
    inhibit: Option<ZwpKeyboardShortcutsInhibitManagerV1>,
    /// Once there is a window.
    cursor: Option<Cursor>,
}

/// A seat's devices and what is held on them. Its global's name is the user data of each.
#[derive(Debug)]
struct ParentSeat {
    name: u32,
    seat: WlSeat,
    pointer: Option<WlPointer>,
    /// It is over the window.
    over: Option<Over>,
    relative: Option<ZwpRelativePointerV1>,
    lock: Option<ZwpLockedPointerV1>,
    keyboard: Option<WlKeyboard>,
    inhibitor: Option<ZwpKeyboardShortcutsInhibitorV1>,
    clipboard: Option<WlDataDevice>,
    /// The number of what a person did last, while the window has the keyboard.
    typed: Option<u32>,
    touch: Option<WlTouch>,
    keys: BTreeSet<u32>,
    buttons: BTreeSet<u32>,
    /// The pointer is locked: its motion is told as such.
    locked: bool,
    /// Steps of a wheel, for the next event of that axis.
    steps: [Option<i32>; 2],
}

/// The data of a seat's objects.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct OfSeat(u32);

impl Devices {
    pub(super) const fn new(serial: u64) -> Self {
        Self {
            seats: Vec::new(),
            extent: (1.0, 1.0),
            pixels: (1.0, 1.0),
            // Far from the numbers of other devices, which begin at 0.
            touch: u64::MAX - serial,
            wants: Wants { lock: false, shortcuts: false },
            constraints: None,
            relative: None,
            inhibit: None,
            cursor: None,
        }
    }

    fn seat(&mut self, of: OfSeat) -> Option<&mut ParentSeat> {
        self.seats.iter_mut().find(|seat| seat.name == of.0)
    }

    /// The clipboards of seats whose keyboard the window has, with the number that says so.
    pub(super) fn clipboards(&self) -> impl Iterator<Item = (OfSeat, &WlDataDevice, u32)> + '_ {
        let typed = |seat: &ParentSeat| seat.typed.map(|serial| (OfSeat(seat.name), serial));
        let seats =
            self.seats.iter().filter_map(move |seat| typed(seat).zip(seat.clipboard.as_ref()));
        seats.map(|((of, serial), device)| (of, device, serial))
    }

    /// Where something is, as parts of the window.
    fn part(&self, x: f64, y: f64) -> Point {
        Point { x: x / self.extent.0.max(1.0), y: y / self.extent.1.max(1.0) }
    }
}

impl Client {
    fn tell(&mut self, event: Event) {
        self.events.push(Heard::Other(event));
    }

    fn point(&mut self, input: PointerInput) {
        self.tell(Event::Pointer(input));
    }

    /// Listens to all seats that there are.
    pub(super) fn open_devices(&mut self) {
        self.devices.constraints = self.bind(1, 1);
        self.devices.relative = self.bind(1, 1);
        self.devices.inhibit = self.bind(1, 1);
        if self.devices.constraints.is_none() || self.devices.relative.is_none() {
            tracing::warn!(
                "the parent cannot lock its pointer: a guest that uses a mouse loses it at the edge of the window"
            );
        }
        for (name, version) in self.seats() {
            self.add_seat(name, version);
        }
    }

    pub(super) fn add_seat(&mut self, name: u32, version: u32) {
        if self.devices.seats.len() >= MOST_SEATS {
            return;
        }
        let version = version.min(SEAT_VERSION);
        let seat: WlSeat = self.registry().bind(name, version, &self.handle, OfSeat(name));
        let clipboard = self.clipboard_of(&seat, OfSeat(name));
        self.devices.seats.push(ParentSeat {
            name,
            seat,
            pointer: None,
            over: None,
            relative: None,
            lock: None,
            keyboard: None,
            inhibitor: None,
            clipboard,
            typed: None,
            touch: None,
            keys: BTreeSet::new(),
            buttons: BTreeSet::new(),
            locked: false,
            steps: [None; 2],
        });
    }

    pub(super) fn remove_seat(&mut self, name: u32) {
        self.lose_pointer(OfSeat(name));
        self.lose_keyboard(OfSeat(name));
        self.lose_touch(OfSeat(name));
        let clipboard = self.devices.seat(OfSeat(name)).and_then(|seat| seat.clipboard.take());
        if let Some(device) = clipboard {
            self.forget_clipboard(OfSeat(name), &device);
        }
        let gone = self.devices.seats.extract_if(.., |seat| seat.name == name);
        gone.for_each(ParentSeat::release);
    }

    /// Lets go of all that is held.
    pub(super) fn let_go(&mut self) {
        let names: Vec<u32> = self.devices.seats.iter().map(|seat| seat.name).collect();
        names.into_iter().for_each(|name| self.remove_seat(name));
        self.tell(Event::Touch(TouchInput::Gone(self.devices.touch)));
    }

    /// Asks for this on every seat.
    pub(super) fn want(&mut self, wants: Wants) {
        if std::mem::replace(&mut self.devices.wants, wants) != wants {
            self.apply_wants();
        }
    }

    fn apply_wants(&mut self) {
        let Some(surface) = self.surface().cloned() else { return };
        let (devices, mut unlocked) = (&mut self.devices, false);
        for seat in &mut devices.seats {
            let of = OfSeat(seat.name);
            if !devices.wants.lock {
                if let Some(lock) = seat.lock.take() {
                    lock.destroy();
                }
                unlocked |= std::mem::take(&mut seat.locked);
            } else if seat.lock.is_none()
                && let (Some(constraints), Some(pointer), Some(_)) =
                    (&devices.constraints, &seat.pointer, &seat.relative)
            {
                let life = Lifetime::Persistent;
                let handle = &self.handle;
                seat.lock =
                    Some(constraints.lock_pointer(&surface, pointer, None, life, handle, of));
            }
            if !devices.wants.shortcuts {
                if let Some(inhibitor) = seat.inhibitor.take() {
                    inhibitor.destroy();
                }
            } else if seat.inhibitor.is_none()
                && seat.keyboard.is_some()
                && let Some(inhibit) = &devices.inhibit
            {
                let inhibitor = inhibit.inhibit_shortcuts(&surface, &seat.seat, &self.handle, ());
                seat.inhibitor = Some(inhibitor);
            }
        }
        if unlocked {
            self.look_again();
        }
    }

    fn lose_pointer(&mut self, of: OfSeat) {
        self.is_over(of, None);
        let Some(seat) = self.devices.seat(of) else { return };
        let held = std::mem::take(&mut seat.buttons);
        let any = !held.is_empty();
        for code in held {
            self.point(PointerInput::Button { code, pressed: false });
        }
        if any {
            self.point(PointerInput::Frame);
        }
        self.tell(Event::PointerLeft);
    }

    fn lose_keyboard(&mut self, of: OfSeat) {
        let Some(seat) = self.devices.seat(of) else { return };
        seat.typed = None;
        for code in std::mem::take(&mut seat.keys) {
            self.tell(Event::Key { code, pressed: false });
        }
    }

    fn key(&mut self, of: OfSeat, code: u32, pressed: bool) {
        let Some(seat) = self.devices.seat(of) else { return };
        let news = if pressed { seat.keys.insert(code) } else { seat.keys.remove(&code) };
        if news {
            self.tell(Event::Key { code, pressed });
        }
    }

    fn pointed(&mut self, of: OfSeat, serial: Option<u32>, x: f64, y: f64) {
        let Point { x, y } = self.devices.part(x, y);
        let at = (x * self.devices.pixels.0, y * self.devices.pixels.1);
        let before = self.devices.seat(of).and_then(|seat| seat.over.map(|over| over.serial));
        let over = serial.or(before).map(|serial| Over { serial, at });
        self.is_over(of, over);
        self.point(PointerInput::MotionAbsolute { x, y });
    }
}

impl Dispatch<WlSeat, OfSeat> for Client {
    fn event(
        client: &mut Self,
        object: &WlSeat,
        event: wl_seat::Event,
        of: &OfSeat,
        _: &Connection,
        handle: &QueueHandle<Self>,
    ) {
        let wl_seat::Event::Capabilities { capabilities: WEnum::Value(has) } = event else {
            return;
        };
        if !has.contains(Capability::Pointer) {
            client.lose_pointer(*of);
        }
        if !has.contains(Capability::Keyboard) {
            client.lose_keyboard(*of);
        }
        if !has.contains(Capability::Touch) {
            client.lose_touch(*of);
        }
        let relative = client.devices.relative.clone();
        let Some(seat) = client.devices.seat(*of) else { return };
        if !has.contains(Capability::Pointer) {
            seat.release_pointer();
        } else if seat.pointer.is_none() {
            let pointer = object.get_pointer(handle, *of);
            seat.relative =
                relative.map(|manager| manager.get_relative_pointer(&pointer, handle, *of));
            seat.pointer = Some(pointer);
        }
        if !has.contains(Capability::Keyboard) {
            seat.release_keyboard();
        } else if seat.keyboard.is_none() {
            seat.keyboard = Some(object.get_keyboard(handle, *of));
        }
        if has.contains(Capability::Touch) && seat.touch.is_none() {
            seat.touch = Some(object.get_touch(handle, *of));
        }
        client.apply_wants();
    }
}

/// The service's own word for an axis.
fn axis_of(axis: WEnum<wl_pointer::Axis>) -> Option<(usize, served::Axis)> {
    match axis {
        WEnum::Value(wl_pointer::Axis::VerticalScroll) => Some((0, served::Axis::VerticalScroll)),
        WEnum::Value(wl_pointer::Axis::HorizontalScroll) => {
            Some((1, served::Axis::HorizontalScroll))
        }
        _ => None,
    }
}

impl Dispatch<WlPointer, OfSeat> for Client {
    fn event(
        client: &mut Self,
        pointer: &WlPointer,
        event: wl_pointer::Event,
        of: &OfSeat,
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        use wayland_client::Proxy as _;
        use wl_pointer::Event as Heard;
        let mut ends = pointer.version() < FRAMES_SINCE;
        match event {
            Heard::Enter { serial, surface_x, surface_y, .. } => {
                // The port's own pointer is in the picture, until the parent's can stand for it.
                pointer.set_cursor(serial, None, 0, 0);
                client.pointed(*of, Some(serial), surface_x, surface_y);
                ends = true;
            }
            Heard::Leave { .. } => {
                client.lose_pointer(*of);
                ends = false;
            }
            Heard::Motion { surface_x, surface_y, .. } => {
                client.pointed(*of, None, surface_x, surface_y);
            }
            Heard::Button { serial, button: code, state, .. } => {
                let pressed = is(state, &wl_pointer::ButtonState::Pressed);
                let Some(seat) = client.devices.seat(*of) else { return };
                seat.typed = seat.typed.map(|_| serial);
                let news =
                    if pressed { seat.buttons.insert(code) } else { seat.buttons.remove(&code) };
                if news {
                    client.point(PointerInput::Button { code, pressed });
                }
            }
            Heard::AxisDiscrete { axis, discrete } => {
                let seat = client.devices.seat(*of);
                if let (Some((index, _)), Some(seat)) = (axis_of(axis), seat)
                    && let Some(steps) = seat.steps.get_mut(index)
                {
                    *steps = Some(discrete);
                }
                ends = false;
            }
            Heard::Axis { axis, value, .. } => {
                let Some((index, axis)) = axis_of(axis) else { return };
                let seat = client.devices.seat(*of);
                let steps = seat.and_then(|seat| seat.steps.get_mut(index)?.take());
                client.point(PointerInput::Axis { axis, value, steps });
            }
            Heard::AxisSource { axis_source: WEnum::Value(source) } => {
                if let Ok(source) = served::AxisSource::try_from(u32::from(source)) {
                    client.point(PointerInput::AxisSource(source));
                }
            }
            Heard::AxisStop { axis, .. } => {
                let Some((_, axis)) = axis_of(axis) else { return };
                client.point(PointerInput::AxisStop(axis));
            }
            Heard::Frame => ends = true,
            _ => return,
        }
        if ends {
            client.point(PointerInput::Frame);
        }
    }
}

impl Dispatch<ZwpRelativePointerV1, OfSeat> for Client {
    fn event(
        client: &mut Self,
        _: &ZwpRelativePointerV1,
        event: zwp_relative_pointer_v1::Event,
        of: &OfSeat,
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        let zwp_relative_pointer_v1::Event::RelativeMotion { dx, dy, .. } = event else { return };
        let devices = &mut client.devices;
        let (extent, pixels) = (devices.extent, devices.pixels);
        // A pointer that is free is told by where it is.
        if devices.seat(*of).is_some_and(|seat| seat.locked) {
            let dx = dx * pixels.0 / extent.0.max(1.0);
            let dy = dy * pixels.1 / extent.1.max(1.0);
            client.point(PointerInput::Motion { dx, dy });
        }
    }
}

impl Dispatch<ZwpLockedPointerV1, OfSeat> for Client {
    fn event(
        client: &mut Self,
        _: &ZwpLockedPointerV1,
        event: zwp_locked_pointer_v1::Event,
        of: &OfSeat,
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        if let Some(seat) = client.devices.seat(*of) {
            seat.locked = matches!(event, zwp_locked_pointer_v1::Event::Locked);
        }
        client.look_again();
    }
}

impl Dispatch<WlKeyboard, OfSeat> for Client {
    fn event(
        client: &mut Self,
        _: &WlKeyboard,
        event: wl_keyboard::Event,
        of: &OfSeat,
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        match event {
            wl_keyboard::Event::Enter { serial, keys, .. } => {
                if let Some(seat) = client.devices.seat(*of) {
                    seat.typed = Some(serial);
                }
                let codes = keys.as_chunks::<4>().0.iter().map(|code| u32::from_ne_bytes(*code));
                for code in codes.filter(|code| MODIFIERS.contains(code)) {
                    client.key(*of, code, true);
                }
            }
            wl_keyboard::Event::Leave { .. } => client.lose_keyboard(*of),
            wl_keyboard::Event::Key { serial, key, state, .. } => {
                if let Some(typed) = client.devices.seat(*of).and_then(|s| s.typed.as_mut()) {
                    *typed = serial;
                }
                client.key(*of, key, is(state, &wl_keyboard::KeyState::Pressed));
            }
            _ => {}
        }
    }
}

delegate_noop!(Client: ZwpPointerConstraintsV1);
delegate_noop!(Client: ZwpRelativePointerManagerV1);
delegate_noop!(Client: ZwpKeyboardShortcutsInhibitManagerV1);
delegate_noop!(Client: ignore ZwpKeyboardShortcutsInhibitorV1);
