//! One program: a connection and its windows.

use std::io::ErrorKind;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use porthole_rig::error::Context;
use porthole_rig::{Result, RigError};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use wayland_client::backend::WaylandError;
use wayland_client::globals::{GlobalList, registry_queue_init};
use wayland_client::protocol::{wl_compositor::WlCompositor, wl_shm::WlShm};
use wayland_client::{Connection, EventQueue};
use wayland_protocols::wp::presentation_time::client::wp_presentation::WpPresentation;
use wayland_protocols::xdg::shell::client::xdg_wm_base::XdgWmBase;

use super::events::{Events, Seen};
use super::surface::Surface;
use super::{Tally, Window};
use crate::compositor::{Compositor, Placement};
use crate::scene::{Layer, Size};

/// How long a compositor may take to show a window.
const PATIENCE: Duration = Duration::from_secs(5);

/// What programs use of a compositor.
#[derive(Debug)]
pub(super) struct Globals {
    pub(super) compositor: WlCompositor,
    pub(super) shm: WlShm,
    pub(super) shell: XdgWmBase,
    presentation: Option<WpPresentation>,
}

/// One program.
#[derive(Debug)]
pub(crate) struct Client {
    queue: EventQueue<Events>,
    globals: Globals,
    events: Events,
    surfaces: Vec<Surface>,
    placement: Placement,
    output: Size,
}

/// An error of the Wayland library as one of ours.
pub(crate) fn wayland(error: impl std::fmt::Display) -> RigError {
    RigError::failed(format!("Wayland: {error}"))
}

impl Client {
    /// Connects to a compositor with an output of a size.
    pub(crate) fn connect(compositor: &Compositor, output: Size) -> Result<Self> {
        let stream =
            UnixStream::connect(&compositor.socket).at("connect to", &compositor.socket)?;
        let connection = Connection::from_socket(stream).map_err(wayland)?;
        let (list, queue) = registry_queue_init::<Events>(&connection).map_err(wayland)?;
        let globals = Globals::bind(&list, &queue)?;
        let placement = compositor.kind.placement();
        let (events, surfaces) = (Events::default(), Vec::new());
        Ok(Self { queue, globals, events, surfaces, placement, output })
    }

    /// Opens a window and waits until its first picture is shown.
    pub(crate) fn show(&mut self, number: usize, layer: &Layer) -> Result<Instant> {
        let index = self.surfaces.len();
        let handle = self.queue.handle();
        self.events.seen.push(Seen::default());
        let surface = Surface::new(&self.globals, &handle, index, (number, layer), self.placement)?;
        surface.wayland.commit();
        self.surfaces.push(surface);
        self.wait("to be configured", |seen| seen.configured.then_some(()))?;
        self.place()?;
        self.draw(index, false);
        self.wait("to be shown", |seen| seen.first_frame)
    }

    /// Tells a compositor that goes by the geometry where the newest window's picture begins: it is
    /// as large as the output, with the picture somewhere in it.
    fn place(&self) -> Result<()> {
        if let (Placement::ByGeometry, Some(surface)) = (self.placement, self.surfaces.last()) {
            let signed = |n: u32| i32::try_from(n).map_err(|_| RigError::failed("too large"));
            let (x, y) = surface.layer.position;
            let (width, height) = self.output;
            let (width, height) = (signed(width)?, signed(height)?);
            surface.xdg.set_window_geometry(-signed(x)?, -signed(y)?, width, height);
        }
        Ok(())
    }

    /// Waits for something of the newest window.
    fn wait<T>(&mut self, what: &str, look: impl Fn(&Seen) -> Option<T>) -> Result<T> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = self.events.seen.last().and_then(&look) {
                return Ok(found);
            }
            if Instant::now() > deadline {
                return Err(RigError::failed(format!("a window waits {what} for too long")));
            }
            self.serve(deadline)?;
        }
    }

    /// Shows the next picture of a window.
    pub(crate) fn draw(&mut self, index: usize, counted: bool) {
        let handle = self.queue.handle();
        let presentation = self.globals.presentation.as_ref();
        let (surface, seen) = (self.surfaces.get_mut(index), self.events.seen.get_mut(index));
        if let (Some(surface), Some(seen)) = (surface, seen) {
            surface.draw(&handle, (index, seen), presentation, counted);
        }
    }

    /// Sends what was said.
    pub(crate) fn flush(&self) -> Result<()> {
        self.queue.flush().map_err(wayland)
    }

    /// Takes events until there are some or the moment is there.
    pub(crate) fn serve(&mut self, until: Instant) -> Result<()> {
        serve(&mut self.queue, &mut self.events, until)
    }

    /// Draws at the ticks of its windows until the end of the window of time; counts those in it.
    pub(super) fn draw_until(&mut self, window: Window) -> Result<()> {
        let now = Instant::now();
        for surface in &mut self.surfaces {
            surface.schedule(window, now);
        }
        loop {
            let now = Instant::now();
            if now >= window.end {
                return Ok(());
            }
            let counted = now >= window.start;
            for index in 0..self.surfaces.len() {
                let Some(surface) = self.surfaces.get_mut(index) else { continue };
                if surface.due.is_some_and(|due| due <= now) {
                    surface.tick(now, counted);
                    self.draw(index, counted);
                }
            }
            let due = self.surfaces.iter().filter_map(|surface| surface.due).min();
            self.serve(due.unwrap_or(window.end).min(window.end))?;
        }
    }

    pub(super) fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        for (surface, seen) in self.surfaces.iter().zip(&self.events.seen) {
            tally.commits += surface.commits;
            tally.late += surface.late;
            tally.missed += surface.commits.saturating_sub(seen.presented);
            tally.frames = tally.frames.max(seen.presented);
            tally.delays.extend(&seen.delays);
        }
        tally
    }
}

impl Globals {
    fn bind(list: &GlobalList, queue: &EventQueue<Events>) -> Result<Self> {
        let handle = queue.handle();
        Ok(Self {
            compositor: list.bind(&handle, 4..=4, ()).map_err(wayland)?,
            shm: list.bind(&handle, 1..=1, ()).map_err(wayland)?,
            shell: list.bind(&handle, 1..=2, ()).map_err(wayland)?,
            presentation: list.bind(&handle, 1..=1, ()).ok(),
        })
    }
}

/// Takes events of a queue until there are some or the moment is there.
pub(crate) fn serve<D>(queue: &mut EventQueue<D>, state: &mut D, until: Instant) -> Result<()> {
    queue.flush().map_err(wayland)?;
    if queue.dispatch_pending(state).map_err(wayland)? > 0 {
        return Ok(());
    }
    let Some(guard) = queue.prepare_read() else { return Ok(()) };
    let left = until.saturating_duration_since(Instant::now());
    let left = Timespec::try_from(left).map_err(|_| RigError::failed("too long a time"))?;
    let mut wanted = [PollFd::from_borrowed_fd(guard.connection_fd(), PollFlags::IN)];
    if poll(&mut wanted, Some(&left)).is_ok_and(|count| count > 0) {
        match guard.read() {
            // Half of a message.
            Err(WaylandError::Io(error)) if error.kind() == ErrorKind::WouldBlock => {}
            read => drop(read.map_err(wayland)?),
        }
        queue.dispatch_pending(state).map_err(wayland)?;
    }
    Ok(())
}
