//! One capture session: its constraints, its damage, and the frame under way.

use std::time::Duration;

use porthole_core::input::SeatId;
use porthole_pixel::{Format, Rect, Region, Size};
use smithay::reexports::{
    wayland_protocols::ext::image_copy_capture::v1::server::{
        ext_image_copy_capture_frame_v1::{ExtImageCopyCaptureFrameV1, FailureReason},
        ext_image_copy_capture_session_v1::ExtImageCopyCaptureSessionV1,
    },
    wayland_server::{Client, Resource, protocol::wl_shm},
};

use super::{CursorImage, SourceId, frame::Frame};
use crate::{
    protocols::shm::wire_format,
    render::{CaptureJob, CaptureToken},
};

/// Damage with more pieces than this is made simpler: telling it would cost more than copying.
pub(super) const MAX_DAMAGE_RECTS: usize = 64;

/// What a session captures.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum SessionKind {
    /// The picture of a port or toplevel, with the pointer painted in or not.
    Picture { source: SourceId, paint_cursor: bool },
    /// The own picture of a seat's pointer on a source.
    Cursor { source: SourceId, seat: SeatId },
    /// Nothing that exists (any more).
    Stopped,
}

impl SessionKind {
    pub(super) const fn picture(self) -> Option<SourceId> {
        match self {
            Self::Picture { source, .. } => Some(source),
            _ => None,
        }
    }

    /// The formats of buffers that can be captured into.
    const fn formats(self) -> &'static [Format] {
        match self {
            Self::Cursor { .. } => &[Format::Argb8888],
            // A toplevel may be seen through; without alpha it lies on black.
            Self::Picture { source: SourceId::Toplevel(_), .. } => {
                &[Format::Xrgb8888, Format::Argb8888]
            }
            _ => &[Format::Xrgb8888],
        }
    }

    pub(super) const fn cursor(self) -> Option<SeatId> {
        match self {
            Self::Cursor { seat, .. } => Some(seat),
            _ => None,
        }
    }

    /// What is captured, be it a picture or a pointer on it.
    pub(super) const fn source(self) -> Option<SourceId> {
        match self {
            Self::Picture { source, .. } | Self::Cursor { source, .. } => Some(source),
            Self::Stopped => None,
        }
    }
}

/// A frame under way. Its object may go before the answer comes; a new frame is then another one.
#[derive(Debug)]
struct Job {
    token: u64,
    damage: Region,
    frame: Option<Frame>,
}

/// The state of one session object.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) id: u64,
    resource: ExtImageCopyCaptureSessionV1,
    pub(super) kind: SessionKind,
    size: Size,
    /// What changed since the last frame, or since before the first one.
    pub(super) damage: Region,
    pub(super) frame: Option<Frame>,
    /// The frame that a render thread works on.
    job: Option<Job>,
    jobs: u64,
    /// The pointer's picture, for [`SessionKind::Cursor`].
    cursor: Option<CursorImage>,
}

impl Session {
    pub(super) fn new(
        id: u64,
        resource: ExtImageCopyCaptureSessionV1,
        kind: SessionKind,
        size: Size,
    ) -> Self {
        let session = Self {
            id,
            resource,
            kind,
            size,
            damage: Region::from_rect(Rect::from_size(size)),
            frame: None,
            job: None,
            jobs: 0,
            cursor: None,
        };
        session.send_constraints();
        session
    }

    fn send_constraints(&self) {
        if self.size.is_empty() {
            return;
        }
        self.resource.buffer_size(self.size.width, self.size.height);
        for format in self.kind.formats() {
            self.resource.shm_format(wire_format(*format).unwrap_or(wl_shm::Format::Xrgb8888));
        }
        self.resource.done();
    }

    pub(super) fn resize(&mut self, size: Size) {
        if size != self.size {
            self.size = size;
            self.damage = Region::from_rect(Rect::from_size(size));
            self.send_constraints();
        }
    }

    pub(super) fn client(&self) -> Option<Client> {
        self.resource.client()
    }

    pub(super) fn stop(&mut self) {
        self.kind = SessionKind::Stopped;
        self.resource.stopped();
        let under_way = self.job.take().and_then(|job| job.frame);
        for frame in self.frame.take().into_iter().chain(under_way) {
            if frame.is_requested() {
                frame.fail(FailureReason::Stopped);
            }
        }
    }

    /// True when a frame was asked for and nobody works on it yet.
    pub(super) fn is_waiting(&self) -> bool {
        self.job.is_none() && self.frame.as_ref().is_some_and(Frame::is_requested)
    }

    /// True when a frame was asked for and there is something to show in it.
    fn is_ready(&self) -> bool {
        self.is_waiting() && !self.damage.is_empty()
    }

    /// The frame that is ready, as work for a render thread.
    pub(super) fn take_job(&mut self) -> Option<CaptureJob> {
        if !self.is_ready() {
            return None;
        }
        let frame = self.frame.take()?;
        let Some(into) = frame.writer(self.size, self.kind.formats()) else {
            frame.fail(FailureReason::BufferConstraints);
            return None;
        };
        let damage = std::mem::take(&mut self.damage);
        // The client says which pixels of its buffer are older still.
        let mut region = damage.clone();
        region.union(frame.buffer_damage());
        self.jobs += 1;
        // Unique among all sessions: ids count up and a session makes far fewer than 2^32 frames.
        let token = (self.id << 32) | (self.jobs & 0xffff_ffff);
        self.job = Some(Job { token, damage, frame: Some(frame) });
        Some(CaptureJob {
            token: CaptureToken::Session(token),
            into,
            origin: (0, 0),
            region,
            cursors: Vec::new(),
        })
    }

    pub(super) fn has_job(&self, token: CaptureToken) -> bool {
        self.job.as_ref().is_some_and(|job| CaptureToken::Session(job.token) == token)
    }

    pub(super) fn finish_job(&mut self, outcome: std::io::Result<u64>, at: Duration) {
        let Some(job) = self.job.take() else { return };
        match (outcome, job.frame) {
            (Ok(_), Some(frame)) => frame.ready(&job.damage, at),
            // The client gave the frame up; what it would have shown is still news.
            (_, None) => self.damage.union(&job.damage),
            (Err(error), Some(frame)) => {
                tracing::warn!("a capture could not be written: {error}");
                self.damage.union(&job.damage);
                frame.fail(FailureReason::BufferConstraints);
            }
        }
    }

    /// True while a frame object of this session exists that was not answered.
    pub(super) fn has_frame(&self) -> bool {
        self.frame.is_some() || self.job.as_ref().is_some_and(|job| job.frame.is_some())
    }

    /// A frame object was destroyed, perhaps before it was answered.
    pub(super) fn drop_frame(&mut self, object: &ExtImageCopyCaptureFrameV1) {
        self.frame.take_if(|f| f.is(object));
        if let Some(job) = &mut self.job {
            job.frame.take_if(|f| f.is(object));
        }
    }

    /// Serves a session on the pointer's picture, here and now: it is small.
    pub(super) fn cursor_changed(&mut self, image: Option<&CursorImage>) {
        self.cursor = image.cloned();
        if let Some(image) = image {
            let size = image.size();
            self.resize(size);
            self.damage = Region::from_rect(Rect::from_size(size));
        }
        self.serve_cursor();
    }

    /// Answers a waiting frame of a cursor session when the picture is news.
    pub(super) fn serve_cursor(&mut self) {
        if self.kind.cursor().is_none() {
            return;
        }
        let Some(image) = self.cursor.clone() else { return };
        let Some(job) = self.take_job() else { return };
        let outcome = image.write(&job.into);
        self.finish_job(outcome, crate::clock::now());
    }
}
