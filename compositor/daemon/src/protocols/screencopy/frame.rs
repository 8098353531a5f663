//! One frame, from its request to `ready` or `failed`.

use std::{io, sync::Arc, time::Duration};

use porthole_core::model::PortId;
use porthole_pixel::{Format, Rect, Region};
use smithay::reexports::wayland_server::{
    Client, Resource,
    protocol::{wl_buffer::WlBuffer, wl_shm},
};
use wayland_protocols_wlr::screencopy::v1::server::zwlr_screencopy_frame_v1::{
    Error, Flags, ZwlrScreencopyFrameV1 as Object,
};

use super::Wanted;
use crate::{
    protocols::shm::{BufferWriter, Pixels, ShmBuffer},
    render::{CaptureJob, CaptureToken},
};

/// The first version of the frame object that tells that all kinds of buffers were told.
const BUFFER_DONE: u32 = 3;

/// What was asked of a frame.
#[derive(Debug)]
enum Stage {
    /// Nothing yet.
    Made,
    /// A copy into this buffer, perhaps only when there is news.
    Waiting { into: WlBuffer, with_damage: bool },
    /// A render thread works on it.
    UnderWay { with_damage: bool },
}

/// The state of one frame object.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) id: u64,
    manager: u64,
    object: Object,
    pub(super) wanted: Wanted,
    with_pointer: bool,
    stage: Stage,
    /// The news that the copy under way shows, in the port's pixels.
    pub(super) shown: Region,
}

impl Frame {
    /// A frame whose client is told what buffer it takes.
    pub(super) fn new(
        (id, manager): (u64, u64),
        object: Object,
        wanted: Wanted,
        with_pointer: bool,
    ) -> Self {
        let size = wanted.area.size();
        // The size is that of a port, so a row is far shorter than 2^32 bytes.
        let stride = size.width.saturating_mul(4);
        object.buffer(wl_shm::Format::Xrgb8888, size.width, size.height, stride);
        if object.version() >= BUFFER_DONE {
            object.buffer_done();
        }
        Self { id, manager, object, wanted, with_pointer, stage: Stage::Made, shown: Region::new() }
    }

    /// Whose news it shows.
    pub(super) const fn key(&self) -> (u64, PortId, bool) {
        (self.manager, self.wanted.port, self.with_pointer)
    }

    pub(super) fn client(&self) -> Option<Client> {
        self.object.client()
    }

    /// Takes a request to copy; false when it was a mistake.
    pub(super) fn copy(&mut self, into: WlBuffer, with_damage: bool) -> bool {
        if !matches!(self.stage, Stage::Made) {
            self.object.post_error(Error::AlreadyUsed, "the frame was already copied");
            return false;
        }
        if self.writer(&into).is_none() {
            let size = self.wanted.area.size();
            let why = format!("the buffer must be wl_shm, xrgb8888, {size}");
            self.object.post_error(Error::InvalidBuffer, why);
            return false;
        }
        self.stage = Stage::Waiting { into, with_damage };
        true
    }

    fn writer(&self, buffer: &WlBuffer) -> Option<BufferWriter> {
        let buffer = ShmBuffer::of(buffer)?;
        let layout = buffer.layout();
        let fits = layout.size() == self.wanted.area.size() && layout.format() == Format::Xrgb8888;
        fits.then(|| buffer.writer())
    }

    /// The copy, as work for a render thread, when it was asked for and may be served. What it shows
    /// is no news any more.
    pub(super) fn take_job(
        &mut self,
        news: &mut Region,
        pointers: &[(Arc<Pixels>, i32, i32)],
    ) -> Option<CaptureJob> {
        let Stage::Waiting { into, with_damage } = &self.stage else { return None };
        let area = self.wanted.area;
        let shown = news.intersect(area);
        if *with_damage && shown.is_empty() {
            return None;
        }
        let writer = self.writer(into)?;
        news.subtract(area);
        self.shown = shown;
        self.stage = Stage::UnderWay { with_damage: *with_damage };
        Some(CaptureJob {
            token: CaptureToken::Copy(self.id),
            into: writer,
            origin: (area.x, area.y),
            region: Region::from_rect(area),
            cursors: if self.with_pointer { pointers.to_vec() } else { Vec::new() },
        })
    }

    /// Tells the client that its copy is there, or why not.
    pub(super) fn answer(&self, outcome: io::Result<u64>, at: Duration) {
        if let Err(error) = outcome {
            tracing::warn!("a copy could not be written: {error}");
            self.fail();
            return;
        }
        self.object.flags(Flags::empty());
        if let Stage::UnderWay { with_damage: true } = self.stage {
            let area = self.wanted.area;
            for rect in self.shown.rects() {
                let Rect { x, y, .. } = rect.translate(-area.x, -area.y);
                let size = rect.size();
                self.object.damage(x.unsigned_abs(), y.unsigned_abs(), size.width, size.height);
            }
        }
        let seconds = at.as_secs();
        let (high, low) = ((seconds >> 32) as u32, (seconds & 0xffff_ffff) as u32);
        self.object.ready(high, low, at.subsec_nanos());
    }

    pub(super) fn fail(&self) {
        self.object.failed();
    }

    /// Fails a frame that waits; true when it did.
    pub(super) fn fail_if_waiting(&self) -> bool {
        let waits = matches!(self.stage, Stage::Waiting { .. });
        if waits {
            self.fail();
        }
        waits
    }
}
