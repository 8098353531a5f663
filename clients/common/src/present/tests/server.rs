//! A small compositor: notes what its client does as text, and does what a test tells it.

use std::os::fd::AsFd;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Instant;

use porthole_wayland::stream::server::wfd_stream_manager_v1::WfdStreamManagerV1;
use porthole_wayland::stream::server::wfd_stream_v1::WfdStreamV1;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tempfile::TempDir;
use wayland_protocols::wp::presentation_time::server::wp_presentation::WpPresentation;
use wayland_protocols::wp::presentation_time::server::wp_presentation_feedback::{
    Kind, WpPresentationFeedback,
};
use wayland_protocols::wp::tablet::zv2::server::zwp_tablet_manager_v2::ZwpTabletManagerV2;
use wayland_protocols::wp::tablet::zv2::server::zwp_tablet_seat_v2::ZwpTabletSeatV2;
use wayland_protocols::xdg::shell::server::xdg_surface::XdgSurface;
use wayland_protocols::xdg::shell::server::xdg_toplevel::XdgToplevel;
use wayland_protocols::xdg::shell::server::xdg_wm_base::XdgWmBase;
use wayland_server::backend::{ClientData, ClientId, DisconnectReason};
use wayland_server::protocol::wl_buffer::WlBuffer;
use wayland_server::protocol::wl_callback::WlCallback;
use wayland_server::protocol::wl_compositor::WlCompositor;
use wayland_server::protocol::wl_keyboard::WlKeyboard;
use wayland_server::protocol::wl_pointer::WlPointer;
use wayland_server::protocol::wl_seat::WlSeat;
use wayland_server::protocol::wl_shm::WlShm;
use wayland_server::protocol::wl_subcompositor::WlSubcompositor;
use wayland_server::protocol::wl_surface::WlSurface;
use wayland_server::protocol::wl_touch::WlTouch;
use wayland_server::{Display, DisplayHandle, ListeningSocket};

use super::device::DEADLINE;

/// What the compositor knows.
#[derive(Default)]
pub(super) struct Server {
    pub(super) log: Arc<Mutex<Vec<String>>>,
    pub(super) window: Option<WlSurface>,
    pub(super) xdg: Option<XdgSurface>,
    pub(super) toplevel: Option<XdgToplevel>,
    pub(super) frames: Vec<WlCallback>,
    pub(super) feedback: Vec<WpPresentationFeedback>,
    /// Every buffer that was attached to the window, oldest first.
    pub(super) attached: Vec<WlBuffer>,
    pub(super) keyboards: Vec<WlKeyboard>,
    pub(super) pointers: Vec<WlPointer>,
    pub(super) touches: Vec<WlTouch>,
    /// What asks for pens of a seat.
    pub(super) pens: Vec<ZwpTabletSeatV2>,
    pub(super) clients: usize,
    pub(super) stream: Option<WfdStreamV1>,
}

impl Server {
    pub(super) fn note(&self, line: String) {
        self.log.lock().unwrap().push(line);
    }

    pub(super) fn surface(&self) -> &WlSurface {
        self.window.as_ref().unwrap()
    }

    pub(super) fn configure(&self, width: i32, height: i32, states: &[u32]) {
        let states = states.iter().flat_map(|state| state.to_ne_bytes()).collect();
        self.toplevel.as_ref().unwrap().configure(width, height, states);
        self.xdg.as_ref().unwrap().configure(1);
    }

    pub(super) fn answer_frames(&mut self) {
        self.frames.drain(..).for_each(|callback| callback.done(0));
    }

    pub(super) fn present_all(&mut self) {
        for feedback in self.feedback.drain(..) {
            feedback.presented(0, 0, 0, 16_666_667, 0, 0, Kind::empty());
        }
    }
}

pub(super) struct Nobody;

impl ClientData for Nobody {
    fn initialized(&self, _: ClientId) {}
    fn disconnected(&self, _: ClientId, _: DisconnectReason) {}
}

type Order = Box<dyn FnOnce(&mut Server) + Send>;

/// The compositor's thread.
pub(super) struct Compositor {
    orders: Option<Sender<Order>>,
    thread: Option<JoinHandle<()>>,
    folder: Arc<TempDir>,
    pub(super) log: Arc<Mutex<Vec<String>>>,
}

impl Compositor {
    pub(super) fn start() -> Self {
        Self::start_in(Arc::new(TempDir::new().unwrap()), false)
    }

    /// A compositor that has `wfd_stream_v1`.
    pub(super) fn with_streams() -> Self {
        Self::start_in(Arc::new(TempDir::new().unwrap()), true)
    }

    fn start_in(folder: Arc<TempDir>, streams: bool) -> Self {
        let (orders, take) = channel();
        let log = Arc::<Mutex<Vec<String>>>::default();
        let server = Server { log: Arc::clone(&log), ..Server::default() };
        let path = folder.path().join("socket");
        // Bound here, so that it is there when this returns.
        let socket = ListeningSocket::bind_absolute(path).unwrap();
        let thread = std::thread::spawn(move || run(server, &socket, &take, streams));
        Self { orders: Some(orders), thread: Some(thread), folder, log }
    }

    pub(super) fn socket(&self) -> PathBuf {
        self.folder.path().join("socket")
    }

    /// Ends the compositor and starts another one on the same path.
    pub(super) fn restart(mut self) -> Self {
        self.stop();
        Self::start_in(Arc::clone(&self.folder), false)
    }

    fn stop(&mut self) {
        drop(self.orders.take());
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }

    pub(super) fn order(&self, order: impl FnOnce(&mut Server) + Send + 'static) {
        self.orders.as_ref().unwrap().send(Box::new(order)).unwrap();
    }

    /// Waits for a line in the log, and forgets it and all before it. Returns how many that were.
    pub(super) fn wait(&self, line: &str) -> usize {
        let start = Instant::now();
        loop {
            let mut log = self.log.lock().unwrap();
            if let Some(index) = log.iter().position(|have| have == line) {
                return log.drain(..=index).count();
            }
            assert!(start.elapsed() < DEADLINE, "no {line:?} in {log:#?}");
            drop(log);
            std::thread::yield_now();
        }
    }
}

impl Drop for Compositor {
    fn drop(&mut self) {
        self.stop();
    }
}

fn globals(handle: &DisplayHandle) {
    handle.create_global::<Server, WlCompositor, ()>(4, ());
    handle.create_global::<Server, WlSubcompositor, ()>(1, ());
    handle.create_global::<Server, WlShm, ()>(1, ());
    handle.create_global::<Server, XdgWmBase, ()>(6, ());
    handle.create_global::<Server, WpPresentation, ()>(1, ());
    handle.create_global::<Server, WlSeat, ()>(8, ());
    handle.create_global::<Server, WlSeat, ()>(8, ());
    handle.create_global::<Server, ZwpTabletManagerV2, ()>(1, ());
}

fn run(mut server: Server, socket: &ListeningSocket, orders: &Receiver<Order>, streams: bool) {
    let mut display = Display::<Server>::new().unwrap();
    globals(&display.handle());
    if streams {
        display.handle().create_global::<Server, WfdStreamManagerV1, ()>(1, ());
    }
    loop {
        {
            let watched = [socket.as_fd(), display.backend().poll_fd()];
            let mut watched = watched.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN));
            // Orders come through a channel that cannot be polled.
            let soon = Timespec { tv_sec: 0, tv_nsec: 2_000_000 };
            poll(&mut watched, Some(&soon)).unwrap();
        }
        if let Some(stream) = socket.accept().unwrap() {
            display.handle().insert_client(stream, Arc::new(Nobody)).unwrap();
            server.clients += 1;
        }
        display.dispatch_clients(&mut server).unwrap();
        loop {
            match orders.try_recv() {
                Ok(order) => order(&mut server),
                Err(std::sync::mpsc::TryRecvError::Empty) => break,
                Err(std::sync::mpsc::TryRecvError::Disconnected) => return,
            }
        }
        display.flush_clients().unwrap();
    }
}
