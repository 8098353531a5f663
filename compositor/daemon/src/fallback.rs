//! What a layer shows: its stream, or what stands in for one that is gone or late.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use porthole_core::model::{FallbackPicture, Pipeline, PipelineId, SourceId, SourceKind};
use smithay::{
    reexports::{
        calloop::timer::{TimeoutAction, Timer},
        wayland_server::protocol::wl_surface::WlSurface,
    },
    wayland::shell::xdg::ToplevelSurface,
};

use crate::{clock, protocols::shm::Pixels, scene::Snapshot, state::State};

/// What a layer shows now.
#[derive(Debug)]
pub(crate) enum Shown<'a> {
    Nothing,
    Window(&'a ToplevelSurface),
    Image(&'a Arc<Pixels>),
    Last(&'a Snapshot),
}

/// Who is late, and what was seen last of layers that keep it.
#[derive(Debug, Default)]
pub(crate) struct Fallbacks {
    last: BTreeMap<PipelineId, Snapshot>,
    /// When something was last heard of a layer that has a deadline.
    heard: BTreeMap<PipelineId, Duration>,
    /// Layers whose timer is armed.
    watched: BTreeSet<PipelineId>,
    late: BTreeSet<PipelineId>,
}

impl Fallbacks {
    /// Keeps what a layer shows.
    pub(crate) fn keep(&mut self, pipeline: PipelineId, snapshot: Snapshot) {
        self.last.insert(pipeline, snapshot);
    }

    /// Forgets layers that are no more, or that show something else now.
    pub(crate) fn forget(&mut self, pipeline: PipelineId) {
        self.last.remove(&pipeline);
        self.heard.remove(&pipeline);
        self.late.remove(&pipeline);
    }

    /// Whether a layer shows its fallback because its stream is late.
    pub(crate) fn is_late(&self, pipeline: PipelineId) -> bool {
        self.late.contains(&pipeline)
    }
}

impl State {
    /// What a layer shows.
    pub(crate) fn shown_in(&self, id: PipelineId, pipeline: &Pipeline) -> Shown<'_> {
        let source = pipeline.source.and_then(|source| Some((source, self.device.source(source)?)));
        match source.map(|(id, source)| (id, &source.kind)) {
            None => Shown::Nothing,
            Some((source, SourceKind::Image(_))) => self.image(source),
            Some((_, SourceKind::Stream(_))) => match self.windows.shown(id) {
                Some(window) if !self.fallbacks.is_late(id) => Shown::Window(window),
                // Before the first picture the splash is there.
                None if !self.windows.has_shown(id) => Shown::Nothing,
                _ => match pipeline.fallback.picture {
                    FallbackPicture::Hidden => Shown::Nothing,
                    FallbackPicture::Last => {
                        self.fallbacks.last.get(&id).map_or(Shown::Nothing, Shown::Last)
                    }
                    FallbackPicture::Source(source) => self.image(source),
                },
            },
        }
    }

    fn image(&self, source: SourceId) -> Shown<'_> {
        self.pictures.image(source).map_or(Shown::Nothing, Shown::Image)
    }

    /// Whether a layer needs no splash below it any more.
    pub(crate) fn has_shown(&self, id: PipelineId) -> bool {
        self.windows.has_shown(id) || self.device.stream_of(id).is_none()
    }

    /// A stream gave a sign of life.
    pub(crate) fn heard_of(&mut self, surface: &WlSurface) {
        let Some(pipeline) = self.windows.layer_of(surface) else { return };
        let deadline = self.device.pipeline(pipeline).and_then(|p| p.fallback.deadline);
        let Some(deadline) = deadline else { return };
        // Who promises nothing is not late: an idle desktop is not a frozen one.
        let report = self.globals.desktop.streams.report(surface);
        if !report.is_some_and(|report| report.heartbeat.is_some() || report.rate_mhz.is_some()) {
            return;
        }
        self.fallbacks.heard.insert(pipeline, clock::now());
        if self.fallbacks.late.remove(&pipeline) {
            tracing::info!(layer = self.layer_name(pipeline), "the stream is back");
            self.layer_changed(pipeline);
        }
        if self.fallbacks.watched.insert(pipeline) {
            self.watch(pipeline, deadline);
        }
    }

    /// Looks at a layer again after `wait`. The timer is not moved with every sign of life: it finds
    /// out by itself how long it has to go on.
    fn watch(&mut self, pipeline: PipelineId, wait: Duration) {
        let timer =
            self.handle.insert_source(Timer::from_duration(wait), move |_, (), state| match state
                .time_left(pipeline)
            {
                Some(left) if !left.is_zero() => TimeoutAction::ToDuration(left),
                left => {
                    state.fallbacks.watched.remove(&pipeline);
                    if left.is_some() && state.fallbacks.late.insert(pipeline) {
                        let layer = state.layer_name(pipeline);
                        tracing::warn!(layer, "the stream is late: its fallback is shown");
                        state.layer_changed(pipeline);
                    }
                    TimeoutAction::Drop
                }
            });
        if let Err(error) = timer {
            tracing::error!("no timer for a layer's deadline: {error}");
            self.fallbacks.watched.remove(&pipeline);
        }
    }

    /// How long a layer's stream may still be silent; `None` when it is held to nothing any more.
    fn time_left(&self, pipeline: PipelineId) -> Option<Duration> {
        let deadline = self.device.pipeline(pipeline)?.fallback.deadline?;
        let heard = self.fallbacks.heard.get(&pipeline)?;
        self.windows.shown(pipeline)?;
        Some((*heard + deadline).saturating_sub(clock::now()))
    }
}
