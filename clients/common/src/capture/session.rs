//! One capture session: its constraints, its buffers, and the frame that was asked for.

use std::{os::fd::AsFd, time::Duration};

use porthole_memory::Memory;
use porthole_pixel::{Rect, Region, Size};
use wayland_client::{
    Dispatch, QueueHandle, WEnum,
    protocol::{
        wl_buffer::WlBuffer,
        wl_shm::{Format, WlShm},
        wl_shm_pool::WlShmPool,
    },
};
use wayland_protocols::ext::image_copy_capture::v1::client::{
    ext_image_copy_capture_frame_v1::{
        self, ExtImageCopyCaptureFrameV1 as FrameProxy, FailureReason,
    },
    ext_image_copy_capture_session_v1::{self, ExtImageCopyCaptureSessionV1 as SessionProxy},
};

use super::{Role, ViewError, slots::Slots};

/// After so many failures in a row the session is given up; each may have a cause that a new
/// buffer cures, but not for ever.
const MAX_FAILURES: u32 = 4;

/// A finished capture.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Frame {
    /// Size in pixels.
    pub size: Size,
    /// What changed since the frame before; everything after a change of size.
    pub damage: Region,
    /// When it was presented, on the monotonic clock; zero where the compositor does not say.
    pub presented_at: Duration,
}

/// What the session wants its owner to know.
#[derive(Debug)]
pub(super) enum Outcome {
    Nothing,
    Frame(Frame),
    Failed(ViewError),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Constraints {
    size: Size,
    format: Format,
}

#[derive(Debug)]
struct Buffer {
    memory: Memory,
    proxy: WlBuffer,
}

/// Buffers of one size and format.
#[derive(Debug)]
struct Buffers {
    constraints: Constraints,
    list: Vec<Buffer>,
    slots: Slots,
}

/// A frame under way.
#[derive(Debug)]
struct Asked {
    proxy: FrameProxy,
    slot: usize,
    damage: Region,
    presented_at: Duration,
}

#[derive(Debug)]
pub(super) struct Session {
    proxy: SessionProxy,
    role: Role,
    /// The constraints that are being told: the size, and the best format so far.
    told_size: Option<Size>,
    told_format: Option<Format>,
    /// The constraints in force.
    constraints: Option<Constraints>,
    /// Buffers are there while frames are wanted.
    buffers: Option<Buffers>,
    asked: Option<Asked>,
    wanted: bool,
    failures: u32,
}

impl Session {
    pub(super) const fn new(proxy: SessionProxy, role: Role) -> Self {
        Self {
            proxy,
            role,
            told_size: None,
            told_format: None,
            constraints: None,
            buffers: None,
            asked: None,
            wanted: false,
            failures: 0,
        }
    }

    pub(super) fn is(&self, proxy: &SessionProxy) -> bool {
        self.proxy == *proxy
    }

    /// The size of what is captured.
    pub(super) fn size(&self) -> Option<Size> {
        self.constraints.map(|constraints| constraints.size)
    }

    /// Lends the newest picture and the one before it; rows of four bytes a pixel.
    pub(super) fn with_pictures<R>(
        &self,
        look: impl FnOnce(Size, &[u8], Option<&[u8]>) -> R,
    ) -> Option<R> {
        let buffers = self.buffers.as_ref()?;
        let size = buffers.constraints.size;
        let newest = buffers.list.get(buffers.slots.newest()?)?;
        let before = buffers.slots.before().and_then(|slot| buffers.list.get(slot));
        Some(newest.memory.with_bytes(|bytes| match before {
            Some(before) => before.memory.with_bytes(|old| look(size, bytes, Some(old))),
            None => look(size, bytes, None),
        }))
    }

    pub(super) fn destroy(&mut self) {
        self.forget_frame();
        self.free_buffers();
        self.proxy.destroy();
    }

    fn forget_frame(&mut self) {
        if let Some(asked) = self.asked.take() {
            asked.proxy.destroy();
            if let Some(buffers) = &mut self.buffers {
                buffers.slots.spoil(asked.slot, buffers.constraints.size);
            }
        }
    }

    fn free_buffers(&mut self) {
        for buffer in self.buffers.take().into_iter().flat_map(|buffers| buffers.list) {
            buffer.proxy.destroy();
        }
    }

    /// Asks for frames from now on.
    pub(super) fn resume<D>(&mut self, shm: &WlShm, queue: &QueueHandle<D>) -> Result<(), ViewError>
    where
        D: Dispatch<FrameProxy, Role> + Dispatch<WlBuffer, ()> + Dispatch<WlShmPool, ()> + 'static,
    {
        self.wanted = true;
        self.ask(shm, queue)
    }

    /// Asks for no more frames, and gives the memory back. Size and format are still heard of.
    pub(super) fn pause(&mut self) {
        self.wanted = false;
        self.forget_frame();
        self.free_buffers();
    }

    /// Asks for the next frame, if frames are wanted and none is under way.
    pub(super) fn ask<D>(&mut self, shm: &WlShm, queue: &QueueHandle<D>) -> Result<(), ViewError>
    where
        D: Dispatch<FrameProxy, Role> + Dispatch<WlBuffer, ()> + Dispatch<WlShmPool, ()> + 'static,
    {
        let Some(constraints) = self.constraints.filter(|_| self.wanted) else { return Ok(()) };
        if self.asked.is_some() {
            return Ok(());
        }
        if self.buffers.is_none() {
            self.allocate(constraints, shm, queue)?;
        }
        let Some(buffers) = &mut self.buffers else { return Ok(()) };
        let slot = buffers.slots.take();
        let Some(buffer) = buffers.list.get(slot) else { return Ok(()) };
        let proxy = self.proxy.create_frame(queue, self.role);
        proxy.attach_buffer(&buffer.proxy);
        for rect in buffers.slots.old(slot) {
            proxy.damage_buffer(rect.x, rect.y, rect.width, rect.height);
        }
        proxy.capture();
        self.asked =
            Some(Asked { proxy, slot, damage: Region::new(), presented_at: Duration::ZERO });
        Ok(())
    }

    pub(super) fn session_event<D>(
        &mut self,
        event: &ext_image_copy_capture_session_v1::Event,
        shm: &WlShm,
        queue: &QueueHandle<D>,
    ) -> Outcome
    where
        D: Dispatch<FrameProxy, Role> + Dispatch<WlBuffer, ()> + Dispatch<WlShmPool, ()> + 'static,
    {
        use ext_image_copy_capture_session_v1::Event;
        match event {
            Event::BufferSize { width, height } => {
                self.told_size = Some(Size::new(*width, *height));
            }
            Event::ShmFormat { format: WEnum::Value(format) }
                if rank(*format) > self.told_format.map_or(0, rank) =>
            {
                self.told_format = Some(*format);
            }
            Event::Done => {
                let constraints = self.told_size.zip(self.told_format.take());
                let Some((size, format)) = constraints else {
                    return Outcome::Failed(ViewError::Format);
                };
                let constraints = Constraints { size, format };
                if self.constraints.replace(constraints) != Some(constraints) {
                    self.forget_frame();
                    self.free_buffers();
                }
                if let Err(error) = self.ask(shm, queue) {
                    return Outcome::Failed(error);
                }
            }
            Event::Stopped => return Outcome::Failed(ViewError::Stopped),
            _ => {}
        }
        Outcome::Nothing
    }

    /// Makes buffers.
    fn allocate<D>(
        &mut self,
        constraints: Constraints,
        shm: &WlShm,
        queue: &QueueHandle<D>,
    ) -> Result<(), ViewError>
    where
        D: Dispatch<WlBuffer, ()> + Dispatch<WlShmPool, ()> + 'static,
    {
        let Constraints { size, format } = constraints;
        let too_large = || ViewError::Size(size);
        let side = |side: u32| i32::try_from(side).map_err(|_| too_large());
        let (width, height) = (side(size.width)?, side(size.height)?);
        let stride = width.checked_mul(4).ok_or_else(too_large)?;
        let length = stride.checked_mul(height).filter(|length| *length > 0);
        let length = length.ok_or_else(too_large)?;
        let mut list = Vec::new();
        for _ in 0..self.role.buffer_count() {
            let memory = Memory::create("porthole-capture", u64::from(length.unsigned_abs()))
                .map_err(ViewError::Memory)?;
            let pool = shm.create_pool(memory.fd().as_fd(), length, queue, ());
            let proxy = pool.create_buffer(0, width, height, stride, format, queue, ());
            pool.destroy();
            list.push(Buffer { memory, proxy });
        }
        let slots = Slots::new(list.len(), size);
        self.buffers = Some(Buffers { constraints, list, slots });
        Ok(())
    }

    pub(super) fn frame_event<D>(
        &mut self,
        proxy: &FrameProxy,
        event: &ext_image_copy_capture_frame_v1::Event,
        shm: &WlShm,
        queue: &QueueHandle<D>,
    ) -> Outcome
    where
        D: Dispatch<FrameProxy, Role> + Dispatch<WlBuffer, ()> + Dispatch<WlShmPool, ()> + 'static,
    {
        use ext_image_copy_capture_frame_v1::Event;
        // Events of a frame that was given up are about a picture that nobody waits for.
        let Some(asked) = self.asked.as_mut().filter(|asked| asked.proxy == *proxy) else {
            return Outcome::Nothing;
        };
        match *event {
            Event::Damage { x, y, width, height } => {
                asked.damage.add(Rect::new(x, y, width, height));
            }
            Event::PresentationTime { tv_sec_hi, tv_sec_lo, tv_nsec } => {
                let seconds = u64::from(tv_sec_hi) << 32 | u64::from(tv_sec_lo);
                // A hostile sum of seconds and nanoseconds must not overflow.
                asked.presented_at = Duration::from_secs(seconds)
                    .saturating_add(Duration::from_nanos(u64::from(tv_nsec)));
            }
            Event::Ready => return self.ready(),
            Event::Failed { reason } => return self.failed(reason, shm, queue),
            _ => {}
        }
        Outcome::Nothing
    }

    fn ready(&mut self) -> Outcome {
        let (Some(asked), Some(buffers)) = (self.asked.take(), &mut self.buffers) else {
            return Outcome::Nothing;
        };
        asked.proxy.destroy();
        self.failures = 0;
        let size = buffers.constraints.size;
        let all = Rect::from_size(size);
        // The first frame of a size is news as a whole, whatever it says.
        let first = buffers.slots.newest().is_none();
        let damage = if first { Region::from_rect(all) } else { asked.damage.intersect(all) };
        buffers.slots.finish(asked.slot, &damage);
        Outcome::Frame(Frame { size, damage, presented_at: asked.presented_at })
    }

    fn failed<D>(
        &mut self,
        reason: WEnum<FailureReason>,
        shm: &WlShm,
        queue: &QueueHandle<D>,
    ) -> Outcome
    where
        D: Dispatch<FrameProxy, Role> + Dispatch<WlBuffer, ()> + Dispatch<WlShmPool, ()> + 'static,
    {
        self.forget_frame();
        self.failures += 1;
        if reason == WEnum::Value(FailureReason::Stopped) {
            return Outcome::Failed(ViewError::Stopped);
        }
        if self.failures >= MAX_FAILURES {
            return Outcome::Failed(ViewError::Failures(self.failures));
        }
        self.ask(shm, queue).map_or_else(Outcome::Failed, |()| Outcome::Nothing)
    }
}

/// Formats that can be read as `0xXXRRGGBB` words; 0 for all others. The cursor needs alpha, and
/// sessions of pictures offer the format without it where they can.
const fn rank(format: Format) -> u32 {
    match format {
        Format::Xrgb8888 => 2,
        Format::Argb8888 => 1,
        _ => 0,
    }
}
