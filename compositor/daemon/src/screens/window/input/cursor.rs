//! The port's pointer as that of the parent, which draws it over the window: it moves without a picture.

use std::{io, sync::Arc, sync::Weak};

use porthole_pixel::Size;
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create};
use wayland_client::{
    Connection, Dispatch, QueueHandle,
    protocol::{
        wl_buffer::WlBuffer,
        wl_compositor::WlCompositor,
        wl_pointer::WlPointer,
        wl_shm::Format,
        wl_surface::{self, WlSurface},
    },
};
use wayland_protocols::wp::viewporter::client::{
    wp_viewport::WpViewport, wp_viewporter::WpViewporter,
};

use super::{Client, Event, OfSeat};
use crate::{protocols::shm::Pixels, screens::Pointing};

/// A larger one, a side in pixels, is painted into the picture.
const MAX_SIDE: u32 = 256;
/// Pictures that are kept for pointers that look like this again.
const MOST_SHAPES: usize = 4;
/// Names buffers apart from those of the window.
const FIRST_ID: u64 = 1 << 63;
/// Pixels between where the parent's pointer is and the port's, at most: both are rounded.
const NEAR: f64 = 2.0;
/// What is left over of a pixel is not seen.
const WHOLE: f64 = 0.05;

/// What the parent's pointer looks like over the window.
#[derive(Debug)]
pub(super) struct Cursor {
    surface: WlSurface,
    viewport: Option<WpViewport>,
    /// The newest last.
    shapes: Vec<Shape>,
    next_id: u64,
    /// What the parent was told; none while it shows no pointer there.
    told: Option<Told>,
}

/// A picture that the parent has.
#[derive(Debug)]
struct Shape {
    of: Weak<Pixels>,
    /// With its margin.
    size: Size,
    id: u64,
    buffer: WlBuffer,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Told {
    seat: OfSeat,
    /// Of the pointer's entry.
    serial: u32,
    shape: u64,
    /// In the parent's units.
    hotspot: (i32, i32),
    size: (i32, i32),
}

/// A pointer of the parent's that is over the window.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Over {
    pub(super) serial: u32,
    /// In pixels of the port.
    pub(super) at: (f64, f64),
}

/// The data of the pointer's surface.
#[derive(Clone, Copy, Debug)]
pub(in crate::screens::window) struct OfPointer;

impl Cursor {
    /// The picture of this size for these pixels, made if it is not there.
    fn shape(&mut self, client: &Client, pixels: &Arc<Pixels>, size: Size) -> io::Result<u64> {
        let of = Arc::downgrade(pixels);
        let found = self.shapes.iter().position(|shape| shape.of.ptr_eq(&of) && shape.size == size);
        let shape = match found {
            Some(index) => self.shapes.remove(index),
            None => {
                self.next_id += 1;
                let id = FIRST_ID + self.next_id;
                Shape { of, size, id, buffer: buffer(client, pixels, size, id)? }
            }
        };
        let id = shape.id;
        // The oldest goes, which is not the one that is shown.
        let many = (self.shapes.len() + 1).saturating_sub(MOST_SHAPES);
        self.shapes.drain(..many);
        self.shapes.push(shape);
        Ok(id)
    }

    fn tell(&mut self, pointer: &WlPointer, told: Told) {
        let before = self.told.replace(told);
        let Some(shape) = self.shapes.last() else { return };
        if before.is_none_or(|before| (before.shape, before.size) != (told.shape, told.size)) {
            if let Some(viewport) = &self.viewport {
                viewport.set_destination(told.size.0, told.size.1);
            }
            self.surface.attach(Some(&shape.buffer), 0, 0);
            self.surface.damage(0, 0, i32::MAX, i32::MAX);
            self.surface.commit();
        }
        let where_from = |told: Told| (told.seat, told.serial, told.hotspot);
        if before.is_none_or(|before| where_from(before) != where_from(told)) {
            let (x, y) = told.hotspot;
            pointer.set_cursor(told.serial, Some(&self.surface), x, y);
        }
    }
}

impl Drop for Shape {
    fn drop(&mut self) {
        self.buffer.destroy();
    }
}

impl Client {
    /// Makes the surface that the parent shows for its pointer.
    pub(in crate::screens::window) fn open_cursor(
        &mut self,
        compositor: &WlCompositor,
        viewporter: Option<&WpViewporter>,
    ) {
        let surface = compositor.create_surface(&self.handle, OfPointer);
        let viewport = viewporter.map(|all| all.get_viewport(&surface, &self.handle, ()));
        let (shapes, next_id, told) = (Vec::new(), 0, None);
        self.devices.cursor = Some(Cursor { surface, viewport, shapes, next_id, told });
    }

    /// Has the parent show the port's pointer, where its own is just there; false where the pointer must be
    /// painted into the picture, since it is elsewhere, or not of one parent's pointer alone.
    pub(in crate::screens::window) fn show_pointer(&mut self, pointing: Option<&Pointing>) -> bool {
        let Some(pointing) = pointing else {
            self.hide_pointer();
            return true;
        };
        // It is put back whatever comes of this.
        let Some(mut cursor) = self.devices.cursor.take() else { return false };
        let told = self.tell_of(&mut cursor, pointing);
        let pointer = told.and_then(|told| self.devices.seat(told.seat)?.pointer.clone());
        let shows = told.zip(pointer).map(|(told, pointer)| cursor.tell(&pointer, told)).is_some();
        self.devices.cursor = Some(cursor);
        if !shows {
            self.hide_pointer();
        }
        shows
    }

    fn tell_of(&self, cursor: &mut Cursor, Pointing { image, at }: &Pointing) -> Option<Told> {
        let mut over = self.devices.seats.iter().filter_map(|seat| Some((seat, seat.over?)));
        let (seat, Over { serial, at: parents }) = over.next()?;
        let is_alone = over.next().is_none() && !seat.locked;
        let is_there = |own: i32, parents: f64| (f64::from(own) - parents).abs() <= NEAR;
        if !(is_alone && is_there(at.0, parents.0) && is_there(at.1, parents.1)) {
            return None;
        }
        let size = image.pixels.layout().size();
        if size.width.max(size.height) > MAX_SIDE || !image.pixels.needs_no_device() {
            return None;
        }
        let (extent, pixels) = (self.devices.extent, self.devices.pixels);
        let scales = (extent.0 / pixels.0.max(1.0), extent.1 / pixels.1.max(1.0));
        let across = whole(size.width, scales.0)?;
        let down = whole(size.height, scales.1)?;
        let is_scaled = (across.1, down.1) != (across.0.cast_signed(), down.0.cast_signed());
        if is_scaled && cursor.viewport.is_none() {
            return None;
        }
        let shape = cursor.shape(self, &image.pixels, Size::new(across.0, down.0));
        let shape = shape.inspect_err(|error| {
            tracing::error!("there is no memory for a window's pointer: {error}");
        });
        Some(Told {
            seat: OfSeat(seat.name),
            serial,
            shape: shape.ok()?,
            hotspot: (rounded(image.hotspot.0, scales.0), rounded(image.hotspot.1, scales.1)),
            size: (across.1, down.1),
        })
    }

    /// Has the parent show no pointer over the window.
    pub(super) fn hide_pointer(&mut self) {
        let told = self.devices.cursor.as_mut().and_then(|cursor| cursor.told.take());
        let Some(Told { seat, serial, .. }) = told else { return };
        let seat = self.devices.seat(seat);
        if let Some(pointer) = seat.and_then(|seat| seat.pointer.as_ref()) {
            pointer.set_cursor(serial, None, 0, 0);
        }
    }

    /// A pointer of the parent's came, moved, or left.
    pub(super) fn is_over(&mut self, of: OfSeat, over: Option<Over>) {
        if let Some(seat) = self.devices.seat(of) {
            seat.over = over;
        }
        // Of one that is away, or came anew, nothing is known any more.
        let cursor = self.devices.cursor.as_mut();
        if let Some(cursor) = cursor.filter(|c| c.told.is_some_and(|told| told.seat == of))
            && cursor.told.map(|told| told.serial) != over.map(|over| over.serial)
        {
            cursor.told = None;
        }
    }

    /// Whether the parent or the picture shows the pointer may be another one from now on.
    pub(super) fn look_again(&mut self) {
        self.hide_pointer();
        self.tell(Event::PointerShown);
    }
}

/// The least number of pixels from this one on that are a whole number of the parent's units, and that
/// number: the parent samples nothing then. None is that far away where scales are usual.
#[expect(clippy::cast_possible_truncation, reason = "both are small")]
fn whole(side: u32, scale: f64) -> Option<(u32, i32)> {
    let units = |pixels: u32| f64::from(pixels) * scale;
    let fits = |pixels: &u32| (units(*pixels) - units(*pixels).round()).abs() < WHOLE;
    let is_sane = side > 0 && units(MAX_SIDE) >= 1.0 && units(MAX_SIDE) < 1e6;
    let pixels = (side..side.saturating_mul(2)).find(fits).unwrap_or(side);
    is_sane.then(|| (pixels, (units(pixels).round() as i32).max(1)))
}

#[expect(clippy::cast_possible_truncation, reason = "casts of floats end at the type's ends")]
fn rounded(length: i32, scale: f64) -> i32 {
    (f64::from(length) * scale).round() as i32
}

/// Memory with these pixels in its upper left corner, and nothing beside.
fn buffer(client: &Client, pixels: &Pixels, size: Size, id: u64) -> io::Result<WlBuffer> {
    let own = pixels.layout().size();
    let (own, row) = (own.width.max(1) as usize, size.width as usize * 4);
    let mut bytes = Vec::with_capacity(row * size.height as usize);
    for words in pixels.to_argb().chunks(own) {
        let end = bytes.len() + row;
        bytes.extend(words.iter().flat_map(|word| word.to_le_bytes()));
        bytes.resize(end, 0);
    }
    bytes.resize(row * size.height as usize, 0);
    let file = memfd_create("porthole-pointer", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
    ftruncate(&file, bytes.len() as u64)?;
    fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW)?;
    if rustix::io::pwrite(&file, &bytes, 0)? != bytes.len() {
        return Err(io::ErrorKind::WriteZero.into());
    }
    let buffer = client.buffer(&file, size, Format::Argb8888, id);
    buffer.ok_or_else(|| io::Error::other("there is no window"))
}

impl Dispatch<WlSurface, OfPointer> for Client {
    fn event(
        _: &mut Self,
        _: &WlSurface,
        _: wl_surface::Event,
        _: &OfPointer,
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        // Its scale is the window's.
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_get_a_margin_where_that_saves_sampling() {
        for (side, scale, pixels, units) in [
            (24, 1.0, 24, 24),
            (24, 0.5, 24, 12),
            (19, 0.5, 20, 10),
            // One and a half, as a window of 853 units has it that is 1280 pixels wide.
            (24, 853.0 / 1280.0, 24, 16),
            (25, 2.0 / 3.0, 27, 18),
            (12, 0.8, 15, 12),
            (1, 3.0, 1, 3),
            // Nothing fits: what comes next.
            (3, 0.43, 3, 1),
        ] {
            assert_eq!(whole(side, scale), Some((pixels, units)), "{side} times {scale}");
        }
        assert_eq!(whole(0, 1.0), None);
        assert_eq!(whole(8, 0.0), None);
        assert_eq!(whole(8, f64::NAN), None);
        assert_eq!(rounded(-3, 0.5), -2);
    }
}
