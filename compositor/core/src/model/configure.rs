//! Building the device from a configuration, and changing it to another one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use porthole_pixel::{Rect, Size};

use super::{
    CommitError, Device, Fallback, FallbackPicture, Flags, Image, Mask, MaskId, Mode, Pending,
    Pipeline, PipelineId, Port, PortId, Scope, SourceId, SourceKind, Transition, Transparency,
};
use crate::config::{self, Config, Layer};
use crate::name::Name;

/// The sizes of the picture files that a configuration names.
pub type Images = BTreeMap<PathBuf, Size>;

impl Device {
    /// The device that a configuration describes.
    ///
    /// # Errors
    /// None that a checked configuration could cause, as long as both hold the same rules.
    pub fn from_config(config: &Config, images: &Images) -> Result<Self, CommitError> {
        let mut device = Self::new();
        let mut pending = device.prepare(config, images)?;
        device.commit(Scope::EntireDevice, &mut pending, Flags::MODESET)?;
        Ok(device)
    }

    /// The changes that make this device show `config`. Objects that keep their names keep their
    /// ids, so what shows them goes on.
    ///
    /// Only ids and the budget are taken; nothing else changes before the commit.
    ///
    /// # Errors
    /// When ids or a port's pipelines run out.
    pub fn prepare(&mut self, config: &Config, images: &Images) -> Result<Pending, CommitError> {
        self.set_budget(config);
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
            self.prepare_layers(&mut pending, (config, images), port, pipelines)?;
        }
        pending.drop_unchanged(self);
        Ok(pending)
    }

    /// Sets how many pixels all ports that are on may draw in a second, and which take the memory of windows;
    /// counts from the next commit on.
    pub fn set_budget(&mut self, config: &Config) {
        self.pixel_rate = config.budget.pixels_per_second;
        let windows = config.ports.iter().filter(|port| port.is_window());
        self.windows = windows.map(|port| port.name.clone()).collect();
    }

    /// The changes that give ports the sizes and rates of `after` instead of those of `before`, which
    /// differ in nothing else. What was set meanwhile stays: only places change. A layer that is where `before` has
    /// it goes to where `after` has it; one that fills its port goes on filling it; any other one is cut
    /// to what is left.
    ///
    /// # Errors
    /// When a size is outside the limits.
    pub fn prepare_sizes(&self, before: &Config, after: &Config) -> Result<Pending, CommitError> {
        let mut pending = Pending::new();
        for wanted in &after.ports {
            let Some((id, port)) = self.port_named(wanted.name.as_str()) else { continue };
            let was = before.port(wanted.name.as_str()).map(|port| port.refresh);
            let refresh =
                if was == Some(wanted.refresh) { port.mode.refresh } else { wanted.refresh };
            let mode = Mode { size: wanted.size, refresh, ..port.mode };
            if port.mode == mode {
                continue;
            }
            let resized = Port { mode, ..port.clone() };
            pending.set_mode(id, resized.mode)?;
            let (old, new) = (Rect::from_size(port.area()), Rect::from_size(resized.area()));
            for (id, pipeline) in self.pipelines_of(id) {
                let place = pipeline.destination;
                let configured = |config: &Config| {
                    let name = pipeline.name.as_ref()?;
                    config.layers.iter().find(|layer| layer.name == *name).map(|layer| layer.rect)
                };
                let place = match (configured(before), configured(after)) {
                    (Some(was), Some(is)) if was == place => is,
                    _ if place == old => new,
                    _ => place.intersect(new).unwrap_or_default(),
                };
                pending.set_destination(id, place);
            }
        }
        pending.drop_unchanged(self);
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
            if port.transform != wanted.transform {
                pending.set_port_transform(id, wanted.transform);
            }
            if port.gamma != wanted.gamma {
                pending.set_gamma(id, wanted.gamma);
            }
            id
        } else {
            let id = self.new_port_id()?;
            let port = Port {
                background: wanted.background,
                transform: wanted.transform,
                gamma: wanted.gamma,
                ..Port::new(wanted.name.clone(), mode)
            };
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
        (config, images): (&Config, &Images),
        port: &config::Port,
        mut pipelines: Vec<(PipelineId, Pipeline)>,
    ) -> Result<(), CommitError> {
        let layers = config.layers_of(port.name.as_str());
        let names: BTreeSet<&Name> = layers.iter().map(|layer| &layer.name).collect();
        // Free what no layer of the new configuration uses.
        for (id, pipeline) in &mut pipelines {
            if pipeline.name.as_ref().is_some_and(|name| !names.contains(name)) {
                self.sources_of(*id).for_each(|(source, _)| pending.destroy_source(source));
                self.masks_of(*id).for_each(|(mask, _)| pending.destroy_mask(mask));
                pending.set_name(*id, None);
                *pipeline = Pipeline {
                    name: None,
                    source: None,
                    mask: None,
                    fallback: Fallback::default(),
                    ..pipeline.clone()
                };
            } else if pipeline.name.is_none() && pipeline.source.is_some() {
                // A controller used it: the configuration has the last word.
                pending.bind_source(*id, None, Transition::default());
                pending.bind_mask(*id, None);
                pending.set_transparency(*id, Transparency::NONE);
                pending.set_fallback(*id, Fallback::default());
                (pipeline.source, pipeline.mask) = (None, None);
            }
        }
        for layer in layers {
            let named = pipelines.iter().position(|(_, p)| p.name.as_ref() == Some(&layer.name));
            let index = named.or_else(|| pipelines.iter().position(|(_, p)| p.name.is_none()));
            let slot = index.and_then(|index| pipelines.get_mut(index));
            let (id, pipeline) = slot.ok_or_else(|| CommitError::NoPipeline(port.name.clone()))?;
            self.prepare_layer(pending, *id, pipeline, (layer, images))?;
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
        (layer, images): (&Layer, &Images),
    ) -> Result<(), CommitError> {
        let shown = pipeline.source.and_then(|source| self.source(source));
        let wanted = SourceKind::from(layer.content.clone());
        if shown.is_none_or(|source| source.kind != wanted) {
            if let Some(source) = pipeline.source {
                pending.destroy_source(source);
            }
            let source = self.new_source_id()?;
            pending.create_source(source, id, wanted);
            pending.bind_source(id, Some(source), Transition::default());
            pipeline.source = Some(source);
        }
        if pipeline.name.as_ref() != Some(&layer.name) {
            pending.set_name(id, Some(layer.name.clone()));
            pipeline.name = Some(layer.name.clone());
        }
        if pipeline.source_rectangle != layer.crop {
            pending.set_source_rectangle(id, layer.crop)?;
        }
        pending.set_opacity(id, layer.opacity)?;
        pending.set_layer(id, layer.order);
        pending.set_destination(id, layer.rect);
        pending.set_transform(id, layer.transform);
        pending.set_key(id, layer.key.unwrap_or_default());
        pending.set_hole(id, layer.hole.clone());
        pending.set_sizing(id, layer.sizing);
        pending.set_keyboard(id, layer.keyboard);
        pending.set_input(id, layer.input);
        pending.set_rate_limit(id, layer.rate_limit);
        let mut transparency = layer.transparency;
        if layer.key.is_some() {
            transparency = transparency.with(Transparency::SOURCE_COLOR);
        }
        if !layer.hole.region().is_empty() {
            transparency = transparency.with(Transparency::HOLE);
        }
        let mask = self.prepare_mask(pending, id, layer.mask.as_deref(), images)?;
        if mask.is_some() {
            transparency = transparency.with(Transparency::MASK);
        }
        pending.bind_mask(id, mask);
        pending.set_transparency(id, transparency);
        let fallback = self.prepare_fallback(pending, id, pipeline, (layer, images))?;
        pending.set_fallback(id, fallback);
        Ok(())
    }

    /// The mask of a file, the one that is there already if nothing changed.
    fn prepare_mask(
        &mut self,
        pending: &mut Pending,
        pipeline: PipelineId,
        file: Option<&Path>,
        images: &Images,
    ) -> Result<Option<MaskId>, CommitError> {
        let wanted = file.and_then(|file| image(file, images));
        let mut kept = None;
        for (id, mask) in self.masks_of(pipeline) {
            if Some(&mask.image) == wanted.as_ref() && kept.is_none() {
                kept = Some(id);
            } else if mask.image.file.is_some() {
                pending.destroy_mask(id);
            }
        }
        let Some(image) = wanted.filter(|_| kept.is_none()) else { return Ok(kept) };
        let id = self.new_mask_id()?;
        pending.create_mask(id, Mask { pipeline, image });
        Ok(Some(id))
    }

    /// The fallback of a layer, with the source of its file.
    fn prepare_fallback(
        &mut self,
        pending: &mut Pending,
        id: PipelineId,
        pipeline: &Pipeline,
        (layer, images): (&Layer, &Images),
    ) -> Result<Fallback, CommitError> {
        let deadline = layer.fallback.deadline;
        let file = layer.fallback.picture.file();
        let wanted = file.and_then(|file| image(file, images)).map(SourceKind::Image);
        let mut kept = None;
        for (source, is) in
            self.sources_of(id).filter(|(source, _)| Some(*source) != pipeline.source)
        {
            if Some(&is.kind) == wanted.as_ref() && kept.is_none() {
                kept = Some(source);
            } else if matches!(&is.kind, SourceKind::Image(image) if image.file.is_some()) {
                pending.destroy_source(source);
            }
        }
        if let Some(kind) = wanted.filter(|_| kept.is_none()) {
            let source = self.new_source_id()?;
            pending.create_source(source, id, kind);
            kept = Some(source);
        }
        let picture = match (&layer.fallback.picture, kept) {
            (config::FallbackPicture::Last, _) => FallbackPicture::Last,
            (_, Some(source)) => FallbackPicture::Source(source),
            (_, None) => FallbackPicture::Hidden,
        };
        Ok(Fallback { picture, deadline })
    }

    /// The sources that can be bound to a pipeline.
    pub fn sources_of(&self, id: PipelineId) -> impl Iterator<Item = (SourceId, &super::Source)> {
        self.sources().filter(move |(_, source)| source.pipeline == id)
    }

    /// The masks that can be bound to a pipeline.
    pub fn masks_of(&self, id: PipelineId) -> impl Iterator<Item = (MaskId, &Mask)> {
        self.masks().filter(move |(_, mask)| mask.pipeline == id)
    }
}

/// The picture of a file, if its size is known.
fn image(file: &Path, images: &Images) -> Option<Image> {
    let size = *images.get(file)?;
    Some(Image { size, file: Some(file.to_owned()) })
}

/// Removes free pipelines until the port has as many as it should.
fn drop_spare(pending: &mut Pending, pipelines: &[(PipelineId, Pipeline)], wanted: u32) {
    let spare = pipelines.len().saturating_sub(usize::try_from(wanted).unwrap_or(usize::MAX));
    let free = pipelines.iter().rev().filter(|(_, pipeline)| pipeline.name.is_none());
    for (id, _) in free.take(spare) {
        pending.destroy_pipeline(*id);
    }
}
