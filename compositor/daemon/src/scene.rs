//! From the surfaces of a port's layers to the list of elements that the planner reads.

use std::sync::Arc;

use porthole_core::{
    input::InputElement,
    model::{Pipeline, PipelineId},
    plan::Draw as PlannedDraw,
    scene::{
        Element, Filter, Fit, Mapping, Picture, Placement, Point, Sampling, SourceRect, Transform,
        place,
    },
};
use porthole_pixel::{Rect, Region, Size};
use smithay::{
    reexports::wayland_server::protocol::wl_surface::WlSurface,
    wayland::{
        compositor::{
            SurfaceAttributes, SurfaceData, TraversalAction, with_states, with_surface_tree_upward,
        },
        shell::xdg::{PopupSurface, SurfaceCachedState},
    },
};

use crate::{
    protocols::{alpha_modifier, shm::Pixels},
    render::Draw,
    surfaces::{Reader, Waiting, region, with_content},
};

/// Surfaces and popups nest at most this deep: trees are walked by recursion.
pub(crate) const MAX_DEPTH: u32 = 32;

/// A viewport makes a huge toplevel of a small buffer; this is 256 MiB, and 8192 pixels squared.
const MAX_OWN_PIXELS: u64 = 1 << 26;

/// The splash's element; surfaces count from 1.
const SPLASH_ID: u64 = 0;

/// A port's scene: what the planner reads, and what belongs to each element.
#[derive(Debug, Default)]
pub(crate) struct Scene {
    pub(crate) elements: Vec<Element>,
    /// The picture of each element.
    pub(crate) pixels: Vec<Arc<Pixels>>,
    /// What takes input, from the bottom up.
    pub(crate) input: Vec<InputSurface>,
    /// Frame callbacks and feedback of every surface in it.
    pub(crate) waiting: Waiting,
    /// Who draws it.
    reader: Reader,
}

/// A surface that may take input.
#[derive(Clone, Debug)]
pub(crate) struct InputSurface {
    pub(crate) element: InputElement,
    pub(crate) surface: WlSurface,
    /// From the surface's own coordinates to the port's.
    pub(crate) mapping: Mapping,
}

impl Scene {
    /// Adds the picture that is shown before any guest's, in the middle of the port.
    pub(crate) fn add_splash(&mut self, pixels: &Arc<Pixels>, port: Size) {
        let size = pixels.layout().size();
        // Pixel for pixel where it fits, smaller where it does not.
        let fits = size.width <= port.width && size.height <= port.height;
        let fit = if fits { Fit::Centre } else { Fit::Fit };
        let picture = Picture::plain(size);
        let Some(placement) = place(Rect::from_size(port), picture, None, fit.into(), 1.0) else {
            return;
        };
        let destination = placement.mapping.destination;
        let opaque = !pixels.layout().format().has_alpha();
        self.elements.push(Element {
            id: SPLASH_ID,
            // Another picture is another allocation while the planner remembers this one.
            serial: Arc::as_ptr(pixels).addr() as u64,
            source: placement.mapping.source,
            destination,
            clip: placement.clip,
            transform: Transform::Normal,
            filter: Filter::Bilinear,
            opacity: 1.0,
            opaque: if opaque { Region::from_rect(destination) } else { Region::new() },
            damage: Region::new(),
        });
        self.pixels.push(pixels.clone());
    }

    /// What a plan draws of the elements.
    pub(crate) fn draws(&self, planned: Vec<PlannedDraw>) -> Vec<Draw> {
        let draw = |planned: PlannedDraw| {
            let element = self.elements.get(planned.element)?;
            Some(Draw {
                pixels: self.pixels.get(planned.element)?.clone(),
                mapping: element.mapping(),
                filter: element.filter,
                opacity: element.opacity,
                source_alpha: true,
                key: None,
                mask: None,
                clip: planned.clip,
            })
        };
        planned.into_iter().filter_map(draw).collect()
    }

    /// Adds a toplevel with its subsurfaces and popups, placed as its layer says. `scale` is the
    /// port's for this toplevel. False when it has nothing to show.
    pub(crate) fn add_layer(
        &mut self,
        id: PipelineId,
        pipeline: &Pipeline,
        scale: f64,
        root: &WlSurface,
        popups: &[PopupSurface],
    ) -> bool {
        let (geometry, picture) = visible_bounds(root);
        let sizing = pipeline.sizing;
        let placement =
            place(pipeline.destination, picture, pipeline.source_rectangle, sizing, scale);
        let Some(placement) = placement else { return false };
        let sampling = sizing.sampling;
        let layer = LayerPlace { id, opacity: pipeline.opacity, sampling, placement };
        let origin = (-geometry.x, -geometry.y);
        self.add_tree(&layer, root, origin);
        self.add_popups(&layer, root, origin, popups, MAX_DEPTH);
        true
    }

    /// A toplevel with its subsurfaces and popups alone, in a picture of [`own_size`].
    pub(crate) fn of_toplevel(
        id: PipelineId,
        layer: &Pipeline,
        root: &WlSurface,
        popups: &[PopupSurface],
    ) -> Self {
        let mut scene = Self { reader: Reader::View, ..Self::default() };
        let alone = Pipeline {
            destination: Rect::from_size(own_size(root)),
            source_rectangle: None,
            sizing: Fit::Stretch.into(),
            opacity: 1.0,
            ..layer.clone()
        };
        scene.add_layer(id, &alone, 1.0, root, popups);
        scene
    }

    fn add_popups(
        &mut self,
        layer: &LayerPlace,
        parent: &WlSurface,
        origin: (i32, i32),
        popups: &[PopupSurface],
        depth: u32,
    ) {
        let Some(depth) = depth.checked_sub(1) else { return };
        for popup in popups.iter().filter(|p| p.get_parent_surface().as_ref() == Some(parent)) {
            let place = popup.with_pending_state(|state| state.geometry);
            let surface = popup.wl_surface();
            let inner = with_states(surface, |states| {
                states.cached_state.get::<SurfaceCachedState>().current().geometry
            });
            let (dx, dy) = inner.map_or((0, 0), |g| (g.loc.x, g.loc.y));
            let at = (
                origin.0.saturating_add(place.loc.x).saturating_sub(dx),
                origin.1.saturating_add(place.loc.y).saturating_sub(dy),
            );
            self.add_tree(layer, surface, at);
            self.add_popups(layer, surface, at, popups, depth);
        }
    }

    fn add_tree(&mut self, layer: &LayerPlace, root: &WlSurface, origin: (i32, i32)) {
        with_surface_tree_upward(
            root,
            origin,
            |surface, states, at| {
                let at = if surface == root { *at } else { offset(states, *at) };
                let mapped = with_content(states, |c| c.pixels.is_some());
                // The children of an unmapped surface are unmapped too.
                if mapped { TraversalAction::DoChildren(at) } else { TraversalAction::SkipChildren }
            },
            |surface, states, at| {
                let at = if surface == root { *at } else { offset(states, *at) };
                self.add_surface(layer, surface, states, at);
            },
            |_, _, _| true,
        );
    }

    fn add_surface(
        &mut self,
        layer: &LayerPlace,
        surface: &WlSurface,
        states: &SurfaceData,
        at: (i32, i32),
    ) {
        let (opaque_region, input_region) = {
            let mut attributes = states.cached_state.get::<SurfaceAttributes>();
            let current = attributes.current();
            (current.opaque_region.clone(), current.input_region.clone())
        };
        let built = with_content(states, |content| {
            let pixels = content.pixels.clone()?;
            let local = Rect::from_size(content.size);
            let in_layer = SourceRect::from(local.translate(at.0, at.1));
            let destination = layer.placement.mapping.rect_to_port(in_layer);
            let surface_map = Mapping {
                source: SourceRect::from(local),
                destination,
                transform: Transform::Normal,
            };
            let opaque = if pixels.layout().format().has_alpha() {
                let stated = opaque_region.map(|r| region(&r, local)).unwrap_or_default();
                stated.rects().iter().filter_map(|r| surface_map.opaque_to_port(*r)).collect()
            } else {
                Region::from_rect(destination)
            };
            let mut element = Element {
                id: content.id,
                serial: content.serial,
                source: content.source,
                destination,
                clip: layer.placement.clip,
                transform: content.transform,
                filter: Filter::default(),
                opacity: layer.opacity * alpha_modifier::opacity(states),
                opaque,
                damage: Region::new(),
            };
            let map = element.mapping();
            element.filter = layer.sampling.filter(&map);
            element.damage = content
                .take_damage(self.reader)
                .rects()
                .iter()
                .filter_map(|r| map.damage_to_port(*r, element.filter))
                .collect();
            let takes =
                input_region.map_or_else(|| Region::from_rect(local), |r| region(&r, local));
            let takes: Region = takes
                .rects()
                .iter()
                .filter_map(|r| {
                    surface_map.rect_to_port(SourceRect::from(*r)).intersect(element.clip)
                })
                .collect();
            let input = InputElement { id: content.id, layer: layer.id, region: takes };
            Some((
                element,
                pixels,
                InputSurface { element: input, surface: surface.clone(), mapping: surface_map },
            ))
        });
        if let Some((element, pixels, input)) = built {
            self.elements.push(element);
            self.pixels.push(pixels);
            self.input.push(input);
        }
        // A capture shows nothing to anybody who waits for the port.
        if self.reader == Reader::Port {
            self.waiting.take_from(states);
        }
    }
}

/// The bounds of a toplevel without the shadows that its client draws around it, in the coordinates
/// of its surface, and how large that is.
fn visible_bounds(root: &WlSurface) -> (Rect, Picture) {
    with_states(root, |states| {
        let (size, density) = with_content(states, |c| (c.size, c.density()));
        let all = Rect::from_size(size);
        let geometry = states.cached_state.get::<SurfaceCachedState>().current().geometry;
        let geometry = geometry
            .map(|g| Rect::new(g.loc.x, g.loc.y, g.size.w, g.size.h))
            .and_then(|g| g.intersect(all))
            .unwrap_or(all);
        (geometry, Picture { size: geometry.size(), density })
    })
}

/// The size of a toplevel's own picture: a pixel for each of its buffer's, unless the buffer is
/// coarser than the surface. Empty when that is more than a capture may cost.
pub(crate) fn own_size(root: &WlSurface) -> Size {
    let (_, Picture { size, density: (across, down) }) = visible_bounds(root);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the cast saturates, which is what is wanted"
    )]
    let side = |length: u32, density: f64| (f64::from(length) * density.max(1.0)).round() as u32;
    let own = Size::new(side(size.width, across), side(size.height, down));
    if own.area() > MAX_OWN_PIXELS { Size::default() } else { own }
}

/// The surface under a point of the port, and the point in its own coordinates.
pub(crate) fn surface_at(input: &[InputSurface], point: Point) -> Option<(&InputSurface, Point)> {
    let (x, y) = (point.x.floor(), point.y.floor());
    #[expect(clippy::cast_possible_truncation, reason = "the cast saturates, which is wanted")]
    let found = input.iter().rev().find(|s| s.element.region.contains(x as i32, y as i32))?;
    Some((found, found.mapping.to_source(point)))
}

#[derive(Debug)]
struct LayerPlace {
    id: PipelineId,
    opacity: f32,
    sampling: Sampling,
    placement: Placement,
}

/// Where a subsurface is, in the coordinates of the layer's content.
fn offset(states: &SurfaceData, (x, y): (i32, i32)) -> (i32, i32) {
    let (dx, dy) = with_content(states, |content| content.offset);
    (x.saturating_add(dx), y.saturating_add(dy))
}
