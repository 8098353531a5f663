//! A turn of the event loop: what clients sent, what became of it, and what they are told.

use std::{cell::Cell, io, rc::Rc, sync::Arc, time::Instant};

use smithay::reexports::{
    calloop::{
        Interest, LoopHandle, Mode, PostAction, RegistrationToken,
        generic::Generic,
        timer::{TimeoutAction, Timer},
    },
    wayland_server::Display,
};

use crate::{limits, relay::Relay, state::State};

/// What a turn needs beside the state.
#[derive(Debug)]
pub(crate) struct Turn {
    display: Display<State>,
    relay: Relay,
    /// Clients have sent something, or can be sent something again.
    called: Rc<Cell<bool>>,
    handle: LoopHandle<'static, State>,
    /// When the timer for paused clients fires; none is armed while nobody has to pause.
    armed: Rc<Cell<Option<(Instant, RegistrationToken)>>>,
}

impl Turn {
    /// Has the loop wake up whenever a client sends something.
    pub(crate) fn new(
        display: Display<State>,
        handle: LoopHandle<'static, State>,
    ) -> io::Result<Self> {
        let relay = Relay::new(limits::OBJECTS)?;
        // The turn after each wake-up does the work.
        let source = Generic::new(relay.poll()?, Interest::READ, Mode::Level);
        let called = Rc::new(Cell::new(false));
        let calls = called.clone();
        handle
            .insert_source(source, move |_, _, _| {
                calls.set(true);
                Ok(PostAction::Continue)
            })
            .map_err(|e| io::Error::other(e.error))?;
        Ok(Self { display, relay, called, handle, armed: Rc::default() })
    }

    /// Dispatches what came in, plans frames, and sends what came of it.
    pub(crate) fn run(&mut self, state: &mut State) {
        for (stream, data) in state.sockets.take_arrivals() {
            let data = Arc::new(data);
            let party = data.party.clone();
            if let Err(error) = self.relay.insert(&mut self.display, stream, data.clone(), party) {
                tracing::warn!(socket = data.socket_name(), "a client was refused: {error}");
            }
        }
        // Turns for frames and timers need not ask the kernel who has something.
        if self.called.take() {
            self.relay.receive(&mut self.display, state);
        }
        self.relay.clean(&mut self.display, state);
        loop {
            state.refresh_touches();
            state.apply_held();
            state.refresh_ports();
            state.tell_control();
            state.tell_accounts();
            state.refresh_feedback();
            state.refresh_windows();
            state.released.send();
            if let Err(error) = self.display.flush_clients() {
                tracing::warn!("clients could not be flushed: {error}");
            }
            self.relay.send(&mut self.display);
            // Who was found gone meanwhile leaves something to refresh.
            if !self.relay.clean(&mut self.display, state) {
                break;
            }
        }
        state.remember();
        state.released.wake_if_any();
        match self.relay.rest() {
            Some(at) => self.arm(at),
            None => self.disarm(),
        }
    }

    fn arm(&self, at: Instant) {
        if self.armed.get().is_some_and(|(armed, _)| armed <= at) {
            return;
        }
        self.disarm();
        let armed = self.armed.clone();
        let timer = self.handle.insert_source(Timer::from_deadline(at), move |_, &mut (), _| {
            armed.set(None);
            TimeoutAction::Drop
        });
        match timer {
            Ok(token) => self.armed.set(Some((at, token))),
            Err(error) => tracing::error!("no timer for clients: {error}"),
        }
    }

    fn disarm(&self) {
        if let Some((_, token)) = self.armed.take() {
            self.handle.remove(token);
        }
    }
}
