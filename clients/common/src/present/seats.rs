//! Seats: keyboards, pointers and touch screens whose events go to the guest.

use std::collections::BTreeMap;
use std::sync::Arc;

use porthole_pixel::Size;
use wayland_client::backend::ObjectId;
use wayland_client::protocol::wl_keyboard::{self, KeyState, WlKeyboard};
use wayland_client::protocol::wl_seat::{Capability, WlSeat};
use wayland_client::protocol::wl_touch::{self, WlTouch};
use wayland_client::{Proxy, QueueHandle, WEnum};
use wayland_protocols::wp::tablet::zv2::client::zwp_tablet_tool_v2::{
    self as tool, ZwpTabletToolV2 as Tool,
};

use super::clipboard::Device;
use super::hands::Hands;
use super::link::Link;
use super::pen::Pens;
use super::pointer::{Pointer, fraction};
use super::stage::Stage;
use super::window::Window;
use super::{Told, Touch};

struct Keyboard {
    object: WlKeyboard,
    /// The seat's name.
    seat: u32,
    focus: Option<usize>,
    /// Of the last that it did.
    serial: u32,
}

struct Finger {
    scanout: usize,
    id: i32,
    place: (f64, f64),
}

struct Seat {
    name: u32,
    object: WlSeat,
    keyboard: Option<Keyboard>,
    pointer: Option<Pointer>,
    touch: Option<WlTouch>,
    fingers: BTreeMap<i32, Finger>,
    clipboard: Option<Device>,
    pens: Option<Pens>,
}

/// All seats.
#[derive(Default)]
pub(super) struct Seats {
    seats: Vec<Seat>,
    hands: Hands,
    /// The tool that is the guest's pen.
    pen: Option<ObjectId>,
}

impl Seats {
    pub(super) fn add(&mut self, name: u32, object: WlSeat) {
        let (keyboard, pointer, touch, clipboard) = (None, None, None, None);
        let fingers = BTreeMap::new();
        let pens = None;
        self.seats.push(Seat { name, object, keyboard, pointer, touch, fingers, clipboard, pens });
    }

    /// Everything that the compositor has is known, so what is copied on each seat can be heard.
    pub(super) fn connected(&mut self, link: &Link) {
        let Some(manager) = &link.clipboard else { return };
        for seat in self.seats.iter_mut().filter(|seat| seat.clipboard.is_none()) {
            seat.clipboard = Some(Device::new(manager, &seat.object, seat.name, &link.queue));
        }
    }

    /// The seats whose keyboard the guest has get what it has copied; what it took back it took back
    /// everywhere. Whether there are any.
    pub(super) fn select(&mut self, link: &Link, text: Option<&Arc<str>>) -> bool {
        let Some(manager) = &link.clipboard else { return false };
        let mut any = false;
        for seat in &mut self.seats {
            let focused = seat.keyboard.as_ref().filter(|keyboard| keyboard.focus.is_some());
            let serial = focused.map(|keyboard| keyboard.serial);
            if let Some(device) = &mut seat.clipboard {
                any |= device.select(manager, text, serial, &link.queue);
            }
        }
        any
    }

    /// The clipboard of a seat.
    pub(super) fn device_of(&mut self, name: u32) -> Option<&mut Device> {
        self.seats.iter_mut().find(|seat| seat.name == name)?.clipboard.as_mut()
    }

    /// All clipboards.
    pub(super) fn devices(&mut self) -> impl Iterator<Item = &mut Device> {
        self.seats.iter_mut().filter_map(|seat| seat.clipboard.as_mut())
    }

    pub(super) fn remove(&mut self, name: u32, told: &mut Vec<Told>) {
        let Some(index) = self.seats.iter().position(|seat| seat.name == name) else { return };
        let mut seat = self.seats.swap_remove(index);
        self.let_go(&mut seat, told);
        if let Some(device) = seat.clipboard {
            device.release();
        }
        if let Some(pens) = seat.pens {
            pens.destroy();
        }
        seat.object.release();
    }

    /// The connection is lost: nothing is pressed any more.
    pub(super) fn lost(&mut self, told: &mut Vec<Told>) {
        for mut seat in std::mem::take(&mut self.seats) {
            self.let_go(&mut seat, told);
        }
    }

    fn let_go(&mut self, seat: &mut Seat, told: &mut Vec<Told>) {
        let others = &self.seats;
        if let Some(keyboard) = &mut seat.keyboard {
            keyboard.leave(&mut self.hands, others, told);
        }
        if let Some(pointer) = &mut seat.pointer {
            pointer.leave(&mut self.hands, told);
        }
        lift_all(&mut seat.fingers, told);
        if let Some(pens) = &seat.pens {
            pens.leave(&mut self.pen, told);
        }
        self.hands.remove(seat.name, told);
    }

    /// A seat tells what it has.
    pub(super) fn capabilities(
        &mut self,
        name: u32,
        has: Capability,
        queue: &QueueHandle<Stage>,
        told: &mut Vec<Told>,
    ) {
        let Some(index) = self.seats.iter().position(|seat| seat.name == name) else { return };
        // Taken out for a moment, so that the others can be asked about.
        let mut seat = self.seats.swap_remove(index);
        let wants = has.contains(Capability::Keyboard);
        if wants && seat.keyboard.is_none() {
            let object = seat.object.get_keyboard(queue, name);
            seat.keyboard = Some(Keyboard { object, seat: name, focus: None, serial: 0 });
        } else if !wants && let Some(mut keyboard) = seat.keyboard.take() {
            keyboard.leave(&mut self.hands, &self.seats, told);
            keyboard.object.release();
        }
        let wants = has.contains(Capability::Pointer);
        if wants && seat.pointer.is_none() {
            seat.pointer = Some(Pointer::new(name, seat.object.get_pointer(queue, name)));
        } else if !wants && let Some(mut pointer) = seat.pointer.take() {
            pointer.leave(&mut self.hands, told);
            pointer.object.release();
        }
        let wants = has.contains(Capability::Touch);
        if wants && seat.touch.is_none() {
            seat.touch = Some(seat.object.get_touch(queue, name));
        } else if !wants && let Some(touch) = seat.touch.take() {
            lift_all(&mut seat.fingers, told);
            touch.release();
        }
        self.seats.push(seat);
    }

    pub(super) fn keyboard(&mut self, name: u32, event: wl_keyboard::Event, told: &mut Vec<Told>) {
        let Some(index) = self.seats.iter().position(|seat| seat.name == name) else { return };
        let mut seat = self.seats.swap_remove(index);
        if let Some(keyboard) = &mut seat.keyboard {
            keyboard.event(event, &mut self.hands, &self.seats, told);
        }
        self.seats.push(seat);
    }

    pub(super) fn pointer(
        &mut self,
        name: u32,
        event: wayland_client::protocol::wl_pointer::Event,
        size: impl Fn(usize) -> Option<Size>,
        told: &mut Vec<Told>,
    ) {
        let Self { seats, hands, .. } = self;
        let seat = seats.iter_mut().find(|seat| seat.name == name);
        if let Some(pointer) = seat.and_then(|seat| seat.pointer.as_mut()) {
            pointer.event(event, size, hands, told);
        }
    }

    pub(super) fn touch(
        &mut self,
        name: u32,
        event: wl_touch::Event,
        size: impl Fn(usize) -> Option<Size>,
        told: &mut Vec<Told>,
    ) {
        let free = self.free_finger();
        let Some(seat) = self.seats.iter_mut().find(|seat| seat.name == name) else { return };
        match event {
            wl_touch::Event::Down { surface, id, x, y, .. } => {
                let scanout = surface.data::<usize>().copied();
                let Some((scanout, size)) = scanout.and_then(|s| Some((s, size(s)?))) else {
                    return;
                };
                let finger = Finger { scanout, id: free, place: fraction((x, y), size) };
                finger.tell(Touch::Down, told);
                if let Some(old) = seat.fingers.insert(id, finger) {
                    old.tell(Touch::Up, told);
                }
            }
            wl_touch::Event::Motion { id, x, y, .. } => {
                let Some(finger) = seat.fingers.get_mut(&id) else { return };
                if let Some(size) = size(finger.scanout) {
                    finger.place = fraction((x, y), size);
                    finger.tell(Touch::Motion, told);
                }
            }
            wl_touch::Event::Up { id, .. } => {
                if let Some(finger) = seat.fingers.remove(&id) {
                    finger.tell(Touch::Up, told);
                }
            }
            wl_touch::Event::Cancel => lift_all(&mut seat.fingers, told),
            _ => {}
        }
    }

    /// Asks for the pens of all seats while the guest has a driver for them; for any other guest they are
    /// pointers. Returns whether anything was to be done.
    pub(super) fn pens_settle(&mut self, link: &Link, wanted: bool, told: &mut Vec<Told>) -> bool {
        let Some(manager) = &link.tablets else { return false };
        let mut done = false;
        for seat in self.seats.iter_mut().filter(|seat| seat.pens.is_some() != wanted) {
            done = true;
            match seat.pens.take() {
                Some(pens) => {
                    pens.leave(&mut self.pen, told);
                    pens.destroy();
                }
                None => seat.pens = Some(Pens::new(manager, &seat.object, seat.name, &link.queue)),
            }
        }
        done
    }

    /// The pens of a seat.
    pub(super) fn pens_of(&mut self, name: u32) -> Option<&mut Pens> {
        self.seats.iter_mut().find(|seat| seat.name == name)?.pens.as_mut()
    }

    pub(super) fn pen(
        &mut self,
        object: &Tool,
        event: &tool::Event,
        size: impl Fn(usize) -> Option<Size>,
        told: &mut Vec<Told>,
    ) {
        for pens in self.seats.iter_mut().filter_map(|seat| seat.pens.as_mut()) {
            pens.event(object, event, &size, (&mut self.pen, told));
        }
    }

    /// The smallest number that no finger of any seat has.
    fn free_finger(&self) -> i32 {
        let used = |id: i32| {
            self.seats.iter().any(|seat| seat.fingers.values().any(|finger| finger.id == id))
        };
        (0..).find(|id| !used(*id)).unwrap_or_default()
    }

    /// Whether any pointer is over this window and wears the guest's cursor.
    pub(super) fn wears(&self, scanout: usize) -> bool {
        let mut pointers = self.seats.iter().filter_map(|seat| seat.pointer.as_ref());
        pointers.any(|pointer| pointer.over == Some(scanout) && pointer.lock.is_none())
    }

    /// The pointer of a seat.
    pub(super) fn pointer_of(&mut self, name: u32) -> Option<&mut Pointer> {
        self.seats.iter_mut().find(|seat| seat.name == name)?.pointer.as_mut()
    }

    /// The pointer of a seat, which is locked in its place, went so far.
    pub(super) fn went(&self, name: u32, motion: (usize, i32, i32), told: &mut Vec<Told>) {
        self.hands.went(name, motion, told);
    }

    /// Holds the pointers in this window in their place while the guest wants to hear of motion alone.
    /// Returns whether anything was to be done.
    pub(super) fn lock_settle(&mut self, link: &Link, window: &Window, relative: bool) -> bool {
        let mut done = false;
        for pointer in self.seats.iter_mut().filter_map(|seat| seat.pointer.as_mut()) {
            done |= pointer.settle_lock(link, window, relative);
        }
        done
    }

    /// Every pointer over this window wears its cursor. Returns whether anything was to be done.
    pub(super) fn cursor_settle(&mut self, link: &Link, window: &mut Window) -> bool {
        let (mut done, mut hinted) = (false, false);
        for pointer in self.seats.iter_mut().filter_map(|seat| seat.pointer.as_mut()) {
            done |= pointer.wear(link, window);
            hinted |= pointer.hint(window);
        }
        // A hint takes effect with the window's commit.
        if let Some(top) = window.top.as_ref().filter(|top| hinted && top.attached.is_some()) {
            top.surface.commit();
        }
        done || hinted
    }
}

impl Keyboard {
    fn event(
        &mut self,
        event: wl_keyboard::Event,
        hands: &mut Hands,
        others: &[Seat],
        told: &mut Vec<Told>,
    ) {
        match event {
            // Keys that were pressed elsewhere are not the guest's.
            wl_keyboard::Event::Enter { surface, serial, .. } => {
                self.leave(hands, others, told);
                self.serial = serial;
                self.focus = surface.data::<usize>().copied();
            }
            wl_keyboard::Event::Leave { .. } => self.leave(hands, others, told),
            wl_keyboard::Event::Key { key, state, serial, .. } => {
                self.serial = serial;
                let down = match state {
                    WEnum::Value(KeyState::Pressed) => true,
                    WEnum::Value(KeyState::Released) => false,
                    _ => return,
                };
                if let (Some(scanout), Ok(code)) = (self.focus, u16::try_from(key)) {
                    hands.key(self.seat, (scanout, code), down, told);
                }
            }
            wl_keyboard::Event::Modifiers {
                mods_depressed,
                mods_latched,
                mods_locked,
                group,
                ..
            } => {
                if let Some(scanout) = self.focus {
                    let masks = [mods_depressed, mods_latched, mods_locked];
                    told.push(Told::Modifiers { scanout, masks, group });
                }
            }
            _ => {}
        }
    }

    fn leave(&mut self, hands: &mut Hands, others: &[Seat], told: &mut Vec<Told>) {
        let Some(scanout) = self.focus.take() else { return };
        hands.release_keys(self.seat, told);
        let mut keyboards = others.iter().filter_map(|seat| seat.keyboard.as_ref());
        if !keyboards.any(|keyboard| keyboard.focus == Some(scanout)) {
            told.push(Told::FocusLost { scanout });
        }
    }
}

impl Finger {
    fn tell(&self, touch: Touch, told: &mut Vec<Told>) {
        let (x, y) = self.place;
        told.push(Told::Touch { scanout: self.scanout, id: self.id, touch, x, y });
    }
}

fn lift_all(fingers: &mut BTreeMap<i32, Finger>, told: &mut Vec<Told>) {
    for finger in std::mem::take(fingers).values() {
        finger.tell(Touch::Up, told);
    }
}
