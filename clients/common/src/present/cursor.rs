//! The guest's cursor: an image that a seat's pointer wears while it is over the window, and else a
//! small surface on top of the picture.

use std::sync::Arc;

use porthole_memory::{Memory, Shared};
use porthole_pixel::{Format, Layout, Size};
use wayland_client::protocol::wl_buffer::WlBuffer;
use wayland_client::protocol::wl_subsurface::WlSubsurface;
use wayland_client::protocol::wl_surface::WlSurface;

use super::buffers::{BufferOf, wl_buffer};
use super::link::Link;
use super::window::{Toplevel, Window};

struct Image {
    size: Size,
    pixels: Arc<[u8]>,
    hot: (u32, u32),
}

/// The cursor of one scanout.
#[derive(Default)]
pub(super) struct Cursor {
    image: Option<Image>,
    visible: bool,
    position: (i32, i32),
    /// Grows with every change that a pointer or the small surface must follow.
    version: u64,
    /// The image for the compositor; the memory lives as long as the object.
    buffer: Option<(Shared, WlBuffer)>,
}

impl Cursor {
    pub(super) fn set_image(&mut self, size: Size, pixels: Arc<[u8]>, hot: (u32, u32)) {
        self.image = Some(Image { size, pixels, hot });
        self.visible = true;
        self.version += 1;
        if let Some((_, old)) = self.buffer.take() {
            old.destroy();
        }
    }

    pub(super) const fn move_to(&mut self, x: i32, y: i32) {
        self.position = (x, y);
    }

    pub(super) const fn hide(&mut self) {
        self.visible = false;
        self.version += 1;
    }

    /// Everything must be told anew.
    pub(super) const fn touch(&mut self) {
        self.version += 1;
    }

    /// The connection is lost.
    pub(super) fn lost(&mut self) {
        self.buffer = None;
        self.version += 1;
    }

    pub(super) const fn version(&self) -> u64 {
        self.version
    }

    /// Where the guest points, in pixels of its picture.
    pub(super) fn hot_spot(&self) -> (i32, i32) {
        let hot = |value: u32| i32::try_from(value).unwrap_or(0);
        let (x, y) =
            self.image.as_ref().map_or((0, 0), |image| (hot(image.hot.0), hot(image.hot.1)));
        (self.position.0.saturating_add(x), self.position.1.saturating_add(y))
    }

    /// The image and its hot spot, if there is something to see.
    pub(super) fn shown(&mut self, link: &Link) -> Option<(WlBuffer, (i32, i32))> {
        let image = self.image.as_ref().filter(|_| self.visible)?;
        if self.buffer.is_none() {
            let layout = Layout::packed(Format::Argb8888, image.size).ok()?;
            let memory = Memory::create("porthole-cursor", layout.byte_len()).ok()?;
            memory.write_at(0, &image.pixels).ok()?;
            let names = BufferOf { scanout: usize::MAX, buffer: 0 };
            let memory = Shared::from(Arc::new(memory));
            let object = wl_buffer(&memory, layout, names, link)?;
            self.buffer = Some((memory, object));
        }
        let hot = |value: u32| i32::try_from(value).unwrap_or(0);
        let (_, object) = self.buffer.as_ref()?;
        Some((object.clone(), (hot(image.hot.0), hot(image.hot.1))))
    }
}

/// The small surface on top of the picture.
pub(super) struct Overlay {
    surface: WlSurface,
    place: WlSubsurface,
    /// The version of the cursor that it shows.
    shown: Option<u64>,
    position: (i32, i32),
}

impl Overlay {
    fn new(top: &Toplevel, link: &Link) -> Option<Self> {
        let compositor = link.compositor.as_ref()?;
        let surface = compositor.create_surface(&link.queue, ());
        let parent = &top.surface;
        let place = link.subcompositor.as_ref()?.get_subsurface(&surface, parent, &link.queue, ());
        place.set_desync();
        // It must not take the pointer away from the picture.
        let nowhere = compositor.create_region(&link.queue, ());
        surface.set_input_region(Some(&nowhere));
        nowhere.destroy();
        Some(Self { surface, place, shown: None, position: (0, 0) })
    }

    pub(super) fn destroy(self) {
        self.place.destroy();
        self.surface.destroy();
    }
}

impl Window {
    /// Shows the cursor on top of the picture, unless a pointer has `worn` it. Returns
    /// whether anything was to be done.
    pub(super) fn cursor_settle(&mut self, link: &Link, worn: bool) -> bool {
        let top = self.top.as_mut().filter(|top| top.attached.is_some());
        let Some(top) = top else { return false };
        let wanted = if worn { None } else { self.cursor.shown(link) };
        let Some((buffer, _)) = wanted else {
            if let Some(overlay) = top.overlay.as_mut()
                && overlay.shown.take().is_some()
            {
                overlay.surface.attach(None, 0, 0);
                overlay.surface.commit();
                return true;
            }
            return false;
        };
        if top.overlay.is_none() {
            top.overlay = Overlay::new(top, link);
        }
        let Some(overlay) = top.overlay.as_mut() else { return false };
        let version = self.cursor.version();
        let mut parent = false;
        if overlay.position != self.cursor.position {
            let (x, y) = self.cursor.position;
            overlay.place.set_position(x, y);
            overlay.position = (x, y);
            // Some compositors (smithay 0.7) apply a place with the surface's own commit.
            overlay.surface.commit();
            parent = true;
        }
        if overlay.shown != Some(version) {
            overlay.shown = Some(version);
            overlay.surface.attach(Some(&buffer), 0, 0);
            overlay.surface.damage_buffer(0, 0, i32::MAX, i32::MAX);
            parent = true;
        }
        if parent {
            // A place takes effect when the parent is committed; compositors made with smithay want
            // the child's commit as well.
            overlay.surface.commit();
            top.surface.commit();
        }
        parent
    }
}
