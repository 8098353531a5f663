//! Scanouts: what each shows, what is still to be told to the presenter, and who waits for it.

use std::collections::VecDeque;
use std::sync::Arc;

use porthole_memory::Memory;
use porthole_pixel::{Format, Layout, MAX_DIMENSION, Rect, Region, Size};

use crate::cursor::Cursor;
use crate::gpu::Token;
use crate::options::DEFAULT_SIZE;
use porthole_picture::{BufferId, Picture};

/// The smallest scanout: no driver accepts less.
const MIN_SIDE: u32 = 16;
/// Until somebody says another one.
const DEFAULT_REFRESH_MHZ: u32 = 60_000;
/// Rates that guests believe; drivers leave out modes beyond.
const REFRESH_RANGE_MHZ: std::ops::RangeInclusive<u32> = 1_000..=480_000;
/// Rectangles of damage that one frame may have.
pub(crate) const MAX_DAMAGE_RECTS: usize = 32;
/// Fences that may wait for one scanout; a queue has fewer entries, unless the guest lies.
const MAX_WAITING: usize = 1024;

/// A blob as it is shown.
#[derive(Debug)]
pub(crate) struct BlobView {
    pub(crate) format: Format,
    pub(crate) framebuffer: Size,
    /// Bytes from row to row in the blob.
    pub(crate) stride: u32,
    /// The framebuffer's first byte in the blob.
    pub(crate) offset: u32,
    /// The part that is shown, copied from guest memory at each flush.
    pub(crate) picture: Picture,
    /// The whole part must be read at the next flush.
    pub(crate) stale: bool,
    /// Bytes counted against the quota.
    pub(crate) bytes: u64,
}

/// What a scanout shows.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) resource: u32,
    /// Which part of the resource's picture.
    pub(crate) rect: Rect,
    /// How that part lies in each buffer.
    pub(crate) layout: Layout,
    /// Whether a frame of it was made.
    pub(crate) seen: bool,
    /// Set when the resource is a blob.
    pub(crate) blob: Option<BlobView>,
}

/// A frame that the presenter has not been told of yet.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) serial: u64,
    pub(crate) buffer: BufferId,
    pub(crate) memory: Arc<Memory>,
    pub(crate) layout: Layout,
    pub(crate) damage: Region,
    /// The serial of the frame for which the presenter held the buffer already.
    pub(crate) held_before: Option<u64>,
}

/// A scanout.
#[derive(Debug)]
pub(crate) struct Scanout {
    /// The size that the guest is asked to use; nothing when no display is plugged in.
    pub(crate) wanted: Option<Size>,
    /// The last such size.
    pub(crate) last_wanted: Size,
    /// Frames in 1000 seconds that the guest is told.
    pub(crate) refresh_mhz: u32,
    /// Width and height of the display; 0 where they are not known.
    pub(crate) millimetres: (u32, u32),
    pub(crate) source: Option<Source>,
    pub(crate) pending: Option<Pending>,
    /// The presenter is to be told that nothing is shown.
    pub(crate) cleared: bool,
    /// Whether somebody sees it, so that waiting for a frame makes sense.
    pub(crate) visible: bool,
    pub(crate) cursor: Cursor,
    /// Fences and the serials of the frames that they wait for, oldest first.
    waiting: VecDeque<(u64, Token)>,
}

impl Scanout {
    pub(crate) fn new(wanted: Option<Size>) -> Self {
        let wanted = wanted.map(usable);
        Self {
            wanted,
            last_wanted: wanted.unwrap_or(DEFAULT_SIZE),
            refresh_mhz: DEFAULT_REFRESH_MHZ,
            millimetres: (0, 0),
            source: None,
            pending: None,
            cleared: false,
            visible: false,
            cursor: Cursor::default(),
            waiting: VecDeque::new(),
        }
    }

    /// Asks for a size; true when that is news.
    pub(crate) fn want(&mut self, size: Option<Size>) -> bool {
        let size = size.map(usable);
        self.last_wanted = size.unwrap_or(self.last_wanted);
        std::mem::replace(&mut self.wanted, size) != size
    }

    /// Tells the guest another rate and physical size; true when that is news.
    pub(crate) fn describe(&mut self, refresh_mhz: u32, millimetres: (u32, u32)) -> bool {
        let known = REFRESH_RANGE_MHZ.contains(&refresh_mhz);
        let refresh_mhz = if known { refresh_mhz } else { DEFAULT_REFRESH_MHZ };
        let before = (self.refresh_mhz, self.millimetres);
        (self.refresh_mhz, self.millimetres) = (refresh_mhz, millimetres);
        before != (refresh_mhz, millimetres)
    }

    /// Lets a fence wait for a frame; false when it must not wait.
    pub(crate) fn wait(&mut self, serial: u64, token: Token) -> bool {
        let waits = self.visible && self.waiting.len() < MAX_WAITING;
        if waits {
            self.waiting.push_back((serial, token));
        }
        waits
    }

    /// The fences that wait for frames up to this one.
    pub(crate) fn finished(&mut self, serial: u64) -> Vec<Token> {
        let count = self.waiting.partition_point(|(waiting, _)| *waiting <= serial);
        self.waiting.drain(..count).map(|(_, token)| token).collect()
    }

    /// Forgets a fence that was completed otherwise.
    pub(crate) fn forget(&mut self, token: Token) {
        self.waiting.retain(|(_, waiting)| *waiting != token);
    }
}

/// The nearest size that guests accept.
fn usable(size: Size) -> Size {
    let side = |length: u32| length.clamp(MIN_SIDE, MAX_DIMENSION);
    Size::new(side(size.width), side(size.height))
}
