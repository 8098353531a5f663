//! What wakes the program up.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use calloop::channel::{self, Channel};
use calloop::generic::Generic;
use calloop::signals::{Signal, Signals};
use calloop::timer::{TimeoutAction, Timer};
use calloop::{EventLoop, Interest, LoopHandle, Mode, PostAction, RegistrationToken};
use porthole_client::present::Told;

use super::{State, Which};
use crate::failure::Failure;

/// The loop and what it watches.
pub(super) struct Loop {
    events: EventLoop<'static, State>,
    handle: LoopHandle<'static, State>,
    watched: BTreeMap<Which, RegistrationToken>,
    /// Connections whose other side must read before more can be sent.
    full: BTreeMap<Which, RegistrationToken>,
}

impl Loop {
    /// Watches for signals and for what the presenter tells.
    pub(super) fn new(told: Channel<Told>) -> Result<Self, Failure> {
        let events = EventLoop::<State>::try_new().map_err(Failure::Loop)?;
        let handle = events.handle();
        let all = [Signal::SIGTERM, Signal::SIGINT, Signal::SIGUSR1];
        let signals = Signals::new(&all).map_err(Failure::Loop)?;
        let signalled = |event: calloop::signals::Event, (): &mut (), state: &mut State| {
            if event.signal() != Signal::SIGUSR1 {
                tracing::info!(signal = ?event.signal(), "ending");
                state.end.get_or_insert(Ok(()));
            } else if let Some(session) = &state.session {
                let line = session.statistics.json();
                tracing::info!("statistics {line}");
            }
        };
        handle.insert_source(signals, signalled).map_err(|error| Failure::Loop(error.error))?;
        let hear = |event, (): &mut (), state: &mut State| match event {
            channel::Event::Msg(told) => state.told(told),
            // Nobody looks any more; the guest goes on.
            channel::Event::Closed => {
                if let Some(session) = &mut state.session {
                    session.release_all();
                }
            }
        };
        handle.insert_source(told, hear).map_err(|error| Failure::Loop(error.error))?;
        Ok(Self { events, handle, watched: BTreeMap::new(), full: BTreeMap::new() })
    }

    /// Runs until the VM ends.
    pub(super) fn run(&mut self, state: &mut State) -> Result<(), Failure> {
        self.after(state)?;
        loop {
            self.events.dispatch(None::<Duration>, state).map_err(Failure::Loop)?;
            self.after(state)?;
            if let Some(end) = state.end.take() {
                return end;
            }
        }
    }

    /// After each turn.
    fn after(&mut self, state: &mut State) -> Result<(), Failure> {
        state.expire();
        state.settle()?;
        if state.before.is_none()
            && let Some(token) = self.watched.remove(&Which::Monitor)
        {
            self.handle.remove(token);
        }
        for which in std::mem::take(&mut state.unwatched) {
            if let Some(fd) = fd(state, which)? {
                let token = self.watch(which, fd, Interest::READ)?;
                self.watched.insert(which, token);
            }
        }
        self.send(state)?;
        self.set_timer(state)
    }

    fn watch(
        &self,
        which: Which,
        fd: OwnedFd,
        interest: Interest,
    ) -> Result<RegistrationToken, Failure> {
        let source = Generic::new(fd, interest, Mode::Level);
        let token = self.handle.insert_source(source, move |ready, _, state| {
            if ready.readable || !ready.writable {
                state.turn(which);
            }
            Ok(if gone(state, which) { PostAction::Remove } else { PostAction::Continue })
        });
        token.map_err(|error| Failure::Loop(error.error))
    }

    /// Sends what waits. A connection that takes no more is watched until it does.
    fn send(&mut self, state: &mut State) -> Result<(), Failure> {
        let Some(session) = &mut state.session else { return Ok(()) };
        let consoles = session.consoles.len();
        let all = std::iter::once(None).chain((0..consoles).map(Some));
        for index in all {
            let which = index.map_or(Which::Control, Which::Console);
            let done = match session.send(index) {
                Ok(done) => done,
                Err(failure) => {
                    state.end.get_or_insert(failure.map_or(Ok(()), Err));
                    return Ok(());
                }
            };
            if done {
                if let Some(token) = self.full.remove(&which) {
                    self.handle.remove(token);
                }
            } else if !self.full.contains_key(&which)
                && let Some(fd) = session_fd(session, which)?
            {
                let token = self.watch(which, fd, Interest::WRITE)?;
                self.full.insert(which, token);
            }
        }
        Ok(())
    }

    fn set_timer(&self, state: &mut State) -> Result<(), Failure> {
        let Some(deadline) = state.deadline() else { return Ok(()) };
        if let Some((token, set_for)) = state.timer {
            if set_for <= deadline {
                return Ok(());
            }
            self.handle.remove(token);
        }
        // A timer that has nothing to do finds that out when it runs.
        let rings = |_: Instant, (): &mut (), state: &mut State| {
            state.timer = None;
            TimeoutAction::Drop
        };
        let token = self
            .handle
            .insert_source(Timer::from_deadline(deadline), rings)
            .map_err(|error| Failure::Loop(error.error))?;
        state.timer = Some((token, deadline));
        Ok(())
    }
}

/// Whether a connection is not watched any more.
fn gone(state: &State, which: Which) -> bool {
    match (which, &state.session) {
        (Which::Monitor, _) => state.before.is_none(),
        (Which::Console(index), Some(session)) => {
            session.consoles.get(index).is_none_or(|console| console.listener.is_none())
        }
        (Which::Control, session) => session.is_none(),
        (Which::Console(_), None) => true,
    }
}

fn copied(fd: impl AsFd) -> Result<Option<OwnedFd>, Failure> {
    fd.as_fd().try_clone_to_owned().map(Some).map_err(|error| Failure::System("dup", error))
}

fn fd(state: &State, which: Which) -> Result<Option<OwnedFd>, Failure> {
    match (which, &state.before, &state.session) {
        (Which::Monitor, Some(before), _) => copied(&before.monitor),
        (_, _, Some(session)) => session_fd(session, which),
        _ => Ok(None),
    }
}

fn session_fd(session: &crate::session::Session, which: Which) -> Result<Option<OwnedFd>, Failure> {
    match which {
        Which::Monitor => Ok(None),
        Which::Control => copied(&session.control),
        Which::Console(index) => {
            let listener =
                session.consoles.get(index).and_then(|console| console.listener.as_ref());
            listener.map_or(Ok(None), copied)
        }
    }
}
