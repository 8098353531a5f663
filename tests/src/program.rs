//! An ordinary Wayland program, written in the test: it sees what any client sees, as short texts.
//!
//! One thread, one connection. Requests are the protocol's own; what the service answers is kept as a
//! line for each event, so that a test says what it expects in the protocol's words.

mod activation;
mod buffers;
mod constraints;
mod copies;
mod desktop;
mod device;
mod events;
mod looks;
mod memory;
mod outputs;
mod pacing;
mod pens;
mod processes;
mod safety;
mod sandbox;
mod seats;
mod streams;
mod toplevels;
mod typing;
mod wfd;

use std::{
    io,
    os::unix::net::UnixStream,
    path::Path,
    time::{Duration, Instant},
};

use wayland_client::{
    Connection, Dispatch, EventQueue, Proxy, QueueHandle,
    backend::WaylandError,
    globals::{GlobalList, registry_queue_init},
    protocol::{
        wl_buffer::WlBuffer,
        wl_compositor::WlCompositor,
        wl_output::WlOutput,
        wl_seat::WlSeat,
        wl_shm::{Format, WlShm},
        wl_shm_pool::WlShmPool,
        wl_subcompositor::WlSubcompositor,
        wl_subsurface::WlSubsurface,
        wl_surface::WlSurface,
    },
};
use wayland_protocols::{
    ext::{
        image_capture_source::v1::client::ext_output_image_capture_source_manager_v1::ExtOutputImageCaptureSourceManagerV1,
        image_copy_capture::v1::client::{
            ext_image_copy_capture_frame_v1::ExtImageCopyCaptureFrameV1,
            ext_image_copy_capture_manager_v1::{ExtImageCopyCaptureManagerV1, Options},
            ext_image_copy_capture_session_v1::ExtImageCopyCaptureSessionV1,
        },
    },
    wp::viewporter::client::wp_viewporter::WpViewporter,
    xdg::shell::client::{
        xdg_surface::XdgSurface, xdg_toplevel::XdgToplevel, xdg_wm_base::XdgWmBase,
    },
};

use crate::failure::{Failure, OrFail, Result};
pub use desktop::{Popup, TEXT};
pub use device::{DeviceMemory, Writing, refuse_mistakes};
use events::Answered;
pub use events::Log;
pub use memory::PoolMemory;
pub use safety::signature;
pub use seats::OwnSeat;
pub use typing::keymap_of;
pub use wfd::Wfd;

/// How long the service may take for an answer.
const PATIENCE: Duration = crate::wait::SHORT;

/// A connected program.
#[derive(Debug)]
pub struct Program {
    connection: Connection,
    globals: GlobalList,
    queue: EventQueue<Log>,
    handle: QueueHandle<Log>,
    compositor: WlCompositor,
    subcompositor: WlSubcompositor,
    /// What the service said so far.
    pub log: Log,
}

/// A toplevel with its objects.
#[derive(Debug)]
pub struct Toplevel {
    /// The surface.
    pub surface: WlSurface,
    xdg_surface: XdgSurface,
    toplevel: XdgToplevel,
}

/// The bound globals of the capture protocol.
#[derive(Debug)]
pub struct CaptureManagers {
    sources: ExtOutputImageCaptureSourceManagerV1,
    manager: ExtImageCopyCaptureManagerV1,
}

/// A buffer and the memory behind it.
#[derive(Debug)]
pub struct Buffer {
    /// The protocol's object.
    pub object: WlBuffer,
    /// The memory of its pool.
    pub memory: PoolMemory,
    pool: WlShmPool,
    size: (u32, u32),
}

impl Program {
    /// Connects to a socket.
    ///
    /// # Errors
    /// When nobody answers there.
    pub fn connect(socket: &Path) -> Result<Self> {
        Program::on(UnixStream::connect(socket).or_fail("connect to the service")?)
    }

    /// Speaks on a connection that is there.
    ///
    /// # Errors
    /// When nobody answers there.
    pub fn on(stream: UnixStream) -> Result<Self> {
        let connection = Connection::from_socket(stream).or_fail("speak Wayland")?;
        let (globals, queue) = registry_queue_init::<Log>(&connection).or_fail("list globals")?;
        let handle = queue.handle();
        let compositor = globals.bind(&handle, 4..=6, ()).or_fail("bind wl_compositor")?;
        let subcompositor = globals.bind(&handle, 1..=1, ()).or_fail("bind wl_subcompositor")?;
        let log = Log::default();
        Ok(Self { connection, globals, queue, handle, compositor, subcompositor, log })
    }

    /// The names of all globals that this socket shows.
    #[must_use]
    pub fn global_names(&self) -> Vec<String> {
        let mut names: Vec<String> =
            self.globals.contents().with_list(|l| l.iter().map(|g| g.interface.clone()).collect());
        names.sort();
        names
    }

    /// Binds a global by its type.
    ///
    /// # Errors
    /// When the socket does not show it.
    pub fn bind<T>(&self) -> Result<T>
    where
        T: Proxy + 'static,
        Log: Dispatch<T, ()>,
    {
        let version = T::interface().version;
        self.globals
            .bind::<T, Log, ()>(&self.handle, 1..=version, ())
            .or_fail(&format!("bind {}", T::interface().name))
    }

    /// Binds the output of a name.
    ///
    /// # Errors
    /// When there is none.
    pub fn output(&mut self, name: &str) -> Result<WlOutput> {
        self.named("output", name)
    }

    /// Binds the seat of a name, with keyboard and pointer listened to.
    ///
    /// # Errors
    /// When there is none.
    pub fn seat(&mut self, name: &str) -> Result<WlSeat> {
        let seat: WlSeat = self.named("seat", name)?;
        seat.get_keyboard(&self.handle, ());
        seat.get_pointer(&self.handle, ());
        self.roundtrip()?;
        Ok(seat)
    }

    fn named<T>(&mut self, what: &str, name: &str) -> Result<T>
    where
        T: Proxy + 'static,
        Log: Dispatch<T, ()>,
    {
        let interface = T::interface();
        let all = self.globals.contents().clone_list();
        for global in all.into_iter().filter(|g| g.interface == interface.name) {
            let version = interface.version.min(global.version);
            let object: T = self.globals.registry().bind(global.name, version, &self.handle, ());
            let mark = self.log.len();
            self.roundtrip()?;
            if self.log.since(mark).iter().any(|line| *line == format!("{what} name {name}")) {
                return Ok(object);
            }
        }
        Err(Failure::new(format!("no {what} of the name {name}")))
    }

    /// Makes a toplevel and waits until the service has configured it.
    ///
    /// # Errors
    /// When it is not configured.
    pub fn toplevel(&mut self, app_id: &str) -> Result<Toplevel> {
        let shell: XdgWmBase = self.bind()?;
        let surface = self.surface();
        let xdg_surface = shell.get_xdg_surface(&surface, &self.handle, ());
        let toplevel = xdg_surface.get_toplevel(&self.handle, ());
        toplevel.set_app_id(app_id.to_owned());
        surface.commit();
        let mark = self.log.len();
        self.wait_for("xdg_surface configured", mark, |line| line == "xdg_surface configured")?;
        Ok(Toplevel { surface, xdg_surface, toplevel })
    }

    /// Makes a surface without a role.
    #[must_use]
    pub fn surface(&self) -> WlSurface {
        self.compositor.create_surface(&self.handle, ())
    }

    /// Makes a subsurface.
    #[must_use]
    pub fn subsurface(&self, parent: &WlSurface) -> (WlSurface, WlSubsurface) {
        let surface = self.surface();
        let subsurface = self.make_subsurface(&surface, parent);
        (surface, subsurface)
    }

    /// Makes a surface that is there a subsurface.
    #[must_use]
    pub fn make_subsurface(&self, surface: &WlSurface, parent: &WlSurface) -> WlSubsurface {
        self.subcompositor.get_subsurface(surface, parent, &self.handle, ())
    }

    /// Asks for a frame callback; the log says `frame done` when it comes.
    pub fn frame(&self, surface: &WlSurface) {
        surface.frame(&self.handle, ());
    }

    /// A buffer of words of four bytes in a pool of its own, sealed against shrinking or not.
    ///
    /// # Errors
    /// When memory is short.
    pub fn buffer(&self, size: (u32, u32), format: Format, sealed: bool) -> Result<Buffer> {
        let memory = PoolMemory::new(u64::from(size.0) * u64::from(size.1) * 4, sealed)?;
        let pool = self.pool(&memory, memory.len())?;
        let signed = |v: u32| i32::try_from(v).unwrap_or(i32::MAX);
        let object = pool.create_buffer(
            0,
            signed(size.0),
            signed(size.1),
            signed(size.0 * 4),
            format,
            &self.handle,
            (),
        );
        Ok(Buffer { object, memory, pool, size })
    }

    /// A pool that is said to have `len` bytes.
    ///
    /// # Errors
    /// When `wl_shm` is missing.
    pub fn pool(&self, memory: &PoolMemory, len: u64) -> Result<WlShmPool> {
        let shm: WlShm = self.bind()?;
        let len = i32::try_from(len).or_fail("size the pool")?;
        Ok(shm.create_pool(memory.fd(), len, &self.handle, ()))
    }

    /// The connection itself, to send what no library would send. Everything asked for so far is
    /// sent first, so that the bytes begin at a request.
    ///
    /// # Errors
    /// When the service does not take what was asked for.
    pub fn wire(&self) -> Result<UnixStream> {
        self.connection.flush().or_fail("send requests")?;
        let backend = self.connection.backend();
        let copy = backend.poll_fd().try_clone_to_owned().or_fail("copy a descriptor")?;
        Ok(UnixStream::from(copy))
    }

    /// The handle for requests that make objects.
    #[must_use]
    pub const fn handle(&self) -> &QueueHandle<Log> {
        &self.handle
    }

    /// A viewport for a surface.
    ///
    /// # Errors
    /// When the global is missing.
    pub fn viewport(
        &self,
        surface: &WlSurface,
    ) -> Result<wayland_protocols::wp::viewporter::client::wp_viewport::WpViewport> {
        Ok(self.bind::<WpViewporter>()?.get_viewport(surface, &self.handle, ()))
    }

    /// A capture session on an output; waits for its constraints.
    ///
    /// # Errors
    /// When the socket does not show the globals.
    pub fn capture(&mut self, output: &WlOutput) -> Result<ExtImageCopyCaptureSessionV1> {
        let managers = self.capture_managers()?;
        self.capture_with(&managers, output)
    }

    /// Binds the two globals of the capture protocol.
    ///
    /// # Errors
    /// When the socket does not show them.
    pub fn capture_managers(&self) -> Result<CaptureManagers> {
        Ok(CaptureManagers { sources: self.bind()?, manager: self.bind()? })
    }

    /// A capture session through globals that were bound before; waits for its constraints.
    ///
    /// # Errors
    /// When the service does not answer.
    pub fn capture_with(
        &mut self,
        managers: &CaptureManagers,
        output: &WlOutput,
    ) -> Result<ExtImageCopyCaptureSessionV1> {
        let CaptureManagers { sources, manager } = managers;
        let source = sources.create_source(output, &self.handle, ());
        let session = manager.create_session(&source, Options::empty(), &self.handle, ());
        let mark = self.log.len();
        self.wait_for("the session's constraints", mark, |line| {
            line == "capture done" || line == "capture stopped"
        })?;
        Ok(session)
    }

    /// Asks for a frame into a buffer; the log says `frame ready` or why not.
    pub fn capture_frame(
        &self,
        session: &ExtImageCopyCaptureSessionV1,
        buffer: &Buffer,
    ) -> ExtImageCopyCaptureFrameV1 {
        let frame = session.create_frame(&self.handle, ());
        frame.attach_buffer(&buffer.object);
        frame.capture();
        frame
    }

    /// Sends all requests and waits until the service has answered them.
    ///
    /// # Errors
    /// The protocol error, when the service posted one.
    pub fn roundtrip(&mut self) -> Result<()> {
        let mark = self.log.len();
        self.connection.display().sync(&self.handle, Answered);
        self.wait_for("answer", mark, |line| line == "answered")?;
        self.log.forget_answer(mark);
        Ok(())
    }

    /// Waits for an event since a mark of the log.
    ///
    /// # Errors
    /// When it does not come in time, or the service disconnects.
    pub fn wait_for(
        &mut self,
        what: &str,
        mark: usize,
        mut is: impl FnMut(&str) -> bool,
    ) -> Result<()> {
        let end = Instant::now() + PATIENCE;
        while !self.log.since(mark).iter().any(|line| is(line)) {
            if Instant::now() > end {
                let seen = self.log.since(mark).join(", ");
                return Err(Failure::new(format!("no {what}; there was: {seen}")));
            }
            self.turn(end)?;
        }
        Ok(())
    }

    /// One turn of the event queue, at most until `end`.
    fn turn(&mut self, end: Instant) -> Result<()> {
        self.queue.dispatch_pending(&mut self.log).map_err(|e| self.error(&e.to_string()))?;
        match self.connection.flush() {
            // Full, or closed by the service: what it sent before is read first.
            Ok(()) | Err(WaylandError::Io(_)) => {}
            Err(e) => return Err(self.error(&e.to_string())),
        }
        let Some(guard) = self.queue.prepare_read() else { return Ok(()) };
        let left = end.saturating_duration_since(Instant::now()).min(Duration::from_millis(100));
        let wait = rustix::event::Timespec {
            tv_sec: 0,
            tv_nsec: i64::from(left.subsec_nanos()).max(1_000_000),
        };
        let ready = {
            let fd = guard.connection_fd();
            let mut polled = [rustix::event::PollFd::new(&fd, rustix::event::PollFlags::IN)];
            rustix::event::poll(&mut polled, Some(&wait)).or_fail("poll")?
        };
        if ready > 0 {
            match guard.read() {
                // Somebody else's turn took what was there.
                Err(WaylandError::Io(e)) if e.kind() == io::ErrorKind::WouldBlock => {}
                Err(e) => return Err(self.error(&e.to_string())),
                Ok(_) => {}
            }
        }
        self.queue.dispatch_pending(&mut self.log).map_err(|e| self.error(&e.to_string()))?;
        Ok(())
    }

    /// The protocol error behind a broken connection, or the text itself.
    fn error(&self, text: &str) -> Failure {
        self.connection.protocol_error().map_or_else(
            || Failure::new(text),
            |e| Failure::new(format!("{} error {}: {}", e.object_interface, e.code, e.message)),
        )
    }

    /// Dies without a word, as a killed program does.
    pub fn die(self) {
        drop(self);
    }
}

impl Toplevel {
    /// Shows a buffer, with all of it damaged.
    pub fn show(&self, buffer: &Buffer) {
        self.show_damaged(buffer, [0, 0, i32::MAX, i32::MAX]);
    }

    /// Shows a buffer with this damage in buffer pixels: x, y, width, height.
    pub fn show_damaged(&self, buffer: &Buffer, [x, y, width, height]: [i32; 4]) {
        self.surface.attach(Some(&buffer.object), 0, 0);
        self.surface.damage_buffer(x, y, width, height);
        self.surface.commit();
    }

    /// Gives the toplevel a title.
    pub fn set_title(&self, title: &str) {
        self.toplevel.set_title(title.to_owned());
    }

    /// Shows nothing any more.
    pub fn hide(&self) {
        self.surface.attach(None, 0, 0);
        self.surface.commit();
    }

    /// Destroys the objects in the order that the protocol wants.
    pub fn destroy(self) {
        self.toplevel.destroy();
        self.xdg_surface.destroy();
        self.surface.destroy();
    }
}

impl Buffer {
    /// Fills the buffer with a word for each pixel.
    ///
    /// # Errors
    /// When the memory cannot be written.
    pub fn paint(&self, word: impl Fn(u32, u32) -> u32) -> Result<()> {
        let (width, height) = self.size;
        let words: Vec<u8> = (0..height)
            .flat_map(|y| (0..width).map(move |x| (x, y)))
            .flat_map(|(x, y)| word(x, y).to_le_bytes())
            .collect();
        self.memory.write(&words)
    }

    /// The buffer's words, row by row.
    ///
    /// # Errors
    /// When the memory cannot be read.
    pub fn words(&self) -> Result<Vec<u32>> {
        let bytes = self.memory.read()?;
        Ok(bytes.as_chunks::<4>().0.iter().map(|b| u32::from_le_bytes(*b)).collect())
    }

    /// The pool that the buffer is in.
    #[must_use]
    pub const fn pool(&self) -> &WlShmPool {
        &self.pool
    }
}
