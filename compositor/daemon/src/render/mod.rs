//! From a plan to pixels, on a thread for each port.
//!
//! The state thread makes a [`FramePlan`], which owns all that drawing needs; the port's render
//! thread draws it, serves the captures that came with it, and answers with a [`Drawn`].

mod canvas;
mod copy;
mod exact;
mod gles;
mod layer;
mod mask;
mod picture;
mod scaled;
mod screen;
mod sign;
mod thread;

use std::{io, sync::Arc, time::Duration};

use porthole_core::{
    Color,
    scene::{Filter, Mapping, SourceRect, Transform},
};
use porthole_pixel::{Rect, Region, Size, blend::Formula};

use canvas::Canvas;
pub(crate) use copy::reached;
use exact::Exact;
pub(crate) use mask::{Coverage, DrawMask};
pub(crate) use screen::{ScreenMemory, ScreenTarget};
pub(crate) use thread::RenderThread;

use crate::protocols::{
    safety::RegionKey,
    shm::{BufferWriter, Pixels},
};

/// All that one frame needs, owned: it can be sent to the render thread and outlives every surface.
#[derive(Debug)]
pub(crate) struct FramePlan {
    /// Counts the frames of the port; none for captures of the frame that is there.
    pub(crate) serial: Option<u64>,
    /// The port's size; another one than before starts a fresh picture.
    pub(crate) size: Size,
    /// Shows where no layer is.
    pub(crate) background: Color,
    /// Pixels that get the background colour.
    pub(crate) clear: Region,
    /// What is drawn over it, from the bottom up.
    pub(crate) draws: Vec<Draw>,
    /// All pixels that this paints.
    pub(crate) painted: Region,
    /// What is done to each channel of the finished picture; `None` leaves it as it is.
    pub(crate) gamma: Option<Box<[u8; 256]>>,
    /// Shown as it is instead: nothing is drawn.
    pub(crate) direct: Option<Draw>,
    /// The memory of a screen that is to show the finished picture.
    pub(crate) screen: Option<ScreenTarget>,
    /// Who wants the finished picture.
    pub(crate) captures: Vec<CaptureJob>,
    /// Who wants something else drawn.
    pub(crate) views: Vec<ViewPlan>,
    /// Which parts of the finished picture to sign.
    pub(crate) to_sign: Vec<(RegionKey, Rect)>,
}

/// Copying so many pixels holds up the state thread for a fifth of a millisecond. Waking up another
/// thread and being woken by it costs as much, and finds the caches cold.
const LITTLE_WORK: u64 = 400_000;
/// How many times more it takes to blend a pixel than to copy it, and to sample one.
const BLENDING: u64 = 4;
const SAMPLING: u64 = 16;
/// What any draw costs besides, and each rectangle of it: clients choose how many there are.
const EACH_DRAW: u64 = 2_000;
const EACH_RECT: u64 = 100;

impl FramePlan {
    /// The pictures that are looked at while it is drawn.
    fn pictures(&self) -> impl Iterator<Item = &Pixels> {
        let draws = self.draws.iter().chain(&self.direct);
        let draws = draws.chain(self.views.iter().flat_map(|view| &view.draws));
        let jobs = self.captures.iter().chain(self.views.iter().map(|view| &view.capture));
        let pointers = self.screen.iter().flat_map(|screen| &screen.pointers);
        let pointers = jobs.flat_map(|job| &job.cursors).chain(pointers);
        let pointers = pointers.map(|(pixels, ..)| pixels);
        draws.map(|draw| &draw.pixels).chain(pointers).map(Arc::as_ref)
    }

    /// Whether handing it over is not worth it. Captures of what changed in a small picture are little
    /// work too.
    fn is_little_work(&self) -> bool {
        // What a device has a hand in takes as long as the device wants.
        if !self.pictures().all(Pixels::needs_no_device) {
            return false;
        }
        let draws: u64 = self.draws.iter().map(Draw::work).sum();
        let copies: Option<u64> = self.captures.iter().map(CaptureJob::little_work).sum();
        let for_others = !self.views.is_empty() || !self.to_sign.is_empty();
        let Some(copies) = copies.filter(|_| !for_others && self.gamma.is_none()) else {
            return false;
        };
        let screen = self.screen.as_ref().map_or(0, ScreenTarget::work);
        draws + copies + self.clear.area() + screen <= LITTLE_WORK
    }
}

/// A picture of one toplevel, drawn apart from the port's for one capture. Only what the capture
/// copies is drawn.
#[derive(Debug)]
pub(crate) struct ViewPlan {
    pub(crate) size: Size,
    pub(crate) draws: Vec<Draw>,
    pub(crate) capture: CaptureJob,
}

/// One picture to be drawn.
#[derive(Clone, Debug)]
pub(crate) struct Draw {
    /// The picture, held.
    pub(crate) pixels: Arc<Pixels>,
    /// The part of it that is shown and where it goes on the port.
    pub(crate) mapping: Mapping,
    /// How it is sampled where it is scaled.
    pub(crate) filter: Filter,
    /// 0 (nothing to see) to 1.
    pub(crate) opacity: f32,
    /// Whether the picture's own alpha counts, where its format has one.
    pub(crate) source_alpha: bool,
    /// The colour that lets through what is below, as 0xffRRGGBB.
    pub(crate) key: Option<u32>,
    /// How much of each pixel is seen.
    pub(crate) mask: Option<DrawMask>,
    /// The port pixels to touch.
    pub(crate) clip: Region,
}

impl Draw {
    /// Whether its pixels can be shown where the client wrote them. That they fill the port, that nothing
    /// shows through them, and that looking at them copies nothing is for the caller to see.
    pub(crate) fn can_be_direct(&self) -> bool {
        let plain = Exact::new(&self.pixels, &self.mapping).is_some_and(|exact| exact.is_plain());
        plain && self.key.is_none() && self.mask.is_none() && self.opacity >= 1.0
    }

    /// Whether it shows all of its picture, as it is.
    pub(crate) fn is_whole(&self) -> bool {
        let size = self.pixels.layout().size();
        let Mapping { source, destination, transform } = self.mapping;
        source == SourceRect::from_size(size)
            && destination == Rect::from_size(size)
            && transform == Transform::Normal
    }

    /// How much work it is, in pixels that are copied.
    fn work(&self) -> u64 {
        let plain = Exact::new(&self.pixels, &self.mapping).is_some_and(|exact| exact.is_plain());
        let copied = self.mask.is_none() && self.formula().is_copy();
        let each = match (plain, copied) {
            (true, true) => 1,
            (true, false) => BLENDING,
            (false, _) => SAMPLING,
        };
        EACH_DRAW + self.clip.rects().len() as u64 * EACH_RECT + self.clip.area() * each
    }

    /// How its rows are blended, but for the mask.
    fn formula(&self) -> Formula {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "clamped to the range of u8"
        )]
        let global = (self.opacity.clamp(0.0, 1.0) * 255.0).round() as u8;
        Formula {
            opaque: !self.pixels.layout().format().has_alpha(),
            source_alpha: self.source_alpha,
            global,
            key: self.key,
        }
    }
}

/// Names a capture to the state thread.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum CaptureToken {
    /// A frame of a capture session.
    Session(u64),
    /// A frame of the older protocol.
    Copy(u64),
}

/// A capture to be copied out of the finished picture.
#[derive(Debug)]
pub(crate) struct CaptureJob {
    pub(crate) token: CaptureToken,
    pub(crate) into: BufferWriter,
    /// The pixel of the picture that goes to the buffer's top left corner.
    pub(crate) origin: (i32, i32),
    /// What to copy, in the picture's pixels.
    pub(crate) region: Region,
    /// Pointers to paint over the copy: their pictures and where their top left corners are.
    pub(crate) cursors: Vec<(Arc<Pixels>, i32, i32)>,
}

impl CaptureJob {
    /// How much work it is; none if it may be much, or if the client's memory must be written by calls
    /// that may wait.
    fn little_work(&self) -> Option<u64> {
        let rects = EACH_RECT * self.region.rects().len() as u64;
        let little = self.cursors.is_empty() && self.into.is_plain();
        little.then(|| EACH_DRAW + rects + self.region.area())
    }
}

/// What became of a [`CaptureJob`].
#[derive(Debug)]
pub(crate) struct Captured {
    pub(crate) token: CaptureToken,
    /// Bytes copied, or why nothing was.
    pub(crate) outcome: io::Result<u64>,
}

/// The answer to a [`FramePlan`].
#[derive(Debug)]
pub(crate) struct Drawn {
    /// The plan's serial.
    pub(crate) serial: Option<u64>,
    /// When the last pixel was in place, on the monotonic clock.
    pub(crate) at: Duration,
    /// Bytes written into the port's picture.
    pub(crate) composed_bytes: u64,
    /// Whether a GPU wrote them.
    pub(crate) by_gpu: bool,
    /// Bytes written into the memory of the port's screen.
    pub(crate) screen_bytes: u64,
    pub(crate) captures: Vec<Captured>,
    pub(crate) signatures: Vec<(RegionKey, u32)>,
}

#[cfg(test)]
mod tests;
