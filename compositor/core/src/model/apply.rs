//! Applying pending changes to a copy of the device.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::pending::{Edit, PipelineChanges, PortChanges};
use super::{
    CommitError, Device, FallbackPicture, Object, Pending, Pipeline, PipelineId, Port, PortId,
    SourceId, SourceKind,
};

impl Device {
    /// The device as it would be after `pending`.
    pub(super) fn applied(&self, pending: &Pending) -> Result<Self, CommitError> {
        if let Some(error) = pending.refused.values().next() {
            return Err(error.clone());
        }
        let mut next = self.clone();
        for edit in &pending.edits {
            next.apply(edit)?;
        }
        for (id, changes) in &pending.ports {
            next.port_mut(*id)?.change(changes);
        }
        for (id, changes) in &pending.pipelines {
            next.check_bindings(*id, changes)?;
            next.pipeline_mut(*id)?.change(changes);
        }
        next.verify()?;
        Ok(next)
    }

    fn apply(&mut self, edit: &Edit) -> Result<(), CommitError> {
        match edit {
            Edit::CreatePort(id, port) => {
                let known = self.ids.knows(id.get());
                insert(&mut self.ports, *id, port.clone(), known, Object::Port(*id))?;
            }
            Edit::DestroyPort(id) => self.destroy_port(*id)?,
            Edit::CreatePipeline(id, port) => {
                self.port_mut(*port)?;
                let known = self.ids.knows(id.get());
                let pipeline = Pipeline::unbound(*port);
                insert(&mut self.pipelines, *id, pipeline, known, Object::Pipeline(*id))?;
            }
            Edit::DestroyPipeline(id) => self.destroy_pipeline(*id)?,
            Edit::CreateSource(id, source) => {
                self.pipeline_mut(source.pipeline)?;
                let known = self.ids.knows(id.get());
                insert(&mut self.sources, *id, source.clone(), known, Object::Source(*id))?;
            }
            Edit::DestroySource(id) => self.destroy_source(*id)?,
            Edit::CreateMask(id, mask) => {
                self.pipeline_mut(mask.pipeline)?;
                let known = self.ids.knows(id.get());
                insert(&mut self.masks, *id, mask.clone(), known, Object::Mask(*id))?;
            }
            Edit::DestroyMask(id) => {
                let mask = self.masks.remove(id);
                let mask = mask.ok_or(CommitError::NoObject(Object::Mask(*id)))?;
                let pipeline = self.pipeline_mut(mask.pipeline)?;
                pipeline.mask = pipeline.mask.filter(|bound| bound != id);
            }
        }
        Ok(())
    }

    /// What is bound must exist and belong to the pipeline.
    fn check_bindings(&self, id: PipelineId, changes: &PipelineChanges) -> Result<(), CommitError> {
        let bound = changes.source.and_then(|(source, _)| source);
        let fallback = changes.fallback.and_then(|fallback| match fallback.picture {
            FallbackPicture::Source(source) => Some(source),
            FallbackPicture::Hidden | FallbackPicture::Last => None,
        });
        for source_id in bound.into_iter().chain(fallback) {
            let source = self.sources.get(&source_id);
            let source = source.ok_or(CommitError::NoObject(Object::Source(source_id)))?;
            if source.pipeline != id {
                return Err(CommitError::ForeignSource { source_id, pipeline: id });
            }
            if Some(source_id) == fallback && !matches!(source.kind, SourceKind::Image(_)) {
                return Err(CommitError::Fallback(id));
            }
        }
        if let Some(mask_id) = changes.mask.flatten() {
            let mask = self.masks.get(&mask_id);
            let mask = mask.ok_or(CommitError::NoObject(Object::Mask(mask_id)))?;
            if mask.pipeline != id {
                return Err(CommitError::ForeignMask { mask: mask_id, pipeline: id });
            }
        }
        Ok(())
    }

    fn port_mut(&mut self, id: PortId) -> Result<&mut Port, CommitError> {
        self.ports.get_mut(&id).ok_or(CommitError::NoObject(Object::Port(id)))
    }

    fn pipeline_mut(&mut self, id: PipelineId) -> Result<&mut Pipeline, CommitError> {
        self.pipelines.get_mut(&id).ok_or(CommitError::NoObject(Object::Pipeline(id)))
    }

    fn destroy_port(&mut self, id: PortId) -> Result<(), CommitError> {
        self.ports.remove(&id).ok_or(CommitError::NoObject(Object::Port(id)))?;
        self.pipelines.retain(|_, pipeline| pipeline.port != id);
        let pipelines = &self.pipelines;
        self.sources.retain(|_, source| pipelines.contains_key(&source.pipeline));
        self.masks.retain(|_, mask| pipelines.contains_key(&mask.pipeline));
        Ok(())
    }

    fn destroy_pipeline(&mut self, id: PipelineId) -> Result<(), CommitError> {
        self.pipelines.remove(&id).ok_or(CommitError::NoObject(Object::Pipeline(id)))?;
        self.sources.retain(|_, source| source.pipeline != id);
        self.masks.retain(|_, mask| mask.pipeline != id);
        Ok(())
    }

    fn destroy_source(&mut self, id: SourceId) -> Result<(), CommitError> {
        let source = self.sources.remove(&id).ok_or(CommitError::NoObject(Object::Source(id)))?;
        let pipeline = self.pipeline_mut(source.pipeline)?;
        pipeline.source = pipeline.source.filter(|bound| *bound != id);
        if pipeline.fallback.picture == FallbackPicture::Source(id) {
            pipeline.fallback.picture = FallbackPicture::Hidden;
        }
        Ok(())
    }
}

impl Port {
    fn change(&mut self, changes: &PortChanges) {
        set(&mut self.mode, changes.mode.as_ref());
        set(&mut self.background, changes.background.as_ref());
        set(&mut self.transform, changes.transform.as_ref());
        set(&mut self.power, changes.power.as_ref());
        set(&mut self.gamma, changes.gamma.as_ref());
    }
}

impl Pipeline {
    pub(super) fn change(&mut self, changes: &PipelineChanges) {
        set(&mut self.source, changes.source.map(|(source, _)| source).as_ref());
        set(&mut self.mask, changes.mask.as_ref());
        set(&mut self.name, changes.name.as_ref());
        set(&mut self.layer, changes.layer.as_ref());
        set(&mut self.source_rectangle, changes.source_rectangle.as_ref());
        set(&mut self.destination, changes.destination.as_ref());
        set(&mut self.transform, changes.transform.as_ref());
        set(&mut self.transparency, changes.transparency.as_ref());
        set(&mut self.opacity, changes.opacity.as_ref());
        set(&mut self.key, changes.key.as_ref());
        set(&mut self.hole, changes.hole.as_ref());
        set(&mut self.sizing, changes.sizing.as_ref());
        set(&mut self.keyboard, changes.keyboard.as_ref());
        set(&mut self.input, changes.input.as_ref());
        set(&mut self.fallback, changes.fallback.as_ref());
        set(&mut self.rate_limit, changes.rate_limit.as_ref());
    }
}

fn set<T: Clone>(attribute: &mut T, value: Option<&T>) {
    if let Some(value) = value {
        attribute.clone_from(value);
    }
}

/// Puts in a new object; its id must be one that was given out and not be in use.
fn insert<K: Ord, V>(
    map: &mut BTreeMap<K, V>,
    id: K,
    value: V,
    known: bool,
    object: Object,
) -> Result<(), CommitError> {
    match map.entry(id) {
        Entry::Vacant(place) if known => {
            place.insert(value);
            Ok(())
        }
        _ => Err(CommitError::IdTaken(object)),
    }
}
