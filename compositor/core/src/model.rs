//! The objects of OpenWF Display (WFD) 1.0: a device with ports, pipelines and sources.
//!
//! A [`Device`] changes only by committing a [`Pending`]: a detached list of edits that is first
//! applied to a copy. If the copy is right it becomes the device, else nothing changed and the
//! pending value is gone, as WFD wants it. [`Device::test`] says beforehand whether a commit would
//! succeed.
//!
//! On purpose different from WFD: the order of layers can be set; a pipeline belongs to one port for
//! its whole life; one that has no source rectangle shows all of its source, whatever size that has;
//! there are holes, fallbacks and transitions that wait for a picture. `docs/wfd.md` lists all of it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use porthole_pixel::{Rect, Size};

use crate::color::Color;
use crate::config::Content;
use crate::name::Name;
use crate::refresh::Refresh;
use crate::scale::Scale;
use crate::scene::{Sizing, SourceRect, Transform};

mod apply;
mod attributes;
mod commit;
mod configure;
mod error;
mod ids;
mod pending;
mod saved;
mod verify;

#[cfg(test)]
mod tests;

pub use attributes::{
    ColorKey, Fallback, FallbackPicture, Gamma, Hole, InputPolicy, Power, Transparency,
};
pub use commit::{Flags, HeldCommits, Scope, Transition};
pub use configure::Images;
pub use error::{CommitError, Object, Status};
pub use ids::{MaskId, PipelineId, PortId, SourceId};
pub use pending::Pending;
pub use saved::{RestoreError, Saved};

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
    /// How the finished picture is turned.
    pub transform: Transform,
    /// Whether it is lit.
    pub power: Power,
    /// What is done to the finished picture's brightness.
    pub gamma: Gamma,
}

impl Port {
    /// A port with the attributes that every port begins with.
    #[must_use]
    pub fn new(name: Name, mode: Mode) -> Self {
        Self {
            name,
            mode,
            background: Color::BLACK,
            transform: Transform::Normal,
            power: Power::On,
            gamma: Gamma::ONE,
        }
    }

    /// The size in which pipelines are placed: that of the mode before the port turns its picture.
    #[must_use]
    pub const fn area(&self) -> Size {
        let Size { width, height } = self.mode.size;
        if self.transform.swaps_sides() {
            Size::new(height, width)
        } else {
            Size::new(width, height)
        }
    }
}

/// One layer of a port: where a source is shown, and how.
#[derive(Clone, PartialEq, Debug)]
pub struct Pipeline {
    /// The port that it belongs to, for its whole life.
    pub port: PortId,
    /// What it shows; `None` while it is unbound.
    pub source: Option<SourceId>,
    /// What weighs its pixels, if [`Transparency::MASK`] counts; as large as the destination.
    pub mask: Option<MaskId>,
    /// The name of the configured layer that uses it, for messages and for reloading.
    pub name: Option<Name>,
    /// Larger is above; unique among the bound pipelines of a port (WFD: LAYER).
    pub layer: i32,
    /// The part of the source that is shown, in source pixels; `None` is all of it.
    pub source_rectangle: Option<SourceRect>,
    /// Where it is shown, in port pixels, fully inside the port. An empty one disables the
    /// pipeline.
    pub destination: Rect,
    /// How the source is turned between cropping and scaling.
    pub transform: Transform,
    /// Which of source alpha, global alpha, colour key, mask and hole count.
    pub transparency: Transparency,
    /// 0 to 1 (WFD: GLOBAL_ALPHA).
    pub opacity: f32,
    /// Source pixels of this colour show what is below.
    pub key: ColorKey,
    /// Where it contributes nothing and takes no input.
    pub hole: Hole,
    /// What becomes of a source of another size.
    pub sizing: Sizing,
    /// Whether the layer may have the keyboard.
    pub keyboard: bool,
    /// What becomes of input at the layer.
    pub input: InputPolicy,
    /// What shows while the source is late or gone.
    pub fallback: Fallback,
    /// The most frames that are taken from the source; `None` for no limit of its own.
    pub rate_limit: Option<Refresh>,
}

impl Pipeline {
    /// A pipeline of a port that shows nothing, with WFD's defaults.
    #[must_use]
    pub fn unbound(port: PortId) -> Self {
        Self {
            port,
            source: None,
            mask: None,
            name: None,
            layer: 0,
            source_rectangle: None,
            destination: Rect::default(),
            transform: Transform::Normal,
            transparency: Transparency::NONE,
            opacity: 1.0,
            key: ColorKey::default(),
            hole: Hole::default(),
            sizing: Sizing::default(),
            keyboard: false,
            input: InputPolicy::default(),
            fallback: Fallback::default(),
            rate_limit: None,
        }
    }

    /// Whether it is bound to a source and has a place to show it.
    #[must_use]
    pub const fn is_enabled(&self) -> bool {
        self.source.is_some() && !self.destination.is_empty()
    }
}

/// What one pipeline can show.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Source {
    /// The only pipeline that it can be bound to.
    pub pipeline: PipelineId,
    /// What it is.
    pub kind: SourceKind,
}

/// Where a source's pixels come from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SourceKind {
    /// The pictures of a guest or program (WFD: a stream).
    Stream(Content),
    /// One picture (WFD: an image).
    Image(Image),
}

impl From<Content> for SourceKind {
    fn from(content: Content) -> Self {
        Self::Stream(content)
    }
}

/// A picture that never changes. Its pixels are the caller's to keep, by its handle.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Image {
    /// In pixels.
    pub size: Size,
    /// The file that the configuration names; none for a controller's.
    pub file: Option<PathBuf>,
}

/// Weighs each pixel of one pipeline's destination.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mask {
    /// The only pipeline that it can be bound to.
    pub pipeline: PipelineId,
    /// Its weights.
    pub image: Image,
}

/// The state that all ports of the service have in common.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Device {
    ports: BTreeMap<PortId, Port>,
    pipelines: BTreeMap<PipelineId, Pipeline>,
    sources: BTreeMap<SourceId, Source>,
    masks: BTreeMap<MaskId, Mask>,
    ids: ids::Ids,
    /// Pixels that all lit ports may draw in a second.
    pixel_rate: Option<u64>,
    /// Ports in windows of other compositors, which take more memory.
    windows: BTreeSet<Name>,
}

impl Device {
    /// A device without ports.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
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

    /// A new id for a mask that a pending value is to create.
    ///
    /// # Errors
    /// As [`Device::new_port_id`].
    pub fn new_mask_id(&mut self) -> Result<MaskId, CommitError> {
        self.ids.mask()
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

    /// A mask.
    #[must_use]
    pub fn mask(&self, id: MaskId) -> Option<&Mask> {
        self.masks.get(&id)
    }

    /// All masks in the order of their creation.
    pub fn masks(&self) -> impl Iterator<Item = (MaskId, &Mask)> {
        self.masks.iter().map(|(&id, mask)| (id, mask))
    }

    /// All pipelines of all ports, in the order of their creation.
    pub fn pipelines(&self) -> impl Iterator<Item = (PipelineId, &Pipeline)> {
        self.pipelines.iter().map(|(&id, pipeline)| (id, pipeline))
    }

    /// The stream that a pipeline is bound to, if it is bound to one.
    #[must_use]
    pub fn stream_of(&self, id: PipelineId) -> Option<&Content> {
        match &self.source(self.pipeline(id)?.source?)?.kind {
            SourceKind::Stream(content) => Some(content),
            SourceKind::Image(_) => None,
        }
    }

    /// The pipeline that shows this content: its own, or the one for every program of its socket.
    #[must_use]
    pub fn pipeline_showing(&self, content: &Content) -> Option<(PipelineId, &Pipeline)> {
        self.pipeline_of(content).or_else(|| self.pipeline_of(&content.any_of_socket()?))
    }

    fn pipeline_of(&self, content: &Content) -> Option<(PipelineId, &Pipeline)> {
        self.pipelines().find(|(id, _)| self.stream_of(*id) == Some(content))
    }
}
