//! Layers that take at most so many pictures of their stream in a second.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use porthole_core::model::PipelineId;
use smithay::reexports::calloop::timer::{TimeoutAction, Timer};

use crate::{clock, state::State};

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

impl State {
    /// Whether what a layer's window committed comes too early to be shown; it is shown when it is due.
    pub(crate) fn is_early(&mut self, pipeline: PipelineId) -> bool {
        let limit = self.device.pipeline(pipeline).and_then(|p| p.rate_limit);
        let rates = &mut self.layers.rates;
        if rates.is_waiting(pipeline) {
            return true;
        }
        let (Some(limit), Some(taken)) = (limit, rates.taken.get(&pipeline)) else { return false };
        let wait = (*taken + limit.period()).saturating_sub(clock::now());
        if wait.is_zero() {
            return false;
        }
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
