//! One person at a viewer: a seat of the compositor's for that person alone where the compositor
//! makes such seats (`ext-transient-seat-v1`), and else the port's own.
//!
//! A seat is asked for, bound, given virtual devices, and asked what it has of keyboard and pointer;
//! then the person is ready. Each step is one round trip of the connection, and none is waited for.

use porthole_wayland::seat_feedback::client::porthole_seat_feedback_v1::{
    self as feedback, PortholeSeatFeedbackV1,
};
use wayland_client::{
    Connection, Dispatch, Proxy, QueueHandle, WEnum,
    protocol::{
        wl_callback::{self, WlCallback},
        wl_keyboard::{self, WlKeyboard},
        wl_pointer::WlPointer,
        wl_seat::{self, WlSeat},
    },
};
use wayland_protocols::ext::{
    image_copy_capture::v1::client::ext_image_copy_capture_cursor_session_v1::{
        self as cursor_session, ExtImageCopyCaptureCursorSessionV1,
    },
    transient_seat::v1::client::ext_transient_seat_v1::{
        self as transient_seat, ExtTransientSeatV1,
    },
};

use super::{Cursor, PortView, Role, ViewEvent, clipboard::Clipboard, session::Session};
use crate::{lamps::Lamps, seat::Keymap, virtual_input::VirtualInput};

/// The version of `wl_seat` that is of use here; releasing came with it.
const SEAT: u32 = 5;

/// Names a person to the owner of a [`PortView`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct PersonId(pub u64);

/// See the module's text.
#[derive(Debug, Default)]
pub(super) struct Person {
    /// Keeps the seat, where it is this person's alone.
    transient: Option<ExtTransientSeatV1>,
    pub(super) seat: Option<WlSeat>,
    has_pointer: bool,
    has_keyboard: bool,
    pointer: Option<WlPointer>,
    keyboard: Option<WlKeyboard>,
    pub(super) cursor: Option<Cursor>,
    input: Option<VirtualInput>,
    feedback: Option<PortholeSeatFeedbackV1>,
    pub(super) keymap: Option<Keymap>,
    pub(super) clipboard: Option<Clipboard>,
}

/// What a round trip was for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Step {
    /// The seat has told what it has.
    Devices(PersonId),
    /// The keyboard has told its keymap, if it has one.
    Keymap(PersonId),
}

impl Person {
    fn destroy(self) {
        if let Some(mut cursor) = self.cursor {
            cursor.destroy();
        }
        if let Some(clipboard) = self.clipboard {
            clipboard.destroy();
        }
        drop(self.input);
        if let Some(feedback) = self.feedback {
            feedback.destroy();
        }
        if let Some(pointer) = self.pointer.filter(|p| p.version() >= 3) {
            pointer.release();
        }
        if let Some(keyboard) = self.keyboard.filter(|k| k.version() >= 3) {
            keyboard.release();
        }
        if let Some(seat) = self.seat.filter(|s| s.version() >= SEAT) {
            seat.release();
        }
        if let Some(transient) = self.transient {
            transient.destroy();
        }
    }
}

impl PortView {
    /// Gets a seat for a person; [`ViewEvent::PersonReady`] follows.
    pub fn add_person(&mut self, id: PersonId) {
        let Some(port) = &self.port else { return };
        let asked = port.seats.as_ref().map(|seats| seats.create(&self.queue, id));
        let alone = asked.is_some();
        self.people.insert(id, Person { transient: asked, ..Person::default() });
        if !alone {
            self.use_ports_seat(id);
        }
    }

    /// Takes a person's virtual devices; what they hold is released when they are dropped.
    pub fn take_input(&mut self, id: PersonId) -> Option<VirtualInput> {
        self.people.get_mut(&id)?.input.take()
    }

    /// The keymap of a person's seat.
    #[must_use]
    pub fn keymap(&self, id: PersonId) -> Option<&Keymap> {
        self.people.get(&id)?.keymap.as_ref()
    }

    /// A person has gone, and with it the seat that was its own.
    pub fn remove_person(&mut self, id: PersonId) {
        if let Some(person) = self.people.remove(&id) {
            person.destroy();
        }
    }

    fn use_ports_seat(&mut self, id: PersonId) {
        match self.port.as_ref().and_then(|port| port.seat) {
            Some(name) => self.bind_seat(id, name),
            None => self.events.push_back(ViewEvent::PersonReady(id)),
        }
    }

    fn bind_seat(&mut self, id: PersonId, name: u32) {
        let (Some(port), Some(person)) = (&self.port, self.people.get_mut(&id)) else { return };
        let queue = &self.queue;
        let seat: WlSeat = self.registry.bind(name, SEAT, queue, id);
        let keyboard =
            port.keyboards.as_ref().map(|all| all.create_virtual_keyboard(&seat, queue, ()));
        let output = Some(&port.output);
        let pointer = port.pointers.as_ref().map(|pointers| {
            pointers.create_virtual_pointer_with_output(Some(&seat), output, queue, ())
        });
        person.input = Some(VirtualInput::new(keyboard, pointer));
        person.feedback = port.feedback.as_ref().map(|all| all.get_feedback(&seat, queue, id));
        person.seat = Some(seat);
        self.display.sync(queue, Step::Devices(id));
    }

    /// The seat has told what it has: asks for it.
    fn open_devices(&mut self, id: PersonId) {
        let (Some(port), Some(person)) = (&self.port, self.people.get_mut(&id)) else { return };
        let (queue, Some(seat)) = (&self.queue, &person.seat) else { return };
        if person.has_keyboard {
            // The keyboard is there for its keymap; no key comes to a client without a surface.
            person.keyboard = Some(seat.get_keyboard(queue, id));
        }
        if person.has_pointer {
            let pointer = seat.get_pointer(queue, ());
            let source = port.sources.create_source(&port.output, queue, ());
            let cursor = port.captures.create_pointer_cursor_session(&source, &pointer, queue, id);
            source.destroy();
            let role = Role::Cursor(id);
            let session = cursor.get_capture_session(queue, role);
            let mut cursor = Cursor::new(cursor, Session::new(session, role));
            // No constraints are known yet, so nothing is allocated that could fail.
            let _ = cursor.session.resume(&port.shm, queue);
            person.cursor = Some(cursor);
            person.pointer = Some(pointer);
        }
        self.display.sync(queue, Step::Keymap(id));
    }
}

impl Dispatch<ExtTransientSeatV1, PersonId> for PortView {
    fn event(
        view: &mut Self,
        _: &ExtTransientSeatV1,
        event: transient_seat::Event,
        id: &PersonId,
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        let Some(person) = view.people.get_mut(id) else { return };
        match event {
            transient_seat::Event::Ready { global_name } => view.bind_seat(*id, global_name),
            transient_seat::Event::Denied => {
                tracing::warn!("the compositor makes no further seat; the port's own is shared");
                if let Some(denied) = person.transient.take() {
                    denied.destroy();
                }
                view.use_ports_seat(*id);
            }
            _ => {}
        }
    }
}

impl Dispatch<WlCallback, Step> for PortView {
    fn event(
        view: &mut Self,
        _: &WlCallback,
        event: wl_callback::Event,
        step: &Step,
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        match (event, *step) {
            (wl_callback::Event::Done { .. }, Step::Devices(id)) => view.open_devices(id),
            (wl_callback::Event::Done { .. }, Step::Keymap(id))
                if view.people.contains_key(&id) =>
            {
                view.events.push_back(ViewEvent::PersonReady(id));
            }
            _ => {}
        }
    }
}

impl Dispatch<WlSeat, PersonId> for PortView {
    fn event(
        view: &mut Self,
        _: &WlSeat,
        event: wl_seat::Event,
        id: &PersonId,
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        if let wl_seat::Event::Capabilities { capabilities: WEnum::Value(has) } = event
            && let Some(person) = view.people.get_mut(id)
        {
            person.has_pointer = has.contains(wl_seat::Capability::Pointer);
            person.has_keyboard = has.contains(wl_seat::Capability::Keyboard);
        }
    }
}

impl Dispatch<WlKeyboard, PersonId> for PortView {
    fn event(
        view: &mut Self,
        _: &WlKeyboard,
        event: wl_keyboard::Event,
        id: &PersonId,
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        let wl_keyboard::Event::Keymap { format, fd, size } = event else { return };
        let Some(person) = view.people.get_mut(id) else { return };
        if format != WEnum::Value(wl_keyboard::KeymapFormat::XkbV1) {
            return;
        }
        match Keymap::read(fd, size) {
            Some(keymap) => {
                person.keymap = Some(keymap);
                view.events.push_back(ViewEvent::Keymap(*id));
            }
            None => tracing::warn!(size, "the compositor's keymap cannot be read"),
        }
    }
}

impl Dispatch<PortholeSeatFeedbackV1, PersonId> for PortView {
    fn event(
        view: &mut Self,
        _: &PortholeSeatFeedbackV1,
        event: feedback::Event,
        id: &PersonId,
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        view.events.extend(match event {
            feedback::Event::Lamps { lamps: WEnum::Value(on) } => {
                let on = |lamp| on.contains(lamp);
                let (num, caps) = (on(feedback::Lamps::Num), on(feedback::Lamps::Caps));
                let lamps = Lamps { num, caps, scroll: on(feedback::Lamps::Scroll) };
                Some(ViewEvent::Lamps(*id, lamps))
            }
            feedback::Event::Pointer { mode: WEnum::Value(mode) } => {
                Some(ViewEvent::PointerLocked(*id, mode == feedback::Pointer::Locked))
            }
            _ => None,
        });
    }
}

impl Dispatch<ExtImageCopyCaptureCursorSessionV1, PersonId> for PortView {
    fn event(
        view: &mut Self,
        _: &ExtImageCopyCaptureCursorSessionV1,
        event: cursor_session::Event,
        id: &PersonId,
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        let cursor = view.people.get_mut(id).and_then(|person| person.cursor.as_mut());
        let place = cursor.and_then(|cursor| cursor.event(&event));
        view.events.extend(place.map(|place| ViewEvent::CursorAt(*id, place)));
    }
}
