//! A client's picture as frame plans hold it.

use std::{
    sync::{Arc, Mutex, PoisonError},
    thread::{self, ThreadId},
};

use porthole_pixel::{Format, Layout, Size};
use smithay::reexports::{
    calloop::ping::Ping,
    wayland_server::{Resource, protocol::wl_buffer::WlBuffer},
};

use super::{
    account::Charge,
    device::Turn,
    fetch::Fetched,
    mapping::{Access, Mapping},
    pool::Pool,
};

/// Buffers that nobody reads any more. Any thread adds to them; the state thread tells the clients,
/// at the latest at the end of a turn, and always before it tells them to draw again.
#[derive(Clone, Debug)]
pub(crate) struct Releases {
    buffers: Arc<Mutex<Vec<WlBuffer>>>,
    wake: Ping,
    /// The state thread.
    home: ThreadId,
}

impl Releases {
    /// No buffers; `wake` is pinged when another thread than this one adds some.
    pub(crate) fn new(wake: Ping) -> Self {
        Self { buffers: Arc::default(), wake, home: thread::current().id() }
    }

    fn add(&self, buffer: WlBuffer) {
        self.buffers.lock().unwrap_or_else(PoisonError::into_inner).push(buffer);
        if thread::current().id() != self.home {
            self.wake.ping();
        }
    }

    /// Has another turn begin if there are buffers left.
    pub(crate) fn wake_if_any(&self) {
        if !self.buffers.lock().unwrap_or_else(PoisonError::into_inner).is_empty() {
            self.wake.ping();
        }
    }

    /// Tells the clients.
    pub(crate) fn send(&self) {
        let buffers = {
            let mut buffers = self.buffers.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *buffers)
        };
        buffers.iter().filter(|b| b.is_alive()).for_each(WlBuffer::release);
    }
}

/// A buffer in use. Surfaces and plans share it; the last one to let go releases the buffer.
#[derive(Debug)]
pub(crate) struct BufferUse {
    pub(super) buffer: WlBuffer,
    pub(super) released: Releases,
}

impl Drop for BufferUse {
    fn drop(&mut self) {
        self.released.add(self.buffer.clone());
    }
}

/// A picture that stays readable, from any thread, for as long as it is held.
#[derive(Debug)]
pub(crate) struct Pixels {
    layout: Layout,
    memory: Memory,
}

#[derive(Debug)]
enum Memory {
    Mapped {
        map: Arc<Mapping>,
        /// Of a device that takes turns at it.
        device: Option<Arc<Pool>>,
        in_use: Arc<BufferUse>,
    },
    Fetched(Fetched),
    Owned {
        words: Vec<u32>,
        _charge: Option<Charge>,
    },
}

impl Pixels {
    /// A picture read where the client wrote it. `None` when it does not lie in the mapping.
    pub(super) fn mapped(
        layout: Layout,
        map: Arc<Mapping>,
        device: Option<Arc<Pool>>,
        in_use: Arc<BufferUse>,
    ) -> Option<Self> {
        map.range(layout.offset(), layout.byte_len())?;
        Some(Self { layout, memory: Memory::Mapped { map, device, in_use } })
    }

    /// A picture that is yet to be copied out of memory of a device, and turns out to be blank.
    #[cfg(test)]
    pub(crate) fn of_device(size: Size) -> Self {
        let len = u64::from(size.width) * u64::from(size.height) * 4;
        let layout = Layout::new(Format::Xrgb8888, size, size.width * 4, 0, len);
        Self::fetched(layout.unwrap(), Fetched::taken_away())
    }

    /// A picture that is copied when it is first looked at.
    pub(super) const fn fetched(layout: Layout, fetched: Fetched) -> Self {
        Self { layout, memory: Memory::Fetched(fetched) }
    }

    /// Whether looking at it copies nothing.
    pub(crate) fn is_at_hand(&self) -> bool {
        match &self.memory {
            Memory::Mapped { .. } | Memory::Owned { .. } => true,
            Memory::Fetched(fetched) => fetched.is_there(),
        }
    }

    /// Whether looking at it has nothing to do with a device, so that it takes no longer than it takes the
    /// CPU.
    pub(crate) fn needs_no_device(&self) -> bool {
        match &self.memory {
            Memory::Mapped { device, .. } => device.is_none(),
            Memory::Owned { .. } => true,
            Memory::Fetched(fetched) => fetched.is_there(),
        }
    }

    /// The client's buffer with all of it; none where it was copied, and the client has its buffer back.
    pub(crate) fn in_use(&self) -> Option<Arc<BufferUse>> {
        match &self.memory {
            Memory::Mapped { in_use, .. } => Some(in_use.clone()),
            Memory::Fetched(fetched) => fetched.in_use(),
            Memory::Owned { .. } => None,
        }
    }

    /// Whether it is whole words.
    pub(crate) fn is_aligned(&self) -> bool {
        let start = match &self.memory {
            Memory::Mapped { .. } => self.start().addr(),
            // Memory of our own.
            Memory::Owned { .. } | Memory::Fetched(_) => 0,
        };
        start.is_multiple_of(4) && self.layout.stride().is_multiple_of(4)
    }

    /// Begins to look at it, where it is in memory of a device; the end comes with what this returns.
    pub(crate) fn look(&self) -> Option<Turn> {
        match &self.memory {
            Memory::Mapped { device: Some(pool), .. } => Turn::begin(pool, Access::Read),
            Memory::Mapped { .. } | Memory::Owned { .. } | Memory::Fetched(_) => None,
        }
    }

    /// A picture of our own: rows without gaps, each of whole words. `None` when there are too few.
    pub(crate) fn owned(format: Format, size: Size, words: Vec<u32>) -> Option<Self> {
        let row = size.width.checked_mul(format.bytes_per_pixel())?;
        let stride = row.checked_next_multiple_of(4)?;
        let layout = Layout::new(format, size, stride, 0, words.len() as u64 * 4).ok()?;
        Some(Self { layout, memory: Memory::Owned { words, _charge: None } })
    }

    /// The same for a picture that was copied out of a client's pool.
    pub(super) fn copied(
        format: Format,
        size: Size,
        (words, charge): (Vec<u32>, Charge),
    ) -> Option<Self> {
        let mut pixels = Self::owned(format, size, words)?;
        if let Memory::Owned { _charge, .. } = &mut pixels.memory {
            *_charge = Some(charge);
        }
        Some(pixels)
    }

    /// Size, format and stride. The offset counts from the start of the pool, see [`Self::start`].
    pub(crate) const fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The address of the first pixel; [`Layout::byte_len`] bytes behind it stay readable while this
    /// value lives. A client may change mapped ones at any time.
    pub(crate) fn start(&self) -> *const u8 {
        match &self.memory {
            Memory::Mapped { map, .. } => map
                .range(self.layout.offset(), self.layout.byte_len())
                .unwrap_or_else(std::ptr::null),
            Memory::Owned { words, .. } => words.as_ptr().cast(),
            Memory::Fetched(fetched) => fetched.start(&self.layout),
        }
    }

    /// The picture as `Argb8888` words, row by row, for small things that are copied on the spot.
    pub(crate) fn to_argb(&self) -> Vec<u32> {
        let format = self.layout.format();
        let mut words = Vec::new();
        self.rows(|row| {
            let pixels = row.chunks_exact(format.bytes_per_pixel() as usize);
            words.extend(
                pixels
                    .filter_map(|p| format.rgba(p))
                    .map(|[r, g, b, a]| u32::from_be_bytes([a, r, g, b])),
            );
        });
        words
    }

    /// Copies each row out, from the top.
    pub(crate) fn rows(&self, mut look: impl FnMut(&[u8])) {
        let (row_bytes, stride) = (self.layout.row_bytes() as usize, self.layout.stride() as usize);
        let mut row = vec![0_u8; row_bytes];
        let _turn = self.look();
        let start = self.start();
        if start.is_null() {
            return;
        }
        for y in 0..self.layout.size().height as usize {
            // SAFETY: row y lies inside the layout, which was checked against the memory.
            let from = unsafe { start.add(y * stride) };
            // SAFETY: `row` is ours and has exactly this length; the source stays readable.
            unsafe { std::ptr::copy_nonoverlapping(from, row.as_mut_ptr(), row_bytes) };
            look(&row);
        }
    }
}
