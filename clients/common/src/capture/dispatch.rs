//! Routes Wayland events to the parts of a [`PortView`].

use std::collections::BTreeMap;

use porthole_wayland::process::client::porthole_process_v1::{self, PortholeProcessV1};
use porthole_wayland::seat_feedback::client::porthole_seat_feedback_manager_v1::PortholeSeatFeedbackManagerV1;
use wayland_client::{
    Connection, Dispatch, Proxy, QueueHandle, delegate_noop,
    globals::{GlobalList, GlobalListContents},
    protocol::{
        wl_buffer::WlBuffer,
        wl_output::{self, WlOutput},
        wl_pointer::WlPointer,
        wl_registry::{self, WlRegistry},
        wl_seat::{self, WlSeat},
        wl_shm::WlShm,
        wl_shm_pool::WlShmPool,
    },
};
use wayland_protocols::ext::{
    image_capture_source::v1::client::{
        ext_image_capture_source_v1::ExtImageCaptureSourceV1,
        ext_output_image_capture_source_manager_v1::ExtOutputImageCaptureSourceManagerV1,
    },
    image_copy_capture::v1::client::{
        ext_image_copy_capture_frame_v1::{self, ExtImageCopyCaptureFrameV1},
        ext_image_copy_capture_manager_v1::ExtImageCopyCaptureManagerV1,
        ext_image_copy_capture_session_v1::{self, ExtImageCopyCaptureSessionV1},
    },
    transient_seat::v1::client::ext_transient_seat_manager_v1::ExtTransientSeatManagerV1,
};
use wayland_protocols_misc::zwp_virtual_keyboard_v1::client::{
    zwp_virtual_keyboard_manager_v1::ZwpVirtualKeyboardManagerV1,
    zwp_virtual_keyboard_v1::ZwpVirtualKeyboardV1,
};
use wayland_protocols_wlr::virtual_pointer::v1::client::{
    zwlr_virtual_pointer_manager_v1::ZwlrVirtualPointerManagerV1,
    zwlr_virtual_pointer_v1::ZwlrVirtualPointerV1,
};

use super::{
    PersonId, PortView, Role, ViewError, ViewEvent,
    person::Person,
    session::{Outcome, Session},
};
use crate::seat::{NamedOutput, NamedSeat};

/// The first version of `wl_output` that tells its name.
pub(super) const OUTPUT_NAME: u32 = 4;
/// The first version of `wl_seat` that tells its name, and the newest one that is of use.
const SEAT_NAME: u32 = 2;
const SEAT_NEWEST: u32 = 7;

impl PortView {
    /// Binds all outputs and seats, which tell their names in the next round trip.
    pub(super) fn bind_named(&mut self, globals: &GlobalList) {
        let (queue, registry) = (&self.queue, globals.registry());
        for global in globals.contents().clone_list() {
            if global.interface == WlOutput::interface().name && global.version >= OUTPUT_NAME {
                let proxy = registry.bind(global.name, OUTPUT_NAME, queue, ());
                self.names.outputs.push(NamedOutput { proxy, name: None });
            } else if global.interface == WlSeat::interface().name && global.version >= SEAT_NAME {
                let version = global.version.min(SEAT_NEWEST);
                let proxy = registry.bind(global.name, version, queue, ());
                self.names.seats.push(NamedSeat { proxy, name: None, global: global.name });
            }
        }
    }

    /// Tells the owner what came of an event of a session.
    fn outcome(&mut self, role: Role, outcome: Outcome) {
        match (role, outcome) {
            (_, Outcome::Nothing) => {}
            (Role::Picture, Outcome::Frame(frame)) => {
                self.ask_again(role);
                self.resize_frame();
                self.events.push_back(ViewEvent::Frame(frame));
            }
            (Role::Cursor(id), Outcome::Frame(_)) => {
                let cursor = self.people.get(&id).and_then(|person| person.cursor.as_ref());
                let picture = cursor.and_then(super::Cursor::picture);
                self.events.extend(picture.map(|picture| ViewEvent::CursorImage(id, picture)));
                self.ask_again(role);
            }
            (Role::Picture, Outcome::Failed(error)) => {
                self.events.push_back(ViewEvent::Failed(error));
            }
            (Role::Cursor(id), Outcome::Failed(error)) => self.give_up_cursor(id, &error),
        }
    }

    fn ask_again(&mut self, role: Role) {
        let Self { port: Some(port), people, .. } = self else { return };
        let session = match role {
            Role::Picture => Some(&mut port.picture),
            Role::Cursor(id) => of_cursor(people, id),
        };
        let asked = session.map(|session| session.ask(&port.shm, &self.queue));
        if let Some(Err(error)) = asked {
            self.outcome(role, Outcome::Failed(error));
        }
    }

    /// The picture is worth showing without a cursor.
    fn give_up_cursor(&mut self, id: PersonId, error: &ViewError) {
        tracing::debug!(%error, "a cursor is not captured");
        if let Some(mut cursor) = self.people.get_mut(&id).and_then(|p| p.cursor.take()) {
            cursor.destroy();
            self.events.push_back(ViewEvent::CursorAt(id, None));
        }
    }
}

fn of_cursor(people: &mut BTreeMap<PersonId, Person>, id: PersonId) -> Option<&mut Session> {
    people.get_mut(&id)?.cursor.as_mut().map(|cursor| &mut cursor.session)
}

impl Dispatch<WlRegistry, GlobalListContents> for PortView {
    fn event(
        _: &mut Self,
        _: &WlRegistry,
        _: wl_registry::Event,
        _: &GlobalListContents,
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        // A port that goes ends its capture session, which is how we hear of it.
    }
}

impl Dispatch<WlOutput, ()> for PortView {
    fn event(
        view: &mut Self,
        proxy: &WlOutput,
        event: wl_output::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        if let wl_output::Event::Name { name } = event
            && let Some(output) = view.names.outputs.iter_mut().find(|known| known.proxy == *proxy)
        {
            output.name = Some(name);
        }
    }
}

impl Dispatch<WlSeat, ()> for PortView {
    fn event(
        view: &mut Self,
        proxy: &WlSeat,
        event: wl_seat::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        let Some(seat) = view.names.seats.iter_mut().find(|known| known.proxy == *proxy) else {
            return;
        };
        if let wl_seat::Event::Name { name } = event {
            seat.name = Some(name);
        }
    }
}

impl Dispatch<ExtImageCopyCaptureSessionV1, Role> for PortView {
    fn event(
        view: &mut Self,
        proxy: &ExtImageCopyCaptureSessionV1,
        event: ext_image_copy_capture_session_v1::Event,
        role: &Role,
        _: &Connection,
        queue: &QueueHandle<Self>,
    ) {
        let Self { port: Some(port), people, .. } = view else { return };
        let session = match role {
            Role::Picture => Some(&mut port.picture),
            Role::Cursor(id) => of_cursor(people, *id),
        };
        let Some(session) = session.filter(|session| session.is(proxy)) else { return };
        let outcome = session.session_event(&event, &port.shm, queue);
        view.outcome(*role, outcome);
    }
}

impl Dispatch<ExtImageCopyCaptureFrameV1, Role> for PortView {
    fn event(
        view: &mut Self,
        proxy: &ExtImageCopyCaptureFrameV1,
        event: ext_image_copy_capture_frame_v1::Event,
        role: &Role,
        _: &Connection,
        queue: &QueueHandle<Self>,
    ) {
        let Self { port: Some(port), people, .. } = view else { return };
        let session = match role {
            Role::Picture => Some(&mut port.picture),
            Role::Cursor(id) => of_cursor(people, *id),
        };
        let Some(session) = session else { return };
        let outcome = session.frame_event(proxy, &event, &port.shm, queue);
        view.outcome(*role, outcome);
    }
}

impl Dispatch<PortholeProcessV1, ()> for PortView {
    fn event(
        view: &mut Self,
        _: &PortholeProcessV1,
        event: porthole_process_v1::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        if let porthole_process_v1::Event::Priority { priority, highest } = event {
            view.events.push_back(ViewEvent::Priority(priority, highest));
        }
    }
}

delegate_noop!(PortView: ignore WlShm);
delegate_noop!(PortView: ignore WlBuffer);
delegate_noop!(PortView: ignore WlPointer);
delegate_noop!(PortView: WlShmPool);
delegate_noop!(PortView: ExtOutputImageCaptureSourceManagerV1);
delegate_noop!(PortView: ExtImageCaptureSourceV1);
delegate_noop!(PortView: ExtImageCopyCaptureManagerV1);
delegate_noop!(PortView: ExtTransientSeatManagerV1);
delegate_noop!(PortView: ZwpVirtualKeyboardManagerV1);
delegate_noop!(PortView: ZwpVirtualKeyboardV1);
delegate_noop!(PortView: PortholeSeatFeedbackManagerV1);
delegate_noop!(PortView: ZwlrVirtualPointerManagerV1);
delegate_noop!(PortView: ZwlrVirtualPointerV1);
