//! Gives frames to the compositor.

use std::sync::Arc;

use porthole_memory::{Memory, Shared};
use porthole_pixel::{Format, Layout, Region};
use wayland_client::protocol::wl_buffer::WlBuffer;
use wayland_client::protocol::wl_output::Transform;

use super::buffers::{Attach, BufferOf, takes, wl_buffer};
use super::dispatch::{CallbackOf, FeedbackOf};
use super::link::Link;
use super::window::{Toplevel, Window};
use super::{Frame, Told};

/// Commits without an answer after which frames are merged: one is being shown, one is next.
const MAX_UNANSWERED: usize = 2;

impl Window {
    /// Gives the newest frame to the compositor, if there is one and the time has come.
    pub(super) fn commit(&mut self, link: &Link, told: &mut Vec<Told>) {
        let Some(top) = self.top.as_mut().filter(|top| top.configured) else { return };
        if !self.waiting || top.unanswered >= MAX_UNANSWERED {
            return;
        }
        let Some(frame) = &mut self.frame else { return };
        self.waiting = false;
        let size = frame.layout.size();
        let bottom_up = frame.memory.device().is_some_and(|device| device.bottom_up);
        // Which end the parts of a picture that stands on its head are counted from is told nowhere.
        let whole = bottom_up || top.attached != Some(size);
        let is_shared = frame.memory.device().is_none();
        let attached = if is_shared && !takes(link, frame.layout.format()) {
            let converted = self.shadow.convert(frame, link);
            converted.map_or(Attach::Never, |buffer| Attach::Now(buffer, true))
        } else {
            self.buffers.attach(frame, link)
        };
        let (buffer, attach) = match attached {
            Attach::Now(buffer, attach) => (buffer, attach),
            Attach::Later => {
                self.waiting = true;
                return;
            }
            Attach::Never => {
                told.push(Told::Discarded { scanout: frame.scanout, serial: frame.serial });
                self.buffers.settled(frame.buffer, told);
                return;
            }
        };
        if std::mem::replace(&mut top.bottom_up, bottom_up) != bottom_up {
            let turn = if bottom_up { Transform::Flipped180 } else { Transform::Normal };
            top.surface.set_buffer_transform(turn);
        }
        if attach {
            top.surface.attach(Some(&buffer), 0, 0);
        }
        let damage = std::mem::take(&mut frame.damage);
        if whole {
            top.surface.damage_buffer(0, 0, i32::MAX, i32::MAX);
        } else {
            for rect in damage.rects() {
                top.surface.damage_buffer(rect.x, rect.y, rect.width, rect.height);
            }
        }
        top.surface.frame(&link.queue, CallbackOf::Frame { scanout: frame.scanout });
        let names = FeedbackOf { scanout: frame.scanout, serial: frame.serial };
        if let Some(presentation) = &link.presentation {
            presentation.feedback(&top.surface, &link.queue, names);
        }
        top.surface.commit();
        top.attached = Some(size);
        top.unanswered += 1;
        top.last_serial = frame.serial;
        let buffer = frame.buffer;
        self.buffers.settled(buffer, told);
    }
}

impl Toplevel {
    /// The compositor asks for a follow-up.
    pub(super) const fn answered(&mut self) {
        self.unanswered = self.unanswered.saturating_sub(1);
    }
}

/// A copy of the picture in a format that every compositor takes, for guests with rare formats.
#[derive(Debug, Default)]
pub(super) struct Shadow(Option<(Arc<Memory>, Layout, WlBuffer)>);

impl Shadow {
    pub(super) fn lost(&mut self) {
        self.0 = None;
    }

    /// Converts what has changed. There is one copy only, so the compositor may see a frame and the
    /// next one mixed; the guest can avoid it by a usual format.
    fn convert(&mut self, frame: &Frame, link: &Link) -> Option<WlBuffer> {
        let layout = Layout::packed(Format::Xrgb8888, frame.layout.size()).ok()?;
        let mut damage = &frame.damage;
        let all = Region::from_rect(porthole_pixel::Rect::from_size(layout.size()));
        if self.0.as_ref().is_none_or(|(_, old, _)| *old != layout) {
            let format = frame.layout.format();
            tracing::warn!("the compositor does not take {format:?}: each frame is converted");
            let memory = Arc::new(Memory::create("porthole-converted", layout.byte_len()).ok()?);
            let names = BufferOf { scanout: frame.scanout, buffer: 0 };
            let buffer = wl_buffer(&Shared::from(Arc::clone(&memory)), layout, names, link)?;
            if let Some((_, _, old)) = self.0.replace((memory, layout, buffer)) {
                old.destroy();
            }
            damage = &all;
        }
        let (memory, layout, buffer) = self.0.as_ref()?;
        for rect in damage.rects() {
            for y in rect.top()..rect.bottom() {
                let row = Row { y: y.unsigned_abs(), x: rect.x.unsigned_abs() };
                convert_row(frame, memory, *layout, row, rect.size().width)?;
            }
        }
        Some(buffer.clone())
    }
}

#[derive(Clone, Copy)]
struct Row {
    x: u32,
    y: u32,
}

fn convert_row(frame: &Frame, to: &Memory, layout: Layout, row: Row, width: u32) -> Option<()> {
    let format = frame.layout.format();
    let source = frame.layout.row_offset(row.y)?;
    let source = source + u64::from(row.x) * u64::from(format.bytes_per_pixel());
    let target = layout.row_offset(row.y)? + u64::from(row.x) * 4;
    let mut pixels = vec![0; usize::try_from(width * format.bytes_per_pixel()).ok()?];
    frame.memory.read_at(source, &mut pixels).ok()?;
    let size = usize::try_from(format.bytes_per_pixel()).ok()?;
    let pixel =
        |bytes: &[u8]| format.rgba(bytes).map(|[red, green, blue, _]| [blue, green, red, 255]);
    let converted: Vec<u8> = pixels.chunks_exact(size).filter_map(pixel).flatten().collect();
    to.write_at(target, &converted).ok()
}
