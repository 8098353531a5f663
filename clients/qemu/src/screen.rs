//! The pixels of one console.

mod copy;

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use porthole_client::present::Frame;
use porthole_memory::{Foreign, Shared};
use porthole_picture::{BufferId, Holds, PIXEL_BYTES, Picture};
use porthole_pixel::{Format, Layout, Rect, Region, Size};

use self::copy::{Theirs, copy_from, copy_in, put};
use crate::device::{Given, Lately};
use crate::formats::{Known, from_pixman};
use crate::listener::{DmaBuf, Pixels, Refused};
use crate::statistics::Statistics;

/// Rectangles of damage that are told apart.
const MAX_RECTS: usize = 16;

/// How long the next frame waits for the last one at most: two periods at 60 Hz. A layer that nobody sees
/// has no frames presented.
const FRAME_LIMIT: Duration = Duration::from_micros(33_333);

/// Where the pixels come from.
#[derive(Debug)]
enum Origin {
    Nothing,
    /// Messages, copied into a picture.
    Messages(Known, Picture),
    /// QEMU's memory, copied into a picture because it could be taken away.
    Copied(Theirs, Picture),
    /// QEMU's memory itself.
    Memory(Given),
}

/// See the module's text.
#[derive(Debug)]
pub(crate) struct Screen {
    index: usize,
    origin: Origin,
    damage: Region,
    holds: Holds,
    serial: u64,
    /// Memory of devices that may come again.
    lately: Lately,
    /// Buffers that will not come again.
    retired: Vec<BufferId>,
    disabled: bool,
    /// A part came that the picture has no room for: QEMU has changed its size and will say so later.
    unsure: bool,
    /// The last frame that was given and is not on the screen, and when it was given. What changes
    /// meanwhile is one frame with what changes next.
    under_way: Option<(u64, Instant)>,
}

/// What a screen has to show.
#[derive(Debug)]
pub(crate) enum Next {
    Frame(Frame),
    Disabled,
}

impl Screen {
    pub(crate) fn new(index: usize) -> Self {
        Self {
            index,
            origin: Origin::Nothing,
            damage: Region::new(),
            holds: Holds::default(),
            serial: 0,
            lately: Lately::default(),
            retired: Vec::new(),
            disabled: false,
            unsure: false,
            under_way: None,
        }
    }

    /// The size of what is shown.
    pub(crate) fn size(&self) -> Option<Size> {
        match &self.origin {
            Origin::Nothing => None,
            Origin::Messages(_, picture) | Origin::Copied(_, picture) => Some(picture.size()),
            Origin::Memory(given) => Some(given.layout.size()),
        }
    }

    /// Bytes of one buffer of its own.
    pub(crate) fn bytes(&self) -> u64 {
        match &self.origin {
            Origin::Nothing | Origin::Memory(..) => 0,
            Origin::Messages(_, picture) | Origin::Copied(_, picture) => {
                Picture::bytes(picture.size()).unwrap_or(u64::MAX)
            }
        }
    }

    /// Buffers that will not come again.
    pub(crate) fn take_retired(&mut self) -> Vec<BufferId> {
        std::mem::take(&mut self.retired)
    }

    /// The presenter has a buffer back.
    pub(crate) fn released(&mut self, buffer: u64, serial: u64) {
        let ids: Vec<BufferId> = match &self.origin {
            Origin::Messages(_, picture) | Origin::Copied(_, picture) => picture.ids().collect(),
            Origin::Nothing | Origin::Memory(..) => Vec::new(),
        };
        if let Some(id) = ids.into_iter().find(|id| id.get() == buffer) {
            self.holds.release(id, self.index, serial);
        }
    }

    /// What became of a frame is known.
    pub(crate) fn settled(&mut self, serial: u64) {
        self.under_way.take_if(|(given, _)| *given <= serial);
    }

    /// When something is to be shown though nothing comes; none where nothing waits.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let waits = !self.damage.is_empty() && !self.unsure;
        self.under_way.filter(|_| waits).map(|(_, since)| since + FRAME_LIMIT)
    }

    /// What comes next has nothing to do with what was.
    fn replace(&mut self, origin: Origin) {
        let old: Vec<BufferId> = match &self.origin {
            Origin::Nothing => Vec::new(),
            Origin::Messages(_, picture) | Origin::Copied(_, picture) => picture.ids().collect(),
            Origin::Memory(given) => vec![given.id],
        };
        let again = matches!(&origin, Origin::Memory(given) if self.lately.has(given.id));
        let kept = |id: &BufferId| self.lately.has(*id);
        let mut old: Vec<BufferId> = old.into_iter().filter(|id| !kept(id)).collect();
        if !again {
            old.extend(self.lately.clear());
        }
        for id in &old {
            self.holds.forget(*id);
        }
        self.retired.extend(old);
        self.origin = origin;
        self.damage = Region::new();
        self.disabled = false;
        self.unsure = false;
    }

    /// Shows nothing from now on.
    pub(crate) fn disable(&mut self) {
        if !matches!(self.origin, Origin::Nothing) {
            self.replace(Origin::Nothing);
            self.disabled = true;
        }
    }

    fn damage(&mut self, rect: Rect) {
        self.damage.add(rect);
        self.damage.simplify(MAX_RECTS);
    }

    /// A whole picture came; at most `room` bytes may be taken for it.
    pub(crate) fn scanout(
        &mut self,
        pixels: Pixels,
        data: &[u8],
        room: u64,
        statistics: &mut Statistics,
    ) -> Result<(), Refused> {
        let known = known(pixels.format)?;
        layout(known, pixels, 0, data.len() as u64)?;
        let picture = picture(known, pixels.size, room)?;
        // The buffers of the same picture are as good as new ones.
        let same = matches!(&self.origin, Origin::Messages(before, of)
            if *before == known && of.size() == pixels.size);
        if !same {
            self.replace(Origin::Messages(known, picture));
        }
        statistics.scanouts += 1;
        self.draw(Rect::from_size(pixels.size), known, pixels.stride, data, statistics)
    }

    /// Whether it must be known how large the console is before anything is shown.
    pub(crate) const fn is_unsure(&self) -> bool {
        self.unsure
    }

    /// QEMU has said how large the console is. Where pixels come in messages it does so after the first
    /// parts of a picture of another size, and sends no whole one.
    pub(crate) fn resize(
        &mut self,
        size: Size,
        room: u64,
        statistics: &mut Statistics,
    ) -> Result<(), Refused> {
        self.unsure = false;
        let Origin::Messages(known, old) = &self.origin else { return Ok(()) };
        if old.size() == size || size.is_empty() {
            return Ok(());
        }
        let (known, before, pixels) = (*known, old.size(), old.content().unwrap_or_default());
        layout(known, Pixels { size, stride: u32::MAX, format: 0 }, 0, u64::MAX)?;
        let new = picture(known, size, room)?;
        self.replace(Origin::Messages(known, new));
        let kept = Size::new(before.width.min(size.width), before.height.min(size.height));
        let stride = before.width * PIXEL_BYTES;
        let plain = Known { format: known.shown, ..known };
        self.draw(Rect::from_size(kept), plain, stride, &pixels, statistics)?;
        self.damage(Rect::from_size(size));
        Ok(())
    }

    /// A part of the picture came; at most `room` bytes may be taken for it.
    pub(crate) fn update(
        &mut self,
        rect: Rect,
        pixels: Pixels,
        data: &[u8],
        room: u64,
        statistics: &mut Statistics,
    ) -> Result<(), Refused> {
        let Origin::Messages(known, picture) = &self.origin else {
            return Err(Refused("a part of a picture that did not come".to_owned()));
        };
        let known = *known;
        if from_pixman(pixels.format) != Some(known) {
            return Err(Refused(format!("a part in another format, {:#x}", pixels.format)));
        }
        layout(known, pixels, 0, data.len() as u64)?;
        let size = picture.size();
        let whole = Rect::from_size(size).union(rect).size();
        if whole != size {
            self.resize(whole, room, statistics)?;
            self.unsure = true;
        }
        statistics.updates += 1;
        self.draw(rect, known, pixels.stride, data, statistics)
    }

    /// The picture lies in QEMU's memory.
    pub(crate) fn map(
        &mut self,
        memory: OwnedFd,
        offset: u64,
        pixels: Pixels,
        room: u64,
        statistics: &mut Statistics,
    ) -> Result<(), Refused> {
        let known = known(pixels.format)?;
        let memory =
            Foreign::new(memory).map_err(|error| Refused(format!("its memory: {error}")))?;
        let lies = layout(known, pixels, offset, memory.len())?;
        // Readers of words want them at their places.
        let aligned = lies.stride().is_multiple_of(4) && lies.offset().is_multiple_of(4);
        let origin = if memory.is_sealed() && known.format == known.shown && aligned {
            Origin::Memory(Given { memory: Arc::new(memory), layout: lies, id: BufferId::fresh() })
        } else {
            Origin::Copied(Theirs { memory, known, lies }, picture(known, pixels.size, room)?)
        };
        tracing::debug!(
            shared = matches!(origin, Origin::Memory(..)),
            "console {}: a picture of {} in QEMU's memory",
            self.index,
            pixels.size
        );
        self.replace(origin);
        statistics.scanouts += 1;
        self.damage(Rect::from_size(pixels.size));
        Ok(())
    }

    /// The picture lies in memory of a device.
    pub(crate) fn device(
        &mut self,
        buffer: DmaBuf,
        statistics: &mut Statistics,
    ) -> Result<(), Refused> {
        let (given, old) = self.lately.take(Given::new(buffer)?);
        if let Some(old) = old {
            self.holds.forget(old);
            self.retired.push(old);
        }
        let size = given.layout.size();
        tracing::debug!("console {}: a picture of {size} in memory of a device", self.index);
        self.replace(Origin::Memory(given));
        statistics.scanouts += 1;
        self.damage(Rect::from_size(size));
        Ok(())
    }

    /// A part of a device's memory has changed.
    pub(crate) fn device_update(
        &mut self,
        rect: Rect,
        statistics: &mut Statistics,
    ) -> Result<(), Refused> {
        let is_device =
            matches!(&self.origin, Origin::Memory(given) if given.memory.device().is_some());
        if is_device {
            return self.map_update(rect, statistics);
        }
        Err(Refused(
            "a part of a dma-buf that was not handed over; a driver that cannot hand its pictures over, \
             as Mesa's software driver, needs QEMU without gl=on"
                .to_owned(),
        ))
    }

    /// A part of QEMU's memory has changed.
    pub(crate) fn map_update(
        &mut self,
        rect: Rect,
        statistics: &mut Statistics,
    ) -> Result<(), Refused> {
        let size = match &self.origin {
            Origin::Copied(theirs, _) => theirs.lies.size(),
            Origin::Memory(given) => given.layout.size(),
            Origin::Nothing | Origin::Messages(..) => {
                return Err(Refused("a part of memory that did not come".to_owned()));
            }
        };
        inside(rect, size)?;
        statistics.mapped_updates += 1;
        self.damage(rect);
        Ok(())
    }

    fn draw(
        &mut self,
        rect: Rect,
        known: Known,
        stride: u32,
        data: &[u8],
        statistics: &mut Statistics,
    ) -> Result<(), Refused> {
        let Origin::Messages(_, picture) = &mut self.origin else { return Ok(()) };
        let rows = data.chunks(usize::try_from(stride).unwrap_or(usize::MAX).max(1));
        copy_in(picture, rect, known, &self.holds, statistics, |rows_of| {
            rows_of.iter_mut().zip(rows).for_each(|(to, from)| {
                let half = known.format == Format::Rgb565;
                let length = if half { to.len() / 2 } else { to.len() };
                put(known, to, from.get(..length).unwrap_or(from));
            });
            Ok(())
        })
        .map_err(|error| Refused(format!("the picture: {error}")))?;
        self.damage(rect);
        Ok(())
    }

    /// What there is to show since the last time, if it is time.
    pub(crate) fn next(
        &mut self,
        now: Instant,
        statistics: &mut Statistics,
    ) -> Result<Option<Next>, Refused> {
        if std::mem::take(&mut self.disabled) {
            return Ok(Some(Next::Disabled));
        }
        if self.damage.is_empty() || self.unsure || self.deadline().is_some_and(|until| now < until)
        {
            return Ok(None);
        }
        let damage = std::mem::take(&mut self.damage);
        if let Origin::Copied(theirs, picture) = &mut self.origin {
            for rect in damage.rects() {
                let copied = copy_from(theirs, *rect, picture, &self.holds, statistics);
                if let Err(error) = copied {
                    self.disable();
                    return Err(Refused(format!("its memory cannot be read: {error}")));
                }
            }
        }
        let (memory, layout, buffer) = match &mut self.origin {
            Origin::Nothing => return Ok(None),
            Origin::Messages(_, picture) | Origin::Copied(_, picture) => {
                let layout = picture.layout(Rect::from_size(picture.size()));
                let layout = layout.map_err(|error| Refused(error.to_string()))?;
                let buffer = picture.current().map_err(|error| Refused(error.to_string()))?;
                (Shared::from(Arc::clone(&buffer.memory)), layout, buffer.id)
            }
            Origin::Memory(given) => {
                statistics.shared_frames += 1;
                (Shared::Theirs(Arc::clone(&given.memory)), given.layout, given.id)
            }
        };
        self.serial += 1;
        statistics.frames += 1;
        self.under_way = Some((self.serial, now));
        self.holds.hold(buffer, self.index, self.serial);
        let (scanout, serial, buffer) = (self.index, self.serial, buffer.get());
        Ok(Some(Next::Frame(Frame { scanout, serial, buffer, memory, layout, damage })))
    }
}

fn known(code: u32) -> Result<Known, Refused> {
    from_pixman(code)
        .ok_or_else(|| Refused(format!("pixels of format {code:#x}, which nobody shows")))
}

fn layout(known: Known, pixels: Pixels, offset: u64, length: u64) -> Result<Layout, Refused> {
    Layout::new(known.format, pixels.size, pixels.stride, offset, length)
        .map_err(|error| Refused(error.to_string()))
}

fn inside(rect: Rect, size: Size) -> Result<(), Refused> {
    if Rect::from_size(size).contains_rect(rect) {
        return Ok(());
    }
    Err(Refused(format!(
        "a part of {} at {},{} of a picture of {size}",
        rect.size(),
        rect.x,
        rect.y
    )))
}

fn picture(known: Known, size: Size, room: u64) -> Result<Picture, Refused> {
    let bytes = Picture::bytes(size).unwrap_or(u64::MAX);
    if bytes > room {
        return Err(Refused(format!(
            "a picture of {size} has {bytes} bytes, and there is room for {room}; --max-memory makes more"
        )));
    }
    Ok(Picture::new(known.shown, size))
}

#[cfg(test)]
mod tests;
