//! Changes that wait for a commit.

use porthole_pixel::{Rect, Size};

use super::{CommitError, Mode, PipelineId, Port, PortId, Source, SourceId};
use crate::color::Color;
use crate::config::{Content, limits};
use crate::name::Name;
use crate::scene::{Sizing, SourceRect};

/// One change. They apply in their order, so the last to an attribute wins; whether the result is
/// consistent is asked only at the end.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Edit {
    CreatePort(PortId, Port),
    DestroyPort(PortId),
    Mode(PortId, Mode),
    Background(PortId, Color),
    CreatePipeline(PipelineId, PortId),
    DestroyPipeline(PipelineId),
    CreateSource(SourceId, Source),
    DestroySource(SourceId),
    Bind(PipelineId, Option<SourceId>),
    Name(PipelineId, Option<Name>),
    Layer(PipelineId, i32),
    SourceRectangle(PipelineId, Option<SourceRect>),
    Destination(PipelineId, Rect),
    Opacity(PipelineId, f32),
    Sizing(PipelineId, Sizing),
    Keyboard(PipelineId, bool),
}

/// A detached list of changes. Setters refuse values outside their range at once; everything that
/// depends on other values is found by [`super::Device::test`] or [`super::Device::commit`].
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Pending {
    pub(super) edits: Vec<Edit>,
}

impl Pending {
    /// No changes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether there is nothing to commit.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.edits.is_empty()
    }

    /// Creates a port under an id of [`super::Device::new_port_id`], without pipelines.
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
        self.edits.push(Edit::DestroyPort(id));
    }

    /// Changes a port's size and rate.
    ///
    /// # Errors
    /// When the size is outside the limits.
    pub fn set_mode(&mut self, id: PortId, mode: Mode) -> Result<(), CommitError> {
        check_size(mode.size)?;
        self.edits.push(Edit::Mode(id, mode));
        Ok(())
    }

    /// Changes a port's background.
    pub fn set_background(&mut self, id: PortId, color: Color) {
        self.edits.push(Edit::Background(id, color));
    }

    /// Creates an unbound pipeline under an id of [`super::Device::new_pipeline_id`].
    pub fn create_pipeline(&mut self, id: PipelineId, port: PortId) {
        self.edits.push(Edit::CreatePipeline(id, port));
    }

    /// Removes a pipeline with its sources.
    pub fn destroy_pipeline(&mut self, id: PipelineId) {
        self.edits.push(Edit::DestroyPipeline(id));
    }

    /// Creates a source under an id of [`super::Device::new_source_id`] for one pipeline.
    pub fn create_source(&mut self, id: SourceId, pipeline: PipelineId, content: Content) {
        self.edits.push(Edit::CreateSource(id, Source { pipeline, content }));
    }

    /// Removes a source; a pipeline that is bound to it becomes unbound.
    pub fn destroy_source(&mut self, id: SourceId) {
        self.edits.push(Edit::DestroySource(id));
    }

    /// Binds a pipeline to a source, or unbinds it.
    pub fn bind_source(&mut self, id: PipelineId, source: Option<SourceId>) {
        self.edits.push(Edit::Bind(id, source));
    }

    /// Says which configured layer uses a pipeline.
    pub fn set_name(&mut self, id: PipelineId, name: Option<Name>) {
        self.edits.push(Edit::Name(id, name));
    }

    /// Sets the order of a pipeline among those of its port.
    pub fn set_layer(&mut self, id: PipelineId, layer: i32) {
        self.edits.push(Edit::Layer(id, layer));
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
            return Err(CommitError::SourceRectangle);
        }
        self.edits.push(Edit::SourceRectangle(id, rect));
        Ok(())
    }

    /// Sets where a pipeline shows its source; an empty rectangle disables it.
    pub fn set_destination(&mut self, id: PipelineId, rect: Rect) {
        self.edits.push(Edit::Destination(id, rect));
    }

    /// Sets the opacity of a pipeline.
    ///
    /// # Errors
    /// When it is not between 0 and 1.
    pub fn set_opacity(&mut self, id: PipelineId, opacity: f32) -> Result<(), CommitError> {
        if !(0.0..=1.0).contains(&opacity) {
            return Err(CommitError::Opacity(opacity));
        }
        self.edits.push(Edit::Opacity(id, opacity));
        Ok(())
    }

    /// Sets what becomes of a source of another size.
    pub fn set_sizing(&mut self, id: PipelineId, sizing: Sizing) {
        self.edits.push(Edit::Sizing(id, sizing));
    }

    /// Sets whether the layer may have the keyboard.
    pub fn set_keyboard(&mut self, id: PipelineId, keyboard: bool) {
        self.edits.push(Edit::Keyboard(id, keyboard));
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
