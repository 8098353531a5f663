//! The control queue: commands about what is shown.

use std::sync::Arc;

use porthole_pixel::{Layout, Rect, Region};
use porthole_virtio_gpu::{BlobFramebuffer, ErrorCode, Response, WireRect};

use crate::control::Rows;
use crate::event::Frame;
use crate::gpu::Gpu;
use crate::guest::GuestMemory;
use crate::resource::{Content, host_is_full, picture_bytes};
use crate::scanout::{BlobView, MAX_DAMAGE_RECTS, Pending, Scanout, Source};
use porthole_picture::{PIXEL_BYTES, Picture};

/// No scanout may be narrower or lower; drivers rely on the refusal.
const MIN_SIDE: i32 = 16;

impl Gpu {
    /// The index of a scanout that exists.
    fn index(&self, scanout: u32) -> Result<usize, ErrorCode> {
        let index = usize::try_from(scanout).ok().filter(|index| *index < self.scanouts.len());
        index.ok_or(ErrorCode::ScanoutId)
    }

    pub(crate) fn shows(&self, index: usize, resource: u32) -> bool {
        let source = self.scanouts.get(index).and_then(|scanout| scanout.source.as_ref());
        source.is_some_and(|source| source.resource == resource)
    }

    pub(crate) fn set_scanout(
        &mut self,
        scanout: u32,
        id: u32,
        rect: WireRect,
    ) -> Result<Response, ErrorCode> {
        let index = self.index(scanout)?;
        if id == 0 {
            self.disable(index);
            return Ok(Response::Done);
        }
        let drawn = self.place_picture(index, id, rect)?;
        // What was drawn is shown at once. A picture that was never drawn waits for its first
        // flush: until then the old one is better than a black one.
        if drawn {
            self.show(index, Region::new())?;
        }
        Ok(Response::Done)
    }

    /// Makes a part of a picture the source of a scanout, without showing it yet. Returns whether
    /// there is something to be shown.
    pub(crate) fn place_picture(
        &mut self,
        index: usize,
        id: u32,
        rect: WireRect,
    ) -> Result<bool, ErrorCode> {
        let resource = self.resources.get(&id).ok_or(ErrorCode::ResourceId)?;
        if resource.backing.is_none() {
            return Err(ErrorCode::Unspecified);
        }
        // A blob has no format of its own; it is shown by the other command.
        let Content::Picture(picture) = &resource.content else { return Err(ErrorCode::Parameter) };
        let rect = rect.within(picture.size()).ok_or(ErrorCode::Parameter)?;
        let layout = shown_layout(picture, rect)?;
        let drawn = picture.drawn();
        let source = Source { resource: id, rect, layout, seen: false, blob: None };
        self.replace(index, Some(source));
        Ok(drawn)
    }

    pub(crate) fn set_scanout_blob(
        &mut self,
        scanout: u32,
        id: u32,
        rect: WireRect,
        framebuffer: BlobFramebuffer,
    ) -> Result<Response, ErrorCode> {
        let index = self.index(scanout)?;
        if id == 0 {
            self.disable(index);
            return Ok(Response::Done);
        }
        let resource = self.resources.get(&id).ok_or(ErrorCode::ResourceId)?;
        if resource.backing.is_none() {
            return Err(ErrorCode::Unspecified);
        }
        let Content::Blob(blob_bytes) = resource.content else { return Err(ErrorCode::Parameter) };
        let BlobFramebuffer { format, size, stride, offset } = framebuffer;
        let format = format.ok_or(ErrorCode::Parameter)?;
        let rect = rect.within(size).ok_or(ErrorCode::Parameter)?;
        let end = blob_end(rect, stride, offset).ok_or(ErrorCode::Parameter)?;
        let row = size.width.checked_mul(PIXEL_BYTES).ok_or(ErrorCode::Parameter)?;
        if end > blob_bytes || stride < row {
            return Err(ErrorCode::Parameter);
        }
        let picture = Picture::new(format, rect.size());
        let layout = shown_layout(&picture, Rect::from_size(rect.size()))?;
        let bytes = picture_bytes(rect.size())?;
        let old = self.blob_view(index).map_or(0, |view| view.bytes);
        self.afford(bytes.saturating_sub(old))?;

        // A guest that flips between blobs keeps its buffers.
        let picture = self.reuse(index, &picture).unwrap_or(picture);
        let view =
            BlobView { format, framebuffer: size, stride, offset, picture, stale: true, bytes };
        let source = Source { resource: id, rect, layout, seen: false, blob: Some(view) };
        self.replace(index, Some(source));
        self.bytes += bytes;
        Ok(Response::Done)
    }

    fn blob_view(&mut self, index: usize) -> Option<&mut BlobView> {
        self.scanouts.get_mut(index)?.source.as_mut()?.blob.as_mut()
    }

    /// Takes the picture of the blob that is shown now, if it is like the one that is needed.
    fn reuse(&mut self, index: usize, like: &Picture) -> Option<Picture> {
        let view = self.blob_view(index)?;
        let same = view.picture.size() == like.size() && view.picture.format() == like.format();
        let empty = Picture::new(like.format(), like.size());
        same.then(|| std::mem::replace(&mut view.picture, empty))
    }

    /// Shows nothing on a scanout.
    pub(crate) fn disable(&mut self, index: usize) {
        let was_on = self.replace(index, None);
        if let Some(scanout) = self.scanouts.get_mut(index) {
            if let Some(pending) = scanout.pending.take() {
                self.holds.undo(pending.buffer, index, pending.held_before);
            }
            scanout.cleared |= was_on;
            self.completed.extend(scanout.finished(u64::MAX));
        }
    }

    /// Sets what a scanout shows, and lets go what only the old source needed.
    fn replace(&mut self, index: usize, source: Option<Source>) -> bool {
        let Some(scanout) = self.scanouts.get_mut(index) else { return false };
        let old = std::mem::replace(&mut scanout.source, source);
        let was_on = old.is_some();
        if let Some(view) = old.and_then(|old| old.blob) {
            self.bytes = self.bytes.saturating_sub(view.bytes);
            self.retire_picture(&view.picture);
        }
        was_on
    }

    /// Makes a change of a resource visible. Returns a scanout and a frame that a fence should wait
    /// for, if there is one.
    pub(crate) fn flush(
        &mut self,
        id: u32,
        rect: WireRect,
        memory: &dyn GuestMemory,
    ) -> Result<Option<(usize, u64)>, ErrorCode> {
        let resource = self.resources.get(&id).ok_or(ErrorCode::ResourceId)?;
        match &resource.content {
            Content::Picture(picture) => {
                let rect = rect.within(picture.size()).ok_or(ErrorCode::Parameter)?;
                self.flush_picture(id, rect)?;
                Ok(None)
            }
            Content::Blob(_) => self.flush_blob(id, rect, memory),
        }
    }

    fn flush_picture(&mut self, id: u32, rect: Rect) -> Result<(), ErrorCode> {
        for index in 0..self.scanouts.len() {
            let source = self.scanouts.get(index).and_then(|scanout| scanout.source.as_ref());
            let Some(source) = source.filter(|source| source.resource == id) else { continue };
            if let Some(part) = source.rect.intersect(rect) {
                let part = part.translate(-source.rect.x, -source.rect.y);
                self.show(index, Region::from_rect(part))?;
            }
        }
        Ok(())
    }

    fn flush_blob(
        &mut self,
        id: u32,
        rect: WireRect,
        memory: &dyn GuestMemory,
    ) -> Result<Option<(usize, u64)>, ErrorCode> {
        let mut wait = None;
        for index in 0..self.scanouts.len() {
            if let Some(part) = self.read_blob(index, id, rect, memory)? {
                let serial = self.show(index, Region::from_rect(part))?;
                if wait.is_none() && self.scanouts.get(index).is_some_and(|s| s.visible) {
                    wait = Some((index, serial));
                }
            }
        }
        Ok(wait)
    }

    /// Copies what has changed of a blob from guest memory into the picture that a scanout shows of
    /// it. Returns where, in coordinates of that picture.
    fn read_blob(
        &mut self,
        index: usize,
        id: u32,
        rect: WireRect,
        memory: &dyn GuestMemory,
    ) -> Result<Option<Rect>, ErrorCode> {
        let Self { scanouts, resources, holds, counters, .. } = self;
        let source = scanouts.get_mut(index).and_then(|scanout| scanout.source.as_mut());
        let Some(source) = source.filter(|source| source.resource == id) else { return Ok(None) };
        let Some(view) = source.blob.as_mut() else { return Ok(None) };
        let changed = source.rect.intersect(clamp(rect));
        let Some(part) = (if view.stale { Some(source.rect) } else { changed }) else {
            return Ok(None);
        };
        let backing = resources.get(&id).and_then(|resource| resource.backing.as_ref());
        let Some(backing) = backing else { return Ok(None) };
        let start = blob_start(part, view.stride, view.offset).ok_or(ErrorCode::Parameter)?;
        let rows = Rows { backing, offset: start, stride: u64::from(view.stride) };
        let target = part.translate(-source.rect.x, -source.rect.y);
        rows.copy_to(&mut view.picture, target, holds, counters, memory)?;
        view.stale = false;
        Ok(Some(target))
    }

    /// Makes a frame of what a scanout shows, merged with one that was not taken yet. Returns its
    /// serial.
    pub(crate) fn show(&mut self, index: usize, damage: Region) -> Result<u64, ErrorCode> {
        let Self { scanouts, resources, holds, serial, .. } = self;
        let scanout = scanouts.get_mut(index).ok_or(ErrorCode::ScanoutId)?;
        let source = scanout.source.as_mut().ok_or(ErrorCode::Unspecified)?;
        let layout = source.layout;
        let picture = match &mut source.blob {
            Some(view) => Some(&mut view.picture),
            None => resources.get_mut(&source.resource).and_then(|r| r.picture_mut()),
        };
        let buffer = picture.ok_or(ErrorCode::Unspecified)?.current().map_err(host_is_full)?;
        *serial += 1;
        let mut frame = Pending {
            serial: *serial,
            buffer: buffer.id,
            memory: Arc::clone(&buffer.memory),
            layout,
            damage,
            held_before: holds.hold(buffer.id, index, *serial),
        };
        if !std::mem::replace(&mut source.seen, true) {
            frame.damage = Region::from_rect(Rect::from_size(layout.size()));
        }
        if let Some(old) = scanout.pending.take() {
            if old.buffer == frame.buffer {
                frame.held_before = old.held_before;
            } else {
                holds.undo(old.buffer, index, old.held_before);
            }
            frame.damage.union(&old.damage.intersect(Rect::from_size(layout.size())));
            frame.damage.simplify(MAX_DAMAGE_RECTS);
        }
        scanout.pending = Some(frame);
        Ok(*serial)
    }
}

impl Scanout {
    /// The frame to be shown, if there is a new one.
    pub(crate) fn take_frame(&mut self, index: usize) -> Option<Frame> {
        let Pending { serial, buffer, memory, layout, damage, .. } = self.pending.take()?;
        Some(Frame { scanout: index, serial, buffer, memory, layout, damage })
    }
}

/// How a part of a picture is shown: as a screen does, without regard to alpha.
fn shown_layout(picture: &Picture, part: Rect) -> Result<Layout, ErrorCode> {
    if part.width < MIN_SIDE || part.height < MIN_SIDE {
        return Err(ErrorCode::Parameter);
    }
    picture.layout(part).map(|layout| layout.without_alpha()).map_err(|_| ErrorCode::Parameter)
}

/// The first byte of a rectangle of a blob's framebuffer.
fn blob_start(rect: Rect, stride: u32, offset: u32) -> Option<u64> {
    let (x, y) = (u64::from(rect.x.unsigned_abs()), u64::from(rect.y.unsigned_abs()));
    let rows = y.checked_mul(u64::from(stride))?;
    rows.checked_add(u64::from(offset))?.checked_add(x.checked_mul(u64::from(PIXEL_BYTES))?)
}

/// The byte behind the last one of a rectangle of a blob's framebuffer; nothing for an empty one.
fn blob_end(rect: Rect, stride: u32, offset: u32) -> Option<u64> {
    let size = rect.size();
    let rows = u64::from(size.height.checked_sub(1)?).checked_mul(u64::from(stride))?;
    let row = u64::from(size.width).checked_mul(u64::from(PIXEL_BYTES))?;
    blob_start(rect, stride, offset)?.checked_add(rows)?.checked_add(row)
}

/// A rectangle that may reach outside, cut to what can be counted.
fn clamp(rect: WireRect) -> Rect {
    let side = |value: u32| i32::try_from(value).unwrap_or(i32::MAX);
    Rect::new(side(rect.x), side(rect.y), side(rect.width), side(rect.height))
}
