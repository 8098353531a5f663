//! A port as a viewer sees it: its picture by `ext-image-copy-capture-v1`, and for each person who
//! looks at it a seat with a cursor and virtual input.
//!
//! [`PortView`] is the state of one Wayland event queue. Its owner dispatches the queue and then
//! takes [`ViewEvent`]s; nothing here waits.

mod clipboard;
mod cursor;
mod dispatch;
mod person;
mod resize;
mod session;
mod slots;
pub mod still;

use std::{
    collections::{BTreeMap, VecDeque},
    io,
};

use porthole_pixel::Size;
use porthole_wayland::process::client::porthole_process_v1::PortholeProcessV1;
use porthole_wayland::seat_feedback::client::porthole_seat_feedback_manager_v1::PortholeSeatFeedbackManagerV1;
use wayland_client::{
    Connection, DispatchError, EventQueue, QueueHandle,
    globals::{GlobalError, GlobalList, registry_queue_init},
    protocol::{
        wl_display::WlDisplay, wl_output::WlOutput, wl_registry::WlRegistry, wl_shm::WlShm,
    },
};
use wayland_protocols::ext::{
    data_control::v1::client::ext_data_control_manager_v1::ExtDataControlManagerV1,
    image_capture_source::v1::client::ext_output_image_capture_source_manager_v1::ExtOutputImageCaptureSourceManagerV1,
    image_copy_capture::v1::client::{
        ext_image_copy_capture_manager_v1::{ExtImageCopyCaptureManagerV1, Options},
        ext_image_copy_capture_session_v1::ExtImageCopyCaptureSessionV1 as SessionProxy,
    },
    transient_seat::v1::client::ext_transient_seat_manager_v1::ExtTransientSeatManagerV1,
};
use wayland_protocols_misc::zwp_virtual_keyboard_v1::client::zwp_virtual_keyboard_manager_v1::ZwpVirtualKeyboardManagerV1;
use wayland_protocols_wlr::virtual_pointer::v1::client::zwlr_virtual_pointer_manager_v1::ZwlrVirtualPointerManagerV1;

pub use clipboard::{Copied, Paste};
pub use cursor::CursorPicture;
pub use person::PersonId;
pub use session::Frame;

pub use crate::lamps::Lamps;
use crate::{
    connection::{MissingGlobal, bind},
    seat::Names,
};
use cursor::Cursor;
use person::Person;
use session::Session;

const NEEDS_CAPTURE: &str = "; does this socket have the right to capture ports?";

/// Why a port cannot be viewed, or no longer.
#[derive(Debug, thiserror::Error)]
pub enum ViewError {
    /// The globals could not be listed.
    #[error("the compositor did not list what it offers")]
    Globals(#[from] GlobalError),
    /// The connection broke.
    #[error("the connection to the compositor broke")]
    Dispatch(#[from] DispatchError),
    /// Something that is needed is not offered.
    #[error(transparent)]
    Missing(#[from] MissingGlobal),
    /// There is no port of this name.
    #[error("the compositor has no port '{wanted}' (it has: {})", known.join(", "))]
    NoPort {
        /// The name that was asked for.
        wanted: String,
        /// The names that there are.
        known: Vec<String>,
    },
    /// No memory for buffers.
    #[error("no memory for pictures")]
    Memory(#[source] io::Error),
    /// The port's size cannot be.
    #[error("the port has an impossible size of {0}")]
    Size(Size),
    /// No format of the compositor's is readable.
    #[error("the compositor offers no 32 bit RGB format for captures")]
    Format,
    /// The compositor ended the capture.
    #[error(
        "the compositor ended the capture: the port is gone, or this socket may not capture it"
    )]
    Stopped,
    /// The compositor failed to capture again and again.
    #[error("{0} captures failed in a row")]
    Failures(u32),
}

/// What happened on the port.
#[derive(Debug)]
pub enum ViewEvent {
    /// A new frame; it can be seen with [`PortView::with_pictures`].
    Frame(Frame),
    /// A person's cursor has a new image or a new hotspot.
    CursorImage(PersonId, CursorPicture),
    /// A person's cursor is at this pixel of the port; `None` where it is not seen.
    CursorAt(PersonId, Option<(i32, i32)>),
    /// A person's seat has a keymap; see [`PortView::keymap`].
    Keymap(PersonId),
    /// These lamps of a person's keyboard are on.
    Lamps(PersonId, Lamps),
    /// Whether somebody has locked a person's pointer: then only how far it goes counts.
    PointerLocked(PersonId, bool),
    /// What others have copied on a person's seat; none where that is no text, or nothing any more. See
    /// [`PortView::open_clipboard`].
    Copied(PersonId, Option<Copied>),
    /// Somebody pastes what a person has copied at the viewer; see [`PortView::set_copied`].
    Pasted(Paste),
    /// A person can send input; see [`PortView::take_input`].
    PersonReady(PersonId),
    /// What became of a wish for another size; see [`PortView::request_size`].
    ResizeAnswered {
        /// The size that was asked for.
        size: Size,
        /// Whether the port has it now; its frame may still be on its way.
        granted: bool,
    },
    /// How much this process matters, and how much that one does which matters most: 0 to 9.
    Priority(u32, u32),
    /// Nothing more will come.
    Failed(ViewError),
}

/// How the pointers of people are seen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pointers {
    /// Each person's apart from the picture, so that its viewer can draw it without delay.
    Apart,
    /// All of them as a part of the picture.
    Painted,
}

/// Whose capture an object belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Role {
    Picture,
    Cursor(PersonId),
}

impl Role {
    /// The picture has one buffer with the newest frame, one with the frame before it, which
    /// moves are searched in, and one that is captured into. The cursor's is copied at once.
    const fn buffer_count(self) -> usize {
        match self {
            Self::Picture => 3,
            Self::Cursor(_) => 1,
        }
    }
}

/// See the module's text.
#[derive(Debug)]
pub struct PortView {
    display: WlDisplay,
    registry: WlRegistry,
    queue: QueueHandle<Self>,
    names: Names,
    port: Option<Port>,
    events: VecDeque<ViewEvent>,
    people: BTreeMap<PersonId, Person>,
    wanted: bool,
    /// Frames were wanted and then not.
    paused: bool,
    /// The size that the session before had told.
    size_before: Option<Size>,
    resizer: resize::Resizer,
}

/// The objects of the port that was found.
#[derive(Debug)]
struct Port {
    name: String,
    shm: WlShm,
    sources: ExtOutputImageCaptureSourceManagerV1,
    captures: ExtImageCopyCaptureManagerV1,
    options: Options,
    output: WlOutput,
    /// The global of the port's own seat.
    seat: Option<u32>,
    seats: Option<ExtTransientSeatManagerV1>,
    keyboards: Option<ZwpVirtualKeyboardManagerV1>,
    pointers: Option<ZwlrVirtualPointerManagerV1>,
    feedback: Option<PortholeSeatFeedbackManagerV1>,
    clipboards: Option<ExtDataControlManagerV1>,
    picture: Session,
}

impl Port {
    /// Starts a session on the port's picture.
    fn open_session(&self, queue: &QueueHandle<PortView>) -> SessionProxy {
        let source = self.sources.create_source(&self.output, queue, ());
        let session = self.captures.create_session(&source, self.options, queue, Role::Picture);
        source.destroy();
        session
    }
}

impl PortView {
    /// Finds the port by its name and starts to capture it. Waits for the compositor's answers to
    /// two round trips.
    ///
    /// # Errors
    /// [`ViewError`] where something is missing; its message says what.
    pub fn open(
        connection: &Connection,
        port: &str,
        pointers: Pointers,
    ) -> Result<(Self, EventQueue<Self>), ViewError> {
        let (globals, mut queue) = registry_queue_init::<Self>(connection)?;
        let handle = queue.handle();
        let mut view = Self {
            display: connection.display(),
            registry: globals.registry().clone(),
            queue: handle,
            names: Names::default(),
            port: None,
            events: VecDeque::new(),
            people: BTreeMap::new(),
            wanted: false,
            paused: false,
            size_before: None,
            resizer: resize::Resizer::default(),
        };
        view.bind_named(&globals);
        queue.roundtrip(&mut view)?;
        view.start(&globals, port, pointers)?;
        Ok((view, queue))
    }

    fn start(
        &mut self,
        globals: &GlobalList,
        name: &str,
        pointers: Pointers,
    ) -> Result<(), ViewError> {
        let queue = &self.queue;
        let shm = bind::<WlShm, Self>(globals, queue, 1..=1, "")?;
        let sources = bind::<ExtOutputImageCaptureSourceManagerV1, Self>(
            globals,
            queue,
            1..=1,
            NEEDS_CAPTURE,
        )?;
        let captures =
            bind::<ExtImageCopyCaptureManagerV1, Self>(globals, queue, 1..=1, NEEDS_CAPTURE)?;
        let no_port =
            || ViewError::NoPort { wanted: name.to_owned(), known: self.names.output_names() };
        let output = self.names.output(name).ok_or_else(no_port)?.clone();
        let seat = self.names.seat(name);
        let source = sources.create_source(&output, queue, ());
        let options = match pointers {
            Pointers::Apart => Options::empty(),
            Pointers::Painted => Options::PaintCursors,
        };
        let session = captures.create_session(&source, options, queue, Role::Picture);
        source.destroy();
        // Shown only where the socket may give ports another size.
        let manager = globals.bind(queue, 1..=4, ()).ok();
        self.resizer.start(manager);
        let _process: Option<PortholeProcessV1> = globals.bind(queue, 1..=1, ()).ok();
        self.port = Some(Port {
            name: name.to_owned(),
            shm,
            sources,
            captures,
            options,
            output,
            seat,
            seats: globals.bind(queue, 1..=1, ()).ok(),
            keyboards: globals.bind(queue, 1..=1, ()).ok(),
            pointers: globals.bind(queue, 2..=2, ()).ok(),
            feedback: globals.bind(queue, 1..=1, ()).ok(),
            clipboards: globals.bind(queue, 1..=1, ()).ok(),
            picture: Session::new(session, Role::Picture),
        });
        Ok(())
    }

    /// The next thing that happened since the queue was dispatched.
    pub fn next_event(&mut self) -> Option<ViewEvent> {
        self.events.pop_front()
    }

    /// Asks for frames from now on, or no longer. Each frame is followed by the wish for the
    /// next one before its owner hears of it, so that capture and encoding overlap.
    ///
    /// While no frames are wanted there are no buffers and no pictures. The first frame after
    /// that comes at once, whether the port has changed or not, so nobody sees an old picture.
    pub fn want_frames(&mut self, wanted: bool) {
        let Some(port) = &mut self.port else { return };
        if wanted == std::mem::replace(&mut self.wanted, wanted) {
            return;
        }
        if !wanted {
            port.picture.pause();
            self.paused = true;
            return;
        }
        // Only the first frame of a session is sent without a change of the picture.
        if std::mem::take(&mut self.paused) {
            let session = port.open_session(&self.queue);
            let size = port.picture.size();
            port.picture.destroy();
            port.picture = Session::new(session, Role::Picture);
            self.size_before = size;
        }
        if let Err(error) = port.picture.resume(&port.shm, &self.queue) {
            self.events.push_back(ViewEvent::Failed(error));
        }
    }

    /// The size of the port, once the compositor has told it.
    #[must_use]
    pub fn size(&self) -> Option<Size> {
        self.port.as_ref()?.picture.size().or(self.size_before)
    }

    /// Lends the newest frame and, where it is still whole, the one before it: the size, and rows
    /// of `0xXXRRGGBB` words without gaps. `None` before the first frame.
    pub fn with_pictures<R>(
        &self,
        look: impl FnOnce(Size, &[u8], Option<&[u8]>) -> R,
    ) -> Option<R> {
        self.port.as_ref()?.picture.with_pictures(look)
    }
}

#[cfg(test)]
mod tests;
