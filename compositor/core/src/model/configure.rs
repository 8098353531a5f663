//! Building the device from a configuration, and changing it to another one.

use std::collections::BTreeSet;

use super::{CommitError, Device, Mode, Pending, Pipeline, PipelineId, Port, PortId};
use crate::config::{self, Config, Layer};
use crate::name::Name;

impl Device {
    /// The device that a configuration describes.
    ///
    /// # Errors
    /// None that a checked configuration could cause, as long as both hold the same rules.
    pub fn from_config(config: &Config) -> Result<Self, CommitError> {
        let mut device = Self::new();
        let pending = device.prepare(config)?;
        device.commit(pending)?;
        Ok(device)
    }

    /// The changes that make this device show `config`. Objects that keep their names keep their
    /// ids, so what shows them goes on.
    ///
    /// Only ids are taken from the device; nothing changes before the commit.
    ///
    /// # Errors
    /// When ids or a port's pipelines run out.
    pub fn prepare(&mut self, config: &Config) -> Result<Pending, CommitError> {
        let mut pending = Pending::new();
        let gone: Vec<PortId> = self
            .ports()
            .filter(|(_, port)| config.port(port.name.as_str()).is_none())
            .map(|(id, _)| id)
            .collect();
        for id in gone {
            pending.destroy_port(id);
        }
        for port in &config.ports {
            let pipelines = self.prepare_port(&mut pending, port)?;
            self.prepare_layers(&mut pending, config, port, pipelines)?;
        }
        Ok(pending)
    }

    /// Creates or changes a port; gives its pipelines as they are now, with new ones unbound.
    fn prepare_port(
        &mut self,
        pending: &mut Pending,
        wanted: &config::Port,
    ) -> Result<Vec<(PipelineId, Pipeline)>, CommitError> {
        let mode = Mode { size: wanted.size, refresh: wanted.refresh, scale: wanted.scale };
        let found = self.port_named(wanted.name.as_str()).map(|(id, port)| (id, port.clone()));
        let id = if let Some((id, port)) = found {
            if port.mode != mode {
                pending.set_mode(id, mode)?;
            }
            if port.background != wanted.background {
                pending.set_background(id, wanted.background);
            }
            id
        } else {
            let id = self.new_port_id()?;
            let port = Port { name: wanted.name.clone(), mode, background: wanted.background };
            pending.create_port(id, port)?;
            id
        };
        let mut pipelines: Vec<_> =
            self.pipelines_of(id).map(|(id, pipeline)| (id, pipeline.clone())).collect();
        for _ in pipelines.len()..usize::try_from(wanted.pipelines).unwrap_or(usize::MAX) {
            let pipeline = self.new_pipeline_id()?;
            pending.create_pipeline(pipeline, id);
            pipelines.push((pipeline, Pipeline::unbound(id)));
        }
        Ok(pipelines)
    }

    fn prepare_layers(
        &mut self,
        pending: &mut Pending,
        config: &Config,
        port: &config::Port,
        mut pipelines: Vec<(PipelineId, Pipeline)>,
    ) -> Result<(), CommitError> {
        let layers = config.layers_of(port.name.as_str());
        let names: BTreeSet<&Name> = layers.iter().map(|layer| &layer.name).collect();
        // Free what no layer of the new configuration uses.
        for (id, pipeline) in &mut pipelines {
            if pipeline.name.as_ref().is_some_and(|name| !names.contains(name)) {
                if let Some(source) = pipeline.source {
                    pending.destroy_source(source);
                }
                pending.set_name(*id, None);
                *pipeline = Pipeline { name: None, source: None, ..pipeline.clone() };
            }
        }
        for layer in layers {
            let named = pipelines.iter().position(|(_, p)| p.name.as_ref() == Some(&layer.name));
            let index = named.or_else(|| pipelines.iter().position(|(_, p)| p.name.is_none()));
            let slot = index.and_then(|index| pipelines.get_mut(index));
            let (id, pipeline) = slot.ok_or_else(|| CommitError::NoPipeline(port.name.clone()))?;
            self.prepare_layer(pending, *id, pipeline, layer)?;
        }
        drop_spare(pending, &pipelines, port.pipelines);
        Ok(())
    }

    /// Sets what differs between a pipeline and the layer that uses it.
    fn prepare_layer(
        &mut self,
        pending: &mut Pending,
        id: PipelineId,
        pipeline: &mut Pipeline,
        layer: &Layer,
    ) -> Result<(), CommitError> {
        let shown = pipeline.source.and_then(|source| self.source(source));
        if shown.is_none_or(|source| source.content != layer.content) {
            if let Some(source) = pipeline.source {
                pending.destroy_source(source);
            }
            let source = self.new_source_id()?;
            pending.create_source(source, id, layer.content.clone());
            pending.bind_source(id, Some(source));
            pipeline.source = Some(source);
        }
        if pipeline.name.as_ref() != Some(&layer.name) {
            pending.set_name(id, Some(layer.name.clone()));
            pipeline.name = Some(layer.name.clone());
        }
        if pipeline.layer != layer.order {
            pending.set_layer(id, layer.order);
        }
        if pipeline.source_rectangle != layer.crop {
            pending.set_source_rectangle(id, layer.crop)?;
        }
        if pipeline.destination != layer.rect {
            pending.set_destination(id, layer.rect);
        }
        if pipeline.opacity.to_bits() != layer.opacity.to_bits() {
            pending.set_opacity(id, layer.opacity)?;
        }
        if pipeline.sizing != layer.sizing {
            pending.set_sizing(id, layer.sizing);
        }
        if pipeline.keyboard != layer.keyboard {
            pending.set_keyboard(id, layer.keyboard);
        }
        Ok(())
    }
}

/// Removes free pipelines until the port has as many as it should.
fn drop_spare(pending: &mut Pending, pipelines: &[(PipelineId, Pipeline)], wanted: u32) {
    let spare = pipelines.len().saturating_sub(usize::try_from(wanted).unwrap_or(usize::MAX));
    let free = pipelines.iter().rev().filter(|(_, pipeline)| pipeline.name.is_none());
    for (id, _) in free.take(spare) {
        pending.destroy_pipeline(*id);
    }
}
