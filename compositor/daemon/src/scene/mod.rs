//! From the surfaces of a port's layers to the list of elements that the planner reads.

mod layer;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use porthole_core::{
    input::InputElement,
    model::{ColorKey, InputPolicy, Pipeline, PipelineId, Transparency},
    plan::Draw as PlannedDraw,
    scene::{Blend, Element, Filter, Fit, Mapping, Picture, Point, SourceRect, Transform, place},
};
use porthole_pixel::{Rect, Region, Size};
use smithay::{
    reexports::wayland_server::{Resource, protocol::wl_surface::WlSurface},
    wayland::{
        compositor::{SurfaceData, TraversalAction, with_states, with_surface_tree_upward},
        shell::xdg::{PopupSurface, SurfaceCachedState},
    },
};

pub(crate) use self::layer::Snapshot;
use self::layer::{LayerPlace, Piece};
use crate::{
    protocols::shm::Pixels,
    render::{Coverage, Draw, DrawMask},
    surfaces::{Reader, Waiting, with_content},
};

/// Surfaces and popups nest at most this deep: trees are walked by recursion.
pub(crate) const MAX_DEPTH: u32 = 32;

/// A viewport makes a huge toplevel of a small buffer; this is 256 MiB, and 8192 pixels squared.
const MAX_OWN_PIXELS: u64 = 1 << 26;

/// The splash's element; surfaces count from 1.
const SPLASH_ID: u64 = 0;
/// Elements of images are named by their pipeline, far from where surfaces count.
const IMAGE_IDS: u64 = 1 << 63;

/// A port's scene: what the planner reads, and what belongs to each element.
#[derive(Debug, Default)]
pub(crate) struct Scene {
    pub(crate) elements: Vec<Element>,
    /// The picture of each element.
    pub(crate) pixels: Vec<Arc<Pixels>>,
    /// The mask of each element that has one.
    masks: Vec<Option<Arc<Coverage>>>,
    /// The layer of each element; the splash has none.
    layers: Vec<Option<PipelineId>>,
    /// What takes input, from the bottom up.
    pub(crate) input: Vec<InputSurface>,
    /// Frame callbacks and feedback of every surface in it.
    pub(crate) waiting: Waiting,
    /// When the pictures that are new came, and for which layer.
    pub(crate) came: Vec<(PipelineId, Duration)>,
    /// Who draws it.
    reader: Reader,
    /// Collects what is added, where it is to be shown again.
    kept: Option<Vec<Piece>>,
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
        let upright = (Transform::Normal, 1.0);
        let Some(placement) = place(Rect::from_size(port), picture, None, fit.into(), upright)
        else {
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
            blend: Blend::default(),
            mask: None,
            hole: Region::new(),
            opaque: if opaque { Region::from_rect(destination) } else { Region::new() },
            damage: Region::new(),
        });
        self.pixels.push(pixels.clone());
        self.masks.push(None);
        self.layers.push(None);
    }

    /// Adds a picture that is no client's, placed as its layer says.
    pub(crate) fn add_image(
        &mut self,
        id: PipelineId,
        pipeline: &Pipeline,
        mask: Option<&Arc<Coverage>>,
        pixels: &Arc<Pixels>,
    ) {
        let picture = Picture::plain(pixels.layout().size());
        let Some(layer) = LayerPlace::new(id, pipeline, picture, 1.0, mask) else { return };
        let mapping = layer.placement.mapping;
        let opaque = !layer.blend.source_alpha || !pixels.layout().format().has_alpha();
        self.elements.push(Element {
            id: IMAGE_IDS | u64::from(id.get()),
            // Another picture is another allocation while the planner remembers this one.
            serial: Arc::as_ptr(pixels).addr() as u64,
            source: mapping.source,
            destination: mapping.destination,
            clip: layer.placement.clip,
            transform: mapping.transform,
            filter: layer.sampling.filter(&mapping),
            opacity: layer.opacity,
            blend: layer.blend,
            mask: layer.element_mask(),
            hole: layer.hole.clone(),
            opaque: if opaque { Region::from_rect(mapping.destination) } else { Region::new() },
            damage: Region::from_rect(mapping.destination),
        });
        self.pixels.push(pixels.clone());
        self.masks.push(layer.mask.map(|(coverage, _)| coverage));
        self.layers.push(Some(id));
        self.take_input(pipeline, &layer.hole);
    }

    /// A layer on top of all others takes the input of those below, if that is its policy.
    fn take_input(&mut self, pipeline: &Pipeline, hole: &Region) {
        if pipeline.input != InputPolicy::Block {
            return;
        }
        let mut blocked = Region::from_rect(pipeline.destination);
        blocked.subtract_region(hole);
        for input in &mut self.input {
            input.element.region.subtract_region(&blocked);
        }
    }

    /// Turns all of it, for a port that turns its finished picture; `area` is its size before.
    pub(crate) fn turn(&mut self, by: Transform, area: Size) {
        if by == Transform::Normal {
            return;
        }
        let elements = std::mem::take(&mut self.elements);
        self.elements = elements.into_iter().map(|element| element.turned(by, area)).collect();
        for input in &mut self.input {
            input.element.region = by.region(&input.element.region, area);
            input.mapping.destination = by.rect(input.mapping.destination, area);
            input.mapping.transform = input.mapping.transform.then(by);
        }
    }

    /// Shows a snapshot in its layer.
    pub(crate) fn add_snapshot(
        &mut self,
        id: PipelineId,
        pipeline: &Pipeline,
        mask: Option<&Arc<Coverage>>,
        snapshot: &Snapshot,
    ) {
        let Snapshot { picture, scale, pieces } = snapshot;
        let Some(layer) = LayerPlace::new(id, pipeline, *picture, *scale, mask) else { return };
        self.take_input(pipeline, &layer.hole);
        pieces.iter().for_each(|piece| self.place_piece(&layer, piece));
    }

    /// The layers of the elements with these ids.
    pub(crate) fn layers_of(&self, ids: &BTreeSet<u64>) -> BTreeSet<PipelineId> {
        let elements = self.elements.iter().zip(&self.layers);
        elements.filter(|(e, _)| ids.contains(&e.id)).filter_map(|(_, layer)| *layer).collect()
    }

    /// How many pixels of each layer a plan draws.
    pub(crate) fn drawn(&self, planned: &[PlannedDraw]) -> Vec<(PipelineId, u64)> {
        let layer = |index: usize| self.layers.get(index).copied().flatten();
        planned.iter().filter_map(|d| Some((layer(d.element)?, d.clip.area()))).collect()
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
                source_alpha: element.blend.source_alpha,
                key: element.blend.key.map(ColorKey::argb),
                mask: element.mask.and_then(|mask| {
                    let coverage = self.masks.get(planned.element)?.clone()?;
                    Some(DrawMask { coverage, origin: (mask.area.x, mask.area.y) })
                }),
                clip: planned.clip,
            })
        };
        planned.into_iter().filter_map(draw).collect()
    }

    /// The one picture that is all there is to see on a port of this size, pixel for pixel: it need
    /// not be composed, if it is at hand or nobody here looks at it.
    pub(crate) fn direct(&self, port: Size) -> Option<Draw> {
        let all = Rect::from_size(port);
        let mut from_top = self.elements.iter().enumerate().rev();
        let (index, element) = from_top.find(|(_, element)| element.visible(port).is_some())?;
        if element.visible(port) != Some(all) || !element.hides(port).contains_rect(all) {
            return None;
        }
        let planned = PlannedDraw { element: index, clip: Region::from_rect(all) };
        self.draws(vec![planned]).pop().filter(Draw::can_be_direct)
    }

    /// Adds a toplevel with its subsurfaces and popups, placed as its layer says. `scale` is the
    /// port's for this toplevel. With `keep` gives what was added, to show it again.
    pub(crate) fn add_layer(
        &mut self,
        (id, pipeline): (PipelineId, &Pipeline),
        scale: f64,
        mask: Option<&Arc<Coverage>>,
        (root, popups): (&WlSurface, &[PopupSurface]),
        keep: bool,
    ) -> Option<Snapshot> {
        let (geometry, picture) = visible_bounds(root);
        let layer = LayerPlace::new(id, pipeline, picture, scale, mask)?;
        self.take_input(pipeline, &layer.hole);
        let origin = (-geometry.x, -geometry.y);
        self.kept = keep.then(Vec::new);
        self.add_tree(&layer, root, origin);
        self.add_popups(&layer, root, origin, popups, MAX_DEPTH);
        self.kept.take().map(|pieces| Snapshot { picture, scale, pieces })
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
            transform: Transform::Normal,
            transparency: Transparency::CONFIGURED,
            opacity: 1.0,
            ..layer.clone()
        };
        scene.add_layer((id, &alone), 1.0, None, (root, popups), false);
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
        if let Some(piece) = Piece::of_surface(surface, states, at, self.reader) {
            self.place_piece(layer, &piece);
            if !piece.damage.is_empty() {
                self.came.push((layer.id, piece.came));
            }
            if let Some(kept) = &mut self.kept {
                kept.push(piece);
            }
        }
        // A capture shows nothing to anybody who waits for the port.
        if self.reader == Reader::Port {
            self.waiting.take_from(states);
        }
    }

    /// Adds a part of a layer where the layer is.
    fn place_piece(&mut self, layer: &LayerPlace, piece: &Piece) {
        let local = Rect::from_size(piece.size);
        let in_layer = SourceRect::from(local.translate(piece.at.0, piece.at.1));
        let destination = layer.placement.mapping.rect_to_port(in_layer);
        let turn = layer.placement.mapping.transform;
        let surface_map = Mapping { source: SourceRect::from(local), destination, transform: turn };
        let alpha = layer.blend.source_alpha && piece.pixels.layout().format().has_alpha();
        let opaque = if alpha {
            let stated = piece.opaque.rects().iter();
            stated.filter_map(|r| surface_map.opaque_to_port(*r)).collect()
        } else {
            Region::from_rect(destination)
        };
        let mut element = Element {
            id: piece.id,
            serial: piece.serial,
            source: piece.source,
            destination,
            clip: layer.placement.clip,
            transform: piece.transform.then(turn),
            filter: Filter::default(),
            opacity: layer.opacity * piece.opacity,
            blend: layer.blend,
            mask: layer.element_mask(),
            hole: layer.hole.clone(),
            opaque,
            damage: Region::new(),
        };
        let map = element.mapping();
        element.filter = layer.sampling.filter(&map);
        let damage = piece.damage.rects().iter();
        element.damage = damage.filter_map(|r| map.damage_to_port(*r, element.filter)).collect();
        let takes_input = layer.takes_input && piece.surface.is_alive();
        let takes = piece.input.rects().iter().filter(|_| takes_input);
        let mut takes: Region = takes
            .filter_map(|r| surface_map.rect_to_port(SourceRect::from(*r)).intersect(element.clip))
            .collect();
        takes.subtract_region(&layer.hole);
        let input = InputElement { id: piece.id, layer: layer.id, region: takes };
        let surface = piece.surface.clone();
        self.elements.push(element);
        self.pixels.push(piece.pixels.clone());
        self.masks.push(layer.mask.as_ref().map(|(coverage, _)| coverage.clone()));
        self.layers.push(Some(layer.id));
        self.input.push(InputSurface { element: input, surface, mapping: surface_map });
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

/// Where a point of a toplevel's surface is in its own picture.
pub(crate) fn own_place(root: &WlSurface, at: Point) -> (i32, i32) {
    let (geometry, Picture { size, .. }) = visible_bounds(root);
    let own = own_size(root);
    let place = |at: f64, origin: i32, length: u32, own: u32| {
        let part = (at - f64::from(origin)) / f64::from(length.max(1));
        #[expect(clippy::cast_possible_truncation, reason = "the cast saturates, which is wanted")]
        let pixel = (part * f64::from(own)).floor() as i32;
        pixel
    };
    (
        place(at.x, geometry.x, size.width, own.width),
        place(at.y, geometry.y, size.height, own.height),
    )
}

/// The surface under a point of the port, and the point in its own coordinates.
pub(crate) fn surface_at(input: &[InputSurface], point: Point) -> Option<(&InputSurface, Point)> {
    let (x, y) = (point.x.floor(), point.y.floor());
    #[expect(clippy::cast_possible_truncation, reason = "the cast saturates, which is wanted")]
    let found = input.iter().rev().find(|s| s.element.region.contains(x as i32, y as i32))?;
    Some((found, found.mapping.to_source(point)))
}

/// Where a subsurface is, in the coordinates of the layer's content.
fn offset(states: &SurfaceData, (x, y): (i32, i32)) -> (i32, i32) {
    let (dx, dy) = with_content(states, |content| content.offset);
    (x.saturating_add(dx), y.saturating_add(dy))
}
