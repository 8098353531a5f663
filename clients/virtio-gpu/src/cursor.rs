//! The cursor queue and the cursor of each scanout.

use std::sync::Arc;

use porthole_pixel::{Format, Size};
use porthole_virtio_gpu::{CursorCommand, CursorImage};

use crate::event::Event;
use crate::gpu::Gpu;
use crate::guest::GuestMemory;
use crate::resource::{Content, Resource};

/// The one size of a cursor's image.
pub const CURSOR_SIZE: Size = Size::new(64, 64);
const IMAGE_BYTES: usize = 64 * 64 * 4;

/// The cursor of one scanout.
#[derive(Debug, Default)]
pub(crate) struct Cursor {
    pub(crate) position: (i32, i32),
    pub(crate) hot: (u32, u32),
    /// The last good image.
    pub(crate) pixels: Option<Arc<[u8]>>,
    pub(crate) visible: bool,
    image_changed: bool,
    moved: bool,
}

impl Cursor {
    /// Puts back a saved cursor.
    pub(crate) fn restored(
        position: (i32, i32),
        hot: (u32, u32),
        pixels: Option<Arc<[u8]>>,
        visible: bool,
    ) -> Self {
        let visible = visible && pixels.is_some();
        Self { position, hot, pixels, visible, image_changed: visible, moved: visible }
    }

    pub(crate) fn reset(&mut self) {
        let image_changed = self.visible || self.image_changed;
        *self = Self { image_changed, ..Self::default() };
    }

    /// Changes the image: `pixels` is nothing when the old ones stay.
    fn set_image(&mut self, pixels: Option<Arc<[u8]>>, hot: (u32, u32)) {
        self.pixels = pixels.or(self.pixels.take());
        self.hot = hot;
        self.visible = self.pixels.is_some();
        self.image_changed = true;
    }

    fn hide(&mut self) {
        self.image_changed |= self.visible;
        self.visible = false;
    }

    fn move_to(&mut self, x: i32, y: i32) {
        self.moved |= self.position != (x, y);
        self.position = (x, y);
    }

    /// What the presenter is to be told; moves count only while there is something to see.
    pub(crate) fn take_events(&mut self, scanout: usize, events: &mut Vec<Event>) {
        let image = self.pixels.as_ref().filter(|_| self.visible);
        let changed = std::mem::take(&mut self.image_changed);
        if let Some(pixels) = image {
            if changed {
                let (pixels, hot) = (Arc::clone(pixels), self.hot);
                events.push(Event::CursorImage { scanout, size: CURSOR_SIZE, pixels, hot });
            }
            if std::mem::take(&mut self.moved) {
                let (x, y) = self.position;
                events.push(Event::CursorMoved { scanout, x, y });
            }
        } else if changed {
            events.push(Event::CursorHidden { scanout });
        }
    }
}

impl Gpu {
    /// Does what a request on the cursor queue asks for. That queue has no responses, so bad requests
    /// are only counted.
    pub fn cursor(&mut self, request: &[u8], memory: &dyn GuestMemory) {
        let Ok(command) = CursorCommand::parse(request) else {
            self.counters.errors += 1;
            return;
        };
        let index = usize::try_from(command.scanout).unwrap_or(usize::MAX);
        let Self { scanouts, resources, counters, .. } = self;
        let Some(scanout) = scanouts.get_mut(index) else {
            counters.errors += 1;
            return;
        };
        let cursor = &mut scanout.cursor;
        cursor.move_to(command.x, command.y);
        match command.image {
            None => {}
            Some(CursorImage { resource: 0, .. }) => cursor.hide(),
            Some(CursorImage { resource, hot_x, hot_y }) => {
                let pixels = resources.get_mut(&resource).and_then(|r| image(r, memory));
                counters.errors += u64::from(pixels.is_none());
                let inside = |value: u32, side: u32| value.min(side - 1);
                let hot = (inside(hot_x, CURSOR_SIZE.width), inside(hot_y, CURSOR_SIZE.height));
                cursor.set_image(pixels, hot);
            }
        }
    }
}

/// The pixels of a resource as a cursor's image; nothing when its size is wrong or its memory gone.
fn image(resource: &mut Resource, memory: &dyn GuestMemory) -> Option<Arc<[u8]>> {
    let mut bytes = vec![0; IMAGE_BYTES];
    match &mut resource.content {
        Content::Picture(picture) => {
            if picture.size() != CURSOR_SIZE {
                return None;
            }
            let format = picture.format();
            picture.current().ok()?.memory.read_at(0, &mut bytes).ok()?;
            to_argb(format, &mut bytes);
        }
        // A blob that is used as a cursor has the one format that cursors have.
        Content::Blob(size) => {
            let backing = resource.backing.as_ref()?;
            if *size < IMAGE_BYTES as u64 || backing.read(0, &mut bytes, memory) != Ok(IMAGE_BYTES)
            {
                return None;
            }
        }
    }
    Some(bytes.into())
}

fn to_argb(format: Format, bytes: &mut [u8]) {
    if format == Format::Argb8888 {
        return;
    }
    for pixel in bytes.chunks_exact_mut(4) {
        if let Some([red, green, blue, alpha]) = format.rgba(pixel) {
            pixel.copy_from_slice(&[blue, green, red, alpha]);
        }
    }
}
