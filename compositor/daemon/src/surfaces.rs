//! What a surface shows, kept beside smithay's own state of it.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use porthole_core::scene::{Mapping, Point, SourceRect, Transform};
use porthole_pixel::{Format, Rect, Region, Size};
use smithay::{
    reexports::wayland_server::{
        Resource,
        protocol::{wl_buffer::WlBuffer, wl_callback::WlCallback, wl_shm, wl_surface::WlSurface},
    },
    wayland::{
        compositor::{
            BufferAssignment, Damage, RectangleKind, RegionAttributes, SubsurfaceCachedState,
            SurfaceAttributes, SurfaceData, TraversalAction, get_children, with_states,
            with_surface_tree_upward,
        },
        presentation::{PresentationFeedbackCachedState, PresentationFeedbackCallback},
        single_pixel_buffer::{SinglePixelBufferUserData, get_single_pixel_buffer},
        viewporter::{ViewportCachedState, ensure_viewport_valid},
    },
};

use crate::{
    clock,
    protocols::{
        pacing,
        shm::{Pixels, Releases, ShmBuffer},
    },
};

/// Damage with more pieces than this is kept as coarser pieces.
const MAX_DAMAGE_RECTS: usize = 64;

/// The content of one surface after its last commit.
#[derive(Debug)]
pub(crate) struct Content {
    /// Names the surface to the planner; never used twice.
    pub(crate) id: u64,
    /// Counts what the planner must know of.
    pub(crate) serial: u64,
    /// The picture; none while the surface is unmapped.
    pub(crate) pixels: Option<Arc<Pixels>>,
    /// What turns the buffer upright.
    pub(crate) transform: Transform,
    /// The part of the buffer that is shown, in buffer pixels.
    pub(crate) source: SourceRect,
    /// The surface's size in its own coordinates.
    pub(crate) size: Size,
    /// Where it is in its parent, if it is a subsurface, as of the parent's last commit.
    pub(crate) offset: (i32, i32),
    /// The same as of a commit of the parent that may not be applied yet.
    next_offset: (i32, i32),
    /// What changed, in buffer pixels.
    damage: Unseen,
    /// When its last picture came.
    pub(crate) came: Duration,
}

/// Who draws a surface's content.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Reader {
    /// The port, for all to see.
    #[default]
    Port,
    /// Captures of the toplevel.
    View,
}

/// What changed since each reader looked.
#[derive(Debug, Default)]
struct Unseen {
    port: Region,
    /// Kept from the first look on, so that it costs nothing where nobody captures.
    view: Option<Region>,
}

impl Unseen {
    fn change(&mut self, change: impl Fn(&mut Region)) {
        change(&mut self.port);
        if let Some(view) = &mut self.view {
            change(view);
        }
    }
}

impl Default for Content {
    fn default() -> Self {
        // 0 is the splash's.
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            serial: 0,
            pixels: None,
            transform: Transform::Normal,
            source: SourceRect::default(),
            size: Size::default(),
            offset: (0, 0),
            next_offset: (0, 0),
            damage: Unseen::default(),
            came: Duration::ZERO,
        }
    }
}

/// Runs `f` on the content of a surface.
pub(crate) fn with_content<T>(states: &SurfaceData, f: impl FnOnce(&mut Content) -> T) -> T {
    let content = states.data_map.get_or_insert_threadsafe(|| Mutex::new(Content::default()));
    f(&mut content.lock().unwrap_or_else(PoisonError::into_inner))
}

/// The content ids of a surface and of all its subsurfaces.
pub(crate) fn content_ids(root: &WlSurface) -> Vec<u64> {
    let mut ids = Vec::new();
    with_surface_tree_upward(
        root,
        (),
        |_, _, ()| TraversalAction::DoChildren(()),
        |_, states, ()| ids.push(with_content(states, |c| c.id)),
        |_, _, ()| true,
    );
    ids
}

/// A surface is about to commit: the positions of its subsurfaces come with what it commits. smithay
/// moves a subsurface with its own commit; by the protocol it is its parent's that does.
pub(crate) fn note_children(parent: &WlSurface) {
    for child in get_children(parent) {
        with_states(&child, |states| {
            let mut position = states.cached_state.get::<SubsurfaceCachedState>();
            let at = position.pending().location;
            with_content(states, |content| content.next_offset = (at.x, at.y));
        });
    }
}

/// What a surface committed is applied, which may be later: so are its subsurfaces' positions.
pub(crate) fn place_children(parent: &WlSurface) {
    for child in get_children(parent) {
        with_states(&child, |states| with_content(states, |c| c.offset = c.next_offset));
    }
}

/// What came with a commit.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct News {
    /// A picture.
    pub(crate) picture: bool,
    /// How long the picture before it had been there, if no frame ever showed that.
    pub(crate) unseen: Option<Duration>,
}

/// Takes what the client committed. A buffer that cannot be read is the client's protocol error.
pub(crate) fn commit(surface: &WlSurface, states: &SurfaceData, released: &Releases) -> News {
    let mut guard = states.cached_state.get::<SurfaceAttributes>();
    let attributes = guard.current();
    let assignment = attributes.buffer.take();
    let damage = std::mem::take(&mut attributes.damage);
    let scale = attributes.buffer_scale.max(1).unsigned_abs();
    let turned: u32 = attributes.buffer_transform.into();
    drop(guard);

    with_content(states, |content| {
        content.serial += 1;
        let mut unseen = None;
        let new_buffer = match assignment {
            Some(BufferAssignment::Removed) => {
                content.pixels = None;
                false
            }
            Some(BufferAssignment::NewBuffer(buffer)) => {
                content.pixels = hold(surface, &buffer, released);
                let now = clock::now();
                let before = std::mem::replace(&mut content.came, now);
                unseen = (!content.damage.port.is_empty()).then(|| now.saturating_sub(before));
                content.pixels.is_some()
            }
            None => false,
        };
        let before = (content.transform, content.source, content.size);
        content.transform = Transform::undo_wayland(turned).unwrap_or_default();
        content.update_view(states, scale);
        let Some(pixels) = &content.pixels else {
            content.damage.change(|damage| *damage = Region::new());
            return News { picture: false, unseen };
        };
        let all = Rect::from_size(pixels.layout().size());
        if before != (content.transform, content.source, content.size) {
            content.damage.change(|damage| *damage = Region::from_rect(all));
        } else if new_buffer || !damage.is_empty() {
            let surface_map = content.buffer_mapping();
            for rect in &damage {
                let rect = match rect {
                    Damage::Buffer(r) => {
                        Rect::new(r.loc.x, r.loc.y, r.size.w, r.size.h).intersect(all)
                    }
                    Damage::Surface(r) => to_buffer(
                        &surface_map,
                        Rect::new(r.loc.x, r.loc.y, r.size.w, r.size.h),
                        all,
                    ),
                };
                let Some(rect) = rect else { continue };
                content.damage.change(|damage| {
                    damage.add(rect);
                    // A client may list any number; the cost of each stays bounded.
                    if damage.rects().len() > 2 * MAX_DAMAGE_RECTS {
                        damage.simplify(MAX_DAMAGE_RECTS);
                    }
                });
            }
            content.damage.change(|damage| damage.simplify(MAX_DAMAGE_RECTS));
        }
        News { picture: new_buffer, unseen }
    })
}

fn hold(surface: &WlSurface, buffer: &WlBuffer, released: &Releases) -> Option<Arc<Pixels>> {
    if let Ok(color) = get_single_pixel_buffer(buffer) {
        buffer.release();
        return single_pixel(color).map(Arc::new);
    }
    let Some(shm) = ShmBuffer::of(buffer) else {
        tracing::warn!(surface = ?surface.id(), "a buffer of a kind that is not shown");
        return None;
    };
    match shm.hold(buffer, released) {
        Ok(pixels) => Some(Arc::new(pixels)),
        Err(error) => {
            buffer.post_error(wl_shm::Error::InvalidFd, error.to_string());
            None
        }
    }
}

/// A picture of one pixel, of premultiplied colour.
fn single_pixel(color: &SinglePixelBufferUserData) -> Option<Pixels> {
    let byte = |v: u32| u8::try_from((u64::from(v) * 255 + (1 << 31)) >> 32).unwrap_or(u8::MAX);
    let word = u32::from_be_bytes([color.a, color.r, color.g, color.b].map(byte));
    let format = if word >> 24 == 0xff { Format::Xrgb8888 } else { Format::Argb8888 };
    Pixels::owned(format, Size::new(1, 1), vec![word])
}

impl Content {
    /// Works out size and source from buffer, scale, turn and viewport.
    fn update_view(&mut self, states: &SurfaceData, scale: u32) {
        let Some(pixels) = &self.pixels else {
            (self.size, self.source) = (Size::default(), SourceRect::default());
            return;
        };
        let buffer = pixels.layout().size();
        let upright = if self.transform.swaps_sides() {
            Size::new(buffer.height, buffer.width)
        } else {
            buffer
        };
        let logical = Size::new((upright.width / scale).max(1), (upright.height / scale).max(1));
        let signed = |v: u32| i32::try_from(v).unwrap_or(i32::MAX);
        self.size = logical;
        self.source = SourceRect::from_size(buffer);
        // A viewport that reaches outside is the client's protocol error, posted by this call.
        if !ensure_viewport_valid(states, (signed(logical.width), signed(logical.height)).into()) {
            return;
        }
        let viewport = *states.cached_state.get::<ViewportCachedState>().current();
        if let Some(src) = viewport.src {
            let map = Mapping {
                source: SourceRect::from_size(buffer),
                destination: Rect::from_size(logical),
                transform: self.transform,
            };
            let a = map.to_source(Point { x: src.loc.x, y: src.loc.y });
            let b = map.to_source(Point { x: src.loc.x + src.size.w, y: src.loc.y + src.size.h });
            let (x, y) = (a.x.min(b.x), a.y.min(b.y));
            self.source = SourceRect::new(x, y, (a.x - b.x).abs(), (a.y - b.y).abs());
        }
        if let Some(size) = viewport.size() {
            self.size = Size::new(size.w.max(1).unsigned_abs(), size.h.max(1).unsigned_abs());
        }
    }

    /// Buffer pixels for each coordinate of the surface, across and down.
    pub(crate) fn density(&self) -> (f64, f64) {
        let SourceRect { width, height, .. } = self.source;
        let (across, down) =
            if self.transform.swaps_sides() { (height, width) } else { (width, height) };
        let ratio = |pixels: f64, coordinates: u32| pixels / f64::from(coordinates.max(1));
        (ratio(across, self.size.width), ratio(down, self.size.height))
    }

    /// From the buffer to the surface's own coordinates.
    fn buffer_mapping(&self) -> Mapping {
        Mapping {
            source: self.source,
            destination: Rect::from_size(self.size),
            transform: self.transform,
        }
    }

    /// What changed since the reader's last call, in buffer pixels. A view's first call tells
    /// nothing: all is news to it.
    pub(crate) fn take_damage(&mut self, reader: Reader) -> Region {
        match reader {
            Reader::Port => std::mem::take(&mut self.damage.port),
            Reader::View => self.damage.view.replace(Region::new()).unwrap_or_default(),
        }
    }
}

/// A rectangle of the surface as whole buffer pixels, rounded outwards.
fn to_buffer(map: &Mapping, rect: Rect, all: Rect) -> Option<Rect> {
    let rect = rect.intersect(map.destination)?;
    let corner = |x: i32, y: i32| map.to_source(Point { x: f64::from(x), y: f64::from(y) });
    let (a, b) = (corner(rect.left(), rect.top()), corner(rect.right(), rect.bottom()));
    #[expect(clippy::cast_possible_truncation, reason = "the cast saturates, which is wanted")]
    let rect = Rect::from_edges(
        a.x.min(b.x).floor() as i32,
        a.y.min(b.y).floor() as i32,
        a.x.max(b.x).ceil() as i32,
        a.y.max(b.y).ceil() as i32,
    );
    rect.intersect(all)
}

/// A `wl_region` as the set of pixels that it is.
pub(crate) fn region(attributes: &RegionAttributes, bounds: Rect) -> Region {
    let mut region = Region::new();
    // A client may list any number of rectangles; beyond this many the rest is left out.
    for (kind, r) in attributes.rects.iter().take(256) {
        let rect = Rect::new(r.loc.x, r.loc.y, r.size.w, r.size.h).intersect(bounds);
        match (kind, rect) {
            (_, None) => {}
            (RectangleKind::Add, Some(rect)) => region.add(rect),
            (RectangleKind::Subtract, Some(rect)) => region.subtract(rect),
        }
    }
    region
}

/// What waits for the next frame that shows a surface.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    pub(crate) callbacks: Vec<WlCallback>,
    pub(crate) feedback: Vec<PresentationFeedbackCallback>,
    /// What holds up the commits behind those that it shows.
    pub(crate) held: Vec<pacing::Held>,
}

impl Waiting {
    /// Moves what waits on this surface here.
    pub(crate) fn take_from(&mut self, states: &SurfaceData) {
        let mut attributes = states.cached_state.get::<SurfaceAttributes>();
        self.callbacks.append(&mut attributes.current().frame_callbacks);
        drop(attributes);
        let mut feedback = states.cached_state.get::<PresentationFeedbackCachedState>();
        self.feedback.append(&mut feedback.current().callbacks);
        drop(feedback);
        self.held.extend(pacing::take_shown(states));
    }
}
