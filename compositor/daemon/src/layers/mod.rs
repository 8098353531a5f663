//! What layers show: their streams, or what stands in for one that is gone, late or too fast.

mod fallback;
mod rate;

use std::{collections::BTreeMap, sync::Arc};

use porthole_core::model::{FallbackPicture, Pipeline, PipelineId, SourceId, SourceKind};
use smithay::wayland::shell::xdg::ToplevelSurface;

use self::{fallback::Deadlines, rate::Rates};
use crate::{protocols::shm::Pixels, scene::Snapshot, state::State};

/// What a layer shows now.
#[derive(Debug)]
pub(crate) enum Shown<'a> {
    Nothing,
    Window(&'a ToplevelSurface),
    Image(&'a Arc<Pixels>),
    /// What its window showed before.
    Before(&'a Snapshot),
}

/// What is known of layers beside the model.
#[derive(Debug, Default)]
pub(crate) struct Layers {
    /// What was taken last of layers that may have to show it again.
    last: BTreeMap<PipelineId, Snapshot>,
    deadlines: Deadlines,
    rates: Rates,
}

impl Layers {
    /// Keeps what a layer's window shows.
    pub(crate) fn keep(&mut self, pipeline: PipelineId, snapshot: Snapshot) {
        let before = self.last.insert(pipeline, snapshot);
        let now = self.last.get(&pipeline);
        if !before.is_some_and(|before| now.is_some_and(|now| now.is_same(&before))) {
            self.rates.taken(pipeline);
        }
    }

    /// Forgets a layer that is no more, or that shows something else now.
    pub(crate) fn forget(&mut self, pipeline: PipelineId) {
        self.last.remove(&pipeline);
        self.deadlines.forget(pipeline);
        self.rates.forget(pipeline);
    }

    /// Whether a layer shows its fallback because its stream is late.
    pub(crate) fn is_late(&self, pipeline: PipelineId) -> bool {
        self.deadlines.is_late(pipeline)
    }
}

/// Whether what a layer's window shows has to be kept.
pub(crate) fn is_kept(pipeline: &Pipeline) -> bool {
    pipeline.fallback.picture == FallbackPicture::Last || pipeline.rate_limit.is_some()
}

impl State {
    /// What a layer shows.
    pub(crate) fn shown_in(&self, id: PipelineId, pipeline: &Pipeline) -> Shown<'_> {
        let source = pipeline.source.and_then(|source| Some((source, self.device.source(source)?)));
        match source.map(|(id, source)| (id, &source.kind)) {
            None => Shown::Nothing,
            Some((source, SourceKind::Image(_))) => self.image(source),
            Some((_, SourceKind::Stream(_))) => match self.windows.shown(id) {
                Some(window) if !self.layers.is_late(id) => {
                    let early = self.layers.rates.is_waiting(id).then(|| self.layers.last.get(&id));
                    early.flatten().map_or(Shown::Window(window), Shown::Before)
                }
                // Before the first picture the splash is there.
                None if !self.windows.has_shown(id) => Shown::Nothing,
                _ => match pipeline.fallback.picture {
                    FallbackPicture::Hidden => Shown::Nothing,
                    FallbackPicture::Last => {
                        self.layers.last.get(&id).map_or(Shown::Nothing, Shown::Before)
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
}
