//! Viewers that come, speak and go.

use std::{os::fd::OwnedFd, rc::Rc, sync::Arc, time::Duration};

use calloop::{
    Dispatcher, Interest, Mode, PostAction, RegistrationToken,
    generic::Generic,
    timer::{TimeoutAction, Timer},
};
use porthole_client::capture::PersonId;
use porthole_pixel::Size;
use porthole_rfb::{Config, Event, Leds, Server};
use rustix::io::Errno;

use super::{Service, turns::Share};
use crate::{
    cursor::Cursor, input::Input, keymap::Keymap, listener::Listener, password, viewer::Viewer,
};

/// Who has not finished the handshake by then never will.
const HANDSHAKE_TIME: Duration = Duration::from_secs(10);

/// Without file descriptors nobody can be accepted; trying again at once would only burn time.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// Viewers that are accepted in one turn.
const ACCEPTS_PER_TURN: usize = 8;

/// A viewer and its place in the loop.
pub(super) struct Entry {
    pub(super) viewer: Viewer,
    /// `None` with `--view-only`, and before the handshake is over.
    pub(super) input: Option<Input>,
    /// A seat is being made for it; it is not heard before it has one.
    pub(super) waiting: bool,
    pub(super) keymap: Option<Rc<Keymap>>,
    pub(super) cursor: Cursor,
    /// The size that it asked for and was not told of yet.
    wish: Option<Size>,
    /// What it has copied in this turn, or that it has nothing any more.
    pub(super) copied: Option<Option<Arc<str>>>,
    pub(super) share: Share,
    pub(super) source: Dispatcher<'static, Generic<Rc<OwnedFd>>, Service>,
    pub(super) token: RegistrationToken,
    timeout: Option<RegistrationToken>,
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Entry").field("viewer", &self.viewer).finish_non_exhaustive()
    }
}

impl Service {
    pub(super) fn listen(&mut self, listener: Listener) -> calloop::Result<()> {
        let source = Generic::new(listener, Interest::READ, Mode::Level);
        let inserted =
            self.handle.insert_source(source, |_, listener, service| Ok(service.accept(listener)));
        self.listening = Some(inserted.map_err(|error| error.error)?);
        Ok(())
    }

    /// Stops to accept for a while.
    fn pause_listening(&self) -> PostAction {
        let timer = Timer::from_duration(ACCEPT_PAUSE);
        let inserted = self.handle.insert_source(timer, |_, (), service| {
            if let Some(Err(error)) = service.listening.map(|token| service.handle.enable(&token)) {
                tracing::error!("no viewer can be accepted any more: {error}");
            }
            TimeoutAction::Drop
        });
        // Without the timer nobody would turn it on again.
        if inserted.is_ok() { PostAction::Disable } else { PostAction::Continue }
    }

    fn accept(&mut self, listener: &Listener) -> PostAction {
        for _ in 0..ACCEPTS_PER_TURN {
            match listener.accept() {
                Ok(stream) if self.viewers.len() >= self.options.max_viewers => {
                    tracing::warn!(
                        "a viewer is turned away: {} are connected (see --max-viewers)",
                        self.viewers.len()
                    );
                    drop(stream);
                }
                Ok(stream) => {
                    if let Err(error) = self.add(stream) {
                        tracing::warn!("a viewer cannot be served: {error}");
                    }
                }
                Err(error) => match error.raw_os_error().map(Errno::from_raw_os_error) {
                    Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM) => {
                        tracing::warn!("no viewer can be accepted for a while: {error}");
                        return self.pause_listening();
                    }
                    // Nobody is there (any more).
                    _ => break,
                },
            }
        }
        PostAction::Continue
    }

    fn add(&mut self, stream: OwnedFd) -> Result<(), Box<dyn std::error::Error>> {
        let id = self.next_viewer;
        self.next_viewer += 1;
        let size = self.size().ok_or("the port has no size")?;
        let security = password::security(self.options.password.as_ref())?;
        let mut server = Server::new(Config { security, name: self.options.name.clone(), size })?;
        server.set_clipboard_ways(self.options.clipboard);
        let stream = Rc::new(stream);
        let source = Dispatcher::new(
            Generic::new(stream.clone(), Interest::READ, Mode::Level),
            move |_, _, service: &mut Self| {
                service.hear(id);
                Ok(PostAction::Continue)
            },
        );
        let token = self.handle.register_dispatcher(source.clone())?;
        let timer = Timer::from_duration(HANDSHAKE_TIME);
        let timeout = self.handle.insert_source(timer, move |_, (), service| {
            if let Some(entry) = service.viewers.get_mut(&id) {
                tracing::warn!("a viewer did not finish the handshake in time");
                entry.timeout = None;
                entry.viewer.close();
            }
            TimeoutAction::Drop
        })?;
        let viewer = Viewer::new(stream, server);
        let entry = Entry {
            viewer,
            input: None,
            wish: None,
            copied: None,
            waiting: false,
            keymap: None,
            cursor: Cursor::default(),
            share: Share::default(),
            source,
            token,
            timeout: Some(timeout),
        };
        self.viewers.insert(id, entry);
        tracing::info!(viewer = id, "a viewer connects");
        Ok(())
    }

    /// The viewer's socket is readable or writable.
    fn hear(&mut self, id: u64) {
        let Some(entry) = self.viewers.get_mut(&id) else { return };
        entry.viewer.write();
        if !entry.waiting {
            entry.viewer.read();
        }
        self.understand(id);
    }

    /// Does what the viewer has said so far.
    fn understand(&mut self, id: u64) {
        loop {
            let entry = self.viewers.get_mut(&id).filter(|entry| !entry.waiting);
            let Some(event) = entry.and_then(|entry| entry.viewer.next_event()) else { break };
            self.viewer_event(id, event);
        }
        self.pass_copied(id);
        let Some(entry) = self.viewers.get_mut(&id) else { return };
        if let Some(input) = &mut entry.input {
            input.flush_move(entry.viewer.server().viewer_size());
        }
    }

    /// The viewer has its seat; what it said meanwhile counts now.
    pub(super) fn person_ready(&mut self, person: PersonId) {
        let PersonId(id) = person;
        let Some(entry) = self.viewers.get_mut(&id) else { return };
        entry.waiting = false;
        let Some(view) = &mut self.view else { return };
        if let Some(devices) = view.take_input(person) {
            let mut input = Input::new(devices);
            if let (Some(told), Some(keymap)) = (view.keymap(person), &entry.keymap) {
                input.set_keymap(told, keymap);
            }
            entry.input = Some(input);
        }
        self.open_clipboard(person);
        self.understand(id);
    }

    /// Gives a viewer that may act a seat, if there is a compositor to make one.
    pub(super) fn seat(&mut self, id: u64) {
        let (Some(entry), Some(view)) = (self.viewers.get_mut(&id), &mut self.view) else { return };
        if !self.options.view_only {
            entry.waiting = true;
            view.add_person(PersonId(id));
        }
    }

    /// The compositor has gone, and with it what the viewer had of it.
    pub(super) fn unseat(&mut self, id: u64) {
        let Some(entry) = self.viewers.get_mut(&id) else { return };
        entry.waiting = false;
        entry.input = None;
        entry.keymap = None;
        entry.cursor = Cursor::default();
        let server = entry.viewer.server_mut();
        server.set_leds(Leds::default());
        server.set_relative(false);
        if entry.wish.take().is_some() {
            server.refuse_resize();
        }
        self.close_clipboard(id);
    }

    fn viewer_event(&mut self, id: u64, event: Event) {
        let Some(entry) = self.viewers.get_mut(&id) else { return };
        let size = entry.viewer.server().viewer_size();
        let keymap = entry.keymap.as_deref();
        match (event, &mut entry.input) {
            (Event::Ready { .. }, _) => {
                if let Some(timeout) = entry.timeout.take() {
                    self.handle.remove(timeout);
                }
                self.seat(id);
                // The port may have changed since the connection was made.
                let size = self.size();
                if let (Some(entry), Some(size)) = (self.viewers.get_mut(&id), size) {
                    entry.viewer.server_mut().resize(size);
                }
                tracing::info!(viewer = id, "a viewer is shown the port");
            }
            (Event::Encodings, _) => {
                // Who draws the cursor and who has it painted may have changed.
                let area = entry.cursor.area();
                let server = entry.viewer.server_mut();
                server.damage(&porthole_pixel::Region::from_rect(area));
            }
            (Event::Key { keysym, down }, Some(input)) => input.keysym(keysym, down, keymap, size),
            (Event::ExtendedKey { keysym, scancode, down }, Some(input)) => {
                input.scancode(scancode, keysym, down, keymap, size);
            }
            (Event::Pointer { x, y, buttons }, Some(input)) => input.pointer(x, y, buttons, size),
            (Event::PointerMotion { dx, dy, buttons }, Some(input)) => {
                input.motion(dx, dy, buttons, size);
            }
            // Who may only look may not change what others see either.
            (Event::ResizeWanted(_), _) if self.options.view_only => {
                entry.viewer.server_mut().refuse_resize();
            }
            (Event::ResizeWanted(wish), _) => match &mut self.view {
                Some(view) => {
                    entry.wish = Some(wish);
                    view.request_size(wish);
                }
                None => entry.viewer.server_mut().refuse_resize(),
            },
            (event @ (Event::CutText(_) | Event::Copied(_) | Event::CopyLeft(_)), _) => {
                self.viewer_copies(id, event);
            }
            // Not even logged: it may be what somebody typed.
            _ => {}
        }
    }

    /// The compositor has answered a wish for another size.
    pub(super) fn resize_answered(&mut self, size: Size, granted: bool) {
        tracing::debug!(granted, "a viewer's wish for {size} was answered");
        for entry in self.viewers.values_mut() {
            if entry.wish.take_if(|wish| *wish == size).is_none() {
                continue;
            }
            if granted {
                entry.viewer.server_mut().grant_resize(size);
            } else {
                entry.viewer.server_mut().refuse_resize();
            }
        }
    }

    /// Forgets viewers that have gone; their inputs release what they held.
    pub(super) fn forget_closed(&mut self) {
        let gone: Vec<u64> = self
            .viewers
            .iter()
            .filter(|(_, entry)| entry.viewer.is_closed())
            .map(|(id, _)| *id)
            .collect();
        for id in gone {
            let Some(entry) = self.viewers.remove(&id) else { continue };
            self.handle.remove(entry.token);
            if let Some(timeout) = entry.timeout {
                self.handle.remove(timeout);
            }
            self.transfers.stop_fetching(id);
            // Its devices release what they hold before their seat goes.
            drop(entry.input);
            if let Some(view) = &mut self.view {
                view.remove_person(PersonId(id));
            }
            tracing::info!(viewer = id, "a viewer has gone");
        }
    }
}

#[cfg(test)]
mod tests;
