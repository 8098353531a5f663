//! Changes that wait for a commit.

use std::collections::BTreeMap;
use std::time::Duration;

use porthole_pixel::{Rect, Size};

use super::attributes::{ColorKey, Fallback, Gamma, Hole, InputPolicy, Power, Transparency};
use super::commit::{Scope, Transition};
use super::{
    CommitError, Device, Mask, MaskId, Mode, Object, PipelineId, Port, PortId, Source, SourceId,
    SourceKind,
};
use crate::color::Color;
use crate::config::limits;
use crate::name::Name;
use crate::refresh::Refresh;
use crate::scene::{Sizing, SourceRect, Transform};

/// Making or removing an object. These come first and apply in their order.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Edit {
    CreatePort(PortId, Port),
    DestroyPort(PortId),
    CreatePipeline(PipelineId, PortId),
    DestroyPipeline(PipelineId),
    CreateSource(SourceId, Source),
    DestroySource(SourceId),
    CreateMask(MaskId, Mask),
    DestroyMask(MaskId),
}

/// New values of a port's attributes.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct PortChanges {
    pub(super) mode: Option<Mode>,
    pub(super) background: Option<Color>,
    pub(super) transform: Option<Transform>,
    pub(super) power: Option<Power>,
    pub(super) gamma: Option<Gamma>,
}

/// New values of a pipeline's attributes.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct PipelineChanges {
    pub(super) source: Option<(Option<SourceId>, Transition)>,
    pub(super) mask: Option<Option<MaskId>>,
    pub(super) name: Option<Option<Name>>,
    pub(super) layer: Option<i32>,
    pub(super) source_rectangle: Option<Option<SourceRect>>,
    pub(super) destination: Option<Rect>,
    pub(super) transform: Option<Transform>,
    pub(super) transparency: Option<Transparency>,
    pub(super) opacity: Option<f32>,
    pub(super) key: Option<ColorKey>,
    pub(super) hole: Option<Hole>,
    pub(super) sizing: Option<Sizing>,
    pub(super) keyboard: Option<bool>,
    pub(super) input: Option<InputPolicy>,
    pub(super) fallback: Option<Fallback>,
    pub(super) rate_limit: Option<Option<Refresh>>,
}

/// Detached changes, one value for each attribute of an object: the last one wins. Setters refuse
/// values outside their range at once; everything that depends on other values is found by
/// [`Device::test`] or [`Device::commit`].
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Pending {
    pub(super) edits: Vec<Edit>,
    pub(super) ports: BTreeMap<PortId, PortChanges>,
    pub(super) pipelines: BTreeMap<PipelineId, PipelineChanges>,
    /// The first refused value of each object.
    pub(super) refused: BTreeMap<Object, CommitError>,
}

/// Setters of attributes that take any value of their type.
macro_rules! setters {
    ($map:ident, $id:ty: $($(#[$doc:meta])* $setter:ident => $field:ident: $value:ty;)*) => {
        $($(#[$doc])*
        pub fn $setter(&mut self, id: $id, value: $value) {
            self.$map.entry(id).or_default().$field = Some(value);
        })*
    };
}

impl Pending {
    /// No changes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether there is nothing to commit.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Keeps the refusal of a value, for callers that cannot tell their client at once: the commit
    /// that takes this object fails with the first one.
    pub fn refuse(&mut self, object: Object, error: CommitError) {
        self.refused.entry(object).or_insert(error);
    }

    /// Creates a port under an id of [`Device::new_port_id`], without pipelines.
    ///
    /// # Errors
    /// When the mode's size is outside the limits.
    pub fn create_port(&mut self, id: PortId, port: Port) -> Result<(), CommitError> {
        check_size(port.mode.size)?;
        self.edits.push(Edit::CreatePort(id, port));
        Ok(())
    }

    /// Removes a port with its pipelines and their sources.
    pub fn destroy_port(&mut self, id: PortId) {
        self.ports.remove(&id);
        self.edits.push(Edit::DestroyPort(id));
    }

    /// Creates an unbound pipeline under an id of [`Device::new_pipeline_id`].
    pub fn create_pipeline(&mut self, id: PipelineId, port: PortId) {
        self.edits.push(Edit::CreatePipeline(id, port));
    }

    /// Removes a pipeline with its sources and masks.
    pub fn destroy_pipeline(&mut self, id: PipelineId) {
        self.pipelines.remove(&id);
        self.edits.push(Edit::DestroyPipeline(id));
    }

    /// Creates a source under an id of [`Device::new_source_id`] for one pipeline.
    pub fn create_source(
        &mut self,
        id: SourceId,
        pipeline: PipelineId,
        kind: impl Into<SourceKind>,
    ) {
        self.edits.push(Edit::CreateSource(id, Source { pipeline, kind: kind.into() }));
    }

    /// Removes a source; a pipeline that is bound to it becomes unbound.
    pub fn destroy_source(&mut self, id: SourceId) {
        self.edits.push(Edit::DestroySource(id));
    }

    /// Creates a mask under an id of [`Device::new_mask_id`] for one pipeline.
    pub fn create_mask(&mut self, id: MaskId, mask: Mask) {
        self.edits.push(Edit::CreateMask(id, mask));
    }

    /// Removes a mask; a pipeline that is bound to it has none then.
    pub fn destroy_mask(&mut self, id: MaskId) {
        self.edits.push(Edit::DestroyMask(id));
    }

    /// Changes a port's size and rate.
    ///
    /// # Errors
    /// When the size is outside the limits.
    pub fn set_mode(&mut self, id: PortId, mode: Mode) -> Result<(), CommitError> {
        check_size(mode.size)?;
        self.ports.entry(id).or_default().mode = Some(mode);
        Ok(())
    }

    setters! { ports, PortId:
        /// Changes a port's background.
        set_background => background: Color;
        /// Turns a port's finished picture.
        set_port_transform => transform: Transform;
        /// Lights a port, or not.
        set_power => power: Power;
        /// Changes a port's gamma.
        set_gamma => gamma: Gamma;
    }

    setters! { pipelines, PipelineId:
        /// Says which configured layer uses a pipeline.
        set_name => name: Option<Name>;
        /// Sets the order of a pipeline among those of its port.
        set_layer => layer: i32;
        /// Binds a pipeline to a mask, or to none.
        bind_mask => mask: Option<MaskId>;
        /// Sets where a pipeline shows its source; an empty rectangle disables it.
        set_destination => destination: Rect;
        /// Sets how the source is turned.
        set_transform => transform: Transform;
        /// Sets which features of transparency count.
        set_transparency => transparency: Transparency;
        /// Sets the colour at which the source shows what is below.
        set_key => key: ColorKey;
        /// Sets the pixels at which the pipeline contributes nothing.
        set_hole => hole: Hole;
        /// Sets what becomes of a source of another size.
        set_sizing => sizing: Sizing;
        /// Sets whether the layer may have the keyboard.
        set_keyboard => keyboard: bool;
        /// Sets what becomes of input at the layer.
        set_input => input: InputPolicy;
        /// Sets what shows while the source is gone.
        set_fallback => fallback: Fallback;
        /// Sets the most frames that are taken from the source; `None` for no limit of its own.
        set_rate_limit => rate_limit: Option<Refresh>;
    }

    /// Binds a pipeline to a source, or unbinds it.
    pub fn bind_source(
        &mut self,
        id: PipelineId,
        source: Option<SourceId>,
        transition: Transition,
    ) {
        self.pipelines.entry(id).or_default().source = Some((source, transition));
    }

    /// Sets the part of the source that is shown; `None` is all of it.
    ///
    /// # Errors
    /// When it begins before 0, is empty, or is not finite.
    pub fn set_source_rectangle(
        &mut self,
        id: PipelineId,
        rect: Option<SourceRect>,
    ) -> Result<(), CommitError> {
        if rect.is_some_and(|rect| rect.is_empty() || rect.x < 0.0 || rect.y < 0.0) {
            return Err(CommitError::SourceRectangle(id));
        }
        self.pipelines.entry(id).or_default().source_rectangle = Some(rect);
        Ok(())
    }

    /// Sets the opacity of a pipeline (WFD: `GLOBAL_ALPHA`).
    ///
    /// # Errors
    /// When it is not between 0 and 1.
    pub fn set_opacity(&mut self, id: PipelineId, opacity: f32) -> Result<(), CommitError> {
        if !(0.0..=1.0).contains(&opacity) {
            return Err(CommitError::Opacity(id, opacity));
        }
        self.pipelines.entry(id).or_default().opacity = Some(opacity);
        Ok(())
    }

    /// Drops the changes that leave their object as it is.
    pub(super) fn drop_unchanged(&mut self, device: &Device) {
        self.pipelines.retain(|id, changes| {
            device.pipelines.get(id).is_none_or(|before| {
                let mut after = before.clone();
                after.change(changes);
                after != *before
            })
        });
    }

    /// Drops what waits for an object.
    pub fn forget(&mut self, object: Object) {
        self.refused.remove(&object);
        match object {
            Object::Port(id) => drop(self.ports.remove(&id)),
            Object::Pipeline(id) => drop(self.pipelines.remove(&id)),
            Object::Source(_) | Object::Mask(_) => {}
        }
    }

    /// The ports and pipelines of which something changes.
    pub fn objects(&self) -> impl Iterator<Item = Object> + '_ {
        let ports = self.ports.keys().copied().map(Object::Port);
        ports.chain(self.pipelines.keys().copied().map(Object::Pipeline))
    }

    /// Whether a port's power changes, and whether anything else of it does.
    #[must_use]
    pub fn port_changes(&self, id: PortId) -> (bool, bool) {
        let Some(changes) = self.ports.get(&id) else { return (false, false) };
        let others = PortChanges { power: None, ..changes.clone() };
        (changes.power.is_some(), others != PortChanges::default())
    }

    /// The sizing that waits for a pipeline, of which a setter may change a part.
    #[must_use]
    pub fn sizing(&self, id: PipelineId) -> Option<Sizing> {
        self.pipelines.get(&id)?.sizing
    }

    /// The sources that are to be bound once they have a picture.
    pub fn awaited(&self) -> impl Iterator<Item = SourceId> + '_ {
        self.pipelines.values().filter_map(|changes| match changes.source? {
            (source, Transition::WhenReady { .. }) => source,
            _ => None,
        })
    }

    /// How long the first of the awaited sources may take; `None` is for ever.
    pub(super) fn timeout(&self) -> Option<Duration> {
        let timeouts = self.pipelines.values().filter_map(|changes| match changes.source? {
            (Some(_), Transition::WhenReady { timeout }) => timeout,
            _ => None,
        });
        timeouts.min()
    }

    /// The changes in a scope.
    #[must_use]
    pub fn part(&self, scope: Scope, device: &Device) -> Self {
        self.clone().take(scope, device)
    }

    /// Takes out the changes in a scope; making and removing objects belongs to the whole device.
    pub(super) fn take(&mut self, scope: Scope, device: &Device) -> Self {
        let port_of = |id: PipelineId| device.pipelines.get(&id).map(|pipeline| pipeline.port);
        let (port, pipeline): (&dyn Fn(PortId) -> bool, &dyn Fn(PipelineId) -> bool) = match scope {
            Scope::EntireDevice => return std::mem::take(self),
            Scope::EntirePort(port) => {
                (&move |id| id == port, &move |id| port_of(id) == Some(port))
            }
            Scope::Pipeline(pipeline) => (&|_| false, &move |id| id == pipeline),
        };
        Self {
            edits: Vec::new(),
            ports: self.ports.extract_if(.., |id, _| port(*id)).collect(),
            pipelines: self.pipelines.extract_if(.., |id, _| pipeline(*id)).collect(),
            refused: self
                .refused
                .extract_if(.., |object, _| match object {
                    Object::Port(id) => port(*id),
                    Object::Pipeline(id) => pipeline(*id),
                    Object::Source(_) | Object::Mask(_) => false,
                })
                .collect(),
        }
    }
}

fn check_size(size: Size) -> Result<(), CommitError> {
    let fits = |side: u32| limits::PORT_SIDE.contains(&i64::from(side));
    if fits(size.width) && fits(size.height) {
        Ok(())
    } else {
        Err(CommitError::PortSize(size.width, size.height))
    }
}
