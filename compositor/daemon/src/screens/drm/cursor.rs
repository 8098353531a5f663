//! The plane that a card has for a pointer: what lies on it is not in the picture, and moves without one.

use std::{
    io,
    sync::{Arc, Weak},
};

use drm::{
    Device as _, DriverCapability,
    control::{
        AtomicCommitFlags as Flags, Device as _, atomic::AtomicModeReq, crtc, framebuffer, plane,
        property,
    },
};
use porthole_pixel::Size;

use super::{
    Card,
    buffer::{Buffer, Kind},
    card::Properties,
    request::{PLACES, needed},
};
use crate::{protocols::shm::Pixels, screens::Pointing};

/// What a plane holds that says nothing of it, as kernels have always had it.
const USUAL_SIDE: u64 = 64;
/// The largest side of a plane that is believed.
const MAX_SIDE: u64 = 512;

/// The objects of the card.
#[derive(Debug)]
pub(super) struct Plane {
    pub(super) plane: plane::Handle,
    framebuffer: property::Handle,
    of_crtc: property::Handle,
    places: [property::Handle; 8],
    /// Where virtual machines are told which pixel points, so that theirs can stand for it.
    hotspot: Option<[property::Handle; 2]>,
}

/// What is on the plane, and where.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Place {
    id: framebuffer::Handle,
    /// The upper left corner.
    at: (i32, i32),
    hotspot: (i32, i32),
}

/// A pointer's plane and its memory.
#[derive(Debug)]
pub(super) struct Cursor {
    plane: Plane,
    crtc: crtc::Handle,
    /// What the plane holds.
    size: Size,
    /// Two take turns: one that is shown is not written.
    buffers: Vec<Buffer>,
    /// The picture that is in one of them.
    drawn: Option<(Weak<Pixels>, framebuffer::Handle)>,
    wanted: Option<Place>,
    shown: Option<Place>,
    /// The card took it once, so that it takes it again.
    is_tried: bool,
}

impl Plane {
    /// A plane with these properties; `None` when one is missing that is needed.
    pub(super) fn new(plane: plane::Handle, properties: &Properties) -> Option<Self> {
        let mut places = [needed(properties, "FB_ID").ok()?; 8];
        for (place, name) in places.iter_mut().zip(PLACES) {
            *place = needed(properties, name).ok()?;
        }
        let hotspot =
            ["HOTSPOT_X", "HOTSPOT_Y"].map(|name| properties.get(name).map(|(id, _)| *id));
        Some(Self {
            plane,
            framebuffer: needed(properties, "FB_ID").ok()?,
            of_crtc: needed(properties, "CRTC_ID").ok()?,
            places,
            hotspot: if let [Some(x), Some(y)] = hotspot { Some([x, y]) } else { None },
        })
    }
}

impl Cursor {
    /// Takes a plane; nothing is on it.
    pub(super) fn new(card: &Card, plane: Plane, crtc: crtc::Handle) -> Self {
        let side = |of: DriverCapability| {
            let side = card.get_driver_capability(of).unwrap_or(USUAL_SIDE).min(MAX_SIDE);
            u32::try_from(if side == 0 { USUAL_SIDE } else { side }).unwrap_or(0)
        };
        let size =
            Size::new(side(DriverCapability::CursorWidth), side(DriverCapability::CursorHeight));
        let (buffers, drawn) = (Vec::new(), None);
        Self { plane, crtc, size, buffers, drawn, wanted: None, shown: None, is_tried: false }
    }

    /// Puts a pointer there with the next commit, or none.
    ///
    /// # Errors
    /// When it does not go there: it is too large, in memory of a device, or the card refuses it.
    pub(super) fn point(
        &mut self,
        card: &Card,
        pointing: Option<&Pointing>,
    ) -> Result<(), Refused> {
        self.wanted = None;
        let Some(Pointing { image, at }) = pointing else { return Ok(()) };
        let size = image.pixels.layout().size();
        let fits = size.width <= self.size.width && size.height <= self.size.height;
        // A device is waited for by the render thread alone.
        if !fits || !image.pixels.needs_no_device() {
            return Err(Refused::ThisOne);
        }
        let id = self.draw(card, &image.pixels).map_err(Refused::Always)?;
        let place = Place {
            id,
            at: (at.0.saturating_sub(image.hotspot.0), at.1.saturating_sub(image.hotspot.1)),
            hotspot: image.hotspot,
        };
        if !std::mem::replace(&mut self.is_tried, true) {
            let mut request = AtomicModeReq::new();
            self.put(&mut request, Some(place));
            card.atomic_commit(Flags::TEST_ONLY, request).map_err(Refused::Always)?;
        }
        self.wanted = Some(place);
        Ok(())
    }

    /// Has a picture in memory that the plane does not show, if it is not there yet.
    fn draw(&mut self, card: &Card, pixels: &Arc<Pixels>) -> io::Result<framebuffer::Handle> {
        let weak = Arc::downgrade(pixels);
        if let Some((drawn, id)) = &self.drawn
            && drawn.ptr_eq(&weak)
        {
            return Ok(*id);
        }
        while self.buffers.len() < 2 {
            self.buffers.push(Buffer::new(card, self.size, Kind::Pointer)?);
        }
        let shown = self.shown.map(|place| place.id);
        let free = self.buffers.iter().find(|buffer| Some(buffer.id) != shown);
        let free = free.ok_or_else(|| io::Error::other("no memory is free"))?;
        free.memory.blacken();
        let (bytes, stride) = (argb(pixels), pixels.layout().size().width as usize * 4);
        free.memory.write(porthole_pixel::Rect::from_size(pixels.layout().size()), &bytes, stride);
        self.drawn = Some((weak, free.id));
        Ok(free.id)
    }

    /// Whether the plane is to show something else than it does.
    pub(super) fn is_behind(&self) -> bool {
        self.wanted != self.shown
    }

    /// Adds what is wanted of it to a request.
    pub(super) fn add(&self, request: &mut AtomicModeReq) {
        self.put(request, self.wanted);
    }

    fn put(&self, request: &mut AtomicModeReq, place: Option<Place>) {
        let plane = self.plane.plane.into();
        let (id, of): (u32, u32) =
            place.map_or((0, 0), |place| (place.id.into(), self.crtc.into()));
        request.add_raw_property(plane, self.plane.framebuffer, id.into());
        request.add_raw_property(plane, self.plane.of_crtc, of.into());
        let Some(place) = place else { return };
        let (width, height) = (u64::from(self.size.width), u64::from(self.size.height));
        let (x, y) = (signed(place.at.0), signed(place.at.1));
        let values = [0, 0, width << 16, height << 16, x, y, width, height];
        for (property, value) in self.plane.places.iter().zip(values) {
            request.add_raw_property(plane, *property, value);
        }
        if let Some([hot_x, hot_y]) = self.plane.hotspot {
            request.add_raw_property(plane, hot_x, signed(place.hotspot.0));
            request.add_raw_property(plane, hot_y, signed(place.hotspot.1));
        }
    }

    /// The card took what was wanted.
    pub(super) const fn is_set(&mut self) {
        self.shown = self.wanted;
    }

    /// Adds that nothing is on it.
    pub(super) fn off(&self, request: &mut AtomicModeReq) {
        self.put(request, None);
    }

    /// Frees its memory; what is on the plane goes with it.
    pub(super) fn free(self, card: &Card) {
        self.buffers.into_iter().for_each(|buffer| buffer.free(card));
    }
}

/// Why a pointer does not go onto the plane.
#[derive(Debug)]
pub(super) enum Refused {
    /// This one is too large, or cannot be read at once.
    ThisOne,
    /// None does.
    Always(io::Error),
}

/// What the kernel reads as a number with a sign.
const fn signed(value: i32) -> u64 {
    (value as i64).cast_unsigned()
}

fn argb(pixels: &Pixels) -> Vec<u8> {
    pixels.to_argb().into_iter().flat_map(u32::to_le_bytes).collect()
}
