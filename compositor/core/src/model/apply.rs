//! Applying pending changes to a copy of the device, and what must hold of the result.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use porthole_pixel::Rect;

use super::pending::Edit;
use super::{CommitError, Device, Object, Pending, Pipeline, PipelineId, Port, PortId};
use crate::config::limits;

impl Device {
    /// The device as it would be after `pending`.
    pub(super) fn applied(&self, pending: &Pending) -> Result<Self, CommitError> {
        let mut next = self.clone();
        for edit in &pending.edits {
            next.apply(edit)?;
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
            Edit::Mode(id, mode) => self.port_mut(*id)?.mode = *mode,
            Edit::Background(id, color) => self.port_mut(*id)?.background = *color,
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
            Edit::DestroySource(id) => {
                let source =
                    self.sources.remove(id).ok_or(CommitError::NoObject(Object::Source(*id)))?;
                let pipeline = self.pipeline_mut(source.pipeline)?;
                if pipeline.source == Some(*id) {
                    pipeline.source = None;
                }
            }
            Edit::Bind(id, source) => {
                if let Some(source_id) = *source {
                    let source = self.sources.get(&source_id);
                    let source = source.ok_or(CommitError::NoObject(Object::Source(source_id)))?;
                    if source.pipeline != *id {
                        return Err(CommitError::ForeignSource { source_id, pipeline: *id });
                    }
                }
                self.pipeline_mut(*id)?.source = *source;
            }
            Edit::Name(id, name) => self.pipeline_mut(*id)?.name.clone_from(name),
            Edit::Layer(id, layer) => self.pipeline_mut(*id)?.layer = *layer,
            Edit::SourceRectangle(id, rect) => self.pipeline_mut(*id)?.source_rectangle = *rect,
            Edit::Destination(id, rect) => self.pipeline_mut(*id)?.destination = *rect,
            Edit::Opacity(id, opacity) => self.pipeline_mut(*id)?.opacity = *opacity,
            Edit::Sizing(id, sizing) => self.pipeline_mut(*id)?.sizing = *sizing,
            Edit::Keyboard(id, keyboard) => self.pipeline_mut(*id)?.keyboard = *keyboard,
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
        Ok(())
    }

    fn destroy_pipeline(&mut self, id: PipelineId) -> Result<(), CommitError> {
        self.pipelines.remove(&id).ok_or(CommitError::NoObject(Object::Pipeline(id)))?;
        self.sources.retain(|_, source| source.pipeline != id);
        Ok(())
    }

    /// What holds between commits.
    fn verify(&self) -> Result<(), CommitError> {
        let mut names = std::collections::BTreeSet::new();
        let mut needed = 0_u64;
        for port in self.ports.values() {
            if !names.insert(&port.name) {
                return Err(CommitError::NameTaken(port.name.clone()));
            }
            needed = needed.saturating_add(limits::frame_bytes(port.mode.size));
        }
        if needed > limits::FRAME_MEMORY {
            return Err(CommitError::FrameMemory { needed, limit: limits::FRAME_MEMORY });
        }
        self.verify_pipelines()
    }

    fn verify_pipelines(&self) -> Result<(), CommitError> {
        let mut layers = BTreeMap::new();
        for (&id, pipeline) in &self.pipelines {
            if !pipeline.is_enabled() {
                continue;
            }
            let port = self.ports.get(&pipeline.port);
            let port = port.ok_or(CommitError::NoObject(Object::Port(pipeline.port)))?;
            if !Rect::from_size(port.mode.size).contains_rect(pipeline.destination) {
                return Err(CommitError::OutsidePort { pipeline: id, port: port.name.clone() });
            }
            if let Some(first) = layers.insert((pipeline.port, pipeline.layer), id) {
                let (layer, port) = (pipeline.layer, port.name.clone());
                return Err(CommitError::SameLayer { first, second: id, layer, port });
            }
        }
        Ok(())
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
