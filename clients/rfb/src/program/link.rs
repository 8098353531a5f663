//! The connection to the server: there, on its way, or to be tried again.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Instant;

use calloop::generic::Generic;
use calloop::{Interest, Mode, PostAction, RegistrationToken};
use porthole_client::present::{Guest, Show};

use super::{Session, State, as_io, away};
use crate::badge;
use crate::reach::is_absence;
use crate::screen::Screen;
use crate::session::End;
use crate::wire::Wire;

/// See the module's text.
pub(super) struct Link {
    at: At,
    /// Tells when there is something to read.
    readable: Option<RegistrationToken>,
    /// It tells nothing at present.
    deaf: bool,
    /// Tells once when something can be sent (again).
    writable: Option<RegistrationToken>,
    /// Tells when something happens at a Unix socket's place.
    watch: Option<RegistrationToken>,
    /// The connection can be written to, which one that is on its way waits for.
    can_write: bool,
    /// Something came, or it is time to look.
    due: bool,
}

enum At {
    /// To be tried then, or when something happens at its place.
    Away(Box<Screen>, Option<Instant>),
    There(Box<Session>),
    /// Between the two, for the time of a call.
    Nowhere(Box<Screen>),
}

impl Link {
    pub(super) fn away(screen: Screen, retry: Option<Instant>) -> Self {
        Self {
            at: At::Away(Box::new(screen), retry),
            readable: None,
            deaf: false,
            writable: None,
            watch: None,
            can_write: false,
            due: false,
        }
    }

    pub(super) fn session(&mut self) -> Option<&mut Session> {
        self.due = true;
        match &mut self.at {
            At::There(session) => Some(session),
            At::Away(..) | At::Nowhere(_) => None,
        }
    }

    pub(super) fn screen(&mut self) -> &mut Screen {
        match &mut self.at {
            At::There(session) => session.screen(),
            At::Away(screen, _) | At::Nowhere(screen) => screen,
        }
    }

    /// A buffer is free again, which a server that was held back waits for.
    pub(super) fn look(&mut self) {
        self.due |= self.is_stalled();
    }

    /// Whether there is something to do at once.
    pub(super) fn is_due(&self) -> bool {
        let there = matches!(self.at, At::There(_));
        self.has_more() || there && self.due
    }

    /// Whether the server is not heard until a buffer is free again.
    pub(super) fn is_stalled(&self) -> bool {
        matches!(&self.at, At::There(session) if session.is_stalled())
    }

    /// Whether there is something to do though nothing happens.
    pub(super) fn has_more(&self) -> bool {
        matches!(&self.at, At::There(session) if session.has_more())
    }

    /// When there is something to do though nothing happens.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match &self.at {
            At::There(session) => session.deadline(),
            At::Away(_, retry) => *retry,
            At::Nowhere(_) => None,
        }
    }

    /// How the guest is, who was so before.
    pub(super) fn guest(&self, before: Guest) -> Guest {
        match &self.at {
            At::There(session) if !session.is_connecting() => session.guest(),
            _ => away(before),
        }
    }
}

impl State {
    /// Hears and asks the server, or tries to reach it.
    pub(super) fn attend(&mut self) {
        let now = Instant::now();
        if let At::Away(_, retry) = &self.link.at
            && retry.is_some_and(|retry| retry <= now)
        {
            self.reach(now);
        }
        let late = self.link.deadline().is_some_and(|deadline| deadline <= now);
        let due = std::mem::take(&mut self.link.due) || self.link.has_more() || late;
        let At::There(session) = &mut self.link.at else { return };
        if !due {
            return;
        }
        let turned = session.turn(self.link.can_write, now);
        let shows = session.take_shows();
        for what in shows {
            self.show(what);
        }
        self.listen(!self.link.is_stalled());
        match turned {
            Ok(true) => {}
            Ok(false) => self.wait_to_write(),
            Err(end) => self.lose(&end, now),
        }
    }

    /// Hears of what comes, or does not: nobody may be woken up by what is not to be read.
    fn listen(&mut self, on: bool) {
        let Some(token) = &self.link.readable else { return };
        if on != self.link.deaf {
            return;
        }
        let changed = if on { self.handle.enable(token) } else { self.handle.disable(token) };
        match changed {
            Ok(()) => self.link.deaf = !on,
            Err(error) => tracing::error!("cannot change what is waited for: {error}"),
        }
    }

    /// Tries to reach the server.
    fn reach(&mut self, now: Instant) {
        let connected = self.agent.connect().and_then(|fd| self.connected(fd, now));
        let Err(error) = connected else { return };
        self.wait(&End::System(error), now);
    }

    /// A connection is made or on its way.
    fn connected(&mut self, fd: OwnedFd, now: Instant) -> io::Result<()> {
        let readable = fd.as_fd().try_clone_to_owned()?;
        let source = Generic::new(readable, Interest::READ, Mode::Level);
        let readable = self.handle.insert_source(source, |_, _, state: &mut Self| {
            state.link.due = true;
            Ok(PostAction::Continue)
        });
        self.link.deaf = false;
        self.link.readable = Some(readable.map_err(|error| as_io(&error.error))?);
        if let Some(watch) = self.link.watch.take() {
            self.handle.remove(watch);
        }
        let at = std::mem::replace(&mut self.link.at, At::Nowhere(Box::new(Screen::new(0))));
        let screen = match at {
            At::There(session) => session.into_screen(),
            At::Away(screen, _) | At::Nowhere(screen) => *screen,
        };
        let mut session = Session::new(Wire::new(fd), self.options.clone(), screen, now);
        session.set_visible(self.visible);
        session.want_size(self.wish);
        session.set_clipboard(self.copied.clone());
        self.link.at = At::There(Box::new(session));
        self.link.can_write = false;
        self.patience.connected(now);
        self.wait_to_write();
        Ok(())
    }

    /// Hears once when the connection can be written to.
    fn wait_to_write(&mut self) {
        let At::There(session) = &self.link.at else { return };
        if self.link.writable.is_some() {
            return;
        }
        let Ok(fd) = session.wire().fd().try_clone_to_owned() else { return };
        let source = Generic::new(fd, Interest::WRITE, Mode::Level);
        let writable = self.handle.insert_source(source, |_, _, state: &mut Self| {
            state.link.writable = None;
            state.link.can_write = true;
            state.link.due = true;
            Ok(PostAction::Remove)
        });
        self.link.writable = writable.ok();
    }

    /// The connection is over; the last picture stays, with a sign.
    fn lose(&mut self, end: &End, now: Instant) {
        for token in [self.link.readable.take(), self.link.writable.take()].into_iter().flatten() {
            self.handle.remove(token);
        }
        if self.once && matches!(end, End::Closed) {
            tracing::info!("the server has ended the connection");
            self.end = Some(Ok(()));
            return;
        }
        let at = std::mem::replace(&mut self.link.at, At::Nowhere(Box::new(Screen::new(0))));
        let (mut screen, greeted) = match at {
            At::There(session) => {
                self.received += session.wire().received();
                self.updates += session.updates();
                let greeted = !session.is_connecting();
                (Box::new(session.into_screen()), greeted)
            }
            At::Away(screen, _) | At::Nowhere(screen) => (screen, false),
        };
        // What the server had is out of reach.
        self.show(Show::Copied(None));
        let sign = if greeted { badge::frame(&mut screen) } else { None };
        let retired = screen.take_retired();
        self.link.at = At::Away(screen, None);
        if let Some(frame) = sign {
            self.show(Show::Frame(frame));
            self.show(Show::CursorHidden { scanout: crate::screen::SCANOUT });
        }
        if !retired.is_empty() {
            self.show(Show::Retired(retired));
        }
        self.wait(end, now);
    }

    /// Waits for the server to come (back).
    fn wait(&mut self, end: &End, now: Instant) {
        self.patience.lost(end.is_refusal(), now);
        if self.patience.tell() {
            let server = &self.server;
            if end.is_refusal() {
                tracing::error!("{server}: {end}; trying again, less and less often");
            } else {
                tracing::warn!("{server} is away: {end}; waiting for it");
            }
        } else {
            tracing::debug!("{}: {end}", self.server);
        }
        let absent = matches!(end, End::System(error) if is_absence(error));
        let watched = absent && self.watch();
        let retry =
            if watched && !self.patience.soon() { None } else { Some(now + self.patience.next()) };
        if let At::Away(_, at) = &mut self.link.at {
            *at = retry;
        }
    }

    /// Has the socket's place watched, where it has one; false where nothing would tell.
    fn watch(&mut self) -> bool {
        if self.link.watch.is_some() {
            return true;
        }
        let Ok(fd) = self.agent.watch() else { return false };
        let source = Generic::new(fd, Interest::READ, Mode::Level);
        let watch = self.handle.insert_source(source, |_, _, state: &mut Self| {
            state.link.watch = None;
            state.patience.stirred();
            if let At::Away(_, retry) = &mut state.link.at {
                *retry = Some(Instant::now());
            }
            Ok(PostAction::Remove)
        });
        self.link.watch = watch.ok();
        // It may have come just before: once more, soon.
        if self.link.watch.is_some() {
            self.patience.stirred();
        }
        self.link.watch.is_some()
    }
}
