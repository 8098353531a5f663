//! The picture of what is dragged: it goes with the pointer of its seat, under it, and is a part of its
//! picture for those who capture it.

use std::sync::Arc;

use porthole_pixel::{Format, Rect, Size};
use smithay::{
    reexports::wayland_server::{Resource, protocol::wl_surface::WlSurface},
    wayland::compositor::{SurfaceAttributes, with_states},
};

use crate::{
    protocols::{capture::CursorImage, shm::Pixels},
    surfaces::with_content,
};

/// The longest side of pointer and picture together; larger pictures are left out.
const MAX_SIDE: u32 = 512;

/// What a seat drags.
#[derive(Debug)]
pub(crate) struct DragIcon {
    pub(crate) surface: WlSurface,
    /// Where its top left corner is beside the pointer.
    offset: (i32, i32),
}

impl DragIcon {
    pub(crate) const fn new(surface: WlSurface) -> Self {
        Self { surface, offset: (0, 0) }
    }

    /// The surface committed something, perhaps another offset.
    pub(crate) fn committed(&mut self) {
        let moved = with_states(&self.surface, |states| {
            states.cached_state.get::<SurfaceAttributes>().current().buffer_delta.take()
        });
        if let Some(delta) = moved {
            self.offset.0 = self.offset.0.saturating_add(delta.x);
            self.offset.1 = self.offset.1.saturating_add(delta.y);
        }
    }

    /// The pointer's picture with this one under it.
    pub(crate) fn under(&self, pointer: Option<CursorImage>) -> Option<CursorImage> {
        if !self.surface.is_alive() {
            return pointer;
        }
        let Some(pixels) = with_states(&self.surface, |s| with_content(s, |c| c.pixels.clone()))
        else {
            return pointer;
        };
        // They are put together here and now, and nobody may be made to wait for a device.
        let is_ours = pixels.needs_no_device()
            && pointer.as_ref().is_none_or(|image| image.pixels.needs_no_device());
        if !is_ours {
            return pointer;
        }
        let (x, y) = self.offset;
        let own = Layer { at: Rect::from_size(pixels.layout().size()).translate(x, y), pixels };
        let above = pointer.as_ref().map(Layer::of_pointer);
        both(&own, above.as_ref()).or(pointer)
    }
}

/// A picture and its place beside the point that the pointer points at.
struct Layer {
    pixels: Arc<Pixels>,
    at: Rect,
}

impl Layer {
    fn of_pointer(CursorImage { pixels, hotspot: (x, y) }: &CursorImage) -> Self {
        let at = Rect::from_size(pixels.layout().size());
        Self { at: at.translate(x.saturating_neg(), y.saturating_neg()), pixels: pixels.clone() }
    }
}

/// One picture over another; none where that is too large.
fn both(below: &Layer, above: Option<&Layer>) -> Option<CursorImage> {
    let area = above.map_or(below.at, |above| below.at.union(above.at));
    let size = area.size();
    if size.is_empty() || size.width > MAX_SIDE || size.height > MAX_SIDE {
        return None;
    }
    let mut words = vec![0; usize::try_from(size.area()).ok()?];
    for layer in std::iter::once(below).chain(above) {
        paint(&mut words, size, layer, (layer.at.x - area.x, layer.at.y - area.y));
    }
    let pixels = Arc::new(Pixels::owned(Format::Argb8888, size, words)?);
    // The hot spot may lie outside: what is dragged may be far from the pointer.
    Some(CursorImage { pixels, hotspot: (area.x.saturating_neg(), area.y.saturating_neg()) })
}

/// Blends a layer over what is there; it lies inside.
fn paint(words: &mut [u32], size: Size, layer: &Layer, (x, y): (i32, i32)) {
    let (Ok(x), Ok(y)) = (usize::try_from(x), usize::try_from(y)) else { return };
    let own = layer.pixels.layout().size();
    let from = layer.pixels.to_argb();
    let rows = words.chunks_exact_mut(size.width as usize).skip(y);
    for (into, from) in rows.zip(from.chunks_exact((own.width as usize).max(1))) {
        for (into, from) in into.iter_mut().skip(x).zip(from) {
            *into = over(*from, *into);
        }
    }
}

/// Premultiplied `above` over premultiplied `below`.
fn over(above: u32, below: u32) -> u32 {
    let [.., alpha] = above.to_le_bytes();
    let rest = 255 - u32::from(alpha);
    let mut channels = above.to_le_bytes();
    for (channel, below) in channels.iter_mut().zip(below.to_le_bytes()) {
        let sum = u32::from(*channel) + (u32::from(below) * rest + 127) / 255;
        *channel = u8::try_from(sum).unwrap_or(u8::MAX);
    }
    u32::from_le_bytes(channels)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(at: Rect, word: u32) -> Layer {
        let words = vec![word; usize::try_from(at.area()).unwrap()];
        let pixels = Pixels::owned(Format::Argb8888, at.size(), words).unwrap();
        Layer { pixels: Arc::new(pixels), at }
    }

    #[test]
    fn the_pointer_lies_on_what_is_dragged() {
        let below = layer(Rect::new(1, 0, 2, 2), 0xff00_00ff);
        let above = layer(Rect::new(-1, -1, 3, 2), 0x8080_0000);
        let CursorImage { pixels, hotspot } = both(&below, Some(&above)).unwrap();
        assert_eq!((pixels.layout().size(), hotspot), (Size::new(4, 3), (1, 1)));
        let (red, blue, mixed) = (0x8080_0000, 0xff00_00ff, 0xff80_007f);
        assert_eq!(pixels.to_argb(), [red, red, red, 0, red, red, mixed, blue, 0, 0, blue, blue]);
        assert!(both(&layer(Rect::new(500, 0, 2, 2), 1), Some(&above)).is_some());
        assert!(both(&layer(Rect::new(512, 0, 2, 2), 1), Some(&above)).is_none());
    }
}
