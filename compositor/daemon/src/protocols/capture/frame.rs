//! One capture frame, from `create_frame` to `ready` or `failed`.

use std::time::Duration;

use porthole_pixel::{Format, Rect, Region, Size};
use smithay::reexports::{
    wayland_protocols::ext::image_copy_capture::v1::server::ext_image_copy_capture_frame_v1::{
        Error, ExtImageCopyCaptureFrameV1, FailureReason,
    },
    wayland_server::{
        Resource,
        protocol::{wl_buffer::WlBuffer, wl_output::Transform},
    },
};

use crate::protocols::shm::{BufferWriter, ShmBuffer};

/// What the client said about a frame so far.
#[derive(Debug)]
pub(super) struct Frame {
    resource: ExtImageCopyCaptureFrameV1,
    buffer: Option<WlBuffer>,
    damage: Region,
    requested: bool,
}

impl Frame {
    pub(super) const fn new(resource: ExtImageCopyCaptureFrameV1) -> Self {
        Self { resource, buffer: None, damage: Region::new(), requested: false }
    }

    /// True between `capture` and the answer.
    pub(super) const fn is_requested(&self) -> bool {
        self.requested
    }

    pub(super) fn is(&self, resource: &ExtImageCopyCaptureFrameV1) -> bool {
        self.resource == *resource
    }

    /// After `capture`, every request but `destroy` is an error. True when this one was.
    fn refuse_late(&self) -> bool {
        if self.requested {
            self.resource.post_error(Error::AlreadyCaptured, "the frame was already captured");
        }
        self.requested
    }

    pub(super) fn attach(&mut self, buffer: WlBuffer) {
        if !self.refuse_late() {
            self.buffer = Some(buffer);
        }
    }

    pub(super) fn damage_buffer(&mut self, rect: [i32; 4]) {
        let [x, y, width, height] = rect;
        if x < 0 || y < 0 || width <= 0 || height <= 0 {
            self.resource.post_error(
                Error::InvalidBufferDamage,
                format!("damage {width}x{height}+{x}+{y}: it must lie in the buffer"),
            );
        } else if !self.refuse_late() {
            self.damage.add(Rect::new(x, y, width, height));
            self.damage.simplify(super::session::MAX_DAMAGE_RECTS);
        }
    }

    /// Returns true when the frame may now be served.
    pub(super) fn capture(&mut self) -> bool {
        if self.refuse_late() {
            return false;
        }
        if self.buffer.is_none() {
            self.resource.post_error(Error::NoBuffer, "capture without attach_buffer");
            return false;
        }
        self.requested = true;
        true
    }

    /// The way into the buffer, when it is alive, ours, and fits a picture of `size` in one of these
    /// formats.
    pub(super) fn writer(&self, size: Size, formats: &[Format]) -> Option<BufferWriter> {
        let buffer = self.buffer.as_ref().filter(|b| b.is_alive())?;
        let buffer = ShmBuffer::of(buffer)?;
        let layout = buffer.layout();
        let fits = layout.size() == size && formats.contains(&layout.format());
        fits.then(|| buffer.writer())
    }

    pub(super) const fn buffer_damage(&self) -> &Region {
        &self.damage
    }

    pub(super) fn ready(&self, damage: &Region, at: Duration) {
        self.resource.transform(Transform::Normal);
        for r in damage.rects() {
            self.resource.damage(r.x, r.y, r.width, r.height);
        }
        let seconds = at.as_secs();
        let (high, low) = ((seconds >> 32) as u32, (seconds & 0xffff_ffff) as u32);
        self.resource.presentation_time(high, low, at.subsec_nanos());
        self.resource.ready();
    }

    pub(super) fn fail(&self, reason: FailureReason) {
        self.resource.failed(reason);
    }
}
