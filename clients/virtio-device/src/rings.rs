//! All rings of a device, and what a device may do with them.

use std::time::Instant;

use crate::chain::{Buffer, Chain};
use crate::memory::GuestRam;
use crate::ring::{Broken, Popped, Ring};

/// What is fixed about a device from its start.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// A name for log lines.
    pub name: &'static str,
    /// The device's own feature bits; the transport adds those of
    /// [`porthole_vhost_user::features::TRANSPORT`].
    pub features: u64,
    /// One entry a queue: how many bytes of a chain's readable part are gathered at
    /// most. What is longer is cut and marked.
    pub queues: &'static [usize],
}

/// The queues of a device, as it sees them. Queues that do not run are simply empty.
#[derive(Debug)]
pub struct Rings {
    rings: Vec<Ring>,
    ram: GuestRam,
    shape: Shape,
    budget: Budget,
    /// The budget, not the driver, ended the work on some queue.
    cut_off: bool,
    notify_on_empty: bool,
}

/// What a turn may do.
#[derive(Clone, Copy, Debug, Default)]
struct Budget {
    /// Chains that may still be taken.
    chains: usize,
    /// When it ends anyway: a chain may ask for much copying.
    until: Option<Instant>,
    begun: bool,
}

impl Budget {
    fn is_spent(self) -> bool {
        // However late a turn begins, it takes one chain, or nothing would ever get done.
        let late = || self.until.is_some_and(|until| Instant::now() >= until);
        self.chains == 0 || (self.begun && late())
    }

    fn spend(&mut self) {
        self.chains = self.chains.saturating_sub(1);
        self.begun = true;
    }
}

impl Rings {
    /// Rings for a device of this shape, none of which runs.
    #[must_use]
    pub fn new(shape: Shape) -> Self {
        Self {
            rings: shape.queues.iter().map(|_| Ring::default()).collect(),
            ram: GuestRam::default(),
            shape,
            budget: Budget::default(),
            cut_off: false,
            notify_on_empty: false,
        }
    }

    /// Guest memory as it is now; a clone stays valid while memory is plugged.
    #[must_use]
    pub fn ram(&self) -> &GuestRam {
        &self.ram
    }

    /// Another state of guest memory: the transport's.
    pub fn set_ram(&mut self, ram: GuestRam) {
        self.ram = ram;
    }

    /// How many rings there are.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.rings.len()
    }

    /// All rings, for the transport that sets them up.
    pub fn all(&mut self) -> impl Iterator<Item = &mut Ring> {
        self.rings.iter_mut()
    }

    /// One ring, for the transport that sets it up; a device has no use for it.
    #[must_use]
    pub fn ring(&self, queue: usize) -> Option<&Ring> {
        self.rings.get(queue)
    }

    /// The same to change it.
    pub fn ring_mut(&mut self, queue: usize) -> Option<&mut Ring> {
        self.rings.get_mut(queue)
    }

    /// Whether drivers are told of empty rings, wanted or not (an old feature).
    pub fn set_notify_on_empty(&mut self, on_empty: bool) {
        self.notify_on_empty = on_empty;
    }

    /// Whether the budget, not the driver, ended the work on some queue since the last
    /// [`Self::refill`].
    #[must_use]
    pub const fn is_cut_off(&self) -> bool {
        self.cut_off
    }

    /// Takes the next chain of a queue: `None` when the driver made no more available, the queue
    /// does not run, or this turn's budget is spent (the transport comes back by itself then).
    pub fn pop(&mut self, queue: usize) -> Option<Chain> {
        let limit = *self.shape.queues.get(queue)?;
        let ring = self.rings.get_mut(queue)?;
        loop {
            if !ring.runs() {
                return None;
            }
            if self.budget.is_spent() {
                self.cut_off = true;
                return None;
            }
            match ring.pop(queue, &self.ram, limit) {
                Ok(Popped::Chain(chain)) => {
                    self.budget.spend();
                    return Some(chain);
                }
                Ok(Popped::Refused) => self.budget.spend(),
                Ok(Popped::Empty) => return None,
                Err(Broken) => {
                    self.fail(queue);
                    return None;
                }
            }
        }
    }

    /// Gives a chain back with an answer, cut to [`Buffer::writable`] bytes. An empty answer
    /// is right where a queue has none. Interrupts are coalesced until the turn ends.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "the buffer is spent: a chain goes back once"
    )]
    pub fn complete(&mut self, buffer: Buffer, answer: &[u8]) {
        let Some(ring) = self.rings.get_mut(buffer.queue) else {
            return;
        };
        if ring.complete(&buffer, answer, &self.ram).is_err() {
            self.fail(buffer.queue);
        }
    }

    /// Hands chains back untouched. They must be the ones that were taken last from their queue,
    /// and none of them completed.
    pub fn put_back(&mut self, queue: usize, buffers: impl IntoIterator<Item = Buffer>) {
        let Some(ring) = self.rings.get_mut(queue) else {
            return;
        };
        let current = buffers
            .into_iter()
            .filter(|buffer| buffer.queue == queue && ring.is_current(buffer))
            .count();
        ring.put_back(u16::try_from(current).unwrap_or(u16::MAX));
    }

    /// Allows for so many chains, until that time at the latest.
    pub fn refill(&mut self, chains: usize, until: Option<Instant>) {
        self.budget = Budget { chains, until, begun: false };
        self.cut_off = false;
    }

    /// Interrupts drivers whose chains were completed.
    pub fn notify(&mut self) {
        for queue in 0..self.rings.len() {
            let on_empty = self.notify_on_empty;
            let Some(ring) = self.rings.get_mut(queue) else {
                continue;
            };
            if ring.notify(&self.ram, on_empty).is_err() {
                self.fail(queue);
            }
        }
    }

    /// Mutes a queue's kicks.
    pub fn mute(&mut self, queue: usize) {
        if let Some(ring) = self.rings.get_mut(queue)
            && ring.mute(&self.ram).is_err()
        {
            self.fail(queue);
        }
    }

    /// Asks for a queue's kicks again; true when chains came in between.
    pub fn unmute(&mut self, queue: usize) -> bool {
        let Some(ring) = self.rings.get_mut(queue) else {
            return false;
        };
        match ring.unmute(&self.ram) {
            Ok(more) => more,
            Err(Broken) => {
                self.fail(queue);
                false
            }
        }
    }

    /// Whether chains wait at a queue.
    pub fn has_work(&mut self, queue: usize) -> bool {
        let Some(ring) = self.rings.get(queue) else {
            return false;
        };
        match ring.available(&self.ram) {
            Ok(waiting) => ring.runs() && waiting > 0,
            Err(Broken) => {
                self.fail(queue);
                false
            }
        }
    }

    /// Stops a queue that broke the rules.
    pub fn fail(&mut self, queue: usize) {
        if let Some(ring) = self.rings.get_mut(queue)
            && ring.is_started()
        {
            tracing::warn!(
                device = self.shape.name,
                queue,
                "the driver broke the rules of its queue; the queue is stopped"
            );
            ring.fail();
        }
    }
}
