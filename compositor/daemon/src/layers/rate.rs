//! Layers that take at most so many pictures of their stream in a second: those that have a limit, and
//! those that others go before while their port is behind.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use porthole_core::{Refresh, account::Counter, model::PipelineId};
use smithay::reexports::calloop::timer::{TimeoutAction, Timer};

use crate::{clock, ports::Port, state::State};

/// The layers that have a limit.
#[derive(Debug, Default)]
pub(super) struct Rates {
    /// When a layer's last picture was taken.
    taken: BTreeMap<PipelineId, Duration>,
    /// Layers whose next picture came too early; a timer is armed for each.
    waiting: BTreeSet<PipelineId>,
}

impl Rates {
    pub(super) fn taken(&mut self, pipeline: PipelineId) {
        self.taken.insert(pipeline, clock::now());
    }

    pub(super) fn forget(&mut self, pipeline: PipelineId) {
        self.taken.remove(&pipeline);
        self.waiting.remove(&pipeline);
    }

    pub(super) fn is_waiting(&self, pipeline: PipelineId) -> bool {
        self.waiting.contains(&pipeline)
    }
}

/// A layer that others go before is drawn once in so many periods while its port is behind.
const PUT_OFF: u32 = 4;

impl State {
    /// How long a layer's picture stays while its port cannot draw all in time, and something that
    /// matters more is on it.
    fn put_off_for(&self, pipeline: PipelineId) -> Duration {
        let port = self.device.pipeline(pipeline).map(|p| p.port);
        let strained = port.filter(|id| self.ports.get(*id).is_some_and(Port::is_strained));
        match strained.and_then(|id| Some((id, self.ports.get(id)?))) {
            Some((id, port)) if self.priority_of(pipeline) < self.port_priority(id) => {
                port.period() * PUT_OFF
            }
            _ => Duration::ZERO,
        }
    }

    /// Whether what a layer's window committed comes too early to be shown; it is shown when it is due.
    pub(crate) fn is_early(&mut self, pipeline: PipelineId) -> bool {
        if self.layers.rates.is_waiting(pipeline) {
            return true;
        }
        let Some(taken) = self.layers.rates.taken.get(&pipeline).copied() else { return false };
        let limit = self.device.pipeline(pipeline).and_then(|p| p.rate_limit);
        let limit = limit.map(Refresh::period).unwrap_or_default();
        let behind = self.put_off_for(pipeline);
        let wait = (taken + limit.max(behind)).saturating_sub(clock::now());
        if wait.is_zero() {
            return false;
        }
        if behind > limit
            && let Some(account) = self.account_of(pipeline)
        {
            account.count(Counter::PutOff, 1);
        }
        let rates = &mut self.layers.rates;
        let timer = self.handle.insert_source(Timer::from_duration(wait), move |_, (), state| {
            if state.layers.rates.waiting.remove(&pipeline) {
                state.layer_changed(pipeline);
            }
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
