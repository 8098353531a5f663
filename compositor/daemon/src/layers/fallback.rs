//! Who is late: streams that promised to give signs of life, and did not.

use std::{collections::BTreeMap, time::Duration};

use porthole_core::model::PipelineId;
use smithay::reexports::{
    calloop::timer::{TimeoutAction, Timer},
    wayland_server::protocol::wl_surface::WlSurface,
};

use crate::{clock, protocols::stream::GuestState, state::State};

/// The layers that have a deadline.
#[derive(Debug, Default)]
pub(super) struct Deadlines {
    /// When something was last heard of a layer.
    heard: BTreeMap<PipelineId, Duration>,
    /// The number of the timer that is armed for a layer; an older one has nothing to say.
    watched: BTreeMap<PipelineId, u64>,
    timers: u64,
    /// Layers whose fallback is shown, with how long nothing was heard of them then.
    late: BTreeMap<PipelineId, Duration>,
}

impl Deadlines {
    fn late(&mut self, pipeline: PipelineId) {
        let heard = self.heard.get(&pipeline).copied().unwrap_or_default();
        self.late.insert(pipeline, clock::now().saturating_sub(heard));
    }

    pub(super) fn forget(&mut self, pipeline: PipelineId) {
        self.heard.remove(&pipeline);
        self.watched.remove(&pipeline);
        self.late.remove(&pipeline);
    }

    /// How long nothing was heard of a layer that is late.
    pub(super) fn late_for(&self, pipeline: PipelineId) -> Option<Duration> {
        self.late.get(&pipeline).copied()
    }

    pub(super) fn is_late(&self, pipeline: PipelineId) -> bool {
        self.late.contains_key(&pipeline)
    }
}

impl State {
    /// A stream gave a sign of life.
    pub(crate) fn heard_of(&mut self, surface: &WlSurface) {
        let Some(pipeline) = self.windows.layer_of(surface) else { return };
        let deadline = self.device.pipeline(pipeline).and_then(|p| p.fallback.deadline);
        let Some(deadline) = deadline else { return };
        // Who promises nothing is not late: an idle desktop is not a frozen one.
        if !self.promises(surface) {
            return;
        }
        self.layers.deadlines.heard.insert(pipeline, clock::now());
        if self.layers.deadlines.late.remove(&pipeline).is_some() {
            self.globals.wfd.changed();
            tracing::info!(layer = self.layer_name(pipeline), "the stream is back");
            self.layer_changed(pipeline);
        }
        if !self.layers.deadlines.watched.contains_key(&pipeline) {
            self.watch(pipeline, deadline);
        }
    }

    /// Whether a stream promised signs of life. A guest that is paused gives none.
    fn promises(&self, surface: &WlSurface) -> bool {
        self.globals.desktop.streams.report(surface).is_some_and(|report| {
            let promised = report.heartbeat.is_some() || report.rate_mhz.is_some();
            promised && report.state != GuestState::Suspended
        })
    }

    /// Looks at a layer again after `wait`. The timer is not moved with every sign of life: it finds
    /// out by itself how long it has to go on.
    fn watch(&mut self, pipeline: PipelineId, wait: Duration) {
        let deadlines = &mut self.layers.deadlines;
        deadlines.timers += 1;
        let number = deadlines.timers;
        deadlines.watched.insert(pipeline, number);
        let timer = self.handle.insert_source(Timer::from_duration(wait), move |_, (), state| {
            if state.layers.deadlines.watched.get(&pipeline) != Some(&number) {
                return TimeoutAction::Drop;
            }
            match state.time_left(pipeline) {
                Some(left) if !left.is_zero() => TimeoutAction::ToDuration(left),
                left => {
                    state.layers.deadlines.watched.remove(&pipeline);
                    if left.is_some() {
                        state.layers.deadlines.late(pipeline);
                        state.globals.wfd.changed();
                        let layer = state.layer_name(pipeline);
                        tracing::warn!(layer, "the stream is late: its fallback is shown");
                        state.layer_changed(pipeline);
                    }
                    TimeoutAction::Drop
                }
            }
        });
        if let Err(error) = timer {
            tracing::error!("no timer for a layer's deadline: {error}");
            self.layers.deadlines.watched.remove(&pipeline);
        }
    }

    /// How long a layer's stream may still be silent; `None` when it is held to nothing any more.
    fn time_left(&self, pipeline: PipelineId) -> Option<Duration> {
        let deadline = self.device.pipeline(pipeline)?.fallback.deadline?;
        let heard = self.layers.deadlines.heard.get(&pipeline)?;
        self.windows.shown(pipeline).filter(|shown| self.promises(shown.wl_surface()))?;
        Some((*heard + deadline).saturating_sub(clock::now()))
    }
}
