//! When commits that wait are let go.

use std::{collections::HashMap, sync::Arc, time::Duration};

use smithay::{
    reexports::{
        calloop::{
            Interest, Mode, PostAction, RegistrationToken,
            generic::Generic,
            timer::{TimeoutAction, Timer},
        },
        wayland_server::{Client, protocol::wl_surface::WlSurface},
    },
    wayland::compositor::{CompositorHandler, with_states},
};

use crate::{
    clock, limits,
    protocols::{
        pacing::{
            Fences, Held, PacingHandler, PacingState, applied, delegate_commit_timing,
            delegate_fifo,
        },
        shm::Pool,
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
    fences: Fences,
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

    fn pacing_fence(&mut self, memory: Arc<Pool>, held: Held) {
        let fences = &mut self.globals.desktop.pacing.fences;
        let Some(held) = fences.join(&memory, held) else { return };
        let of = memory.clone();
        let written = Generic::new(memory.clone(), Interest::READ, Mode::Level);
        let watch = self.handle.insert_source(written, move |_, _, state| {
            if let Some(over) = state.globals.desktop.pacing.fences.over(&of) {
                state.handle.remove(over.limit);
                state.release_shown(over.held);
            }
            Ok(PostAction::Remove)
        });
        let of = memory.clone();
        let limit = Timer::from_duration(limits::FENCE);
        let limit = self.handle.insert_source(limit, move |_, (), state| {
            of.tell_late(limits::FENCE);
            if let Some(over) = state.globals.desktop.pacing.fences.over(&of) {
                state.handle.remove(over.watch);
                state.release_shown(over.held);
            }
            TimeoutAction::Drop
        });
        match (watch, limit) {
            (Ok(watch), Ok(limit)) => {
                self.globals.desktop.pacing.fences.add(memory, held, watch, limit);
            }
            (watch, limit) => {
                // Shown as it is rather than never.
                tracing::error!("a device cannot be waited for");
                watch.into_iter().chain(limit).for_each(|token| self.handle.remove(token));
                self.release_shown(vec![held]);
            }
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
