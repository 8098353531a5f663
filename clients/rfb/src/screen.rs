//! What is drawn on.
//!
//! Pixels are decoded straight into the memory that the compositor reads: into a buffer that it does not
//! hold, which is first made equal to the one that it holds, but for what is drawn anyway. A picture is
//! given away when an update is complete and every pixel of it is known: nobody ever sees half an update,
//! nor black where the server has not spoken yet.

use std::collections::BTreeMap;
use std::sync::Arc;

use porthole_client::present::Frame;
use porthole_memory::{Copies, Memory};
use porthole_picture::{BufferId, Holds, Ledger, PIXEL_BYTES, Picture};
use porthole_pixel::{Format, Rect, Region, Size};
use porthole_rfb::client::{Canvas, CanvasError};

/// Buffers that one picture may have, which is what its memory is counted by.
const BUFFERS: u64 = 3;
/// Rectangles of damage; more are merged.
const MAX_RECTS: usize = 128;
/// The one scanout.
pub(crate) const SCANOUT: usize = 0;

/// See the module's text.
#[derive(Debug)]
pub(crate) struct Screen {
    picture: Picture,
    /// Bytes that all buffers may have.
    limit: u64,
    holds: Holds,
    copies: Copies,
    overdrawn: u64,
    ids: BTreeMap<u64, BufferId>,
    /// Buffers that will not come again.
    retired: Vec<u64>,
    serial: u64,
    damage: Region,
    /// Pixels that the server has not told since it knows us, or since the picture has its size.
    unknown: Region,
    /// The newest picture that was given away.
    shown: Option<(Size, Arc<Memory>)>,
    /// What could not be done; the connection ends with it.
    fault: Option<String>,
}

impl Screen {
    pub(crate) fn new(limit: u64) -> Self {
        Self {
            picture: Picture::new(Format::Xrgb8888, Size::new(0, 0)),
            limit,
            holds: Holds::default(),
            copies: Copies::default(),
            overdrawn: 0,
            ids: BTreeMap::new(),
            retired: Vec::new(),
            serial: 0,
            damage: Region::new(),
            unknown: Region::new(),
            shown: None,
            fault: None,
        }
    }

    /// Bytes decoded into pictures and copied between them.
    pub(crate) const fn copies(&self) -> Copies {
        self.copies
    }

    /// Frames that were given away.
    pub(crate) const fn frames(&self) -> u64 {
        self.serial
    }

    /// Whether there is a picture.
    pub(crate) const fn is_shown(&self) -> bool {
        self.serial > 0
    }

    /// Whether every pixel is known.
    pub(crate) fn is_known(&self) -> bool {
        self.unknown.is_empty() && !self.picture.size().is_empty()
    }

    /// Whether the presenter has all buffers: what is drawn now would be seen before it is whole.
    pub(crate) fn is_full(&self) -> bool {
        self.ids.len() as u64 >= BUFFERS && self.ids.values().all(|id| self.holds.any(*id))
    }

    /// What could not be done.
    pub(crate) fn take_fault(&mut self) -> Option<String> {
        self.fault.take()
    }

    /// One rectangle was drawn.
    pub(crate) fn drawn(&mut self, rect: Rect) {
        self.damage.add(rect);
        self.damage.simplify(MAX_RECTS);
        if !self.unknown.is_empty() {
            self.unknown.subtract(rect);
        }
    }

    /// An update is complete: the frame that it makes, if it makes one.
    pub(crate) fn frame(&mut self) -> Option<Frame> {
        if !self.is_known() || self.damage.is_empty() {
            return None;
        }
        let size = self.picture.size();
        let layout = self.picture.layout(Rect::from_size(size)).ok()?;
        let (id, memory) = match self.picture.current() {
            Ok(buffer) => (buffer.id, Arc::clone(&buffer.memory)),
            Err(error) => {
                self.fault = Some(error.to_string());
                return None;
            }
        };
        self.serial += 1;
        self.holds.hold(id, SCANOUT, self.serial);
        self.ids.insert(id.get(), id);
        let damage = std::mem::take(&mut self.damage);
        let serial = self.serial;
        self.shown = Some((size, Arc::clone(&memory)));
        let memory = memory.into();
        Some(Frame { scanout: SCANOUT, serial, buffer: id.get(), memory, layout, damage })
    }

    /// A frame in memory of its own, in place of the newest one, of which `paint` makes it.
    pub(crate) fn instead(&mut self, paint: impl FnOnce(Size, &mut [u8])) -> Option<Frame> {
        let (size, shown) = self.shown.as_ref()?;
        let size = *size;
        let mut pixels = shown.with_bytes(<[u8]>::to_vec);
        paint(size, &mut pixels);
        let mut other = Picture::new(Format::Xrgb8888, size);
        let layout = other.layout(Rect::from_size(size)).ok()?;
        let buffer = other.current().ok()?;
        buffer.memory.write_at(0, &pixels).ok()?;
        self.serial += 1;
        let (serial, id) = (self.serial, buffer.id.get());
        let memory = Arc::clone(&buffer.memory).into();
        // Whatever comes next is all of it new.
        self.damage = Region::from_rect(Rect::from_size(self.picture.size()));
        self.retired.push(id);
        let damage = Region::from_rect(Rect::from_size(size));
        Some(Frame { scanout: SCANOUT, serial, buffer: id, memory, layout, damage })
    }

    /// Buffers that will not come again; to be told after the next frame.
    pub(crate) fn take_retired(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.retired)
    }

    /// The presenter no longer holds a buffer.
    pub(crate) fn released(&mut self, buffer: u64, serial: u64) {
        if let Some(id) = self.ids.get(&buffer) {
            self.holds.release(*id, SCANOUT, serial);
        }
    }

    /// Everything is to be told anew: a server has come (back).
    fn forget(&mut self, size: Size) {
        let all = Region::from_rect(Rect::from_size(size));
        self.damage = all.clone();
        self.unknown = all;
    }

    /// Lends the current buffer, which may be written: [`Canvas::begin`] has seen to that.
    fn with_rows(&mut self, rect: Rect, change: impl FnOnce(&mut [u8])) {
        let stride = u64::from(self.picture.stride());
        let pixel = u64::from(PIXEL_BYTES);
        let (x, y) = (u64::from(rect.x.unsigned_abs()), u64::from(rect.y.unsigned_abs()));
        let size = rect.size();
        let rows = u64::from(size.height.saturating_sub(1)) * stride;
        let length = usize::try_from(rows + u64::from(size.width) * pixel).unwrap_or(0);
        let changed =
            self.picture.current().map_err(|error| error.to_string()).and_then(|buffer| {
                let lent = buffer.memory.with_bytes_mut(y * stride + x * pixel, length, change);
                lent.map_err(|error| error.to_string())
            });
        if let Err(fault) = changed {
            self.fault = Some(fault);
        }
        self.copies.transfer = self.copies.transfer.saturating_add(rect.area() * pixel);
    }

    /// Makes a buffer current that may be written, where `rect` is drawn next.
    fn prepare(&mut self, rect: Rect, whole: bool) {
        let ledger =
            Ledger { holds: &self.holds, copies: &mut self.copies, overdrawn: &mut self.overdrawn };
        if let Err(error) = self.picture.draw(rect, whole, ledger, |_| ()) {
            self.fault = Some(error.to_string());
        }
    }

    fn stride(&self) -> usize {
        usize::try_from(self.picture.stride()).unwrap_or(usize::MAX).max(1)
    }
}

fn length(side: i32) -> usize {
    usize::try_from(side).unwrap_or(0)
}

impl Canvas for Screen {
    fn size(&self) -> Size {
        self.picture.size()
    }

    fn resize(&mut self, size: Size) -> Result<(), CanvasError> {
        let bytes = Picture::bytes(size).and_then(|bytes| bytes.checked_mul(BUFFERS));
        if bytes.is_none_or(|bytes| bytes > self.limit) {
            let limit = self.limit >> 20;
            return Err(CanvasError(format!(
                "its buffers take more than {limit} MiB; see --max-memory"
            )));
        }
        if size != self.picture.size() {
            self.retired.extend(self.ids.keys());
            self.ids.clear();
            self.holds = Holds::default();
            self.picture = Picture::new(Format::Xrgb8888, size);
        }
        self.forget(size);
        Ok(())
    }

    fn begin(&mut self, rect: Rect) {
        self.prepare(rect, true);
    }

    fn write(&mut self, rect: Rect, values: &[u32]) {
        let stride = self.stride();
        let width = length(rect.width).max(1);
        self.with_rows(rect, |bytes| {
            for (row, values) in bytes.chunks_mut(stride).zip(values.chunks(width)) {
                for (pixel, value) in row.as_chunks_mut::<4>().0.iter_mut().zip(values) {
                    *pixel = value.to_le_bytes();
                }
            }
        });
    }

    fn put(&mut self, rect: Rect, bytes: &[u8]) {
        let stride = self.stride();
        let row_bytes = (length(rect.width) * PIXEL_BYTES as usize).max(1);
        self.with_rows(rect, |memory| {
            for (to, from) in memory.chunks_mut(stride).zip(bytes.chunks_exact(row_bytes)) {
                to.get_mut(..row_bytes).unwrap_or_default().copy_from_slice(from);
            }
        });
    }

    fn fill(&mut self, rect: Rect, value: u32) {
        let stride = self.stride();
        let width = length(rect.width);
        self.with_rows(rect, |bytes| {
            for row in bytes.chunks_mut(stride) {
                let (pixels, _) = row.as_chunks_mut::<4>();
                pixels.get_mut(..width).unwrap_or_default().fill(value.to_le_bytes());
            }
        });
    }

    fn copy(&mut self, to: Rect, from: Rect) {
        // What lies where it is copied to may be what is copied, so all of it must be there.
        self.prepare(to, false);
        let stride = self.stride();
        let pixel = PIXEL_BYTES as usize;
        let at = |x: i32, y: i32| length(y) * stride + length(x) * pixel;
        let bytes_wide = length(to.width) * pixel;
        let whole = Rect::from_size(self.picture.size());
        self.with_rows(whole, |bytes| {
            let mut row = |y: i32| {
                let start = at(from.x, from.y + y);
                let target = at(to.x, to.y + y);
                if start + bytes_wide <= bytes.len() && target + bytes_wide <= bytes.len() {
                    bytes.copy_within(start..start + bytes_wide, target);
                }
            };
            // Rows that are still to be read must not be written before.
            if to.y > from.y {
                (0..to.height).rev().for_each(&mut row);
            } else {
                (0..to.height).for_each(&mut row);
            }
        });
        let moved = to.area() * u64::from(PIXEL_BYTES);
        self.copies.transfer =
            self.copies.transfer.saturating_sub(whole.area() * u64::from(PIXEL_BYTES)) + moved;
    }
}

#[cfg(test)]
#[path = "screen_tests.rs"]
mod tests;
