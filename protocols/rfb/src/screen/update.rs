//! Writes one FramebufferUpdate (RFC 6143, 7.6.1).

use porthole_pixel::{Rect, Region, Size};

use super::{GRANTED, Layout, OWN_LAYOUT, Screen};
use crate::encode::Source;
use crate::frame::Frame;
use crate::moves::Move;
use crate::spec::{Encoding, to_client};
use crate::wire::Put;

/// Above this many rectangles, their headers and cut tiles cost more than what they leave out.
const MAX_RECTS: usize = 64;

/// The largest count that the header can name; one more means "until LastRect".
const MAX_COUNT: u32 = 0xfffe;

/// What an update held.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Written {
    pub(crate) rects: u32,
    pub(crate) pixels: u64,
}

/// An update under construction: the count is filled in at the end.
struct Message<'a> {
    out: &'a mut Vec<u8>,
    count_at: usize,
    written: Written,
}

impl<'a> Message<'a> {
    fn begin(out: &'a mut Vec<u8>) -> Self {
        out.put(&[to_client::UPDATE, 0]);
        let count_at = out.len();
        out.put_u16(0);
        Self { out, count_at, written: Written { rects: 0, pixels: 0 } }
    }

    fn header(&mut self, rect: Rect, encoding: Encoding) {
        for field in [rect.x, rect.y, rect.width, rect.height] {
            // Callers stay inside a picture of at most 65535 pixels a side.
            self.out.put_u16(u16::try_from(field).unwrap_or(u16::MAX));
        }
        self.out.put_i32(encoding.number());
        self.written.rects += 1;
    }

    /// A rectangle whose fields mean something else than a place.
    fn pseudo(&mut self, [x, y]: [u16; 2], size: Size, encoding: Encoding) {
        let side = |side: u32| i32::try_from(side).unwrap_or(i32::MAX);
        let rect = Rect::new(i32::from(x), i32::from(y), side(size.width), side(size.height));
        self.header(rect, encoding);
    }

    fn layout(&mut self, layout: Layout, size: Size) {
        self.pseudo([layout.reason, layout.status], size, Encoding::ExtendedDesktopSize);
        // One screen, number 0, that covers everything.
        self.out.put(&[1, 0, 0, 0]);
        self.out.put(&[0; 8]);
        for side in [size.width, size.height] {
            self.out.put_u16(u16::try_from(side).unwrap_or(u16::MAX));
        }
        self.out.put_u32(0);
    }

    fn end(mut self) -> Written {
        let count = if self.written.rects > MAX_COUNT {
            self.pseudo([0, 0], Size::new(0, 0), Encoding::LastRect);
            u16::MAX
        } else {
            u16::try_from(self.written.rects).unwrap_or(u16::MAX)
        };
        if let Some(field) = self.out.get_mut(self.count_at..self.count_at + 2) {
            field.copy_from_slice(&count.to_be_bytes());
        }
        self.written
    }
}

impl Screen {
    /// Answers the open request, if there is one and something to say. `moved` is what the
    /// viewer's present picture has at another place; it is a promise of the caller.
    pub(crate) fn update(
        &mut self,
        frame: &Frame<'_>,
        moved: Option<Move>,
        out: &mut Vec<u8>,
    ) -> Option<Written> {
        self.resize(frame.size());
        if !self.wants_update() {
            return None;
        }
        let area = self.request.take()?;
        let mut message = Message::begin(out);
        if self.may_resize() {
            self.put_size(&mut message);
            return Some(message.end());
        }
        self.put_due(&mut message);
        let mut region = self.pending.intersect(area);
        self.pending.subtract(area);
        if let Some(moved) = moved.filter(|moved| self.accepts(moved, frame, &region)) {
            message.header(moved.to, Encoding::CopyRect);
            for start in [moved.from().x, moved.from().y] {
                message.out.put_u16(u16::try_from(start).unwrap_or(0));
            }
            region.subtract(moved.to);
        }
        self.put_picture(frame, region, &mut message);
        Some(message.end())
    }

    /// A new size goes alone: what else the update held would belong to the old picture.
    fn put_size(&mut self, message: &mut Message<'_>) {
        self.viewer_size = self.picture_size;
        self.pending = Region::from_rect(Rect::from_size(self.viewer_size));
        if self.offers(Encoding::ExtendedDesktopSize) {
            // A refusal that waits stays: it must not be taken for the reason of this size.
            self.due.layout = self.due.layout.filter(|layout| *layout != OWN_LAYOUT);
            let promised = self.granted.take() == Some(self.viewer_size);
            let reason = if promised { GRANTED } else { OWN_LAYOUT };
            message.layout(reason, self.viewer_size);
        } else {
            message.pseudo([0, 0], self.viewer_size, Encoding::DesktopSize);
        }
    }

    fn put_due(&mut self, message: &mut Message<'_>) {
        if self.offers(Encoding::ExtendedDesktopSize)
            && let Some(layout) = self.due.layout.take()
        {
            message.layout(layout, self.viewer_size);
        }
        if self.due.extended_key && self.offers(Encoding::QemuExtendedKey) {
            self.due.extended_key = false;
            message.pseudo([0, 0], Size::new(0, 0), Encoding::QemuExtendedKey);
        }
        if self.due.pointer && self.offers(Encoding::QemuPointerMotion) {
            self.due.pointer = false;
            self.told_relative = self.relative;
            let absolute = u16::from(!self.relative);
            message.pseudo([absolute, 0], self.viewer_size, Encoding::QemuPointerMotion);
        }
        if let Some(leds) = self.leds.filter(|_| self.due.leds && self.offers(Encoding::QemuLeds)) {
            self.due.leds = false;
            message.pseudo([0, 0], Size::new(0, 0), Encoding::QemuLeds);
            message.out.put(&[leds.to_wire()]);
        }
        if self.due.name && self.offers(Encoding::DesktopName) {
            self.due.name = false;
            message.pseudo([0, 0], Size::new(0, 0), Encoding::DesktopName);
            message.out.put_u32(u32::try_from(self.name.len()).unwrap_or(0));
            message.out.put(self.name.as_bytes());
        }
        if self.due.cursor
            && self.offers(Encoding::Cursor)
            && let Some(cursor) = &self.cursor
        {
            self.due.cursor = false;
            let (x, y) = cursor.hotspot();
            let hotspot = [x, y].map(|side| u16::try_from(side).unwrap_or(0));
            message.pseudo(hotspot, cursor.size(), Encoding::Cursor);
            cursor.put(&self.converter, message.out);
        }
    }

    /// A move is used where all of it is asked for and damaged, and nothing is painted over it.
    fn accepts(&self, moved: &Move, frame: &Frame<'_>, region: &Region) -> bool {
        self.offers(Encoding::CopyRect)
            && !frame.has_overlay()
            && self.viewer_size == frame.size()
            && region.contains_rect(moved.to)
            && Rect::from_size(self.viewer_size).contains_rect(moved.from())
    }

    fn put_picture(&mut self, frame: &Frame<'_>, mut region: Region, message: &mut Message<'_>) {
        let limit = if region.rects().len() > MAX_RECTS {
            region.simplify(MAX_RECTS);
            // The merged rectangles may cover more than the damage, never more than the picture.
            Rect::from_size(self.viewer_size)
        } else {
            region.bounds().unwrap_or_default()
        };
        let encoding = self.picture_encoding();
        for rect in region.rects().iter().filter_map(|rect| rect.intersect(limit)) {
            message.header(rect, encoding);
            message.written.pixels += rect.area();
            let source = Source { frame, converter: &self.converter, rect };
            self.encoder.put_body(encoding, source, message.out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_rectangles_than_the_header_can_count_end_with_last_rect() {
        let mut out = Vec::new();
        let mut message = Message::begin(&mut out);
        for _ in 0..=MAX_COUNT {
            message.header(Rect::new(1, 2, 3, 4), Encoding::Raw);
        }
        message.end();
        assert_eq!(out[..4], [0, 0, 0xff, 0xff]);
        assert_eq!(out[out.len() - 12..], [0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0x20]);
    }
}
