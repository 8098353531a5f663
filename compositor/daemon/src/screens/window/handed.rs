//! Pictures of programs and guests that the parent reads where they lie: nothing is copied.
//!
//! The parent is told of a client's buffer once, when it is first to be shown, and forgets it when the
//! client does. A dma-buf it may refuse; its answer is not waited for, and the picture is copied until it is
//! there. While the parent reads a buffer, its client does not get it back.

use std::{
    os::fd::AsFd,
    sync::{Arc, OnceLock},
};

use porthole_pixel::{Format, Size};
use wayland_client::{
    Connection, Dispatch, Proxy, QueueHandle, event_created_child,
    protocol::{
        wl_buffer::{self, WlBuffer},
        wl_shm,
    },
};
use wayland_protocols::wp::linux_dmabuf::zv1::client::{
    zwp_linux_buffer_params_v1::{self, Flags, ZwpLinuxBufferParamsV1},
    zwp_linux_dmabuf_v1::{self, ZwpLinuxDmabufV1},
};
use wayland_server::{Weak, protocol::wl_buffer::WlBuffer as ClientBuffer};

use super::client::{Client, Heard};
use crate::protocols::shm::{BufferUse, Shared, SharedMemory};

/// Buffers of clients that the parent knows. Of further ones, that which was shown longest ago is forgotten.
const MOST: usize = 16;

/// `DRM_FORMAT_MOD_LINEAR` and `DRM_FORMAT_MOD_INVALID` of linux/drm_fourcc.h.
const LINEAR: u64 = 0;
const INVALID: u64 = 0x00ff_ffff_ffff_ffff;

/// All that the parent knows of clients' buffers.
#[derive(Debug, Default)]
pub(super) struct Handed {
    dmabuf: Option<ZwpLinuxDmabufV1>,
    /// It takes dma-bufs whose rows lie one behind another.
    linear: bool,
    /// It takes those whose order nobody names.
    unnamed: bool,
    /// What was shown last comes last.
    buffers: Vec<Known>,
    /// What the parent was given last, if it is one of these.
    front: Option<u64>,
    /// That it refuses one is in the log.
    told: bool,
}

/// A client's buffer.
#[derive(Debug)]
struct Known {
    id: u64,
    of: Weak<ClientBuffer>,
    state: State,
    /// The parent may read it, or is about to.
    lent: Option<Arc<BufferUse>>,
}

#[derive(Debug)]
enum State {
    /// The parent has not answered.
    Asked(ZwpLinuxBufferParamsV1),
    Taken(WlBuffer),
    Refused,
}

/// The number of a buffer that the parent makes, once it is known which that is.
#[derive(Debug, Default)]
pub(super) struct Made(OnceLock<u64>);

impl Handed {
    /// Whether the parent still reads another client's buffer than that which is to be shown.
    pub(super) fn is_behind(&self, wanted: Option<&Arc<BufferUse>>) -> bool {
        let front = self.buffers.iter().find(|known| Some(known.id) == self.front);
        let lent = front.and_then(|known| known.lent.as_ref());
        lent.is_some_and(|lent| wanted.is_none_or(|wanted| !Arc::ptr_eq(lent, wanted)))
    }

    /// Whether clients wait for the parent.
    pub(super) fn is_any_lent(&self) -> bool {
        self.buffers.iter().any(|known| known.lent.is_some())
    }

    /// A buffer that was to be shown, and is kept from its client for it.
    pub(super) fn lend(&mut self, id: u64) -> Option<WlBuffer> {
        let known = self.buffers.iter().find(|known| known.id == id)?;
        let State::Taken(buffer) = &known.state else { return None };
        self.front = Some(id);
        Some(buffer.clone())
    }

    /// The parent gets a picture of our own, or none.
    pub(super) const fn forget_front(&mut self) {
        self.front = None;
    }

    /// The parent does not read a buffer any more, or was not given it at all.
    pub(super) fn released(&mut self, id: u64) {
        if let Some(known) = self.buffers.iter_mut().find(|known| known.id == id) {
            known.lent = None;
        }
        self.forget_dead();
    }

    /// Forgets what clients have given up, unless the parent reads it, or is about to answer.
    pub(super) fn forget_dead(&mut self) {
        let asked = |known: &Known| matches!(known.state, State::Asked(_));
        self.buffers.retain(|known| known.lent.is_some() || asked(known) || known.of.is_alive());
    }

    /// Room for one more; none while the parent needs all.
    fn has_room(&mut self) -> bool {
        if self.buffers.len() < MOST {
            return true;
        }
        let idle = |known: &Known| known.lent.is_none() && !matches!(known.state, State::Asked(_));
        let oldest = self.buffers.iter().position(idle);
        oldest.map(|oldest| self.buffers.remove(oldest)).is_some()
    }

    /// What the parent is to be told of the order of pixels; none where it takes no such memory.
    const fn modifier(&self, memory: SharedMemory) -> Option<u64> {
        match memory {
            SharedMemory::Device | SharedMemory::LinearDevice if self.linear => Some(LINEAR),
            SharedMemory::LinearDevice if self.unnamed => Some(INVALID),
            _ => None,
        }
    }

    fn answered(&mut self, id: u64, buffer: Option<WlBuffer>) {
        let Some(known) = self.buffers.iter_mut().find(|known| known.id == id) else { return };
        let State::Asked(params) = &known.state else { return };
        params.destroy();
        known.state = buffer.map_or(State::Refused, State::Taken);
        let refused = matches!(known.state, State::Refused);
        if refused && !std::mem::replace(&mut self.told, true) {
            tracing::info!(
                "the parent does not take a program's memory of a device: its pictures are copied"
            );
        }
    }
}

impl Client {
    /// Hears of the dma-bufs that the parent takes.
    pub(super) fn open_dmabuf(&mut self) {
        self.handed.dmabuf = self.bind(1, 3);
    }

    /// The number of a client's buffer that the parent can be given now, which the client does not get back
    /// until then. None where the parent must get a copy.
    pub(super) fn hand(&mut self, size: Size, wanted: &Arc<BufferUse>) -> Option<u64> {
        let of = wanted.buffer();
        let at = self.handed.buffers.iter().position(|known| known.of.id() == of.id());
        let Some(at) = at else {
            return self.introduce_buffer(size, wanted);
        };
        let mut known = self.handed.buffers.remove(at);
        // One that comes again before the parent has given it back would be given back too soon.
        let free = matches!(known.state, State::Taken(_)) && known.lent.is_none();
        if free {
            known.lent = Some(wanted.clone());
        }
        let id = known.id;
        self.handed.buffers.push(known);
        free.then_some(id)
    }

    /// Tells the parent of a client's buffer.
    fn introduce_buffer(&mut self, size: Size, wanted: &Arc<BufferUse>) -> Option<u64> {
        let shared = wanted.share()?;
        let (width, height) = (i32::try_from(size.width).ok()?, i32::try_from(size.height).ok()?);
        let modifier = self.handed.modifier(shared.memory);
        if (shared.memory != SharedMemory::File && modifier.is_none()) || !self.handed.has_room() {
            return None;
        }
        let id = self.next_id();
        let (state, lent) = match modifier {
            Some(modifier) => (self.ask_for(&shared, (width, height), modifier, id)?, None),
            None => {
                let buffer = self.file_buffer(&shared, (width, height), id)?;
                (State::Taken(buffer), Some(wanted.clone()))
            }
        };
        let taken = lent.is_some();
        self.handed.buffers.push(Known { id, of: wanted.buffer(), state, lent });
        taken.then_some(id)
    }

    /// A file for the parent's `wl_shm`. What shows through is decided already, so there is no alpha.
    fn file_buffer(&self, shared: &Shared<'_>, size: (i32, i32), id: u64) -> Option<WlBuffer> {
        let len = i32::try_from(shared.len).ok()?;
        let layout = [shared.offset, shared.stride].map(i32::try_from);
        let [Ok(offset), Ok(stride)] = layout else { return None };
        let pool = self.shm()?.create_pool(shared.as_fd(), len, &self.handle, ());
        let format = wl_shm::Format::Xrgb8888;
        let buffer = pool.create_buffer(offset, size.0, size.1, stride, format, &self.handle, id);
        pool.destroy();
        Some(buffer)
    }

    /// A dma-buf, which the parent may refuse. Asked in the way in which that is no mistake.
    fn ask_for(
        &self,
        shared: &Shared<'_>,
        (width, height): (i32, i32),
        modifier: u64,
        id: u64,
    ) -> Option<State> {
        let params = self.handed.dmabuf.as_ref()?.create_params(&self.handle, id);
        let [high, low] = [modifier >> 32, modifier & 0xffff_ffff];
        let [high, low] = [high, low].map(|half| u32::try_from(half).unwrap_or_default());
        params.add(shared.as_fd(), 0, shared.offset, shared.stride, high, low);
        params.create(width, height, Format::Xrgb8888.fourcc(), Flags::empty());
        Some(State::Asked(params))
    }
}

impl Drop for Known {
    fn drop(&mut self) {
        match &self.state {
            State::Asked(params) => params.destroy(),
            State::Taken(buffer) => buffer.destroy(),
            State::Refused => {}
        }
    }
}

impl Dispatch<ZwpLinuxDmabufV1, ()> for Client {
    fn event(
        client: &mut Self,
        _: &ZwpLinuxDmabufV1,
        event: zwp_linux_dmabuf_v1::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        let ours = Format::Xrgb8888.fourcc();
        match event {
            // Versions without modifiers.
            zwp_linux_dmabuf_v1::Event::Format { format } if format == ours => {
                let versions = client.handed.dmabuf.as_ref().map_or(0, Proxy::version);
                client.handed.unnamed |= versions < zwp_linux_dmabuf_v1::EVT_MODIFIER_SINCE;
            }
            zwp_linux_dmabuf_v1::Event::Modifier { format, modifier_hi, modifier_lo }
                if format == ours =>
            {
                match u64::from(modifier_hi) << 32 | u64::from(modifier_lo) {
                    LINEAR => client.handed.linear = true,
                    INVALID => client.handed.unnamed = true,
                    _ => {}
                }
            }
            _ => {}
        }
    }
}

impl Dispatch<ZwpLinuxBufferParamsV1, u64> for Client {
    fn event(
        client: &mut Self,
        _: &ZwpLinuxBufferParamsV1,
        event: zwp_linux_buffer_params_v1::Event,
        id: &u64,
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        match event {
            zwp_linux_buffer_params_v1::Event::Created { buffer } => {
                if let Some(made) = buffer.data::<Made>() {
                    // It is told once.
                    let _ = made.0.set(*id);
                }
                client.handed.answered(*id, Some(buffer));
            }
            zwp_linux_buffer_params_v1::Event::Failed => client.handed.answered(*id, None),
            _ => {}
        }
    }

    event_created_child!(Client, ZwpLinuxBufferParamsV1, [
        zwp_linux_buffer_params_v1::EVT_CREATED_OPCODE => (WlBuffer, Made::default()),
    ]);
}

impl Dispatch<WlBuffer, Made> for Client {
    fn event(
        client: &mut Self,
        _: &WlBuffer,
        event: wl_buffer::Event,
        made: &Made,
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        if let (wl_buffer::Event::Release, Some(id)) = (event, made.0.get()) {
            client.events.push(Heard::Released(*id));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parent_is_told_an_order_of_pixels_that_it_takes() {
        use SharedMemory::{Device, File, LinearDevice};
        let told = |linear, unnamed| {
            let handed = Handed { linear, unnamed, ..Handed::default() };
            [File, Device, LinearDevice].map(|memory| handed.modifier(memory))
        };
        assert_eq!(told(false, false), [None; 3]);
        assert_eq!(told(true, true), [None, Some(LINEAR), Some(LINEAR)]);
        // What a parent makes of pixels whose order nobody names is known of some memory only.
        assert_eq!(told(false, true), [None, None, Some(INVALID)]);
    }
}
