//! A compositor that does what a test tells it: it keeps every object of the capture protocols
//! and answers none by itself.

use std::{
    fs::File,
    os::{fd::AsFd, unix::fs::FileExt, unix::net::UnixStream},
    sync::{Arc, Mutex, MutexGuard, mpsc},
    thread::JoinHandle,
};

use rustix::{
    event::{PollFd, PollFlags, poll},
    time::Timespec,
};
use wayland_client::Connection;
use wayland_protocols::ext::{
    image_capture_source::v1::server::{
        ext_image_capture_source_v1::ExtImageCaptureSourceV1 as Source,
        ext_output_image_capture_source_manager_v1::{
            self, ExtOutputImageCaptureSourceManagerV1 as Sources,
        },
    },
    image_copy_capture::v1::server::{
        ext_image_copy_capture_cursor_session_v1::{
            self, ExtImageCopyCaptureCursorSessionV1 as CursorSession,
        },
        ext_image_copy_capture_frame_v1::{self, ExtImageCopyCaptureFrameV1 as Frame},
        ext_image_copy_capture_manager_v1::{self, ExtImageCopyCaptureManagerV1 as Captures},
        ext_image_copy_capture_session_v1::{self, ExtImageCopyCaptureSessionV1 as Session},
    },
};
use wayland_server::{
    Client, DataInit, Dispatch, Display, DisplayHandle, GlobalDispatch, New, Resource,
    backend::{ClientData, ClientId, DisconnectReason},
    protocol::{
        wl_buffer::WlBuffer,
        wl_keyboard::{KeymapFormat, WlKeyboard},
        wl_output::WlOutput,
        wl_pointer::WlPointer,
        wl_seat::{self, WlSeat},
        wl_shm::{self, WlShm},
        wl_shm_pool::{self, WlShmPool},
    },
};

/// A frame as far as the client has described it.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) proxy: Frame,
    session: Session,
    buffer: Option<WlBuffer>,
    pub(super) damage: Vec<[i32; 4]>,
    pub(super) captured: bool,
}

/// Everything that the client has made and not destroyed.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) sessions: Vec<Session>,
    pub(super) cursors: Vec<CursorSession>,
    pub(super) frames: Vec<Asked>,
    pub(super) buffers: usize,
    pub(super) created: usize,
}

impl State {
    /// Tells constraints of the newest session of a kind.
    pub(super) fn constrain(&self, cursor: bool, width: u32, height: u32) {
        let session = self.session(cursor);
        session.buffer_size(width, height);
        session.shm_format(wl_shm::Format::Argb8888);
        session.shm_format(wl_shm::Format::Xrgb8888);
        session.done();
    }

    /// The newest session; the cursor's is made after the picture's first one.
    pub(super) fn session(&self, cursor: bool) -> &Session {
        let is_cursor = |session: &&Session| *session.data::<bool>().unwrap() == cursor;
        self.sessions.iter().rev().find(is_cursor).unwrap()
    }

    /// The frame that waits for the newest session of a kind.
    pub(super) fn frame(&self, cursor: bool) -> Option<&Asked> {
        let session = self.session(cursor);
        self.frames.iter().find(|frame| frame.session == *session && frame.captured)
    }

    /// Fills the waiting frame's buffer with one word and finishes it.
    pub(super) fn finish(&mut self, cursor: bool, word: u32, damage: [i32; 4]) {
        let frame = self.frame(cursor).unwrap();
        let memory = frame.buffer.as_ref().unwrap().data::<Memory>().unwrap();
        let bytes: Vec<u8> = word.to_le_bytes().into_iter().cycle().take(memory.length).collect();
        memory.file.write_all_at(&bytes, 0).unwrap();
        let [x, y, width, height] = damage;
        frame.proxy.damage(x, y, width, height);
        frame.proxy.presentation_time(0, 7, 5);
        frame.proxy.ready();
        let proxy = frame.proxy.clone();
        self.frames.iter_mut().filter(|f| f.proxy == proxy).for_each(|f| f.captured = false);
    }
}

/// What a buffer lies in.
#[derive(Clone, Debug)]
struct Memory {
    file: Arc<File>,
    length: usize,
}

/// The compositor's thread and the client's end of the socket.
pub(super) struct Compositor {
    state: Arc<Mutex<State>>,
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    pub(super) connection: Connection,
}

impl Compositor {
    pub(super) fn start() -> Self {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let state = Arc::<Mutex<State>>::default();
        let (stop, stopped) = mpsc::channel();
        let shared = Arc::clone(&state);
        let thread = std::thread::spawn(move || run(ours, &shared, &stopped));
        let connection = Connection::from_socket(theirs).unwrap();
        Self { state, stop: Some(stop), thread: Some(thread), connection }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

impl Drop for Compositor {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

struct Nobody;

impl ClientData for Nobody {
    fn initialized(&self, _: ClientId) {}
    fn disconnected(&self, _: ClientId, _: DisconnectReason) {}
}

fn run(socket: UnixStream, state: &Mutex<State>, stopped: &mpsc::Receiver<()>) {
    let mut display = Display::<State>::new().unwrap();
    let handle = display.handle();
    handle.create_global::<State, WlShm, ()>(1, ());
    for name in ["left", "main"] {
        handle.create_global::<State, WlOutput, &'static str>(4, name);
        handle.create_global::<State, WlSeat, &'static str>(7, name);
    }
    handle.create_global::<State, Sources, ()>(1, ());
    handle.create_global::<State, Captures, ()>(1, ());
    display.handle().insert_client(socket, Arc::new(Nobody)).unwrap();
    while stopped.try_recv() != Err(mpsc::TryRecvError::Disconnected) {
        {
            let backend = display.backend();
            let mut watched = [PollFd::from_borrowed_fd(backend.poll_fd(), PollFlags::IN)];
            // What tests tell must go out soon, and they have no way to wake this thread.
            let soon = Timespec { tv_sec: 0, tv_nsec: 1_000_000 };
            poll(&mut watched, Some(&soon)).unwrap();
        }
        display.dispatch_clients(&mut state.lock().unwrap()).unwrap();
        display.flush_clients().unwrap();
    }
}

/// Globals that say nothing when they are bound.
macro_rules! quiet_globals {
    ($($interface:ty),*) => {$(
        impl GlobalDispatch<$interface, ()> for State {
            fn bind(_: &mut Self, _: &DisplayHandle, _: &Client, new: New<$interface>, (): &(), init: &mut DataInit<'_, Self>) {
                init.init(new, ());
            }
        }
    )*};
}
quiet_globals!(WlShm, Sources, Captures);

/// Objects whose requests nobody listens to.
macro_rules! ignore {
    ($($interface:ty: $data:ty),*) => {$(
        impl Dispatch<$interface, $data> for State {
            fn request(_: &mut Self, _: &Client, _: &$interface, _: <$interface as Resource>::Request, _: &$data, _: &DisplayHandle, _: &mut DataInit<'_, Self>) {}
        }
    )*};
}
ignore!(WlOutput: (), WlPointer: (), WlKeyboard: (), Source: ());

impl GlobalDispatch<WlOutput, &'static str> for State {
    fn bind(
        _: &mut Self,
        _: &DisplayHandle,
        _: &Client,
        new: New<WlOutput>,
        name: &&'static str,
        init: &mut DataInit<'_, Self>,
    ) {
        let output = init.init(new, ());
        output.name((*name).to_owned());
        output.done();
    }
}

impl GlobalDispatch<WlSeat, &'static str> for State {
    fn bind(
        _: &mut Self,
        _: &DisplayHandle,
        _: &Client,
        new: New<WlSeat>,
        name: &&'static str,
        init: &mut DataInit<'_, Self>,
    ) {
        let seat = init.init(new, *name);
        seat.name((*name).to_owned());
        seat.capabilities(wl_seat::Capability::Pointer | wl_seat::Capability::Keyboard);
    }
}

impl Dispatch<WlSeat, &'static str> for State {
    fn request(
        _: &mut Self,
        _: &Client,
        _: &WlSeat,
        request: wl_seat::Request,
        name: &&'static str,
        _: &DisplayHandle,
        init: &mut DataInit<'_, Self>,
    ) {
        match request {
            wl_seat::Request::GetPointer { id } => drop(init.init(id, ())),
            wl_seat::Request::GetKeyboard { id } => {
                let keyboard = init.init(id, ());
                let memory =
                    rustix::fs::memfd_create("keymap", rustix::fs::MemfdFlags::CLOEXEC).unwrap();
                let text = format!("keymap of {name}\0");
                File::from(memory.try_clone().unwrap()).write_all_at(text.as_bytes(), 0).unwrap();
                keyboard.keymap(
                    KeymapFormat::XkbV1,
                    memory.as_fd(),
                    u32::try_from(text.len()).unwrap(),
                );
            }
            _ => {}
        }
    }
}

impl Dispatch<WlShm, ()> for State {
    fn request(
        _: &mut Self,
        _: &Client,
        _: &WlShm,
        request: wl_shm::Request,
        (): &(),
        _: &DisplayHandle,
        init: &mut DataInit<'_, Self>,
    ) {
        if let wl_shm::Request::CreatePool { id, fd, size } = request {
            let length = usize::try_from(size).unwrap();
            init.init(id, Memory { file: Arc::new(File::from(fd)), length });
        }
    }
}

impl Dispatch<WlShmPool, Memory> for State {
    fn request(
        state: &mut Self,
        _: &Client,
        _: &WlShmPool,
        request: wl_shm_pool::Request,
        memory: &Memory,
        _: &DisplayHandle,
        init: &mut DataInit<'_, Self>,
    ) {
        if let wl_shm_pool::Request::CreateBuffer { id, .. } = request {
            init.init(id, memory.clone());
            state.buffers += 1;
        }
    }
}

impl Dispatch<WlBuffer, Memory> for State {
    fn request(
        _: &mut Self,
        _: &Client,
        _: &WlBuffer,
        _: wayland_server::protocol::wl_buffer::Request,
        _: &Memory,
        _: &DisplayHandle,
        _: &mut DataInit<'_, Self>,
    ) {
    }

    fn destroyed(state: &mut Self, _: ClientId, _: &WlBuffer, _: &Memory) {
        state.buffers -= 1;
    }
}

impl Dispatch<Sources, ()> for State {
    fn request(
        _: &mut Self,
        _: &Client,
        _: &Sources,
        request: ext_output_image_capture_source_manager_v1::Request,
        (): &(),
        _: &DisplayHandle,
        init: &mut DataInit<'_, Self>,
    ) {
        if let ext_output_image_capture_source_manager_v1::Request::CreateSource {
            source, ..
        } = request
        {
            init.init(source, ());
        }
    }
}

impl Dispatch<Captures, ()> for State {
    fn request(
        state: &mut Self,
        _: &Client,
        _: &Captures,
        request: ext_image_copy_capture_manager_v1::Request,
        (): &(),
        _: &DisplayHandle,
        init: &mut DataInit<'_, Self>,
    ) {
        match request {
            ext_image_copy_capture_manager_v1::Request::CreateSession { session, .. } => {
                state.sessions.push(init.init(session, false));
                state.created += 1;
            }
            ext_image_copy_capture_manager_v1::Request::CreatePointerCursorSession {
                session,
                ..
            } => {
                state.cursors.push(init.init(session, ()));
            }
            _ => {}
        }
    }
}

impl Dispatch<CursorSession, ()> for State {
    fn request(
        state: &mut Self,
        _: &Client,
        _: &CursorSession,
        request: ext_image_copy_capture_cursor_session_v1::Request,
        (): &(),
        _: &DisplayHandle,
        init: &mut DataInit<'_, Self>,
    ) {
        if let ext_image_copy_capture_cursor_session_v1::Request::GetCaptureSession { session } =
            request
        {
            state.sessions.push(init.init(session, true));
        }
    }
}

impl Dispatch<Session, bool> for State {
    fn request(
        state: &mut Self,
        _: &Client,
        session: &Session,
        request: ext_image_copy_capture_session_v1::Request,
        _: &bool,
        _: &DisplayHandle,
        init: &mut DataInit<'_, Self>,
    ) {
        if let ext_image_copy_capture_session_v1::Request::CreateFrame { frame } = request {
            assert!(
                !state.frames.iter().any(|asked| asked.session == *session),
                "a session has one frame at most"
            );
            let proxy = init.init(frame, ());
            state.frames.push(Asked {
                proxy,
                session: session.clone(),
                buffer: None,
                damage: Vec::new(),
                captured: false,
            });
        }
    }

    fn destroyed(state: &mut Self, _: ClientId, session: &Session, _: &bool) {
        state.sessions.retain(|known| known != session);
    }
}

impl Dispatch<Frame, ()> for State {
    fn request(
        state: &mut Self,
        _: &Client,
        proxy: &Frame,
        request: ext_image_copy_capture_frame_v1::Request,
        (): &(),
        _: &DisplayHandle,
        _: &mut DataInit<'_, Self>,
    ) {
        let Some(frame) = state.frames.iter_mut().find(|frame| frame.proxy == *proxy) else {
            return;
        };
        match request {
            ext_image_copy_capture_frame_v1::Request::AttachBuffer { buffer } => {
                frame.buffer = Some(buffer);
            }
            ext_image_copy_capture_frame_v1::Request::DamageBuffer { x, y, width, height } => {
                frame.damage.push([x, y, width, height]);
            }
            ext_image_copy_capture_frame_v1::Request::Capture => frame.captured = true,
            _ => {}
        }
    }

    fn destroyed(state: &mut Self, _: ClientId, proxy: &Frame, (): &()) {
        state.frames.retain(|frame| frame.proxy != *proxy);
    }
}
