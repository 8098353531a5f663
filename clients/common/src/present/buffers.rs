//! Buffers that a window has got from its device, and the Wayland objects for them.
//!
//! A buffer belongs to the device again when the compositor has released it and no frame with it is
//! waiting here. The device is told the last frame with it that arrived, so that it can see whether
//! the news is older than a frame on its way.

use std::collections::BTreeMap;
use std::os::fd::AsFd;

use porthole_memory::Shared;
use porthole_pixel::{Format, Layout};
use wayland_client::protocol::wl_buffer::WlBuffer;
use wayland_client::protocol::wl_shm;
use wayland_client::{Proxy, WEnum};

use super::link::Link;
use super::{Frame, Told, device};

/// Names the buffer that a `wl_buffer` shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct BufferOf {
    pub(super) scanout: usize,
    pub(super) buffer: u64,
}

/// A part of a buffer as a `wl_buffer`.
#[derive(Debug)]
struct View {
    layout: Layout,
    object: WlBuffer,
    /// The compositor holds it.
    busy: bool,
}

#[derive(Debug, Default)]
struct Buffer {
    views: Vec<View>,
    /// The last frame with it.
    serial: u64,
    /// A frame with it was not given to the compositor yet.
    waiting: bool,
    /// Whether the device has it back.
    free: bool,
    /// The device will not use it again.
    retired: bool,
    /// Where it is memory of a device: what came of asking for it.
    asked: Asked,
}

/// What came of asking the compositor for a buffer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Asked {
    #[default]
    Not,
    /// It has not answered.
    Waiting,
    /// It cannot read it.
    Refused,
}

/// What a frame is attached as.
#[derive(Debug)]
pub(super) enum Attach {
    /// This, which the compositor holds from now on; not again where it holds it already.
    Now(WlBuffer, bool),
    /// What the compositor has yet to make.
    Later,
    /// Nothing.
    Never,
}

impl Buffer {
    fn busy(&self) -> bool {
        self.waiting || self.views.iter().any(|view| view.busy)
    }
}

/// All buffers of a window.
#[derive(Debug)]
pub(super) struct Buffers {
    scanout: usize,
    known: BTreeMap<u64, Buffer>,
}

impl Buffers {
    pub(super) const fn new(scanout: usize) -> Self {
        Self { scanout, known: BTreeMap::new() }
    }

    /// A frame has come.
    pub(super) fn arrived(&mut self, frame: &Frame) {
        let buffer = self.known.entry(frame.buffer).or_default();
        buffer.serial = frame.serial;
        buffer.waiting = true;
        buffer.free = false;
    }

    /// The frame that waited was given to the compositor, or is not needed any more.
    pub(super) fn settled(&mut self, buffer: u64, told: &mut Vec<Told>) {
        if let Some(known) = self.known.get_mut(&buffer) {
            known.waiting = false;
        }
        self.check(buffer, told);
    }

    /// Marks a buffer whose frame is to be given to another connection.
    pub(super) fn wait(&mut self, buffer: u64) {
        if let Some(known) = self.known.get_mut(&buffer) {
            known.waiting = true;
        }
    }

    /// The `wl_buffer` for a frame.
    pub(super) fn attach(&mut self, frame: &Frame, link: &Link) -> Attach {
        let Some(known) = self.known.get_mut(&frame.buffer) else { return Attach::Never };
        if let Some(view) = known.views.iter_mut().find(|view| view.layout == frame.layout) {
            // What another program writes is looked at again each time it is attached.
            let held = std::mem::replace(&mut view.busy, true);
            return Attach::Now(view.object.clone(), !held || !frame.memory.is_ours());
        }
        let names = BufferOf { scanout: self.scanout, buffer: frame.buffer };
        if let Some(device) = frame.memory.device() {
            if known.asked == Asked::Not {
                let asked = device::ask(frame, device, names, link);
                known.asked = if asked { Asked::Waiting } else { Asked::Refused };
            }
            return if known.asked == Asked::Waiting { Attach::Later } else { Attach::Never };
        }
        let Some(object) = wl_buffer(&frame.memory, frame.layout, names, link) else {
            tracing::error!("a frame of {} cannot be shown", frame.layout.size());
            return Attach::Never;
        };
        let view = View { layout: frame.layout, object: object.clone(), busy: true };
        known.views.push(view);
        Attach::Now(object, true)
    }

    /// The compositor has made the buffer that it was asked for, or cannot. False when nobody wants it any
    /// more.
    pub(super) fn made(&mut self, buffer: u64, layout: Layout, object: Option<WlBuffer>) -> bool {
        let Some(known) = self.known.get_mut(&buffer).filter(|b| b.asked == Asked::Waiting) else {
            return false;
        };
        known.asked = if object.is_some() { Asked::Not } else { Asked::Refused };
        known.views.extend(object.map(|object| View { layout, object, busy: false }));
        true
    }

    /// The buffer with this object.
    pub(super) fn number_of(&self, object: &WlBuffer) -> Option<u64> {
        let has = |known: &Buffer| known.views.iter().any(|view| view.object == *object);
        self.known.iter().find(|(_, known)| has(known)).map(|(buffer, _)| *buffer)
    }

    /// The compositor has released a `wl_buffer`.
    pub(super) fn released(&mut self, buffer: u64, object: &WlBuffer, told: &mut Vec<Told>) {
        if let Some(known) = self.known.get_mut(&buffer) {
            known.views.iter_mut().filter(|v| v.object == *object).for_each(|v| v.busy = false);
        }
        self.check(buffer, told);
    }

    /// The device will not use these again.
    pub(super) fn retire(&mut self, buffers: &[u64]) {
        for buffer in buffers {
            if let Some(known) = self.known.get_mut(buffer) {
                known.retired = true;
            }
            self.check(*buffer, &mut Vec::new());
        }
    }

    /// The connection is lost: nobody holds anything any more.
    pub(super) fn lost(&mut self, told: &mut Vec<Told>) {
        let all: Vec<u64> = self.known.keys().copied().collect();
        for buffer in all {
            if let Some(known) = self.known.get_mut(&buffer) {
                known.views.clear();
                known.asked = Asked::Not;
            }
            self.check(buffer, told);
        }
    }

    /// Tells the device when a buffer is its own again.
    fn check(&mut self, buffer: u64, told: &mut Vec<Told>) {
        let Some(known) = self.known.get_mut(&buffer).filter(|known| !known.busy()) else { return };
        if !std::mem::replace(&mut known.free, true) {
            told.push(Told::Released { scanout: self.scanout, buffer, serial: known.serial });
        }
        if known.retired {
            known.views.iter().for_each(|view| view.object.destroy());
            self.known.remove(&buffer);
        }
    }
}

/// Whether the compositor's `wl_shm` takes this format.
pub(super) fn takes(link: &Link, format: Format) -> bool {
    let code = shm_format(format).map(u32::from);
    code.is_some_and(|code| link.formats.contains(&code))
}

/// The format by the numbers of `wl_shm`: those of DRM, but for the two that came first.
fn shm_format(format: Format) -> Option<wl_shm::Format> {
    match format {
        Format::Argb8888 => Some(wl_shm::Format::Argb8888),
        Format::Xrgb8888 => Some(wl_shm::Format::Xrgb8888),
        other => match WEnum::<wl_shm::Format>::from(other.fourcc()) {
            WEnum::Value(format) => Some(format),
            WEnum::Unknown(_) => None,
        },
    }
}

/// Makes a `wl_buffer` of memory; nothing when Wayland's numbers are too small for it.
pub(super) fn wl_buffer(
    memory: &Shared,
    layout: Layout,
    names: BufferOf,
    link: &Link,
) -> Option<WlBuffer> {
    let number = |value: u64| i32::try_from(value).ok();
    let size = layout.size();
    let (width, height) = (number(size.width.into())?, number(size.height.into())?);
    let (offset, stride) = (number(layout.offset())?, number(layout.stride().into())?);
    let length = number(memory.len())?;
    let format = shm_format(layout.format())?;
    let queue = &link.queue;
    let pool = link.shm.as_ref()?.create_pool(memory.fd().as_fd(), length, queue, ());
    let buffer = pool.create_buffer(offset, width, height, stride, format, queue, names);
    pool.destroy();
    buffer.is_alive().then_some(buffer)
}
