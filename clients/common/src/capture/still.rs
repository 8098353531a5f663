//! One picture of a port or a toplevel, taken once.
//!
//! The compositor answers the first capture of a session at once, so [`take`] waits for nothing but
//! the compositor itself.

use porthole_pixel::{Rect, Size};
use wayland_client::{
    Connection, Dispatch, DispatchError, Proxy, QueueHandle, delegate_noop, event_created_child,
    globals::{GlobalError, GlobalList, GlobalListContents, registry_queue_init},
    protocol::{
        wl_buffer::WlBuffer,
        wl_output::{self, WlOutput},
        wl_registry::{self, WlRegistry},
        wl_shm::WlShm,
        wl_shm_pool::WlShmPool,
    },
};
use wayland_protocols::ext::{
    foreign_toplevel_list::v1::client::{
        ext_foreign_toplevel_handle_v1::{self as handle, ExtForeignToplevelHandleV1 as Handle},
        ext_foreign_toplevel_list_v1::{self as list, ExtForeignToplevelListV1 as List},
    },
    image_capture_source::v1::client::{
        ext_foreign_toplevel_image_capture_source_manager_v1::ExtForeignToplevelImageCaptureSourceManagerV1 as ToplevelSources,
        ext_image_capture_source_v1::ExtImageCaptureSourceV1 as Source,
        ext_output_image_capture_source_manager_v1::ExtOutputImageCaptureSourceManagerV1 as OutputSources,
    },
    image_copy_capture::v1::client::{
        ext_image_copy_capture_frame_v1::{
            self as frame, ExtImageCopyCaptureFrameV1 as FrameProxy,
        },
        ext_image_copy_capture_manager_v1::{ExtImageCopyCaptureManagerV1 as Captures, Options},
        ext_image_copy_capture_session_v1::{
            self as session, ExtImageCopyCaptureSessionV1 as SessionProxy,
        },
    },
};

use super::{
    NEEDS_CAPTURE, Role, ViewError,
    dispatch::OUTPUT_NAME,
    session::{Outcome, Session},
};
use crate::{
    connection::{MissingGlobal, bind},
    seat::{NamedOutput, Names},
};

/// What a picture is taken of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Subject {
    /// All that a port shows.
    Port {
        /// The port's name.
        name: String,
        /// Whether the pointer is in the picture.
        pointer: bool,
    },
    /// A toplevel at its own size.
    Toplevel {
        /// Its application id or its identifier.
        name: String,
        /// Whether the pointer is in the picture, where it is on the toplevel.
        pointer: bool,
    },
}

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
pub enum StillError {
    /// The port or toplevel cannot be captured.
    #[error(transparent)]
    View(#[from] ViewError),
    /// There is no toplevel of this application id.
    #[error(
        "no toplevel '{wanted}' is shown on a port that this socket may capture (there are: {})",
        known.join(", ")
    )]
    NoToplevel {
        /// What was asked for.
        wanted: String,
        /// The application ids that there are.
        known: Vec<String>,
    },
    /// There are several toplevels of this application id.
    #[error("there are several toplevels '{wanted}'; name one by its identifier: {}", known.join(", "))]
    Ambiguous {
        /// What was asked for.
        wanted: String,
        /// Their identifiers.
        known: Vec<String>,
    },
    /// The part that was asked for is not in the picture.
    #[error("{part} is not inside of the picture, which is {size}")]
    Outside {
        /// What was asked for.
        part: Rect,
        /// The picture's size.
        size: Size,
    },
}

impl From<GlobalError> for StillError {
    fn from(error: GlobalError) -> Self {
        Self::View(error.into())
    }
}

impl From<DispatchError> for StillError {
    fn from(error: DispatchError) -> Self {
        Self::View(error.into())
    }
}

impl From<MissingGlobal> for StillError {
    fn from(error: MissingGlobal) -> Self {
        Self::View(error.into())
    }
}

/// A picture: words of `0xXXRRGGBB`, row by row without gaps.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Still {
    size: Size,
    words: Vec<u32>,
}

impl Still {
    /// The picture's size.
    #[must_use]
    pub const fn size(&self) -> Size {
        self.size
    }

    /// The picture's pixels; the topmost byte of each means nothing.
    #[must_use]
    pub fn words(&self) -> &[u32] {
        &self.words
    }

    /// A part of the picture.
    ///
    /// # Errors
    /// [`StillError::Outside`] where it is not all in the picture.
    pub fn part(&self, part: Rect) -> Result<Self, StillError> {
        let outside = StillError::Outside { part, size: self.size };
        if part.is_empty() || !Rect::from_size(self.size).contains_rect(part) {
            return Err(outside);
        }
        let (left, top) = (part.left().unsigned_abs() as usize, part.top().unsigned_abs() as usize);
        let size = part.size();
        let rows = self.words.chunks_exact(self.size.width as usize);
        let rows = rows.skip(top).take(size.height as usize);
        let words = rows.flat_map(|row| row.iter().skip(left).take(size.width as usize));
        Ok(Self { size, words: words.copied().collect() })
    }
}

/// Takes a picture, with round trips to the compositor and a wait for its answer. How long that may take
/// is the caller's business.
///
/// # Errors
/// [`StillError`]; its message says what is missing.
pub fn take(connection: &Connection, subject: &Subject) -> Result<Still, StillError> {
    let (globals, mut queue) = registry_queue_init::<Camera>(connection)?;
    let handle = queue.handle();
    let shm = bind::<WlShm, _>(&globals, &handle, 1..=1, "")?;
    let captures = bind::<Captures, _>(&globals, &handle, 1..=1, NEEDS_CAPTURE)?;
    let mut camera =
        Camera { shm, outputs: Names::default(), toplevels: Vec::new(), session: None, end: None };
    let options = |pointer: bool| {
        if pointer { Options::PaintCursors } else { Options::empty() }
    };
    let (source, options) = match subject {
        Subject::Port { name, pointer } => {
            camera.bind_outputs(&globals, &handle);
            queue.roundtrip(&mut camera)?;
            let output = camera.output(name)?;
            let sources = bind::<OutputSources, _>(&globals, &handle, 1..=1, NEEDS_CAPTURE)?;
            (sources.create_source(&output, &handle, ()), options(*pointer))
        }
        Subject::Toplevel { name, pointer } => {
            let _list = bind::<List, _>(&globals, &handle, 1..=1, NEEDS_CAPTURE)?;
            let sources = bind::<ToplevelSources, _>(&globals, &handle, 1..=1, NEEDS_CAPTURE)?;
            queue.roundtrip(&mut camera)?;
            let toplevel = camera.toplevel(name)?;
            (sources.create_source(&toplevel, &handle, ()), options(*pointer))
        }
    };
    let session = captures.create_session(&source, options, &handle, Role::Picture);
    let mut session = Session::new(session, Role::Picture);
    session.resume(&camera.shm, &handle)?;
    camera.session = Some(session);
    loop {
        if let Some(end) = camera.end.take() {
            return Ok(end?);
        }
        queue.blocking_dispatch(&mut camera)?;
    }
}

/// A toplevel that the compositor told of.
#[derive(Debug)]
struct Toplevel {
    handle: Handle,
    app_id: String,
    identifier: String,
}

/// The state of the event queue.
#[derive(Debug)]
struct Camera {
    shm: WlShm,
    outputs: Names,
    toplevels: Vec<Toplevel>,
    session: Option<Session>,
    end: Option<Result<Still, ViewError>>,
}

impl Camera {
    /// Binds all outputs, which tell their names in the next round trip.
    fn bind_outputs(&mut self, globals: &GlobalList, queue: &QueueHandle<Self>) {
        let all = globals.contents().clone_list();
        let outputs = all.into_iter().filter(|g| g.interface == WlOutput::interface().name);
        for global in outputs.filter(|g| g.version >= OUTPUT_NAME) {
            let proxy = globals.registry().bind(global.name, OUTPUT_NAME, queue, ());
            self.outputs.outputs.push(NamedOutput { proxy, name: None });
        }
    }

    fn output(&self, name: &str) -> Result<WlOutput, ViewError> {
        self.outputs.output(name).cloned().ok_or_else(|| ViewError::NoPort {
            wanted: name.to_owned(),
            known: self.outputs.output_names(),
        })
    }

    fn toplevel(&self, wanted: &str) -> Result<Handle, StillError> {
        let named = |t: &&Toplevel| t.identifier == wanted || t.app_id == wanted;
        let found: Vec<&Toplevel> = self.toplevels.iter().filter(named).collect();
        match found.as_slice() {
            [one] => Ok(one.handle.clone()),
            [] => Err(StillError::NoToplevel {
                wanted: wanted.to_owned(),
                known: self.toplevels.iter().map(|t| t.app_id.clone()).collect(),
            }),
            several => Err(StillError::Ambiguous {
                wanted: wanted.to_owned(),
                known: several.iter().map(|t| t.identifier.clone()).collect(),
            }),
        }
    }

    fn outcome(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Nothing => {}
            Outcome::Failed(error) => self.end = Some(Err(error)),
            Outcome::Frame(_) => {
                let still = self.session.as_ref().and_then(|session| {
                    session.with_pictures(|size, rows, _| {
                        let words = rows.as_chunks::<4>().0.iter();
                        Still { size, words: words.map(|w| u32::from_le_bytes(*w)).collect() }
                    })
                });
                self.end = still.map(Ok);
            }
        }
    }
}

impl Dispatch<WlRegistry, GlobalListContents> for Camera {
    fn event(
        _: &mut Self,
        _: &WlRegistry,
        _: wl_registry::Event,
        _: &GlobalListContents,
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        // What comes or goes meanwhile is not what the picture is of.
    }
}

impl Dispatch<WlOutput, ()> for Camera {
    fn event(
        camera: &mut Self,
        proxy: &WlOutput,
        event: wl_output::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        if let wl_output::Event::Name { name } = event
            && let Some(output) = camera.outputs.outputs.iter_mut().find(|o| o.proxy == *proxy)
        {
            output.name = Some(name);
        }
    }
}

impl Dispatch<List, ()> for Camera {
    fn event(
        camera: &mut Self,
        _: &List,
        event: list::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        if let list::Event::Toplevel { toplevel: handle } = event {
            let (app_id, identifier) = Default::default();
            camera.toplevels.push(Toplevel { handle, app_id, identifier });
        }
    }

    event_created_child!(Camera, List, [list::EVT_TOPLEVEL_OPCODE => (Handle, ())]);
}

impl Dispatch<Handle, ()> for Camera {
    fn event(
        camera: &mut Self,
        proxy: &Handle,
        event: handle::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        let Some(place) = camera.toplevels.iter().position(|t| t.handle == *proxy) else { return };
        let Some(toplevel) = camera.toplevels.get_mut(place) else { return };
        match event {
            handle::Event::AppId { app_id } => toplevel.app_id = app_id,
            handle::Event::Identifier { identifier } => toplevel.identifier = identifier,
            handle::Event::Closed => {
                camera.toplevels.remove(place);
            }
            _ => {}
        }
    }
}

impl Dispatch<SessionProxy, Role> for Camera {
    fn event(
        camera: &mut Self,
        _: &SessionProxy,
        event: session::Event,
        _: &Role,
        _: &Connection,
        queue: &QueueHandle<Self>,
    ) {
        let Some(session) = &mut camera.session else { return };
        let outcome = session.session_event(&event, &camera.shm, queue);
        camera.outcome(outcome);
    }
}

impl Dispatch<FrameProxy, Role> for Camera {
    fn event(
        camera: &mut Self,
        proxy: &FrameProxy,
        event: frame::Event,
        _: &Role,
        _: &Connection,
        queue: &QueueHandle<Self>,
    ) {
        let Some(session) = &mut camera.session else { return };
        let outcome = session.frame_event(proxy, &event, &camera.shm, queue);
        camera.outcome(outcome);
    }
}

delegate_noop!(Camera: ignore WlShm);
delegate_noop!(Camera: ignore WlBuffer);
delegate_noop!(Camera: WlShmPool);
delegate_noop!(Camera: OutputSources);
delegate_noop!(Camera: ToplevelSources);
delegate_noop!(Camera: Source);
delegate_noop!(Camera: Captures);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_exact_or_refused() {
        let still = Still { size: Size::new(3, 2), words: (0..6).collect() };
        let part = still.part(Rect::new(1, 0, 2, 2)).unwrap();
        assert_eq!((part.size(), part.words()), (Size::new(2, 2), [1, 2, 4, 5].as_slice()));
        for wrong in [
            Rect::new(2, 0, 2, 1),
            Rect::new(-1, 0, 1, 1),
            Rect::new(0, 0, 0, 1),
            Rect::new(i32::MAX, 0, i32::MAX, 1),
        ] {
            assert!(matches!(still.part(wrong), Err(StillError::Outside { .. })), "{wrong:?}");
        }
    }
}
