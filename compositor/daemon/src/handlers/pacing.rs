//! When commits that wait are let go.

use std::{collections::HashMap, time::Duration};

use smithay::{
    reexports::{
        calloop::{
            RegistrationToken,
            timer::{TimeoutAction, Timer},
        },
        wayland_server::{Client, protocol::wl_surface::WlSurface},
    },
    wayland::compositor::{CompositorHandler, with_states},
};

use crate::{
    clock,
    protocols::pacing::{
        Held, PacingHandler, PacingState, applied, delegate_commit_timing, delegate_fifo,
    },
    state::State,
};

/// A surface that no port shows goes on at this pace: it must not stand still for ever, nor spend
/// time on pictures that nobody sees.
const HIDDEN: Duration = Duration::from_millis(100);
/// The timer looks again after this time at the latest.
const LONGEST: Duration = Duration::from_secs(3600);

/// What waits for a time, and the timer for the soonest of it.
#[derive(Debug, Default)]
pub(crate) struct Pacing {
    state: PacingState,
    timer: Option<(Duration, RegistrationToken)>,
}

impl PacingHandler for State {
    fn pacing_state(&mut self) -> &mut PacingState {
        &mut self.globals.desktop.pacing.state
    }

    fn pacing_now(&self) -> Duration {
        clock::now()
    }

    fn pacing_scheduled(&mut self) {
        let pacing = &mut self.globals.desktop.pacing;
        let Some(wake) = pacing.state.next_wake() else { return };
        match pacing.timer {
            Some((at, _)) if at <= wake => return,
            Some((_, token)) => self.handle.remove(token),
            None => {}
        }
        let wait = wake.saturating_sub(clock::now()).min(LONGEST);
        let timer = self.handle.insert_source(Timer::from_duration(wait), |_, (), state| {
            state.globals.desktop.pacing.timer = None;
            let due = state.globals.desktop.pacing.state.due(clock::now());
            state.look_at_queues(due);
            state.pacing_scheduled();
            TimeoutAction::Drop
        });
        match timer {
            Ok(token) => self.globals.desktop.pacing.timer = Some((wake, token)),
            Err(error) => tracing::error!("no timer for commits that wait: {error}"),
        }
    }
}

impl State {
    /// A commit was applied. If it set a barrier, the next frame that shows it lifts that, or time.
    pub(crate) fn pace_commit(&mut self, surface: &WlSurface) {
        let Some(held) = with_states(surface, applied) else { return };
        // Twice the longest frame: a port that is merely slow is waited for.
        let slowest = self.ports.iter().map(|(_, port)| port.period()).max().unwrap_or_default();
        let at = clock::now() + HIDDEN.max(slowest * 2);
        self.globals.desktop.pacing.state.release_at(at, held);
        self.pacing_scheduled();
    }

    /// Commits were shown: those that waited for them may go.
    pub(crate) fn release_shown(&mut self, held: Vec<Held>) {
        if !held.is_empty() {
            self.look_at_queues(held.into_iter().map(Held::release).collect());
        }
    }

    /// Applies commits that wait no more.
    fn look_at_queues(&mut self, clients: Vec<Client>) {
        let clients: HashMap<_, _> = clients.into_iter().map(|c| (c.id(), c)).collect();
        let display = self.display.clone();
        for client in clients.values() {
            self.client_compositor_state(client).blocker_cleared(self, &display);
        }
    }
}

delegate_commit_timing!(State);
delegate_fifo!(State);
