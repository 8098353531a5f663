//! The event loop: the compositor on one side, viewers on the other.
//!
//! Each turn ends with [`Service::refresh`]: what the compositor told is passed on, viewers whose
//! sockets are free get at most one update each, and viewers that have gone are forgotten. With
//! nothing to say nothing wakes up: there is no timer but that of a handshake under way.

mod moves;
mod viewers;

use std::{collections::BTreeMap, os::fd::OwnedFd, rc::Rc};

use calloop::{
    EventLoop, LoopHandle, LoopSignal, RegistrationToken,
    signals::{Signal, Signals},
};
use calloop_wayland_source::WaylandSource;
use porthole_client::capture::{Frame, Lamps, PersonId, PortView, ViewError, ViewEvent};
use porthole_pixel::Region;
use porthole_program::sandbox::Held;
use porthole_rfb::{Encoding, Leds, Move, Password};
use wayland_client::{Connection, EventQueue};

use self::{moves::Search, viewers::Entry};
use crate::{cursor::Cursor, failure::Failure, keymap::Keymap, listener::Listener, ready};

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
}

/// Whom to tell of readiness, and what holds then.
pub(crate) type Ready = (OwnedFd, Option<Held>);

/// What the loop works on.
#[derive(Debug)]
pub(crate) struct Service {
    options: Options,
    handle: LoopHandle<'static, Self>,
    signal: LoopSignal,
    view: PortView,
    /// The newest keymap and its text: most people's are the same.
    keymap: Option<(String, Rc<Keymap>)>,
    viewers: BTreeMap<u64, Entry>,
    next_viewer: u64,
    /// Kept here until the port's size is known, which viewers are told first.
    starting: Option<(Listener, Option<Ready>)>,
    listening: Option<RegistrationToken>,
    search: Search,
    failure: Option<Failure>,
}

impl Service {
    /// Runs until a signal, or until the port cannot be shown any more.
    pub(crate) fn run(
        options: Options,
        listener: Listener,
        ready: Option<Ready>,
        view: PortView,
        (connection, queue): (Connection, EventQueue<PortView>),
    ) -> Result<(), Failure> {
        let mut event_loop: EventLoop<'static, Self> =
            EventLoop::try_new().map_err(Failure::Loop)?;
        let handle = event_loop.handle();
        let signals = Signals::new(&[Signal::SIGTERM, Signal::SIGINT]).map_err(Failure::Loop)?;
        handle
            .insert_source(signals, |_, (), service| service.signal.stop())
            .map_err(|error| Failure::Loop(error.error))?;
        handle
            .insert_source(WaylandSource::new(connection, queue), |(), queue, service| {
                queue.dispatch_pending(&mut service.view)
            })
            .map_err(|error| Failure::Loop(error.error))?;
        let mut service = Self {
            options,
            handle,
            signal: event_loop.get_signal(),
            view,
            keymap: None,
            viewers: BTreeMap::new(),
            next_viewer: 0,
            starting: Some((listener, ready)),
            listening: None,
            search: Search::default(),
            failure: None,
        };
        // What came with the first round trips.
        service.refresh();
        event_loop.run(None, &mut service, Self::refresh).map_err(|error| {
            // A broken pipe or the like, which says less than the fact.
            tracing::debug!(%error, "the event loop ends");
            Failure::Gone
        })?;
        service.failure.map_or(Ok(()), Err)
    }

    fn fail(&mut self, failure: Failure) {
        self.failure.get_or_insert(failure);
        self.signal.stop();
    }

    /// The end of each turn; see the module's text.
    fn refresh(&mut self) {
        let mut frames = Vec::new();
        while let Some(event) = self.view.next_event() {
            match event {
                ViewEvent::Frame(frame) => frames.push(frame),
                event => self.view_event(event),
            }
        }
        self.show(&frames);
        for id in self.ids() {
            self.serve(id, None);
        }
        self.forget_closed();
        let watched = self.viewers.values().any(|entry| entry.viewer.server().is_ready());
        self.view.want_frames(watched);
        self.start();
    }

    /// Lets viewers in once the size is known.
    fn start(&mut self) {
        if self.view.size().is_none() {
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
            ViewEvent::ResizeAnswered { size, granted } => self.resize_answered(size, granted),
            ViewEvent::Failed(source) => self.end_view(source),
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
        let Some(told) = self.view.keymap(PersonId(id)) else { return };
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

    /// Tells viewers about new frames. A viewer that shows the frame before exactly may get a
    /// part of the new one as a move.
    fn show(&mut self, frames: &[Frame]) {
        for (index, frame) in frames.iter().enumerate() {
            let only = frames.len() == 1;
            let mut moved: Option<Option<Move>> = None;
            for id in self.ids() {
                let Some(entry) = self.viewers.get_mut(&id) else { continue };
                let current = only && index == 0 && entry.viewer.server().is_current();
                let server = entry.viewer.server_mut();
                server.resize(frame.size);
                server.damage(&frame.damage);
                if current && server.offers(Encoding::CopyRect) && entry.viewer.may_update() {
                    let found =
                        *moved.get_or_insert_with(|| self.search.find(&self.view, &frame.damage));
                    self.serve(id, found);
                }
            }
        }
    }

    fn ids(&self) -> Vec<u64> {
        self.viewers.keys().copied().collect()
    }
}
