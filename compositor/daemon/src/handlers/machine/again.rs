//! Another session, where seatd comes later than the service, or goes and comes back. That is heard from the
//! kernel, not looked for.

use std::{io, os::fd::AsFd, rc::Rc};

use smithay::reexports::calloop::{
    Interest, Mode as Trigger, PostAction, RegistrationToken,
    generic::Generic,
    timer::{TimeoutAction, Timer},
};

use crate::{
    arrival::{Arrival, Pauses},
    machine::{Session, console::Another, seatd},
    state::State,
};

/// What is waited for.
#[derive(Debug, Default)]
pub(super) struct Again {
    /// Something happens where seatd's socket should be, or another console is shown.
    heard: Vec<RegistrationToken>,
    /// The next attempt, after something has happened.
    timer: Option<RegistrationToken>,
    /// Why the last attempt failed.
    failure: String,
}

impl State {
    /// Waits for seatd, if it can give a session that is not there; asks it now, in case it has come.
    pub(super) fn await_seatd(&mut self, mut pauses: Pauses) {
        self.forget_seatd();
        if !self.machine.session.awaits_seatd() {
            return;
        }
        let socket = seatd::socket();
        let heard =
            Arrival::watch(&socket).and_then(|arrival| self.hear_of_seatd(arrival, Interest::READ));
        match heard {
            Ok(token) => self.machine.again.heard.push(token),
            Err(error) => tracing::warn!(
                "{} cannot be watched: {error}; seatd is asked at a reload only",
                socket.display()
            ),
        }
        // There are machines without consoles. An error is always heard, and can always be read.
        if let Ok(another) = Another::listen()
            && let Ok(token) = self.hear_of_seatd(another, Interest::EMPTY)
        {
            self.machine.again.heard.push(token);
        }
        self.try_seatd();
        if !self.machine.session.awaits_seatd() || !socket.exists() {
            return;
        }
        // Who makes a socket listens at it a little later, and says whose it is.
        let Some(pause) = pauses.next() else { return };
        let timer = self.handle.insert_source(Timer::from_duration(pause), move |_, (), state| {
            state.machine.again.timer = None;
            state.await_seatd(std::mem::take(&mut pauses));
            TimeoutAction::Drop
        });
        self.machine.again.timer = timer.ok();
    }

    /// Asks seatd again when something happens.
    fn hear_of_seatd(
        &self,
        what: impl AsFd + 'static,
        interest: Interest,
    ) -> io::Result<RegistrationToken> {
        let source = Generic::new(what, interest, Trigger::Level);
        let source = self.handle.insert_source(source, |_, _, state| {
            // All that was heard is heard anew, this too.
            state.await_seatd(Pauses::default());
            Ok(PostAction::Continue)
        });
        source.map_err(|error| io::Error::other(error.error))
    }

    fn forget_seatd(&mut self) {
        let again = &mut self.machine.again;
        let (heard, timer) = (std::mem::take(&mut again.heard), again.timer.take());
        heard.into_iter().chain(timer).for_each(|token| self.handle.remove(token));
    }

    /// Begins another session, where seatd can give one that is not there.
    pub(super) fn try_seatd(&mut self) {
        let session = self.machine.session.clone();
        if !session.awaits_seatd() || !session.is_on_its_console() || !seatd::listens() {
            return;
        }
        match session.again() {
            Ok(session) => self.begin_again(Rc::new(session)),
            Err(error) => {
                let error = error.to_string();
                if self.machine.again.failure != error {
                    tracing::warn!("no session: {error}");
                    self.machine.again.failure = error;
                }
            }
        }
    }

    /// Shows screens and opens devices anew, by a session in the place of one that has none open.
    fn begin_again(&mut self, session: Rc<Session>) {
        self.forget_seatd();
        self.machine.again.failure.clear();
        self.stop_hearing_devices();
        self.cards.set_session(session.clone());
        self.machine.session = session;
        self.rescan();
        self.watch_session();
        self.open_devices();
    }
}
