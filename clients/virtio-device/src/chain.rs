//! One request of a driver: the bytes it wrote, and the room it left for an answer.

use virtio_queue::DescriptorChain;
use vm_memory::{Address, GuestMemoryMmap};

use crate::memory::GuestRam;

/// Most descriptors of one chain, counted over an indirect table too. Linux uses at most a
/// few hundred; QEMU stops at the same number.
pub(crate) const MAX_DESCRIPTORS: usize = 1024;

/// A chain that a driver made available.
#[derive(Debug)]
pub struct Chain {
    /// What the driver wrote: a private copy, at most the queue's limit long.
    pub request: Vec<u8>,
    /// The driver wrote more than the limit; the rest was not copied.
    pub truncated: bool,
    /// Gives the chain back, with an answer.
    pub buffer: Buffer,
}

/// The right, and the duty, to give a chain back to its driver by [`crate::Rings::complete`].
#[derive(Debug)]
#[must_use = "the driver waits until the buffer is completed"]
pub struct Buffer {
    pub(crate) queue: usize,
    pub(crate) head: u16,
    /// Which life of the ring it belongs to.
    pub(crate) epoch: u64,
    /// Where an answer goes: guest address and length, all RAM when they were gathered.
    pub(crate) segments: Vec<(u64, usize)>,
    pub(crate) writable: usize,
}

impl Buffer {
    /// Bytes that an answer may have at most.
    #[must_use]
    pub fn writable(&self) -> usize {
        self.writable
    }

    /// The queue that it came from.
    #[must_use]
    pub fn queue(&self) -> usize {
        self.queue
    }
}

/// The parts of a chain, gathered from its descriptors.
pub(crate) struct Parts {
    pub(crate) request: Vec<u8>,
    pub(crate) truncated: bool,
    pub(crate) segments: Vec<(u64, usize)>,
    pub(crate) writable: usize,
}

/// Walks a chain once. `None` when it breaks the rules: a loop, a table that is none, too
/// many descriptors, memory that is no RAM, or a readable part behind a writable one.
pub(crate) fn gather(
    chain: DescriptorChain<&GuestMemoryMmap>,
    ram: &GuestRam,
    limit: usize,
) -> Option<Parts> {
    let mut parts =
        Parts { request: Vec::new(), truncated: false, segments: Vec::new(), writable: 0 };
    // The iterator ends silently where a chain breaks; what it yielded last still
    // promising a successor gives that away.
    let mut open_ended = true;
    for (count, descriptor) in chain.enumerate() {
        if count == MAX_DESCRIPTORS {
            return None;
        }
        open_ended = descriptor.has_next();
        let address = descriptor.addr().raw_value();
        let len = usize::try_from(descriptor.len()).ok()?;
        if len == 0 {
            continue;
        }
        if !ram.contains(address, len) {
            return None;
        }
        if descriptor.is_write_only() {
            parts.segments.push((address, len));
            parts.writable = parts.writable.checked_add(len)?;
            continue;
        }
        if !parts.segments.is_empty() {
            return None;
        }
        let have = parts.request.len();
        let take = len.min(limit.saturating_sub(have));
        parts.truncated |= take < len;
        parts.request.resize(have.checked_add(take)?, 0);
        let into = parts.request.get_mut(have..)?;
        ram.read(address, into).ok()?;
    }
    (!open_ended).then_some(parts)
}
