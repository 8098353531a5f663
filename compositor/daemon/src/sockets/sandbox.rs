//! Sockets that programs make for sandboxes: what comes through them has no rights at all, whatever
//! the socket has that they were made on.

use std::{
    io,
    os::{fd::OwnedFd, unix::net::UnixListener},
    sync::{Arc, atomic::Ordering},
};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use smithay::reexports::{
    calloop::{Interest, Mode, PostAction, generic::Generic},
    wayland_server::Client,
};

use super::{ClientState, SocketInfo, socket_of};
use crate::{
    protocols::security_context::{Sandbox, SecurityContextHandler, delegate_security_context},
    state::State,
};

/// Listeners for sandboxes that the clients of one socket may have: each takes two descriptors.
const MOST: usize = 64;

/// One more listener of a socket, for as long as this lives.
struct Counted(Arc<SocketInfo>);

impl Counted {
    fn new(parent: &Arc<SocketInfo>) -> Option<Self> {
        let more = |count: usize| (count < MOST).then_some(count + 1);
        parent.sandboxes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
        Some(Self(parent.clone()))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.sandboxes.fetch_sub(1, Ordering::Relaxed);
    }
}

impl SecurityContextHandler for State {
    fn sandbox_made(
        &mut self,
        client: &Client,
        listener: UnixListener,
        close: OwnedFd,
        sandbox: Sandbox,
    ) {
        let Some(parent) = socket_of(client).cloned() else { return };
        let socket = parent.name.as_str();
        let engine = sandbox.engine.as_deref().unwrap_or("unnamed");
        let Some(counted) = Counted::new(&parent) else {
            tracing::warn!(socket, "a sandbox of '{engine}' is refused: there are {MOST} already");
            return;
        };
        let info = Arc::new(SocketInfo::sandboxed(&parent, sandbox.app_id.clone()));
        match self.listen_for_sandbox(listener, close, info, counted) {
            Ok(()) => tracing::info!(socket, app = sandbox.app_id, "a sandbox of '{engine}'"),
            Err(error) => tracing::warn!(socket, "a sandbox of '{engine}' is refused: {error}"),
        }
    }
}

impl State {
    fn listen_for_sandbox(
        &mut self,
        listener: UnixListener,
        close: OwnedFd,
        info: Arc<SocketInfo>,
        counted: Counted,
    ) -> io::Result<()> {
        listener.set_nonblocking(true)?;
        let source = Generic::new(listener, Interest::READ, Mode::Level);
        let listening = self
            .handle
            .insert_source(source, move |_, listener, state| {
                // Counted until the listener goes.
                let _ = &counted;
                Ok(accept(listener, &info, state))
            })
            .map_err(|e| io::Error::from(e.error))?;
        // Nothing is read from it: its other end is closed when the sandbox is over.
        let source = Generic::new(close, Interest::EMPTY, Mode::Level);
        let closing = self.handle.insert_source(source, move |_, _, state: &mut State| {
            state.handle.remove(listening);
            Ok(PostAction::Remove)
        });
        if let Err(error) = closing {
            self.handle.remove(listening);
            return Err(error.error.into());
        }
        Ok(())
    }
}

fn accept(listener: &UnixListener, info: &Arc<SocketInfo>, state: &mut State) -> PostAction {
    let socket = info.name.as_str();
    if !info.parent.as_ref().is_some_and(|parent| state.sockets.listens(parent)) {
        return PostAction::Remove;
    }
    match listener.accept() {
        Ok((stream, _)) => {
            match ClientState::new(info) {
                Some(data) => {
                    tracing::info!(socket, "a client connected from a sandbox");
                    state.sockets.admit(stream, data);
                }
                None => tracing::warn!(socket, "a client was refused: there are too many"),
            }
            PostAction::Continue
        }
        // It belongs to a client, which may have shut it down: then it is ready without end.
        Err(error) if error.kind() == io::ErrorKind::WouldBlock && !is_shut(listener) => {
            PostAction::Continue
        }
        Err(error) => {
            tracing::warn!(socket, "a sandbox is closed: {error}");
            PostAction::Remove
        }
    }
}

/// Whether nothing can come any more.
fn is_shut(listener: &UnixListener) -> bool {
    let mut fds = [PollFd::new(listener, PollFlags::IN)];
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut fds, Some(&at_once)).is_err()
        || fds.iter().any(|fd| fd.revents().intersects(PollFlags::HUP | PollFlags::ERR))
}

delegate_security_context!(State);
