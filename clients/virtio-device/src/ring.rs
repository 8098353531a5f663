//! One virtqueue: its set-up by the front-end, its life, its eventfds.

use std::num::Wrapping;
use std::os::fd::OwnedFd;
use std::sync::atomic::Ordering;

use rustix::io::{ioctl_fionbio, write};
use virtio_queue::{Queue, QueueOwnedT, QueueT};
use vm_memory::GuestAddress;

use crate::chain::{Buffer, Chain, gather};
use crate::memory::GuestRam;
use crate::watch::Watch;

/// Most entries of a ring, as in QEMU (`VIRTQUEUE_MAX_SIZE`).
pub const MAX_SIZE: u16 = 1024;

/// A ring. It works while it is started and `enabled`.
#[derive(Debug, Default)]
pub struct Ring {
    size: u16,
    /// Descriptor table, available ring, used ring; guest physical.
    addresses: Option<[u64; 3]>,
    base: u16,
    /// The transport says that it may run.
    pub enabled: bool,
    queue: Option<Queue>,
    kick: Option<Watch>,
    call: Option<OwnedFd>,
    error: Option<OwnedFd>,
    /// Counts the ring's lives, so that a buffer of an earlier one is known.
    epoch: u64,
    /// Chains were completed since the last look at the driver's wish to be interrupted.
    completed: bool,
    bad_chains: u64,
    /// Chains that were taken and not given back.
    /// INVARIANT: at most `size`: a driver has no more descriptors than that.
    taken: u16,
    /// The device has not been told yet that this life of the ring is over.
    lived: bool,
}

/// What taking a chain brought.
#[derive(Debug)]
pub(crate) enum Popped {
    Chain(Chain),
    /// The chain broke the rules and went back unanswered.
    Refused,
    Empty,
}

/// The ring itself broke the rules: it stops.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Broken;

impl Ring {
    /// The number of entries; false when no ring has so many.
    pub fn set_size(&mut self, size: u32) -> bool {
        match u16::try_from(size) {
            Ok(size) if size.is_power_of_two() && size <= MAX_SIZE => {
                self.size = size;
                true
            }
            _ => false,
        }
    }

    /// Where descriptors, available and used entries lie; guest physical.
    pub fn set_addresses(&mut self, addresses: [u64; 3]) {
        self.addresses = Some(addresses);
    }

    /// The index of the next available entry; false when it is none.
    pub fn set_base(&mut self, base: u32) -> bool {
        match u16::try_from(base) {
            Ok(base) => {
                self.base = base;
                true
            }
            Err(_) => false,
        }
    }

    /// The eventfd that interrupts the driver.
    pub fn set_call(&mut self, fd: Option<OwnedFd>) {
        // An eventfd whose counter is full must not hold up the loop.
        if let Some(fd) = &fd {
            let _ = ioctl_fionbio(fd, true);
        }
        self.call = fd;
    }

    /// The eventfd that tells of a ring that broke the rules.
    pub fn set_error(&mut self, fd: Option<OwnedFd>) {
        self.error = fd;
    }

    /// Whether it was started and did not stop since.
    #[must_use]
    pub fn is_started(&self) -> bool {
        self.queue.is_some()
    }

    /// Whether chains may be taken.
    #[must_use]
    pub fn runs(&self) -> bool {
        self.enabled && self.queue.is_some()
    }

    /// The eventfd of the driver's kicks, where the transport has one.
    #[must_use]
    pub fn kick(&self) -> Option<&Watch> {
        self.kick.as_ref()
    }

    /// Starts the ring as it was set up. False when the set-up is no ring in RAM.
    pub fn start(&mut self, kick: Option<Watch>, ram: &GuestRam, event_idx: bool) -> bool {
        if let Some(kick) = &kick {
            let _ = ioctl_fionbio(kick, true);
        }
        self.kick = kick;
        self.queue = self.make_queue(ram, event_idx);
        self.epoch = self.epoch.wrapping_add(1);
        self.completed = false;
        self.taken = 0;
        self.lived = self.queue.is_some();
        self.lived
    }

    fn make_queue(&self, ram: &GuestRam, event_idx: bool) -> Option<Queue> {
        let [descriptors, available, used] = self.addresses?;
        let mut queue = Queue::new(MAX_SIZE).ok()?;
        queue.try_set_size(self.size).ok()?;
        queue.try_set_desc_table_address(GuestAddress(descriptors)).ok()?;
        queue.try_set_avail_ring_address(GuestAddress(available)).ok()?;
        queue.try_set_used_ring_address(GuestAddress(used)).ok()?;
        queue.set_event_idx(event_idx);
        queue.set_ready(true);
        if !queue.is_valid(ram.map()) {
            return None;
        }
        queue.set_next_avail(self.base);
        // The driver's view of what was used is what its memory says, also after a pause.
        let used_index = queue.used_idx(ram.map(), Ordering::Acquire).ok()?;
        queue.set_next_used(used_index.0);
        Some(queue)
    }

    /// Whether the ring as it was set up has never been used: a driver that starts over.
    /// A ring that goes on after a pause has traces of what was used before.
    #[must_use]
    pub fn is_unused(&self, ram: &GuestRam) -> bool {
        const HEADER: u64 = 4;
        const ELEMENT: usize = 8;
        let Some([_, _, used]) = self.addresses else {
            return true;
        };
        let mut elements = vec![0; usize::from(self.size).saturating_mul(ELEMENT)];
        self.base == 0
            && used.checked_add(HEADER).is_some_and(|start| ram.read(start, &mut elements).is_ok())
            && elements.iter().all(|byte| *byte == 0)
    }

    /// Stops the ring; tells the index of the next available entry.
    pub fn stop(&mut self) -> u16 {
        if let Some(queue) = self.queue.take() {
            self.base = queue.next_avail();
        }
        self.kick = None;
        self.epoch = self.epoch.wrapping_add(1);
        self.base
    }

    /// Whether the device must still be told to let go of the ring's chains: true once for
    /// each life, also when the ring failed meanwhile.
    pub fn take_lived(&mut self) -> bool {
        std::mem::take(&mut self.lived)
    }

    /// Stops the ring and forgets how it was set up.
    pub fn reset(&mut self) {
        self.stop();
        *self = Self { epoch: self.epoch, ..Self::default() };
    }

    /// Stops a ring that broke the rules; its kicks are no longer listened to.
    pub(crate) fn fail(&mut self) {
        self.stop();
        if let Some(error) = &self.error {
            let _ = write(error, &1u64.to_ne_bytes());
        }
    }

    /// Entries that the driver made available and nobody took.
    pub(crate) fn available(&self, ram: &GuestRam) -> Result<u16, Broken> {
        let Some(queue) = &self.queue else {
            return Ok(0);
        };
        let index = queue.avail_idx(ram.map(), Ordering::Acquire).map_err(|_| Broken)?;
        let waiting = (index - Wrapping(queue.next_avail())).0;
        if waiting > self.size {
            return Err(Broken);
        }
        Ok(waiting)
    }

    /// Takes the next chain; `number` is the ring's own, `limit` bounds the request's bytes.
    pub(crate) fn pop(
        &mut self,
        number: usize,
        ram: &GuestRam,
        limit: usize,
    ) -> Result<Popped, Broken> {
        let Some(queue) = &mut self.queue else {
            return Ok(Popped::Empty);
        };
        let chain = queue.iter(ram.map()).map_err(|_| Broken)?.next();
        let Some(chain) = chain else {
            return Ok(Popped::Empty);
        };
        let head = chain.head_index();
        // A driver that makes chains available again that it has not got back would
        // have a device that keeps them keep more and more.
        if self.taken >= self.size {
            return Err(Broken);
        }
        self.taken = self.taken.saturating_add(1);
        if let Some(parts) = gather(chain, ram, limit) {
            return Ok(Popped::Chain(Chain {
                request: parts.request,
                truncated: parts.truncated,
                buffer: Buffer {
                    queue: number,
                    head,
                    epoch: self.epoch,
                    segments: parts.segments,
                    writable: parts.writable,
                },
            }));
        }
        self.bad_chains = self.bad_chains.saturating_add(1);
        // A guest could fill the log; each doubling is news enough.
        if self.bad_chains.is_power_of_two() {
            tracing::warn!(queue = number, count = self.bad_chains, "malformed chain");
        }
        self.give_back(head, 0, ram)?;
        Ok(Popped::Refused)
    }

    /// Writes an answer and gives the chain back. The answer is cut to the room there is.
    pub(crate) fn complete(
        &mut self,
        buffer: &Buffer,
        answer: &[u8],
        ram: &GuestRam,
    ) -> Result<(), Broken> {
        if buffer.epoch != self.epoch || self.queue.is_none() {
            // The ring was stopped in between; its driver has forgotten the chain.
            return Ok(());
        }
        let mut rest = answer;
        let mut written = 0u32;
        for (address, len) in &buffer.segments {
            let (now, later) = rest.split_at((*len).min(rest.len()));
            // Memory may have been unplugged since the chain was taken.
            if now.is_empty() || ram.write(*address, now).is_err() {
                break;
            }
            written = written.saturating_add(u32::try_from(now.len()).unwrap_or(u32::MAX));
            rest = later;
        }
        self.give_back(buffer.head, written, ram)
    }

    fn give_back(&mut self, head: u16, written: u32, ram: &GuestRam) -> Result<(), Broken> {
        let Some(queue) = &mut self.queue else {
            return Ok(());
        };
        self.completed = true;
        self.taken = self.taken.saturating_sub(1);
        queue.add_used(ram.map(), head, written).map_err(|_| Broken)
    }

    /// Hands back the `count` chains that were taken last, as if they never had been.
    pub(crate) fn put_back(&mut self, count: u16) {
        if let Some(queue) = &mut self.queue {
            queue.set_next_avail(queue.next_avail().wrapping_sub(count));
            self.taken = self.taken.saturating_sub(count);
        }
    }

    pub(crate) fn is_current(&self, buffer: &Buffer) -> bool {
        self.queue.is_some() && buffer.epoch == self.epoch
    }

    /// Stops kicks while the ring is being worked on.
    pub(crate) fn mute(&mut self, ram: &GuestRam) -> Result<(), Broken> {
        match &mut self.queue {
            Some(queue) => queue.disable_notification(ram.map()).map_err(|_| Broken),
            None => Ok(()),
        }
    }

    /// Asks for kicks again; true when something came in between.
    pub(crate) fn unmute(&mut self, ram: &GuestRam) -> Result<bool, Broken> {
        match &mut self.queue {
            Some(queue) => queue.enable_notification(ram.map()).map_err(|_| Broken),
            None => Ok(false),
        }
    }

    /// Interrupts the driver if chains were completed and it wants to know.
    /// `on_empty`: also when it does not, once the ring is empty (an old feature).
    pub(crate) fn notify(&mut self, ram: &GuestRam, on_empty: bool) -> Result<(), Broken> {
        if !std::mem::take(&mut self.completed) {
            return Ok(());
        }
        let empty = on_empty && self.available(ram)? == 0;
        let Some(queue) = &mut self.queue else {
            return Ok(());
        };
        let wanted = queue.needs_notification(ram.map()).map_err(|_| Broken)?;
        if let (true, Some(call)) = (wanted || empty, &self.call) {
            // EAGAIN means that the counter is full: the interrupt is pending anyway.
            let _ = write(call, &1u64.to_ne_bytes());
        }
        Ok(())
    }
}
