//! The objects of OpenWF Display (WFD) 1.0: a device with ports, pipelines and sources.
//!
//! A [`Device`] changes only by committing a [`Pending`]: a detached list of edits that is first
//! applied to a copy. If the copy is right it becomes the device, else nothing changed and the
//! pending value is gone, as WFD wants it. [`Device::test`] says beforehand whether a commit would
//! succeed.
//!
//! Two differences to WFD are on purpose: the order of layers can be set, and a pipeline that has
//! no source rectangle shows all of its source, whatever size that has.

use std::collections::BTreeMap;

use porthole_pixel::{Rect, Size};

use crate::color::Color;
use crate::config::Content;
use crate::name::Name;
use crate::refresh::Refresh;
use crate::scale::Scale;
use crate::scene::{Sizing, SourceRect};

mod apply;
mod configure;
mod error;
mod ids;
mod pending;

#[cfg(test)]
mod tests;

pub use error::{CommitError, Object, Status};
pub use ids::{PipelineId, PortId, SourceId};
pub use pending::Pending;

/// Size, rate and scale of a port.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mode {
    /// In pixels.
    pub size: Size,
    /// The most frames per second.
    pub refresh: Refresh,
    /// How large programs are asked to draw.
    pub scale: Scale,
}

/// An output.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Port {
    /// Unique in the device.
    pub name: Name,
    /// Size and rate.
    pub mode: Mode,
    /// What shows where no pipeline does.
    pub background: Color,
}

/// One layer of a port: where a source is shown, and how.
#[derive(Clone, PartialEq, Debug)]
pub struct Pipeline {
    /// The port that it belongs to, for its whole life.
    pub port: PortId,
    /// What it shows; `None` while it is unbound.
    pub source: Option<SourceId>,
    /// The name of the configured layer that uses it, for messages and for reloading.
    pub name: Option<Name>,
    /// Larger is above; unique among the bound pipelines of a port (WFD: LAYER).
    pub layer: i32,
    /// The part of the source that is shown, in source pixels; `None` is all of it.
    pub source_rectangle: Option<SourceRect>,
    /// Where it is shown, in port pixels, fully inside the port. An empty one disables the
    /// pipeline.
    pub destination: Rect,
    /// 0 to 1 (WFD: GLOBAL_ALPHA).
    pub opacity: f32,
    /// What becomes of a source of another size.
    pub sizing: Sizing,
    /// Whether the layer may have the keyboard.
    pub keyboard: bool,
}

impl Pipeline {
    /// A pipeline of a port that shows nothing, with WFD's defaults.
    #[must_use]
    pub fn unbound(port: PortId) -> Self {
        Self {
            port,
            source: None,
            name: None,
            layer: 0,
            source_rectangle: None,
            destination: Rect::default(),
            opacity: 1.0,
            sizing: Sizing::default(),
            keyboard: false,
        }
    }

    /// Whether it is bound to a source and has a place to show it.
    #[must_use]
    pub const fn is_enabled(&self) -> bool {
        self.source.is_some() && !self.destination.is_empty()
    }
}

/// A stream of pictures that one pipeline can show.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Source {
    /// The only pipeline that it can be bound to.
    pub pipeline: PipelineId,
    /// Whose pictures they are.
    pub content: Content,
}

/// The state that all ports of the service have in common.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Device {
    ports: BTreeMap<PortId, Port>,
    pipelines: BTreeMap<PipelineId, Pipeline>,
    sources: BTreeMap<SourceId, Source>,
    ids: ids::Ids,
}

impl Device {
    /// A device without ports.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether [`Device::commit`] would succeed.
    ///
    /// # Errors
    /// The first object at fault.
    pub fn test(&self, pending: &Pending) -> Result<(), CommitError> {
        self.applied(pending).map(drop)
    }

    /// Applies all of `pending`, or nothing of it.
    ///
    /// # Errors
    /// The first object at fault; the device is as before.
    #[expect(clippy::needless_pass_by_value, reason = "WFD: pending state is gone after a commit")]
    pub fn commit(&mut self, pending: Pending) -> Result<(), CommitError> {
        *self = self.applied(&pending)?;
        Ok(())
    }

    /// A new id for a port that a pending value is to create. Ids are never used twice.
    ///
    /// # Errors
    /// Out of memory when all 32-bit ids were given out.
    pub fn new_port_id(&mut self) -> Result<PortId, CommitError> {
        self.ids.port()
    }

    /// A new id for a pipeline that a pending value is to create.
    ///
    /// # Errors
    /// As [`Device::new_port_id`].
    pub fn new_pipeline_id(&mut self) -> Result<PipelineId, CommitError> {
        self.ids.pipeline()
    }

    /// A new id for a source that a pending value is to create.
    ///
    /// # Errors
    /// As [`Device::new_port_id`].
    pub fn new_source_id(&mut self) -> Result<SourceId, CommitError> {
        self.ids.source()
    }

    /// All ports in the order of their creation.
    pub fn ports(&self) -> impl Iterator<Item = (PortId, &Port)> {
        self.ports.iter().map(|(&id, port)| (id, port))
    }

    /// A port.
    #[must_use]
    pub fn port(&self, id: PortId) -> Option<&Port> {
        self.ports.get(&id)
    }

    /// The port of this name.
    #[must_use]
    pub fn port_named(&self, name: &str) -> Option<(PortId, &Port)> {
        self.ports().find(|(_, port)| port.name == *name)
    }

    /// A pipeline.
    #[must_use]
    pub fn pipeline(&self, id: PipelineId) -> Option<&Pipeline> {
        self.pipelines.get(&id)
    }

    /// All pipelines of a port, bound or not, in the order of their creation.
    pub fn pipelines_of(&self, port: PortId) -> impl Iterator<Item = (PipelineId, &Pipeline)> {
        self.pipelines.iter().filter(move |(_, p)| p.port == port).map(|(&id, p)| (id, p))
    }

    /// The enabled pipelines of a port, from the lowest to the topmost.
    #[must_use]
    pub fn layers_of(&self, port: PortId) -> Vec<(PipelineId, &Pipeline)> {
        let mut layers: Vec<_> =
            self.pipelines_of(port).filter(|(_, pipeline)| pipeline.is_enabled()).collect();
        layers.sort_by_key(|(_, pipeline)| pipeline.layer);
        layers
    }

    /// A source.
    #[must_use]
    pub fn source(&self, id: SourceId) -> Option<&Source> {
        self.sources.get(&id)
    }

    /// All sources in the order of their creation.
    pub fn sources(&self) -> impl Iterator<Item = (SourceId, &Source)> {
        self.sources.iter().map(|(&id, source)| (id, source))
    }

    /// The pipeline that shows this content: its own, or the one for every program of its socket.
    #[must_use]
    pub fn pipeline_showing(&self, content: &Content) -> Option<(PipelineId, &Pipeline)> {
        self.pipeline_of(content).or_else(|| self.pipeline_of(&content.any_of_socket()?))
    }

    fn pipeline_of(&self, content: &Content) -> Option<(PipelineId, &Pipeline)> {
        self.pipelines.iter().map(|(&id, pipeline)| (id, pipeline)).find(|(_, pipeline)| {
            let source = pipeline.source.and_then(|id| self.sources.get(&id));
            source.is_some_and(|source| source.content == *content)
        })
    }
}
