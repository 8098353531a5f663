//! The event loop: the compositor on one side, viewers on the other.
//!
//! Each turn ends with [`Service::refresh`]: what the compositor told is passed on, viewers whose
//! sockets are free get at most one update each, as far as there is time in one turn, and viewers that
//! have gone are forgotten. With nothing to say nothing wakes up: there is no timer but that of a
//! handshake under way, and of `--wait` while the compositor is away.

mod clipboard;
mod link;
mod moves;
mod serving;
mod turns;
mod viewers;

use std::{collections::BTreeMap, os::fd::OwnedFd, rc::Rc, time::Duration};

use calloop::{
    EventLoop, LoopHandle, RegistrationToken,
    channel::{self, Sender},
    signals::{Signal, Signals},
};
use porthole_client::{
    capture::{Lamps, PersonId, PortView, ViewError, ViewEvent},
    texts::Transfers,
};
use porthole_pixel::{Region, Size};
use porthole_program::sandbox::Held;
use porthole_rfb::{ClipboardWays, Encoding, Leds, Password};

use self::{moves::Search, turns::Turns, viewers::Entry};
use crate::{
    away::Away,
    cursor::Cursor,
    failure::Failure,
    keymap::Keymap,
    listener::Listener,
    niceness,
    reach::{Found, Target},
    ready,
};

/// What the command line asks for.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// The port's name.
    pub(crate) port: String,
    /// What viewers call it.
    pub(crate) name: String,
    pub(crate) password: Option<Password>,
    pub(crate) max_viewers: usize,
    pub(crate) view_only: bool,
    /// Which way copied text goes; none with `view_only`.
    pub(crate) clipboard: ClipboardWays,
    /// How nice it was made by whoever started it.
    pub(crate) niceness: i32,
    /// How long the compositor may be away; `None` is for ever.
    pub(crate) patience: Option<Duration>,
}

/// Whom to tell of readiness, and what holds then.
pub(crate) type Ready = (OwnedFd, Option<Held>);

/// What the loop works on.
#[derive(Debug)]
pub(crate) struct Service {
    options: Options,
    handle: LoopHandle<'static, Self>,
    /// The port, while the compositor is there, and its place in the loop.
    view: Option<PortView>,
    source: Option<RegistrationToken>,
    /// What is seen while it is not, until the first frame of the next one.
    away: Option<Away>,
    target: Target,
    tell: Sender<Result<Found, Failure>>,
    /// Ends the waiting for the compositor.
    timeout: Option<RegistrationToken>,
    /// The newest keymap and its text: most people's are the same.
    keymap: Option<(String, Rc<Keymap>)>,
    viewers: BTreeMap<u64, Entry>,
    next_viewer: u64,
    /// Kept here until the port's size is known, which viewers are told first.
    starting: Option<(Listener, Option<Ready>)>,
    listening: Option<RegistrationToken>,
    search: Search,
    turns: Turns,
    /// Copied text on its way, by viewer.
    transfers: Transfers<Self>,
    /// What it leaves to servers that matter more.
    niceness: u8,
    /// Somebody waits for an update for which there was no time.
    owes: bool,
    /// How it ends, once it does.
    end: Option<Result<(), Failure>>,
}

impl Service {
    /// Runs until a signal, or until the port cannot be shown any more.
    pub(crate) fn run(
        options: Options,
        listener: Listener,
        ready: Option<Ready>,
        target: Target,
    ) -> Result<(), Failure> {
        let mut event_loop: EventLoop<'static, Self> =
            EventLoop::try_new().map_err(Failure::Loop)?;
        let handle = event_loop.handle();
        // Before the thread that looks for the compositor, which leaves the signals to this source.
        let signals = Signals::new(&[Signal::SIGTERM, Signal::SIGINT]).map_err(Failure::Loop)?;
        handle
            .insert_source(signals, |_, (), service| service.end = Some(Ok(())))
            .map_err(|error| Failure::Loop(error.error))?;
        let (tell, found) = channel::channel();
        handle
            .insert_source(found, |event, (), service| {
                if let channel::Event::Msg(found) = event {
                    service.found(found);
                }
            })
            .map_err(|error| Failure::Loop(error.error))?;
        let mut service = Self::new(options, handle, (target, tell));
        service.starting = Some((listener, ready));
        service.look()?;
        loop {
            // Who is owed something gets it as soon as everybody was heard.
            let wait = service.owes.then_some(Duration::ZERO);
            if let Err(error) = event_loop.dispatch(wait, &mut service) {
                // A broken connection comes out of the loop as an error.
                if service.view.is_none() {
                    return Err(Failure::Loop(error));
                }
                service.lose(&error.to_string())?;
            }
            service.refresh();
            if let Some(end) = service.end.take() {
                return end;
            }
        }
    }

    fn new(
        options: Options,
        handle: LoopHandle<'static, Self>,
        (target, tell): (Target, Sender<Result<Found, Failure>>),
    ) -> Self {
        Self {
            options,
            transfers: Transfers::new(handle.clone()),
            handle,
            view: None,
            source: None,
            away: None,
            target,
            tell,
            timeout: None,
            keymap: None,
            viewers: BTreeMap::new(),
            next_viewer: 0,
            starting: None,
            listening: None,
            search: Search::default(),
            turns: Turns::default(),
            niceness: 0,
            owes: false,
            end: None,
        }
    }

    fn fail(&mut self, failure: Failure) {
        self.end.get_or_insert(Err(failure));
    }

    /// The end of each turn; see the module's text.
    fn refresh(&mut self) {
        let mut frames = Vec::new();
        while let Some(event) = self.view.as_mut().and_then(PortView::next_event) {
            match event {
                ViewEvent::Frame(frame) => frames.push(frame),
                event => self.view_event(event),
            }
        }
        self.serve(&frames);
        self.forget_closed();
        let watched = self.viewers.values().any(|entry| entry.viewer.server().is_ready());
        if let Some(view) = &mut self.view {
            view.want_frames(watched);
        }
        self.start();
    }

    /// The size of what viewers see.
    fn size(&self) -> Option<Size> {
        let of_port = self.view.as_ref().and_then(PortView::size);
        of_port.or_else(|| self.away.as_ref().map(Away::size))
    }

    /// Lets viewers in once the size is known.
    fn start(&mut self) {
        if self.size().is_none() {
            return;
        }
        let Some((listener, ready)) = self.starting.take() else { return };
        let address = listener.address().clone();
        if let Err(error) = self.listen(listener) {
            return self.fail(Failure::Loop(error));
        }
        tracing::info!("viewers of port '{}' may connect to {address}", self.options.port);
        if let Some(Err(error)) =
            ready.map(|(fd, held)| ready::tell(fd, &address, &self.options.port, held))
        {
            tracing::warn!("nobody reads --ready-fd: {error}");
        }
    }

    fn view_event(&mut self, event: ViewEvent) {
        match event {
            ViewEvent::Frame(_) => {}
            ViewEvent::CursorImage(id, picture) => {
                self.change_cursor(id, |cursor| cursor.set_image(picture));
            }
            ViewEvent::CursorAt(id, at) => self.change_cursor(id, |cursor| cursor.set_place(at)),
            ViewEvent::Keymap(id) => self.take_keymap(id),
            ViewEvent::Lamps(id, lamps) => self.light(id, lamps),
            ViewEvent::PointerLocked(id, locked) => self.lock_pointer(id, locked),
            ViewEvent::PersonReady(id) => self.person_ready(id),
            ViewEvent::Copied(id, copied) => self.copied(id, copied),
            ViewEvent::Pasted(paste) => self.pasted(paste),
            ViewEvent::ResizeAnswered { size, granted } => self.resize_answered(size, granted),
            ViewEvent::Priority(priority, highest) => self.rank(priority, highest),
            ViewEvent::Failed(source) => self.end_view(source),
        }
    }

    /// The service says how much this server matters.
    fn rank(&mut self, priority: u32, highest: u32) {
        let niceness = niceness::of(priority, highest);
        if std::mem::replace(&mut self.niceness, niceness) != niceness {
            tracing::info!("of priority {priority}, where the highest is {highest}");
            niceness::take(self.options.niceness + i32::from(niceness));
        }
    }

    /// Lamps of a viewer's keyboard change.
    fn light(&mut self, PersonId(id): PersonId, Lamps { num, caps, scroll }: Lamps) {
        if let Some(entry) = self.viewers.get_mut(&id) {
            entry.viewer.server_mut().set_leds(Leds { scroll, num, caps });
        }
    }

    /// A viewer's pointer is locked: it should tell how far it goes, if it can.
    fn lock_pointer(&mut self, PersonId(id): PersonId, locked: bool) {
        if let Some(entry) = self.viewers.get_mut(&id) {
            entry.viewer.server_mut().set_relative(locked);
        }
    }

    fn end_view(&mut self, source: ViewError) {
        self.fail(Failure::View { port: self.options.port.clone(), source });
    }

    fn take_keymap(&mut self, PersonId(id): PersonId) {
        let view = self.view.as_ref();
        let Some(told) = view.and_then(|view| view.keymap(PersonId(id))) else { return };
        let known = self.keymap.as_ref().filter(|(text, _)| text == told.text());
        let keymap = match known {
            Some((_, keymap)) => Rc::clone(keymap),
            None => {
                let Some(keymap) = Keymap::compile(told.text()) else {
                    tracing::warn!(
                        "the seat's keymap cannot be read; keys without scancodes do nothing"
                    );
                    return;
                };
                let keymap = Rc::new(keymap);
                self.keymap = Some((told.text().to_owned(), Rc::clone(&keymap)));
                keymap
            }
        };
        let Some(entry) = self.viewers.get_mut(&id) else { return };
        if let Some(input) = &mut entry.input {
            input.set_keymap(told, &keymap);
        }
        entry.keymap = Some(keymap);
    }

    /// A viewer's cursor changed. A viewer that draws it gets the image, for another one it is
    /// painted.
    fn change_cursor(
        &mut self,
        PersonId(id): PersonId,
        change: impl FnOnce(&mut Cursor) -> Region,
    ) {
        let Some(entry) = self.viewers.get_mut(&id) else { return };
        let touched = change(&mut entry.cursor);
        let Some(shown) = entry.cursor.shown() else { return };
        let server = entry.viewer.server_mut();
        server.set_cursor(shown);
        if !server.offers(Encoding::Cursor) {
            server.damage(&touched);
        }
    }

    fn ids(&self) -> Vec<u64> {
        self.viewers.keys().copied().collect()
    }
}
