//! Giving the port another size, by `wlr-output-management-unstable-v1`.
//!
//! One request is under way at a time, and the next waits for the frame that came of it: a viewer
//! whose window is dragged asks many times a second. Only the newest wish is kept.

use porthole_pixel::Size;
use wayland_client::{
    Connection, Dispatch, Proxy, QueueHandle, delegate_noop, event_created_child,
};
use wayland_protocols_wlr::output_management::v1::client::{
    zwlr_output_configuration_head_v1::ZwlrOutputConfigurationHeadV1,
    zwlr_output_configuration_v1::{self as configuration, ZwlrOutputConfigurationV1},
    zwlr_output_head_v1::{self as head, ZwlrOutputHeadV1},
    zwlr_output_manager_v1::{self as manager, ZwlrOutputManagerV1},
    zwlr_output_mode_v1::{self as mode, ZwlrOutputModeV1},
};

use super::{PortView, ViewEvent};

/// An output, with its name once it was told.
#[derive(Debug)]
struct Head {
    proxy: ZwlrOutputHeadV1,
    name: Option<String>,
}

/// What a request waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Wait {
    Answer,
    /// The outputs had changed; this is the second attempt.
    SecondAnswer,
    Frame,
}

/// The compositor's outputs, and the wish under way.
#[derive(Debug, Default)]
pub(super) struct Resizer {
    manager: Option<ZwlrOutputManagerV1>,
    heads: Vec<Head>,
    serial: u32,
    under_way: Option<(Size, Wait)>,
    /// The objects of the wish. They have no destructor: we forget them with its answer.
    wishes: Vec<ZwlrOutputConfigurationHeadV1>,
    next: Option<Size>,
}

impl Resizer {
    pub(super) fn start(&mut self, manager: Option<ZwlrOutputManagerV1>) {
        self.manager = manager;
    }

    /// Asks for a size of the output of this name; false when that cannot be.
    fn ask(&mut self, port: &str, size: Size, queue: &QueueHandle<PortView>) -> bool {
        let known = self.heads.iter().any(|head| head.name.as_deref() == Some(port));
        let (Some(manager), true) = (&self.manager, known) else { return false };
        let sides = (i32::try_from(size.width), i32::try_from(size.height));
        let (Ok(width), Ok(height)) = sides else { return false };
        if width == 0 || height == 0 {
            return false;
        }
        let asked = manager.create_configuration(self.serial, queue, ());
        for head in &self.heads {
            let wish = asked.enable_head(&head.proxy, queue, ());
            if head.name.as_deref() == Some(port) {
                wish.set_custom_mode(width, height, 0);
            }
            self.wishes.push(wish);
        }
        asked.apply();
        true
    }
}

impl PortView {
    /// Asks the compositor for another size of the port; [`ViewEvent::ResizeAnswered`] follows. Of
    /// several wishes the newest counts.
    pub fn request_size(&mut self, size: Size) {
        if self.resizer.under_way.is_none() {
            self.ask_size(size, Wait::Answer);
        } else if let Some(old) = self.resizer.next.replace(size) {
            self.answer_resize(old, false);
        }
    }

    fn ask_size(&mut self, size: Size, wait: Wait) {
        let port = self.port.as_ref().map(|port| port.name.as_str()).unwrap_or_default();
        if self.resizer.ask(port, size, &self.queue) {
            self.resizer.under_way = Some((size, wait));
        } else {
            self.answer_resize(size, false);
        }
    }

    fn answer_resize(&mut self, size: Size, granted: bool) {
        self.events.push_back(ViewEvent::ResizeAnswered { size, granted });
    }

    /// A new frame of the port came.
    pub(super) fn resize_frame(&mut self) {
        if self.resizer.under_way.is_some_and(|(_, wait)| wait == Wait::Frame) {
            self.next_size();
        }
    }

    fn next_size(&mut self) {
        self.resizer.under_way = None;
        if let Some(size) = self.resizer.next.take() {
            self.ask_size(size, Wait::Answer);
        }
    }

    fn resize_answered(&mut self, granted: bool) {
        let Some((size, _)) = self.resizer.under_way else { return };
        self.answer_resize(size, granted);
        if granted && self.size() != Some(size) {
            self.resizer.under_way = Some((size, Wait::Frame));
        } else {
            self.next_size();
        }
    }
}

impl Dispatch<ZwlrOutputManagerV1, ()> for PortView {
    fn event(
        view: &mut Self,
        _: &ZwlrOutputManagerV1,
        event: manager::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        match event {
            manager::Event::Head { head } => {
                view.resizer.heads.push(Head { proxy: head, name: None });
            }
            manager::Event::Done { serial } => view.resizer.serial = serial,
            manager::Event::Finished => view.resizer.manager = None,
            _ => {}
        }
    }

    event_created_child!(PortView, ZwlrOutputManagerV1, [
        manager::EVT_HEAD_OPCODE => (ZwlrOutputHeadV1, ()),
    ]);
}

impl Dispatch<ZwlrOutputHeadV1, ()> for PortView {
    fn event(
        view: &mut Self,
        object: &ZwlrOutputHeadV1,
        event: head::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        match event {
            head::Event::Name { name } => {
                let head = view.resizer.heads.iter_mut().find(|head| head.proxy == *object);
                if let Some(head) = head {
                    head.name = Some(name);
                }
            }
            head::Event::Finished => {
                view.resizer.heads.retain(|head| head.proxy != *object);
                if object.version() >= 3 {
                    object.release();
                }
            }
            _ => {}
        }
    }

    event_created_child!(PortView, ZwlrOutputHeadV1, [
        head::EVT_MODE_OPCODE => (ZwlrOutputModeV1, ()),
    ]);
}

impl Dispatch<ZwlrOutputModeV1, ()> for PortView {
    fn event(
        _: &mut Self,
        object: &ZwlrOutputModeV1,
        event: mode::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        // Each size is a mode of its own; the old ones would add up.
        if matches!(event, mode::Event::Finished) && object.version() >= 3 {
            object.release();
        }
    }
}

impl Dispatch<ZwlrOutputConfigurationV1, ()> for PortView {
    fn event(
        view: &mut Self,
        object: &ZwlrOutputConfigurationV1,
        event: configuration::Event,
        (): &(),
        connection: &Connection,
        _: &QueueHandle<Self>,
    ) {
        object.destroy();
        for wish in view.resizer.wishes.drain(..) {
            // An error says that it is gone already.
            let _ = connection.backend().destroy_object(&wish.id());
        }
        match (event, view.resizer.under_way) {
            (configuration::Event::Succeeded, _) => view.resize_answered(true),
            (configuration::Event::Cancelled, Some((size, Wait::Answer))) => {
                // The new state was told before this answer.
                view.ask_size(size, Wait::SecondAnswer);
            }
            _ => view.resize_answered(false),
        }
    }
}

delegate_noop!(PortView: ZwlrOutputConfigurationHeadV1);
