//! What each request of the front-end does.

mod channels;
mod transfer;

use std::os::fd::OwnedFd;
use std::sync::Arc;

use porthole_vhost_user::{
    ConfigSpan, Message, Reply, Request, RequestCode, RequestError, VringAddress, VringState,
    acknowledge, features,
};
use porthole_virtio_device::{Device, MAX_SLOTS, MemoryError, Ring, Rings, Shape, Watch, is_event};

pub(crate) use self::channels::{Channels, KEY_FRONT, KEY_GPU, KEY_QUEUE, KEY_REQUEST, KEY_WAKE};
pub(crate) use self::transfer::KEY_STATE;
use self::transfer::{NO_FD, Transfer};
use crate::fault::Fault;
use crate::memory::Table;

const NO_REGIONS: &str = "QEMU passed no memory that can be shared";
const NO_EVENT: &str = "an eventfd is needed here";
const BLANK: &str = "all that can be seen of it is zero, so the guest writes elsewhere";

/// The state that a front-end sets up by its requests.
#[derive(Debug)]
pub(crate) struct Backend {
    pub(crate) shape: Shape,
    pub(crate) rings: Rings,
    /// Guest memory; the rings have a copy.
    memory: Table,
    pub(crate) channels: Channels,
    epoll: Arc<OwnedFd>,
    /// Virtio features in use.
    pub(crate) features: u64,
    /// Protocol features in use.
    protocol: u64,
    status: u8,
    /// Queues that want a look, kicked or not.
    pub(crate) pending: Vec<bool>,
    /// The device did something since its last reset.
    pub(crate) used: bool,
    memory_checked: bool,
    /// The device's state on its way to or from another process.
    pub(crate) transfer: Transfer,
    refused: u64,
}

/// How a request without a reply of its own went.
type Verdict = Result<Answer, Fault>;

enum Answer {
    /// Done, or refused with a reason.
    Done(Result<(), &'static str>),
    Reply(Reply),
}

const DONE: Verdict = Ok(Answer::Done(Ok(())));

impl Backend {
    pub(crate) fn new(shape: Shape, epoll: Arc<OwnedFd>) -> Self {
        Self {
            shape,
            rings: Rings::new(shape),
            memory: Table::default(),
            channels: Channels::default(),
            epoll,
            features: 0,
            protocol: 0,
            status: 0,
            pending: vec![false; shape.queues.len()],
            used: false,
            memory_checked: false,
            transfer: Transfer::Idle,
            refused: 0,
        }
    }

    /// Does what a message asks; returns the bytes of the reply, when there is one.
    pub(crate) fn handle(
        &mut self,
        message: Message<OwnedFd>,
        device: &mut dyn Device,
    ) -> Result<Option<Vec<u8>>, Fault> {
        let Message { header, body, fds } = message;
        let number = header.request;
        let verdict = match Request::parse(number, &body, fds.len()) {
            Ok(request) => {
                tracing::trace!(device = self.shape.name, ?request, "front-end");
                self.request(request, fds, device)?
            }
            Err(RequestError::Fds {
                code: RequestCode::SetMemTable | RequestCode::AddMemReg,
                ..
            }) => return Err(Fault::PrivateMemory(NO_REGIONS)),
            Err(error) => return Err(Fault::Request(error)),
        };
        let result = match verdict {
            Answer::Reply(reply) => {
                return Ok(RequestCode::from_number(number).map(|code| reply.to_bytes(code)));
            }
            Answer::Done(result) => result,
        };
        if let Err(reason) = result {
            self.refused = self.refused.saturating_add(1);
            // A front-end could fill the log; each doubling is news enough.
            if self.refused.is_power_of_two() {
                tracing::warn!(
                    device = self.shape.name,
                    request = number,
                    reason,
                    count = self.refused,
                    "request refused"
                );
            }
        }
        let wanted = header.need_reply && self.protocol & features::protocol::REPLY_ACK != 0;
        Ok(wanted.then(|| acknowledge(number, result.is_ok())))
    }

    fn request(&mut self, request: Request, fds: Vec<OwnedFd>, device: &mut dyn Device) -> Verdict {
        match request {
            Request::GetFeatures => number(self.shape.features | features::TRANSPORT),
            Request::SetFeatures(bits) => self.set_features(bits),
            Request::GetProtocolFeatures => number(features::protocol::OFFERED),
            Request::SetProtocolFeatures(bits) => {
                self.protocol = bits & features::protocol::OFFERED;
                self.channels.want_reply = self.protocol & features::protocol::REPLY_ACK != 0;
                DONE
            }
            Request::GetQueueNum => number(self.shape.queues.len() as u64),
            Request::SetOwner => {
                // A device that was unplugged and plugged in again comes by the same connection, and
                // knows nothing of what went before, its memory neither.
                if !self.memory.is_empty() {
                    tracing::debug!(device = self.shape.name, "the front-end started over");
                    self.reset(device);
                    self.memory = Table::default();
                    self.rings.set_ram(self.memory.ram().clone());
                    self.memory_checked = false;
                }
                DONE
            }
            Request::ResetOwner | Request::ResetDevice => {
                self.reset(device);
                DONE
            }
            Request::GetStatus => number(u64::from(self.status)),
            Request::SetStatus(status) => {
                self.status = status;
                if status == 0 {
                    self.reset(device);
                }
                DONE
            }
            Request::SetMemTable(_)
            | Request::AddMemReg(_)
            | Request::RemMemReg(_)
            | Request::GetMaxMemSlots => self.change_memory(request, fds),
            Request::GetConfig(span) => Ok(Answer::Reply(get_config(span, device))),
            Request::SetConfig(span, bytes) => {
                device.write_config(span.offset, &bytes);
                DONE
            }
            Request::SetBackendReqFd => {
                self.channels.set_backend_request(&self.epoll, first(fds))?;
                DONE
            }
            Request::GpuSetSocket => {
                self.channels.set_gpu(&self.epoll, first(fds))?;
                DONE
            }
            Request::SetDeviceStateFd { load } => number(self.begin_transfer(load, fds, device)),
            Request::CheckDeviceState => {
                let result = if self.is_busy() {
                    // A state that came in meanwhile would be put under the feet of a driver.
                    self.transfer = Transfer::Idle;
                    Err("its queues run".to_owned())
                } else {
                    self.transfer.check(device)
                };
                number(self.outcome(&result))
            }
            Request::GetInflightFd => Ok(Answer::Reply(Reply::NoInflight)),
            Request::SetLogBase | Request::SetLogFd => refuse("live migration is not supported"),
            Request::SetInflightFd => refuse("in-flight tracking is not supported"),
            Request::Unsupported(_) | Request::Unknown(_) => refuse("not known to this device"),
            ring => self.ring_request(&ring, fds, device),
        }
    }

    /// Whether a queue runs.
    fn is_busy(&self) -> bool {
        (0..self.rings.count()).any(|queue| self.rings.ring(queue).is_some_and(Ring::is_started))
    }

    fn begin_transfer(&mut self, load: bool, fds: Vec<OwnedFd>, device: &dyn Device) -> u64 {
        let begun = match first(fds) {
            Some(_) if self.is_busy() => Err("its queues have not stopped"),
            Some(fd) => Transfer::begin(&self.epoll, fd, load, device),
            None => Err("no pipe came along"),
        };
        let result = begun.map(|transfer| self.transfer = transfer).map_err(str::to_owned);
        self.outcome(&result) | NO_FD
    }

    /// The number that tells the front-end how a part of a transfer went.
    fn outcome(&mut self, result: &Result<(), String>) -> u64 {
        if let Err(reason) = result {
            self.refused = self.refused.saturating_add(1);
            // As for other refusals: each doubling is news enough.
            if self.refused.is_power_of_two() {
                tracing::warn!(device = self.shape.name, reason, "the state cannot be transferred");
            }
        }
        u64::from(result.is_err())
    }

    fn set_features(&mut self, bits: u64) -> Verdict {
        let offered = self.shape.features | features::TRANSPORT;
        if bits & !offered != 0 {
            // QEMU's vhost-user-gpu passes on what its virtio core offered by itself.
            tracing::debug!(
                device = self.shape.name,
                bits = format_args!("{:#x}", bits & !offered),
                "features that were not offered"
            );
        }
        self.features = bits;
        self.rings.set_notify_on_empty(bits & features::F_NOTIFY_ON_EMPTY != 0);
        if bits & features::F_PROTOCOL_FEATURES == 0 {
            // Without protocol features there is no SET_VRING_ENABLE: rings run once started.
            for ring in self.rings.all() {
                ring.enabled = true;
            }
        }
        DONE
    }

    fn change_memory(&mut self, request: Request, fds: Vec<OwnedFd>) -> Verdict {
        let result = match request {
            Request::SetMemTable(regions) if regions.is_empty() => {
                return Err(Fault::PrivateMemory(NO_REGIONS));
            }
            Request::SetMemTable(regions) => self.memory.replace(regions, fds),
            Request::AddMemReg(region) => match first(fds) {
                Some(fd) => self.memory.add(region, fd),
                None => return Err(Fault::PrivateMemory(NO_REGIONS)),
            },
            Request::RemMemReg(region) => self.memory.remove(region),
            _ => return number(MAX_SLOTS as u64),
        };
        self.rings.set_ram(self.memory.ram().clone());
        match result {
            Ok(()) => DONE,
            Err(MemoryError::Map(error)) => Err(Fault::Map(error)),
            Err(MemoryError::Slots) => refuse("too many memory regions"),
            Err(MemoryError::Overlap) => refuse("memory regions overlap"),
            Err(MemoryError::Missing) => refuse("no such memory region"),
        }
    }

    fn ring_request(
        &mut self,
        request: &Request,
        fds: Vec<OwnedFd>,
        device: &mut dyn Device,
    ) -> Verdict {
        let Some(queue) = ring_index(request) else {
            return refuse("not known to this device");
        };
        let Some(ring) = self.rings.ring_mut(queue) else {
            return match request {
                // This one has no way to say no but the end of the connection.
                Request::GetVringBase(index) => Err(Fault::Request(RequestError::Ring(*index))),
                _ => refuse("the device has no such queue"),
            };
        };
        if matches!(request, Request::SetVringCall { .. } | Request::SetVringErr { .. })
            && !fds.iter().all(is_event)
        {
            return refuse(NO_EVENT);
        }
        let fine = match request {
            Request::SetVringNum(state) => ring.set_size(state.value),
            Request::SetVringBase(state) => ring.set_base(state.value),
            Request::SetVringCall { .. } => {
                ring.set_call(first(fds));
                true
            }
            Request::SetVringErr { .. } => {
                ring.set_error(first(fds));
                true
            }
            Request::SetVringEnable { enable, .. } => {
                ring.enabled = *enable;
                self.want(queue);
                true
            }
            Request::SetVringAddr(address) => return self.set_addresses(queue, *address),
            Request::SetVringKick { .. } => return self.start(queue, first(fds), device),
            Request::GetVringBase(index) => {
                let value = self.stop(queue, device);
                let state = VringState { index: *index, value };
                return Ok(Answer::Reply(Reply::Vring(state)));
            }
            _ => false,
        };
        if fine { DONE } else { refuse("a ring's size or base is out of range") }
    }

    fn set_addresses(&mut self, queue: usize, address: VringAddress) -> Verdict {
        if self.memory.is_empty() {
            return Err(Fault::PrivateMemory(NO_REGIONS));
        }
        let memory = &self.memory;
        let parts = [address.descriptors, address.available, address.used];
        let [Some(descriptors), Some(available), Some(used)] =
            parts.map(|part| memory.translate(part))
        else {
            return refuse("a ring lies outside guest memory");
        };
        if let Some(ring) = self.rings.ring_mut(queue) {
            ring.set_addresses([descriptors, available, used]);
        }
        DONE
    }

    fn start(&mut self, queue: usize, kick: Option<OwnedFd>, device: &mut dyn Device) -> Verdict {
        let Some(kick) = kick else {
            return refuse("rings without a kick descriptor are not supported");
        };
        if !is_event(&kick) {
            return refuse(NO_EVENT);
        }
        if self.memory.is_empty() {
            return Err(Fault::PrivateMemory(NO_REGIONS));
        }
        if !self.memory_checked {
            self.memory_checked = true;
            if self.rings.ram().is_blank() {
                return Err(Fault::PrivateMemory(BLANK));
            }
        }
        let ram = self.rings.ram().clone();
        let first_of_all = self.used && !self.is_busy();
        if first_of_all && self.rings.ring(queue).is_some_and(|ring| ring.is_unused(&ram)) {
            // Older front-ends do not say when the driver resets the device, but a ring
            // that begins anew does: the driver knows nothing of what went before.
            tracing::debug!(device = self.shape.name, "the driver started over");
            device.reset();
            self.used = false;
        }
        // A front-end may pass another kick without stopping the ring before; and a ring that
        // broke the rules stopped without its device's knowledge.
        self.stop(queue, device);
        let key = KEY_QUEUE.saturating_add(queue as u64);
        let kick =
            Watch::new(&self.epoll, kick, key).map_err(|error| Fault::System("epoll", error))?;
        let event_idx = self.features & features::F_EVENT_IDX != 0;
        let started =
            self.rings.ring_mut(queue).is_some_and(|ring| ring.start(Some(kick), &ram, event_idx));
        if !started {
            return refuse("the ring's size, alignment or place in memory is wrong");
        }
        self.want(queue);
        DONE
    }

    /// Stops a ring after its device let go of what it kept; tells the next available entry.
    fn stop(&mut self, queue: usize, device: &mut dyn Device) -> u32 {
        if self.rings.ring_mut(queue).is_some_and(Ring::take_lived) {
            device.stopping(queue, &mut self.rings);
            self.rings.notify();
        }
        self.rings.ring_mut(queue).map_or(0, |ring| u32::from(ring.stop()))
    }

    /// Stops all rings, without a reset of the device.
    pub(crate) fn stop_all(&mut self, device: &mut dyn Device) {
        for queue in 0..self.rings.count() {
            self.stop(queue, device);
        }
    }

    fn reset(&mut self, device: &mut dyn Device) {
        self.stop_all(device);
        for ring in self.rings.all() {
            ring.reset();
        }
        device.reset();
        self.used = false;
    }

    /// Has a queue looked at in this turn or the next.
    pub(crate) fn want(&mut self, queue: usize) {
        if let Some(pending) = self.pending.get_mut(queue) {
            *pending = true;
        }
    }
}

fn number(number: u64) -> Verdict {
    Ok(Answer::Reply(Reply::Number(number)))
}

fn refuse(reason: &'static str) -> Verdict {
    Ok(Answer::Done(Err(reason)))
}

fn first(fds: Vec<OwnedFd>) -> Option<OwnedFd> {
    fds.into_iter().next()
}

fn ring_index(request: &Request) -> Option<usize> {
    let index = match request {
        Request::SetVringNum(state) | Request::SetVringBase(state) => state.index,
        Request::SetVringAddr(address) => address.index,
        Request::GetVringBase(index) | Request::SetVringEnable { index, .. } => *index,
        Request::SetVringKick { index, .. }
        | Request::SetVringCall { index, .. }
        | Request::SetVringErr { index, .. } => u32::from(*index),
        _ => return None,
    };
    usize::try_from(index).ok()
}

/// Config space as long as the front-end asked for: QEMU takes a shorter reply for an error.
fn get_config(span: ConfigSpan, device: &dyn Device) -> Reply {
    let len = span.size as usize;
    let mut bytes = device.config(span.offset, span.size);
    bytes.resize(len, 0);
    Reply::Config(span, bytes)
}
