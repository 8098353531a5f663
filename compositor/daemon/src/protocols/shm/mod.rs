//! `wl_shm`, written here because a plan's memory must be readable on any thread.
//!
//! smithay's own guards one read at a time on one thread and maps every pool writable. Here a sealed
//! memfd is mapped once and read freely; any other pool is copied at commit by `pread`. Buffers in memory
//! of devices (dma-bufs) are mapped too, and read as their exporters let them ([`device`]).

mod account;
mod device;
mod fetch;
mod mapping;
mod pixels;
mod pool;
mod share;

use std::sync::{Arc, Mutex, PoisonError, Weak};

use porthole_core::{Priority, account::Counter};
use porthole_pixel::{Format, Layout, LayoutError, Rect, Size};
use smithay::reexports::wayland_server::{
    Client, DataInit, Dispatch, DisplayHandle, GlobalDispatch, New, Resource, WEnum,
    protocol::{
        wl_buffer::{self, WlBuffer},
        wl_shm::{self, WlShm},
        wl_shm_pool::{self, WlShmPool},
    },
};

pub(crate) use account::{Account, OverLimit};
pub(crate) use device::Exporter;
use fetch::Fetched;
pub(crate) use mapping::{Access, Mapping};
pub(crate) use pixels::{BufferUse, Pixels, Releases};
use pool::GrowError;
pub(crate) use pool::Pool;
pub(crate) use share::{Shared, SharedMemory};

/// What the service answers.
pub(crate) trait ShmHandler {
    /// Where a client's memory is counted.
    fn account(&self, client: &Client) -> Arc<Account>;

    /// Ends a client that wants too much.
    fn no_memory(&self, client: &Client, why: OverLimit);
}

/// The `wl_shm` global.
#[derive(Debug)]
pub(crate) struct ShmState;

impl ShmState {
    /// Announces the global to every client.
    pub(crate) fn new<D>(display: &DisplayHandle) -> Self
    where
        D: GlobalDispatch<WlShm, ()> + Dispatch<WlShm, ()> + 'static,
    {
        display.create_global::<D, WlShm, ()>(1, ());
        Self
    }
}

/// A `wl_buffer` that was checked when it was made.
#[derive(Debug)]
pub(crate) struct ShmBuffer {
    pool: Arc<Pool>,
    layout: Layout,
    in_use: Mutex<Weak<BufferUse>>,
}

impl ShmBuffer {
    /// The buffer behind a `wl_buffer`, when it is one of ours.
    pub(crate) fn of(buffer: &WlBuffer) -> Option<&Self> {
        buffer.data::<Self>()
    }

    /// A buffer in memory that did not come through `wl_shm`; it must be readable here.
    pub(crate) fn import(pool: Pool, layout: Layout) -> std::io::Result<Self> {
        pool.mapping(Access::Read)?;
        Ok(Self { pool: Arc::new(pool), layout, in_use: Mutex::default() })
    }

    pub(crate) const fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The picture, held. A copied one is released to the client before this returns.
    pub(crate) fn hold(&self, buffer: &WlBuffer, released: &Releases) -> std::io::Result<Pixels> {
        // The compositing library reads whole aligned words.
        let aligned =
            self.layout.stride().is_multiple_of(4) && self.layout.offset().is_multiple_of(4);
        let is_device = self.pool.exporter().is_some();
        if is_device && !aligned {
            return Err(std::io::Error::other("a dma-buf whose rows are no whole words"));
        }
        if let Some(map) = self.pool.mapping(Access::Read)?.filter(|_| aligned) {
            let outside = || std::io::Error::other("the buffer lies outside of its pool");
            map.range(self.layout.offset(), self.layout.byte_len()).ok_or_else(outside)?;
            let in_use = self.use_of(buffer, released);
            if !self.pool.is_steady() {
                let fetched = Fetched::new(&self.layout, self.pool.clone(), map, in_use)?;
                return Ok(Pixels::fetched(self.layout, fetched));
            }
            let device = is_device.then(|| self.pool.clone());
            return Pixels::mapped(self.layout, map, device, in_use).ok_or_else(outside);
        }
        let copy = self.pool.copy_out(&self.layout)?;
        buffer.release();
        Pixels::copied(self.layout.format(), self.layout.size(), copy)
            .ok_or_else(|| std::io::Error::other("the copied picture is incomplete"))
    }

    /// Its memory, while a device still writes it.
    pub(crate) fn awaited(&self) -> Option<&Arc<Pool>> {
        Some(&self.pool).filter(|pool| pool.is_written())
    }

    /// A buffer that is attached twice is released once, when the last holder lets go.
    fn use_of(&self, buffer: &WlBuffer, released: &Releases) -> Arc<BufferUse> {
        let mut slot = self.in_use.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(in_use) = slot.upgrade() {
            return in_use;
        }
        let in_use = Arc::new(BufferUse { buffer: buffer.clone(), released: released.clone() });
        *slot = Arc::downgrade(&in_use);
        in_use
    }

    /// The way into the buffer for a capture, which another thread writes.
    pub(crate) fn writer(&self) -> BufferWriter {
        BufferWriter { pool: self.pool.clone(), layout: self.layout }
    }
}

/// Writes captures into a client's buffer.
#[derive(Clone, Debug)]
pub(crate) struct BufferWriter {
    pool: Arc<Pool>,
    layout: Layout,
}

impl BufferWriter {
    /// Copies a picture of four bytes a pixel and rows of `stride` bytes into `rect` of the buffer;
    /// returns the bytes copied.
    pub(crate) fn write(&self, rect: Rect, from: &[u8], stride: usize) -> std::io::Result<u64> {
        self.pool.copy_in(&self.layout, rect, from, stride)
    }

    /// Counts a capture, and how much was copied for it, for the socket of the buffer's client.
    pub(crate) fn count(&self, bytes: u64) {
        let account = self.pool.account();
        account.count(Counter::Captures, 1);
        account.count(Counter::CapturedBytes, bytes);
    }

    /// How much the client matters whose buffer it is.
    pub(crate) fn priority(&self) -> Priority {
        self.pool.account().priority()
    }

    pub(crate) const fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Whether no device takes turns at the client's memory.
    pub(crate) fn needs_no_device(&self) -> bool {
        self.pool.exporter().is_none()
    }

    /// Whether the client's memory is written directly.
    pub(crate) fn is_plain(&self) -> bool {
        self.pool.is_plain()
    }
}

/// The code of `wl_shm`: the two oldest formats have numbers of their own.
pub(crate) fn wire_format(format: Format) -> Option<wl_shm::Format> {
    match format {
        Format::Argb8888 => Some(wl_shm::Format::Argb8888),
        Format::Xrgb8888 => Some(wl_shm::Format::Xrgb8888),
        other => wl_shm::Format::try_from(other.fourcc()).ok(),
    }
}

fn our_format(format: WEnum<wl_shm::Format>) -> Option<Format> {
    match format {
        WEnum::Value(wl_shm::Format::Argb8888) => Some(Format::Argb8888),
        WEnum::Value(wl_shm::Format::Xrgb8888) => Some(Format::Xrgb8888),
        WEnum::Value(other) => Format::from_fourcc(other.into()),
        WEnum::Unknown(_) => None,
    }
}

impl<D> GlobalDispatch<WlShm, (), D> for ShmState
where
    D: GlobalDispatch<WlShm, ()> + Dispatch<WlShm, ()> + 'static,
{
    fn bind(
        _: &mut D,
        _: &DisplayHandle,
        _: &Client,
        resource: New<WlShm>,
        (): &(),
        data_init: &mut DataInit<'_, D>,
    ) {
        let shm = data_init.init(resource, ());
        for format in Format::ALL.into_iter().filter_map(wire_format) {
            shm.format(format);
        }
    }
}

impl<D> Dispatch<WlShm, (), D> for ShmState
where
    D: Dispatch<WlShm, ()> + Dispatch<WlShmPool, Arc<Pool>> + ShmHandler + 'static,
{
    fn request(
        state: &mut D,
        client: &Client,
        shm: &WlShm,
        request: wl_shm::Request,
        (): &(),
        _: &DisplayHandle,
        data_init: &mut DataInit<'_, D>,
    ) {
        if let wl_shm::Request::CreatePool { id, fd, size } = request {
            match u64::try_from(size) {
                Ok(len @ 1..) => match Pool::new(fd, len, &state.account(client)) {
                    Ok(pool) => {
                        data_init.init(id, Arc::new(pool));
                    }
                    Err(over) => state.no_memory(client, over),
                },
                _ => shm.post_error(
                    wl_shm::Error::InvalidStride,
                    format!("a pool of {size} bytes; it must have at least 1"),
                ),
            }
        }
    }
}

impl<D> Dispatch<WlShmPool, Arc<Pool>, D> for ShmState
where
    D: Dispatch<WlShmPool, Arc<Pool>> + Dispatch<WlBuffer, ShmBuffer> + ShmHandler + 'static,
{
    fn request(
        state: &mut D,
        client: &Client,
        resource: &WlShmPool,
        request: wl_shm_pool::Request,
        pool: &Arc<Pool>,
        _: &DisplayHandle,
        data_init: &mut DataInit<'_, D>,
    ) {
        match request {
            wl_shm_pool::Request::CreateBuffer { id, offset, width, height, stride, format } => {
                match check(pool, [offset, width, height, stride], format) {
                    Ok(layout) => {
                        let in_use = Mutex::default();
                        data_init.init(id, ShmBuffer { pool: pool.clone(), layout, in_use });
                    }
                    Err((code, why)) => resource.post_error(code, why),
                }
            }
            wl_shm_pool::Request::Resize { size } => {
                // A negative number is smaller than any pool.
                match pool.grow(u64::try_from(size).unwrap_or_default()) {
                    Ok(()) => {}
                    Err(GrowError::Over(over)) => state.no_memory(client, over),
                    Err(shrinks @ GrowError::Shrinks { .. }) => {
                        resource.post_error(wl_shm::Error::InvalidFd, shrinks.to_string());
                    }
                }
            }
            _ => {}
        }
    }
}

/// Checks the numbers of `create_buffer` (offset, width, height, stride) once.
fn check(
    pool: &Pool,
    numbers: [i32; 4],
    format: WEnum<wl_shm::Format>,
) -> Result<Layout, (wl_shm::Error, String)> {
    let format = our_format(format).ok_or_else(|| {
        (wl_shm::Error::InvalidFormat, "a format that wl_shm.format did not announce".to_owned())
    })?;
    let [Ok(offset), Ok(width), Ok(height), Ok(stride)] = numbers.map(u32::try_from) else {
        return Err((wl_shm::Error::InvalidStride, "a negative number".to_owned()));
    };
    Layout::new(format, Size::new(width, height), stride, u64::from(offset), pool.len())
        .map_err(|why: LayoutError| (wl_shm::Error::InvalidStride, why.to_string()))
}

impl<D> Dispatch<WlBuffer, ShmBuffer, D> for ShmState
where
    D: Dispatch<WlBuffer, ShmBuffer> + 'static,
{
    fn request(
        _: &mut D,
        _: &Client,
        _: &WlBuffer,
        _: wl_buffer::Request,
        _: &ShmBuffer,
        _: &DisplayHandle,
        _: &mut DataInit<'_, D>,
    ) {
        // Only `destroy`, which the library does. A held picture outlives its wl_buffer.
    }
}
