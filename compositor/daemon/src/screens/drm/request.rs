//! The atomic requests of one connector: which properties of which objects get which values.

use std::io;

use drm::{
    buffer::DrmFourcc,
    control::{
        Device as _, Mode, RawResourceHandle, ResourceHandles, atomic::AtomicModeReq, connector,
        crtc, framebuffer, plane, property,
    },
};
use porthole_pixel::{Region, Size};

use super::{Card, DrmError, card::Properties, cursor::Plane};

/// `DRM_PLANE_TYPE_PRIMARY` of drm_mode.h.
const PRIMARY: u64 = 1;
const CURSOR: u64 = 2;
/// `DRM_MODE_ROTATE_0`.
const UPRIGHT: u64 = 1;
/// A plane's `alpha` that hides nothing.
const OPAQUE: u64 = 0xffff;
/// Changed rectangles that a driver is told of; more are told as one around them.
const MOST_CLIPS: usize = 16;

/// One property of one object.
type Setting = (RawResourceHandle, property::Handle, u64);

/// A connector's way to its screen: the objects of the card that it takes, and their properties.
#[derive(Debug)]
pub(super) struct Pipe {
    pub(super) connector: connector::Handle,
    pub(super) crtc: crtc::Handle,
    plane: plane::Handle,
    /// Makes pixels come from memory; without what places them.
    framebuffer: property::Handle,
    clips: Option<property::Handle>,
    /// The rectangles that the driver was told of last, and their blob.
    told: Option<(Vec<[i32; 4]>, u64)>,
    mode: property::Handle,
    active: property::Handle,
    of_connector: property::Handle,
    /// Where the plane's picture comes from and goes to, for a size.
    places: [property::Handle; 8],
    plane_crtc: property::Handle,
    /// What an earlier owner left that would stand in the way of a plain picture.
    reset: Vec<Setting>,
    /// The same for setting a mode.
    reset_mode: Vec<Setting>,
    /// What the card has for a pointer.
    pub(super) pointer: Option<Plane>,
    /// The mode that the connector is in, and the picture that is shown.
    pub(super) current: Option<(Mode, Option<framebuffer::Handle>)>,
}

/// The names of [`Pipe::places`].
pub(super) const PLACES: [&str; 8] =
    ["SRC_X", "SRC_Y", "SRC_W", "SRC_H", "CRTC_X", "CRTC_Y", "CRTC_W", "CRTC_H"];

pub(super) fn needed(properties: &Properties, name: &str) -> io::Result<property::Handle> {
    let found = properties.get(name).map(|(id, _)| *id);
    found.ok_or_else(|| io::Error::other(format!("the driver has no property {name}")))
}

fn value(properties: &Properties, name: &str) -> u64 {
    properties.get(name).map_or(0, |(_, value)| *value)
}

impl Pipe {
    /// Finds objects that no other port has; those that the connector has already come first, so that
    /// nothing needs to be switched.
    pub(super) fn find(
        card: &Card,
        info: &connector::Info,
        taken: &[crtc::Handle],
    ) -> Result<Self, DrmError> {
        let resources = card.resource_handles()?;
        let of_connector = card.properties(info.handle())?;
        let current = value(&of_connector, "CRTC_ID");
        let mut crtcs = possible_crtcs(card, &resources, info)?;
        crtcs.retain(|crtc| !taken.contains(crtc));
        crtcs.sort_by_key(|crtc| u64::from(u32::from(*crtc)) != current);
        for crtc in crtcs {
            if let Some(pipe) = Self::with(card, &resources, (info, &of_connector), crtc)? {
                return Ok(pipe);
            }
        }
        Err(DrmError::NoPipe(format!("{}-{}", info.interface().as_str(), info.interface_id())))
    }

    fn with(
        card: &Card,
        resources: &ResourceHandles,
        (info, of_connector): (&connector::Info, &Properties),
        crtc: crtc::Handle,
    ) -> io::Result<Option<Self>> {
        let number = u64::from(u32::from(crtc));
        let of_crtc = card.properties(crtc)?;
        let mut planes = Vec::new();
        for plane in card.plane_handles()? {
            planes.push((plane, card.get_plane(plane)?, card.properties(plane)?));
        }
        let suits = |(_, plane, properties): &&(plane::Handle, plane::Info, Properties)| {
            value(properties, "type") == PRIMARY
                && resources.filter_crtcs(plane.possible_crtcs()).contains(&crtc)
                && plane.formats().contains(&(DrmFourcc::Xrgb8888 as u32))
        };
        let own = |(_, _, properties): &&(plane::Handle, plane::Info, Properties)| {
            value(properties, "CRTC_ID") == number
        };
        let free = |(_, _, properties): &&(plane::Handle, plane::Info, Properties)| {
            value(properties, "CRTC_ID") == 0
        };
        let found = planes.iter().filter(suits).find(own);
        let Some((plane, shown, properties)) =
            found.or_else(|| planes.iter().filter(suits).find(free))
        else {
            return Ok(None);
        };
        let for_pointer = |(_, plane, properties): &&(plane::Handle, plane::Info, Properties)| {
            value(properties, "type") == CURSOR
                && resources.filter_crtcs(plane.possible_crtcs()).contains(&crtc)
                && plane.formats().contains(&(DrmFourcc::Argb8888 as u32))
        };
        let pointer = planes.iter().filter(for_pointer).find(|plane| own(plane) || free(plane));
        let mut places = [needed(properties, "FB_ID")?; 8];
        for (place, name) in places.iter_mut().zip(PLACES) {
            *place = needed(properties, name)?;
        }
        let is_on = value(&of_crtc, "ACTIVE") == 1 && value(of_connector, "CRTC_ID") == number;
        let mode = card.get_crtc(crtc)?.mode().filter(|_| is_on);
        let mut reset = plain(*plane, properties, &[("rotation", UPRIGHT), ("alpha", OPAQUE)]);
        let straight = [("GAMMA_LUT", 0), ("DEGAMMA_LUT", 0), ("CTM", 0)];
        reset.extend(plain(crtc, &of_crtc, &straight));
        let others = planes.iter().filter(|(other, _, _)| other != plane);
        for (other, _, properties) in others.filter(own) {
            reset.extend(plain(*other, properties, &[("FB_ID", 0), ("CRTC_ID", 0)]));
        }
        Ok(Some(Self {
            connector: info.handle(),
            crtc,
            plane: *plane,
            framebuffer: needed(properties, "FB_ID")?,
            clips: properties.get("FB_DAMAGE_CLIPS").map(|(id, _)| *id),
            told: None,
            mode: needed(&of_crtc, "MODE_ID")?,
            active: needed(&of_crtc, "ACTIVE")?,
            of_connector: needed(of_connector, "CRTC_ID")?,
            places,
            plane_crtc: needed(properties, "CRTC_ID")?,
            reset,
            reset_mode: detached(card, resources, (info, of_connector), crtc)?,
            pointer: pointer.and_then(|(plane, _, properties)| Plane::new(*plane, properties)),
            current: mode.map(|mode| (mode, shown.framebuffer())),
        }))
    }

    /// Shows a framebuffer in which these pixels may differ from what was in it before.
    pub(super) fn show(&self, id: framebuffer::Handle, clips: Option<u64>) -> AtomicModeReq {
        let mut request = AtomicModeReq::new();
        let plane = self.plane.into();
        request.add_raw_property(plane, self.framebuffer, u32::from(id).into());
        if let (Some(property), Some(clips)) = (self.clips, clips) {
            request.add_raw_property(plane, property, clips);
        }
        request
    }

    /// Adds all that a first picture of a size needs; the mode stays.
    pub(super) fn take_over(&self, request: &mut AtomicModeReq, size: Size) {
        let (width, height) = (u64::from(size.width), u64::from(size.height));
        let values = [0, 0, width << 16, height << 16, 0, 0, width, height];
        let plane = self.plane.into();
        for (place, value) in self.places.iter().zip(values) {
            request.add_raw_property(plane, *place, value);
        }
        request.add_raw_property(plane, self.plane_crtc, u32::from(self.crtc).into());
        for (object, property, value) in &self.reset {
            request.add_raw_property(*object, *property, *value);
        }
    }

    /// Adds a mode, by the number of its blob.
    pub(super) fn set_mode(&self, request: &mut AtomicModeReq, mode: u64) {
        for (object, property, value) in &self.reset_mode {
            request.add_raw_property(*object, *property, *value);
        }
        let crtc = self.crtc.into();
        request.add_raw_property(crtc, self.mode, mode);
        request.add_raw_property(crtc, self.active, 1);
        let connector = self.connector.into();
        request.add_raw_property(connector, self.of_connector, u32::from(self.crtc).into());
    }

    /// Nothing is left to be reset.
    pub(super) fn is_reset(&mut self) {
        self.reset = Vec::new();
        self.reset_mode = Vec::new();
    }

    /// Lights the screen or not; it keeps its mode.
    pub(super) fn power(&self, lit: bool) -> AtomicModeReq {
        let mut request = AtomicModeReq::new();
        request.add_raw_property(self.crtc.into(), self.active, lit.into());
        request
    }

    /// Lets go of everything.
    pub(super) fn off(&self) -> AtomicModeReq {
        let mut request = self.power(false);
        request.add_raw_property(self.crtc.into(), self.mode, 0);
        request.add_raw_property(self.connector.into(), self.of_connector, 0);
        let plane = self.plane.into();
        request.add_raw_property(plane, self.framebuffer, 0);
        request.add_raw_property(plane, self.plane_crtc, 0);
        request
    }

    /// The blob that tells the driver what changed; `None` where it does not want to know. Mostly the same
    /// pixels change as in the frame before.
    pub(super) fn clips(&mut self, card: &Card, region: &Region) -> Option<u64> {
        self.clips?;
        let mut region = region.clone();
        region.simplify(MOST_CLIPS);
        let rects: Vec<[i32; 4]> =
            region.rects().iter().map(|r| [r.left(), r.top(), r.right(), r.bottom()]).collect();
        if self.told.as_ref().is_none_or(|(told, _)| *told != rects) {
            self.forget_clips(card);
            let blob = card.create_property_blob(rects.as_slice()).ok();
            self.told = blob.filter(|_| !rects.is_empty()).map(|blob| (rects, blob.into()));
        }
        self.told.as_ref().map(|(_, blob)| *blob)
    }

    /// Gives the blob back; a request under way has its own hold on it.
    pub(super) fn forget_clips(&mut self, card: &Card) {
        if let Some((_, blob)) = self.told.take() {
            let _ = card.destroy_property_blob(blob);
        }
    }
}

/// The picture that a connector's screen shows.
pub(super) fn shown_on(
    card: &Card,
    info: &connector::Info,
) -> io::Result<Option<framebuffer::Handle>> {
    let crtc = value(&card.properties(info.handle())?, "CRTC_ID");
    for plane in card.plane_handles()?.into_iter().filter(|_| crtc != 0) {
        let properties = card.properties(plane)?;
        if value(&properties, "type") == PRIMARY && value(&properties, "CRTC_ID") == crtc {
            return Ok(card.get_plane(plane)?.framebuffer());
        }
    }
    Ok(None)
}

/// Those of these properties that the object has, where they have other values.
fn plain(
    object: impl Into<RawResourceHandle>,
    properties: &Properties,
    wanted: &[(&str, u64)],
) -> Vec<Setting> {
    let object = object.into();
    let of = |(name, wanted): &(&str, u64)| {
        let (id, value) = properties.get(*name)?;
        (value != wanted).then_some((object, *id, *wanted))
    };
    wanted.iter().filter_map(of).collect()
}

fn possible_crtcs(
    card: &Card,
    resources: &ResourceHandles,
    info: &connector::Info,
) -> io::Result<Vec<crtc::Handle>> {
    let mut crtcs = Vec::new();
    for encoder in info.encoders() {
        for crtc in resources.filter_crtcs(card.get_encoder(*encoder)?.possible_crtcs()) {
            if !crtcs.contains(&crtc) {
                crtcs.push(crtc);
            }
        }
    }
    Ok(crtcs)
}

/// What must be taken apart for the connector to get this pipe: connectors that are on it, and the pipe
/// that the connector is on.
fn detached(
    card: &Card,
    resources: &ResourceHandles,
    (info, of_connector): (&connector::Info, &Properties),
    crtc: crtc::Handle,
) -> io::Result<Vec<Setting>> {
    let mut settings = Vec::new();
    let number = u64::from(u32::from(crtc));
    for other in resources.connectors().iter().filter(|other| **other != info.handle()) {
        let properties = card.properties(*other)?;
        if value(&properties, "CRTC_ID") == number {
            settings.extend(plain(*other, &properties, &[("CRTC_ID", 0)]));
        }
    }
    let before = value(of_connector, "CRTC_ID");
    for old in resources.crtcs().iter().filter(|old| u64::from(u32::from(**old)) == before) {
        if *old != crtc {
            let properties = card.properties(*old)?;
            settings.extend(plain(*old, &properties, &[("ACTIVE", 0), ("MODE_ID", 0)]));
        }
    }
    Ok(settings)
}
