//! The connections that wake the program up.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, OwnedFd};

use calloop::{Interest, LoopHandle, PostAction, RegistrationToken};
use porthole_client::program::watch;

use super::{State, Which};
use crate::failure::Failure;

/// What the loop watches.
pub(super) struct Watched {
    handle: LoopHandle<'static, State>,
    /// Connections that the loop does not watch yet.
    new: Vec<Which>,
    readable: BTreeMap<Which, RegistrationToken>,
    /// Connections whose other side must read before more can be sent.
    full: BTreeMap<Which, RegistrationToken>,
}

impl Watched {
    pub(super) fn new(handle: LoopHandle<'static, State>) -> Self {
        Self { handle, new: Vec::new(), readable: BTreeMap::new(), full: BTreeMap::new() }
    }

    /// Has a connection watched from the end of this turn on.
    pub(super) fn add(&mut self, which: Which) {
        self.new.push(which);
    }

    /// Has what comes heard, or is woken up when there is room again; what ends is heard in any case.
    fn watch(
        &self,
        which: Which,
        fd: OwnedFd,
        interest: Interest,
    ) -> Result<RegistrationToken, Failure> {
        let turn = move |state: &mut State| {
            if interest.readable {
                state.turn(which);
            }
            if gone(state, which) { PostAction::Remove } else { PostAction::Continue }
        };
        Ok(watch(&self.handle, fd, interest, turn)?)
    }
}

impl State {
    /// Watches what is to be watched now.
    pub(super) fn watch_all(&mut self) -> Result<(), Failure> {
        if self.before.is_none()
            && let Some(token) = self.watched.readable.remove(&Which::Monitor)
        {
            self.watched.handle.remove(token);
        }
        for which in std::mem::take(&mut self.watched.new) {
            if let Some(fd) = fd(self, which)? {
                let token = self.watched.watch(which, fd, Interest::READ)?;
                self.watched.readable.insert(which, token);
            }
        }
        Ok(())
    }

    /// Sends what waits. A connection that takes no more is watched until it does.
    pub(super) fn send(&mut self) -> Result<(), Failure> {
        let Self { session: Some(session), watched, end, .. } = self else { return Ok(()) };
        let consoles = session.consoles.len();
        let all = std::iter::once(None).chain((0..consoles).map(Some));
        for index in all {
            let which = index.map_or(Which::Control, Which::Console);
            let done = match session.send(index) {
                Ok(done) => done,
                Err(failure) => {
                    end.get_or_insert(failure.map_or(Ok(()), Err));
                    return Ok(());
                }
            };
            if done {
                if let Some(token) = watched.full.remove(&which) {
                    watched.handle.remove(token);
                }
            } else if !watched.full.contains_key(&which)
                && let Some(fd) = session_fd(session, which)?
            {
                let token = watched.watch(which, fd, Interest::WRITE)?;
                watched.full.insert(which, token);
            }
        }
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
