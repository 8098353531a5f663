//! What a layer does with what is in it, and what that is.

use std::{sync::Arc, time::Duration};

use porthole_core::{
    model::{InputPolicy, Pipeline, PipelineId, Transparency},
    scene::{Blend, ElementMask, Picture, Placement, Sampling, SourceRect, Transform, place},
};
use porthole_pixel::{Rect, Region, Size};
use smithay::{
    reexports::wayland_server::protocol::wl_surface::WlSurface,
    wayland::compositor::{SurfaceAttributes, SurfaceData},
};

use crate::{
    protocols::{alpha_modifier, shm::Pixels},
    render::Coverage,
    surfaces::{Reader, region, with_content},
};

/// One surface of a layer, as it was when it was listed.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) id: u64,
    pub(super) serial: u64,
    pub(super) surface: WlSurface,
    pub(super) pixels: Arc<Pixels>,
    /// What turns the buffer upright.
    pub(super) transform: Transform,
    /// The part of the buffer that is shown, in buffer pixels.
    pub(super) source: SourceRect,
    /// The surface's size, and where it is in the layer's content.
    pub(super) size: Size,
    pub(super) at: (i32, i32),
    /// What the client says that it hides, and where it takes input, in its own coordinates.
    pub(super) opaque: Region,
    pub(super) input: Region,
    pub(super) opacity: f32,
    /// What changed, in buffer pixels.
    pub(super) damage: Region,
    /// When its buffer came.
    pub(super) came: Duration,
}

impl Piece {
    /// `None` while the surface has no picture.
    pub(super) fn of_surface(
        surface: &WlSurface,
        states: &SurfaceData,
        at: (i32, i32),
        reader: Reader,
    ) -> Option<Self> {
        let (opaque, input) = {
            let mut attributes = states.cached_state.get::<SurfaceAttributes>();
            let current = attributes.current();
            (current.opaque_region.clone(), current.input_region.clone())
        };
        with_content(states, |content| {
            let local = Rect::from_size(content.size);
            Some(Self {
                id: content.id,
                serial: content.serial,
                surface: surface.clone(),
                pixels: content.pixels.clone()?,
                transform: content.transform,
                source: content.source,
                size: content.size,
                at,
                opaque: opaque.map(|r| region(&r, local)).unwrap_or_default(),
                input: input.map_or_else(|| Region::from_rect(local), |r| region(&r, local)),
                opacity: alpha_modifier::opacity(states),
                damage: content.take_damage(reader),
                came: content.came,
            })
        })
    }
}

/// What a layer showed, to show it again when its client is gone or too fast.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(super) picture: Picture,
    pub(super) scale: f64,
    pub(super) pieces: Vec<Piece>,
}

impl Snapshot {
    /// Whether both are of the same pictures.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let names = |s: &Self| s.pieces.iter().map(|p| (p.id, p.serial)).collect::<Vec<_>>();
        names(self) == names(other)
    }
}

/// What a layer does with everything that is in it.
#[derive(Debug)]
pub(super) struct LayerPlace {
    pub(super) id: PipelineId,
    pub(super) opacity: f32,
    pub(super) blend: Blend,
    pub(super) mask: Option<(Arc<Coverage>, Rect)>,
    pub(super) hole: Region,
    pub(super) takes_input: bool,
    pub(super) sampling: Sampling,
    pub(super) placement: Placement,
}

impl LayerPlace {
    /// `None` where nothing of the picture would show.
    pub(super) fn new(
        id: PipelineId,
        pipeline: &Pipeline,
        picture: Picture,
        scale: f64,
        mask: Option<&Arc<Coverage>>,
    ) -> Option<Self> {
        let (destination, sizing) = (pipeline.destination, pipeline.sizing);
        let turn = (pipeline.transform, scale);
        let placement = place(destination, picture, pipeline.source_rectangle, sizing, turn)?;
        let has = |feature| pipeline.transparency.has(feature);
        let hole = has(Transparency::HOLE).then(|| pipeline.hole.on_port(destination));
        let mask = mask.filter(|_| has(Transparency::MASK));
        Some(Self {
            id,
            opacity: if has(Transparency::GLOBAL_ALPHA) { pipeline.opacity } else { 1.0 },
            blend: Blend {
                source_alpha: has(Transparency::SOURCE_ALPHA),
                key: has(Transparency::SOURCE_COLOR).then_some(pipeline.key),
            },
            mask: mask.map(|coverage| (coverage.clone(), destination)),
            hole: hole.unwrap_or_default(),
            takes_input: pipeline.input == InputPolicy::Accept,
            sampling: sizing.sampling,
            placement,
        })
    }

    pub(super) fn element_mask(&self) -> Option<ElementMask> {
        let (coverage, area) = self.mask.as_ref()?;
        // Another mask is another allocation while the planner remembers this one.
        let id = Arc::as_ptr(coverage).addr() as u64;
        Some(ElementMask { id, area: *area })
    }
}
