//! Windows of another compositor, the parent, as screens.
//!
//! Each window has a connection of its own, so that what ends one window ends no other. Nothing here
//! waits for the parent: what it says comes as [`Event`]s, what it is told is sent when a turn ends.
//!
//! A picture is handed over when it is drawn, and the parent says when it wants the next one (a frame
//! callback). A window that nobody sees gets no such word: then its port goes on by its own clock, and
//! the window gets the newest picture once it is seen again.

mod client;
mod clipboard;
mod error;
mod handed;
mod input;
mod pool;
mod presented;

use std::{
    os::{fd::AsFd, fd::OwnedFd, unix::net::UnixStream},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use porthole_core::config::{Clipboard, ClipboardPolicy, limits};
use porthole_pixel::{Rect, Region, Size};
use rustix::net::{AddressFamily, Shutdown, SocketAddrUnix, SocketFlags, SocketType};
use wayland_client::{Connection, DispatchError, EventQueue, backend::WaylandError};

use super::{Pointing, ScreenTarget, Show, Target};
use crate::{
    clock,
    protocols::{shm::Pixels, virtual_pointer::PointerInput, virtual_touch::TouchInput},
};
use client::{Callback, Client};
pub(crate) use clipboard::Copied;
pub(crate) use error::WindowError;
use pool::Pool;

/// A region of more rectangles is replaced by a simpler one that covers it.
const MOST_RECTS: usize = 32;
/// The parent counts scales in this part of one.
const SCALE_UNIT: u32 = 120;

/// What a window is to be like.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Look {
    /// The socket of the parent.
    pub(crate) parent: PathBuf,
    pub(crate) title: String,
    pub(crate) app_id: String,
    pub(crate) fullscreen: bool,
    /// The parent is asked for its own shortcuts.
    pub(crate) shortcuts: bool,
    pub(crate) clipboard: ClipboardPolicy,
    /// The port takes the size of the window; otherwise its picture is scaled to it.
    pub(crate) follows: bool,
}

/// What the parent says.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Event {
    /// The window may be shown, or is to have another size: see [`Window::wanted`].
    Configured,
    /// The parent wants the next picture.
    Shown,
    /// Memory that the parent read is free again.
    Freed,
    /// A person wants to close the window.
    Close,
    /// A key of an evdev code.
    Key {
        code: u32,
        pressed: bool,
    },
    Pointer(PointerInput),
    /// The pointer is elsewhere.
    PointerLeft,
    /// The parent shows the port's pointer no more, or could: see [`Window::point`].
    PointerShown,
    Touch(TouchInput),
    /// Something is copied, or wanted of what is: see [`Window::take_copied`].
    Copied,
    /// A picture missed the refresh of the parent's screen that it was drawn for.
    Late,
}

/// What a port's guests and people want of the parent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Wants {
    /// The pointer stays where it is, and only its motion is told.
    pub(crate) lock: bool,
    /// The parent's own shortcuts come as keys.
    pub(crate) shortcuts: bool,
}

/// A port's window.
#[derive(Debug)]
pub(crate) struct Window {
    /// Unlike that of every other window.
    serial: u64,
    connection: Connection,
    queue: EventQueue<Client>,
    client: Client,
    look: Look,
    /// Of the port, in pixels.
    size: Size,
    /// The port is on.
    lit: bool,
    pool: Pool,
    /// What the parent has not been told of.
    unshown: Region,
    /// The picture that is drawn now, and since when.
    next: Option<Next>,
    begun: Duration,
    /// The parent has a picture and has not asked for the next one.
    awaits: bool,
    /// Something was left out while it had no memory, or awaited the parent's word.
    missed: bool,
    /// The parent does not show what it was given, and gets a copy of it: programs want their memory back.
    takes_back: bool,
}

/// What the parent is given next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Next {
    /// A piece of the pool, by its place there.
    Copy(usize),
    /// A client's own buffer, by its number.
    Handed(u64),
}

impl Window {
    /// Connects to a parent. The window comes when the parent has answered.
    ///
    /// # Errors
    /// When nobody listens there.
    pub(crate) fn connect(look: Look, size: Size, lit: bool) -> Result<Self, WindowError> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let failed = |source| WindowError::Connect { path: look.parent.clone(), source };
        let connection = Connection::from_socket(dial(&look.parent).map_err(failed)?)
            .map_err(|_| WindowError::NoWayland(look.parent.clone()))?;
        let queue = connection.new_event_queue();
        let handle = queue.handle();
        let serial = NEXT.fetch_add(1, Ordering::Relaxed);
        let registry = connection.display().get_registry(&handle, ());
        connection.display().sync(&handle, Callback::Globals);
        let mut client = Client::new(handle, registry, serial);
        client.set_pixels(size);
        let unshown = Region::from_rect(Rect::from_size(size));
        let mut window = Self {
            serial,
            connection,
            queue,
            client,
            look,
            size,
            lit,
            pool: Pool::default(),
            unshown,
            next: None,
            begun: Duration::ZERO,
            awaits: false,
            missed: false,
            takes_back: false,
        };
        window.flush()?;
        Ok(window)
    }

    pub(crate) const fn serial(&self) -> u64 {
        self.serial
    }

    pub(crate) const fn look(&self) -> &Look {
        &self.look
    }

    /// A descriptor that is readable when the parent says something.
    ///
    /// # Errors
    /// When there are no descriptors left.
    pub(crate) fn poll(&self) -> Result<OwnedFd, WindowError> {
        self.connection.as_fd().try_clone_to_owned().map_err(WindowError::Gone)
    }

    /// Takes what the parent said.
    ///
    /// # Errors
    /// When the parent is gone, or cannot show windows.
    pub(crate) fn read(&mut self) -> Result<Vec<Event>, WindowError> {
        self.queue.dispatch_pending(&mut self.client).map_err(dispatch)?;
        if let Some(guard) = self.queue.prepare_read() {
            match guard.read() {
                Err(error) if !is_later(&error) => return Err(self.failed(error)),
                _ => {}
            }
        }
        self.queue.dispatch_pending(&mut self.client).map_err(dispatch)?;
        if std::mem::take(&mut self.client.listed) {
            let copies = self.look.clipboard.way != Clipboard::Off;
            self.client.open(copies, self.serial)?;
            if self.lit {
                self.client.introduce(&self.look);
            }
        }
        let events = std::mem::take(&mut self.client.events);
        let mut told = Vec::with_capacity(events.len());
        for event in events {
            match event {
                client::Heard::Configured(serial) => {
                    self.client.acknowledge(serial);
                    self.replace();
                    told.push(Event::Configured);
                }
                client::Heard::Scaled => {
                    if self.client.is_configured() {
                        self.replace();
                        told.push(Event::Configured);
                    }
                }
                client::Heard::Frame => {
                    (self.awaits, self.takes_back) = (false, false);
                    told.push(Event::Shown);
                }
                client::Heard::Released(id) => {
                    self.pool.released(id);
                    self.client.handed.released(id);
                    if self.missed && !self.awaits {
                        told.push(Event::Freed);
                    }
                }
                client::Heard::Other(event) => told.push(event),
            }
        }
        Ok(told)
    }

    /// Sends what the parent was told. What does not fit now is sent the next time.
    ///
    /// # Errors
    /// When the parent is gone.
    pub(crate) fn flush(&mut self) -> Result<(), WindowError> {
        self.client.handed.forget_dead();
        match self.connection.flush() {
            Err(error) if !is_later(&error) => Err(self.failed(error)),
            _ => Ok(()),
        }
    }

    /// What a broken connection means: a parent that ends says so by its last words, if at all.
    fn failed(&self, error: WaylandError) -> WindowError {
        match self.connection.protocol_error() {
            Some(error) => WindowError::Refused(error.to_string()),
            None => WindowError::from(error),
        }
    }

    /// What the port is to be in pixels so that the window shows it pixel for pixel; none while the
    /// parent leaves that to the port.
    pub(crate) fn wanted(&self) -> Option<Size> {
        let (width, height) = self.client.wanted()?;
        let side = |length: u32| {
            let pixels = u64::from(length) * u64::from(self.client.scale());
            let pixels = (pixels + u64::from(SCALE_UNIT / 2)) / u64::from(SCALE_UNIT);
            let (least, most) = (*limits::PORT_SIDE.start(), *limits::PORT_SIDE.end());
            let pixels = i64::try_from(pixels).unwrap_or(most).clamp(least, most);
            u32::try_from(pixels).unwrap_or(limits::NEW_WINDOW.width)
        };
        Some(Size::new(side(width), side(height)))
    }

    /// Gives the window its size on the parent.
    fn place(&mut self) {
        let scale = self.client.scale();
        let own = |pixels: u32| {
            let logical = u64::from(pixels) * u64::from(SCALE_UNIT) / u64::from(scale.max(1));
            u32::try_from(logical).unwrap_or(u32::MAX).max(1)
        };
        let own = (own(self.size.width), own(self.size.height));
        let to = match self.client.wanted() {
            None => own,
            // The port is to fill it, and will be of that size soon.
            Some(wanted) if self.look.follows || self.client.must_fill() => wanted,
            Some(wanted) => fitted(self.size, wanted),
        };
        self.client.place(to, self.size);
    }

    /// What is shown already gets the size that the parent wants at once.
    fn replace(&mut self) {
        self.place();
        self.client.commit_shown();
    }

    pub(super) fn target(&mut self, damage: &Region, alone: Option<&Pixels>) -> Option<Target> {
        self.pool.damage(damage);
        self.unshown.union(damage);
        self.unshown.simplify(MOST_RECTS);
        let alone = alone.filter(|pixels| pixels.layout().size() == self.size);
        let alone = alone.and_then(Pixels::in_use);
        let is_news = !self.unshown.is_empty() || self.client.handed.is_behind(alone.as_ref());
        if !(is_news || self.takes_back) || !self.lit {
            return None;
        }
        let ready = self.client.is_configured() && (!self.awaits || self.takes_back);
        self.begun = clock::now();
        let alone = alone.filter(|_| ready && !self.takes_back);
        if let Some(id) = alone.and_then(|alone| self.client.hand(self.size, &alone)) {
            self.missed = false;
            self.next = Some(Next::Handed(id));
            return Some(Target::Handed);
        }
        let piece = if ready { self.pool.fill(&mut self.client, self.size) } else { None };
        self.missed = piece.is_none();
        let (index, memory, region) = piece?;
        self.next = Some(Next::Copy(index));
        Some(Target::Memory(ScreenTarget { memory, region, pointers: Vec::new() }))
    }

    /// Has the parent show the port's pointer; false where it must be painted into the picture. Nothing more
    /// is needed when it moves: it is the parent's own.
    pub(super) fn point(&mut self, pointing: Option<&Pointing>) -> bool {
        self.client.show_pointer(pointing)
    }

    pub(super) fn show(&mut self) -> Show {
        // The port may have got another size, or the window may have been taken away, meanwhile.
        let drawn = self.next.filter(|_| self.lit && self.client.is_configured());
        let buffer = drawn.and_then(|next| match next {
            Next::Copy(index) => self.pool.lend(index),
            Next::Handed(id) => self.client.handed.lend(id),
        });
        let Some(buffer) = buffer else {
            self.drop_next();
            return Show::AtOnce;
        };
        if let Some(Next::Copy(_)) = self.next.take() {
            self.client.handed.forget_front();
        }
        self.place();
        let awaits = std::mem::replace(&mut self.awaits, true);
        self.client.show(&buffer, &std::mem::take(&mut self.unshown), self.begun, awaits);
        if std::mem::take(&mut self.takes_back) && awaits { Show::AtOnce } else { Show::Later }
    }

    /// What was drawn is not shown.
    fn drop_next(&mut self) {
        if let Some(Next::Handed(id)) = self.next.take() {
            self.client.handed.released(id);
        }
    }

    /// Whether a picture is wanted that could not be handed over before.
    pub(crate) fn lacks(&self) -> bool {
        self.lit && !self.awaits && (!self.unshown.is_empty() || self.missed)
    }

    /// Nobody sees what the parent has. Whether programs are to have memory back that it may keep for as
    /// long: the port's next frame then gives it a copy instead.
    pub(crate) fn is_unseen(&mut self) -> bool {
        self.takes_back = self.awaits && self.client.handed.is_any_lent();
        self.takes_back
    }

    /// The port has another size.
    pub(super) fn resize(&mut self, size: Size) {
        if self.size != size {
            self.size = size;
            self.client.set_pixels(size);
            self.drop_next();
            self.pool.clear();
            self.unshown = Region::from_rect(Rect::from_size(size));
        }
    }

    pub(super) fn set_lit(&mut self, lit: bool) {
        if std::mem::replace(&mut self.lit, lit) == lit {
            return;
        }
        if lit {
            self.client.introduce(&self.look);
        } else {
            self.client.withdraw();
            self.client.handed.forget_front();
            (self.awaits, self.takes_back) = (false, false);
        }
        self.unshown = Region::from_rect(Rect::from_size(self.size));
    }

    pub(super) fn damage(&mut self, rect: Rect) {
        if let Some(rect) = rect.intersect(Rect::from_size(self.size)) {
            let damage = Region::from_rect(rect);
            self.pool.damage(&damage);
            self.unshown.union(&damage);
        }
    }

    /// Asks the parent for this, or asks for it no more.
    pub(crate) fn want(&mut self, wants: Wants) {
        self.client.want(wants);
    }

    /// What happened to what is copied since the last time.
    pub(crate) fn take_copied(&mut self) -> Vec<Copied> {
        self.client.take_copied()
    }

    /// Tells the parent that something of these types is copied on the port; of none: nothing.
    pub(crate) fn copy(&mut self, types: &[String]) {
        self.client.copy(types);
    }

    /// Has the parent write what is copied there.
    pub(crate) fn receive(&self, kind: &str, to: &OwnedFd) {
        self.client.receive(kind, to);
    }

    /// Lets go of all that a person holds in the window, as if it had been let go of.
    pub(crate) fn let_go(&mut self) -> Vec<Event> {
        self.client.let_go();
        let heard = std::mem::take(&mut self.client.events).into_iter();
        heard
            .filter_map(|heard| match heard {
                client::Heard::Other(event) => Some(event),
                _ => None,
            })
            .collect()
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        // The event loop has a descriptor of the connection too, and hears its end by this.
        if let Err(error) = rustix::net::shutdown(self.connection.as_fd(), Shutdown::Both) {
            tracing::debug!(%error, "the parent was gone already");
        }
    }
}

/// Connects without waiting for a parent that takes no connections.
fn dial(path: &Path) -> std::io::Result<UnixStream> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    rustix::net::connect(&socket, &SocketAddrUnix::new(path)?)?;
    Ok(socket.into())
}

fn is_later(error: &WaylandError) -> bool {
    matches!(error, WaylandError::Io(error) if error.kind() == std::io::ErrorKind::WouldBlock)
}

fn dispatch(error: DispatchError) -> WindowError {
    match error {
        DispatchError::Backend(error) => error.into(),
        error @ DispatchError::BadMessage { .. } => WindowError::Refused(error.to_string()),
    }
}

/// The largest size of the same proportions that fits.
fn fitted(size: Size, (width, height): (u32, u32)) -> (u32, u32) {
    let (own_width, own_height) = (u64::from(size.width.max(1)), u64::from(size.height.max(1)));
    let by_width = u64::from(width) * own_height / own_width;
    let by_height = u64::from(height) * own_width / own_height;
    let narrow =
        |length: u64, most: u32| u32::try_from(length).unwrap_or(most).clamp(1, most.max(1));
    if by_width <= u64::from(height) {
        (width, narrow(by_width, height))
    } else {
        (narrow(by_height, width), height)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_keeps_its_proportions() {
        let size = Size::new(1280, 720);
        assert_eq!(fitted(size, (1280, 720)), (1280, 720));
        assert_eq!(fitted(size, (640, 720)), (640, 360));
        assert_eq!(fitted(size, (2000, 360)), (640, 360));
        assert_eq!(fitted(size, (1, 1)), (1, 1));
        assert_eq!(fitted(Size::new(16384, 16), (100, 100)), (100, 1));
    }
}
