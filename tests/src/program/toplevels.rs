//! Other programs' toplevels: the list of them, and captures of one.

use std::collections::BTreeMap;

use wayland_client::{
    Connection, Dispatch, Proxy, QueueHandle, delegate_noop, event_created_child,
    protocol::wl_seat::WlSeat,
};
use wayland_protocols::ext::{
    foreign_toplevel_list::v1::client::{
        ext_foreign_toplevel_handle_v1::{self as handle, ExtForeignToplevelHandleV1},
        ext_foreign_toplevel_list_v1::{self as list, ExtForeignToplevelListV1},
    },
    image_capture_source::v1::client::ext_foreign_toplevel_image_capture_source_manager_v1::ExtForeignToplevelImageCaptureSourceManagerV1,
    image_copy_capture::v1::client::{
        ext_image_copy_capture_cursor_session_v1::ExtImageCopyCaptureCursorSessionV1,
        ext_image_copy_capture_manager_v1::{ExtImageCopyCaptureManagerV1, Options},
        ext_image_copy_capture_session_v1::ExtImageCopyCaptureSessionV1,
    },
};

use super::{Log, Program};
use crate::failure::{Failure, Result};

/// The handles that a program was told, by application id.
#[derive(Debug, Default)]
pub(super) struct Handles {
    by_app_id: BTreeMap<String, ExtForeignToplevelHandleV1>,
}

impl Program {
    /// Binds the list of toplevels; the log says `listed` and what is told of each.
    ///
    /// # Errors
    /// When the socket does not show the global.
    pub fn toplevel_list(&mut self) -> Result<ExtForeignToplevelListV1> {
        let list = self.bind()?;
        self.roundtrip()?;
        Ok(list)
    }

    /// A capture session on a toplevel; waits for its constraints.
    ///
    /// # Errors
    /// When the socket does not show the globals, or the service does not answer.
    pub fn capture_toplevel(
        &mut self,
        toplevel: &ExtForeignToplevelHandleV1,
    ) -> Result<ExtImageCopyCaptureSessionV1> {
        self.capture_toplevel_with(toplevel, Options::empty())
    }

    /// The same with the pointers on it painted in.
    ///
    /// # Errors
    /// As [`Program::capture_toplevel`].
    pub fn capture_toplevel_painted(
        &mut self,
        toplevel: &ExtForeignToplevelHandleV1,
    ) -> Result<ExtImageCopyCaptureSessionV1> {
        self.capture_toplevel_with(toplevel, Options::PaintCursors)
    }

    /// Watches a seat's pointer on a toplevel; the log says `cursor enter` and so on.
    ///
    /// # Errors
    /// When the socket does not show the globals.
    pub fn watch_cursor_of(
        &self,
        toplevel: &ExtForeignToplevelHandleV1,
        seat: &WlSeat,
    ) -> Result<ExtImageCopyCaptureCursorSessionV1> {
        let sources: ExtForeignToplevelImageCaptureSourceManagerV1 = self.bind()?;
        let manager: ExtImageCopyCaptureManagerV1 = self.bind()?;
        let source = sources.create_source(toplevel, self.handle(), ());
        let pointer = seat.get_pointer(self.handle(), ());
        Ok(manager.create_pointer_cursor_session(&source, &pointer, self.handle(), ()))
    }

    fn capture_toplevel_with(
        &mut self,
        toplevel: &ExtForeignToplevelHandleV1,
        options: Options,
    ) -> Result<ExtImageCopyCaptureSessionV1> {
        let sources: ExtForeignToplevelImageCaptureSourceManagerV1 = self.bind()?;
        let manager: ExtImageCopyCaptureManagerV1 = self.bind()?;
        let source = sources.create_source(toplevel, self.handle(), ());
        let session = manager.create_session(&source, options, self.handle(), ());
        source.destroy();
        let mark = self.log.len();
        self.wait_for("the session's constraints", mark, |line| {
            line == "capture done" || line == "capture stopped"
        })?;
        Ok(session)
    }

    /// The handle of the toplevel with this application id.
    ///
    /// # Errors
    /// When the list does not have it.
    pub fn listed(&self, app_id: &str) -> Result<ExtForeignToplevelHandleV1> {
        let handle = self.log.handles.by_app_id.get(app_id).cloned();
        handle.ok_or_else(|| Failure::new(format!("{app_id} is not listed")))
    }
}

impl Dispatch<ExtForeignToplevelListV1, ()> for Log {
    fn event(
        log: &mut Self,
        _: &ExtForeignToplevelListV1,
        event: list::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        match event {
            list::Event::Toplevel { .. } => log.say("listed"),
            list::Event::Finished => log.say("list finished"),
            _ => {}
        }
    }

    event_created_child!(Log, ExtForeignToplevelListV1, [
        list::EVT_TOPLEVEL_OPCODE => (ExtForeignToplevelHandleV1, ()),
    ]);
}

impl Dispatch<ExtForeignToplevelHandleV1, ()> for Log {
    fn event(
        log: &mut Self,
        object: &ExtForeignToplevelHandleV1,
        event: handle::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        match event {
            handle::Event::Identifier { identifier } => {
                let printable = identifier.bytes().all(|b| b.is_ascii_graphic());
                let fits = (1..=32).contains(&identifier.len());
                log.say(if printable && fits { "identifier" } else { "bad identifier" });
            }
            handle::Event::Title { title } => log.say(format!("title {title}")),
            handle::Event::AppId { app_id } => {
                log.say(format!("app id {app_id}"));
                log.handles.by_app_id.insert(app_id, object.clone());
            }
            handle::Event::Done => log.say("told"),
            handle::Event::Closed => {
                log.say("closed");
                log.handles.by_app_id.retain(|_, known| known.id() != object.id());
            }
            _ => {}
        }
    }
}

delegate_noop!(Log: ExtForeignToplevelImageCaptureSourceManagerV1);
