//! What layers show: their streams, or what stands in for one that is gone, late or too fast.

mod fallback;
mod rate;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use porthole_core::model::{FallbackPicture, Pipeline, PipelineId, PortId, SourceId, SourceKind};
use smithay::wayland::shell::xdg::ToplevelSurface;

use self::{fallback::Deadlines, rate::Rates};
use crate::{
    protocols::{
        shm::Pixels,
        wfd::{Condition, Placing},
    },
    scene::{Scene, Snapshot},
    state::State,
};

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
    /// How layers reached the screen in the last frame, while somebody looks; those that did not are
    /// not in it.
    placing: BTreeMap<PipelineId, Placing>,
}

impl Layers {
    /// Keeps what a layer's window shows.
    pub(crate) fn keep(&mut self, pipeline: PipelineId, snapshot: Snapshot) {
        if !self.last.get(&pipeline).is_some_and(|before| snapshot.is_same(before)) {
            self.rates.taken(pipeline);
        }
        self.last.insert(pipeline, snapshot);
    }

    /// Lets go of what a layer showed, where nothing can make it be shown again.
    pub(crate) fn unkeep(&mut self, pipeline: PipelineId) {
        self.last.remove(&pipeline);
    }

    /// Forgets a layer that is no more, or that shows something else now.
    pub(crate) fn forget(&mut self, pipeline: PipelineId) {
        self.last.remove(&pipeline);
        self.deadlines.forget(pipeline);
        self.rates.forget(pipeline);
        self.placing.remove(&pipeline);
    }

    /// Whoever promised signs of life is gone, or is held to something else.
    pub(crate) fn forget_promises(&mut self, pipeline: PipelineId) {
        self.deadlines.forget(pipeline);
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

    /// How a layer reaches the screen, and whether that is its fallback.
    pub(crate) fn condition(&self, id: PipelineId) -> Condition {
        let late = self.layers.deadlines.late_for(id);
        let gone = self.device.stream_of(id).is_some()
            && self.windows.has_shown(id)
            && self.windows.shown(id).is_none();
        Condition {
            placing: self.layers.placing.get(&id).copied().unwrap_or_default(),
            fallen_back: late.or_else(|| gone.then_some(Duration::ZERO)),
        }
    }

    /// A frame was planned: tells what is seen in it to those who want to know.
    pub(crate) fn note_seen(&mut self, id: PortId, scene: &Scene, direct: bool) {
        let observed = self.globals.wfd.is_observed();
        if !observed && self.globals.desktop.streams.surfaces().is_empty() {
            return;
        }
        let Some(port) = self.ports.get(id) else { return };
        let seen: BTreeSet<u64> = port.seen().collect();
        self.tell_visible(id, &seen);
        if !observed {
            return;
        }
        let placing = if direct { Placing::Direct } else { Placing::Composed };
        let seen = scene.layers_of(&seen);
        let mut changed = false;
        for (layer, _) in self.device.pipelines_of(id) {
            let now = seen.contains(&layer).then_some(placing);
            let before = match now {
                Some(now) => self.layers.placing.insert(layer, now),
                None => self.layers.placing.remove(&layer),
            };
            changed |= before != now;
        }
        if changed {
            self.globals.wfd.changed();
        }
    }

    /// Whether a layer needs no splash below it any more.
    pub(crate) fn has_shown(&self, id: PipelineId) -> bool {
        self.windows.has_shown(id) || self.device.stream_of(id).is_none()
    }
}
