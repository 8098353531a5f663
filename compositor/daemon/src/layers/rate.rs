//! Layers that take at most so many pictures of their stream in a second: those that have a limit, and
//! those that others go before while their port is behind.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use porthole_core::{
    Refresh,
    account::Counter,
    model::{PipelineId, PortId},
};
use smithay::reexports::calloop::timer::{TimeoutAction, Timer};

use crate::{clock, ports::Port, state::State};

/// The layers that have a limit.
#[derive(Debug, Default)]
pub(super) struct Rates {
    /// A layer's last picture.
    taken: BTreeMap<PipelineId, Taken>,
    /// Layers whose next picture came too early; a timer is armed for each.
    waiting: BTreeSet<PipelineId>,
}

/// A picture that was taken for a frame.
#[derive(Clone, Copy, Debug)]
struct Taken {
    at: Duration,
    /// How long the layer's last frame took that is drawn.
    cost: Duration,
    /// The frame that it was taken for is not drawn yet.
    under_way: bool,
}

impl Taken {
    /// How long a frame with a new picture of the layer takes, as far as is known.
    fn cost(&self, now: Duration) -> Duration {
        let so_far = if self.under_way { now.saturating_sub(self.at) } else { Duration::ZERO };
        self.cost.max(so_far)
    }
}

impl Rates {
    pub(super) fn taken(&mut self, pipeline: PipelineId) {
        let cost = self.taken.get(&pipeline).map(|before| before.cost).unwrap_or_default();
        self.taken.insert(pipeline, Taken { at: clock::now(), cost, under_way: true });
    }

    /// A frame was drawn at `at` that was planned at `planned`; notes what it cost those whose picture was
    /// taken for it.
    pub(super) fn drawn(&mut self, pipeline: PipelineId, planned: Duration, at: Duration) {
        if let Some(taken) = self.taken.get_mut(&pipeline).filter(|taken| taken.under_way) {
            taken.cost = at.saturating_sub(taken.at.max(planned));
            taken.under_way = false;
        }
    }

    pub(super) fn forget(&mut self, pipeline: PipelineId) {
        self.taken.remove(&pipeline);
        self.waiting.remove(&pipeline);
    }

    pub(super) fn is_waiting(&self, pipeline: PipelineId) -> bool {
        self.waiting.contains(&pipeline)
    }
}

/// A layer that others go before is drawn once in so many periods while its port is behind, or in so many
/// times what a frame with it takes where that is longer than a period.
const PUT_OFF: u32 = 4;
/// No picture is put off for longer: one frame that took very long says little about the next one.
const LONGEST: Duration = Duration::from_secs(2);

/// Why a layer's picture stays for a while.
#[derive(Clone, Copy, Debug)]
struct Early {
    wait: Duration,
    /// Something that matters more goes first.
    put_off: bool,
}

impl State {
    /// A port's frame was drawn, or changed nothing.
    pub(crate) fn note_drawn(&mut self, id: PortId, planned: Duration, at: Duration) {
        for (pipeline, _) in self.device.layers_of(id) {
            self.layers.rates.drawn(pipeline, planned, at);
        }
    }

    /// How long a layer's picture stays while its port cannot draw all in time, and something that
    /// matters more is on it.
    fn put_off_for(&self, pipeline: PipelineId, cost: Duration) -> Duration {
        let port = self.device.pipeline(pipeline).map(|p| p.port);
        let strained = port.filter(|id| self.ports.get(*id).is_some_and(Port::is_strained));
        match strained.and_then(|id| Some((id, self.ports.get(id)?))) {
            Some((id, port)) if self.priority_of(pipeline) < self.port_priority(id) => {
                port.period().max(cost).saturating_mul(PUT_OFF).min(LONGEST)
            }
            _ => Duration::ZERO,
        }
    }

    /// Whether a new picture of a layer comes too early now, and by how much.
    fn early(&self, pipeline: PipelineId) -> Option<Early> {
        let now = clock::now();
        let taken = self.layers.rates.taken.get(&pipeline)?;
        let limit = self.device.pipeline(pipeline).and_then(|p| p.rate_limit);
        let limit = limit.map(Refresh::period).unwrap_or_default();
        let behind = self.put_off_for(pipeline, taken.cost(now));
        let wait = taken.at.saturating_add(limit.max(behind)).saturating_sub(now);
        (!wait.is_zero()).then_some(Early { wait, put_off: behind > limit })
    }

    /// Whether what a layer's window committed comes too early to be shown; it is shown when it is due.
    pub(crate) fn is_early(&mut self, pipeline: PipelineId) -> bool {
        if self.layers.rates.is_waiting(pipeline) {
            return true;
        }
        let Some(Early { wait, put_off }) = self.early(pipeline) else { return false };
        if put_off && let Some(account) = self.account_of(pipeline) {
            account.count(Counter::PutOff, 1);
        }
        let rates = &mut self.layers.rates;
        let timer = self.handle.insert_source(Timer::from_duration(wait), move |_, (), state| {
            if !state.layers.rates.is_waiting(pipeline) {
                return TimeoutAction::Drop;
            }
            // A frame that was under way may have turned out to take longer.
            if let Some(early) = state.early(pipeline) {
                return TimeoutAction::ToDuration(early.wait);
            }
            state.layers.rates.waiting.remove(&pipeline);
            state.layer_changed(pipeline);
            TimeoutAction::Drop
        });
        match timer {
            Ok(_) => rates.waiting.insert(pipeline),
            Err(error) => {
                tracing::error!("no timer for a layer's rate: {error}");
                false
            }
        }
    }
}
