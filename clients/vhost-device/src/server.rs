//! The loop's view of a device: one descriptor, one call.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use porthole_virtio_device::{
    Claim, Device, Endpoint, Patience, Received, Rings, Shape, State, Watch, accept,
};
use rustix::event::{EventfdFlags, Timespec, epoll, eventfd};
use rustix::io::{read, write};

use crate::backend::{Backend, KEY_FRONT, KEY_GPU, KEY_QUEUE, KEY_REQUEST, KEY_STATE, KEY_WAKE};
use crate::connection::Connection;
use crate::fault::Fault;

/// Messages of the front-end a turn.
const MESSAGES: usize = 32;
/// Chains a turn, over all queues.
const CHAINS: usize = 64;
/// How long a turn takes chains; what was taken is finished.
const TURN: Duration = Duration::from_millis(4);
/// Chains that a call of [`Server::with_rings`] may take.
const CHAINS_OUTSIDE: usize = 1024;

/// How a turn left the device.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Turn {
    /// Waiting for the front-end or for the guest.
    Waiting,
    /// The front-end has gone, its VM with it.
    Disconnected,
}

#[derive(Debug)]
enum Phase {
    Listening {
        socket: Watch,
        /// Keeps the path ours; it goes when the front-end has come.
        _claim: Option<Claim>,
    },
    Connected(Connection),
    Gone,
}

/// A device's transport. Its descriptor is readable when [`Server::turn`] has work to do.
#[derive(Debug)]
pub struct Server {
    epoll: Arc<OwnedFd>,
    wake: Watch,
    phase: Phase,
    backend: Backend,
    /// The queue whose turn it is to be first.
    first: usize,
    /// How often the driver has kicked, at least: kicks that come together are one.
    kicks: u64,
    patience: Patience,
}

impl AsFd for Server {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.as_fd()
    }
}

impl Server {
    /// Puts a device of this shape on an endpoint.
    ///
    /// # Errors
    /// When the system has no descriptors left.
    pub fn new(endpoint: Endpoint, shape: Shape) -> io::Result<Self> {
        let epoll = Arc::new(epoll::create(epoll::CreateFlags::CLOEXEC)?);
        let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let wake = Watch::new(&epoll, wake, KEY_WAKE)?;
        let phase = match endpoint.state {
            State::Listening(socket, claim) => {
                let socket = Watch::new(&epoll, socket, KEY_FRONT)?;
                Phase::Listening { socket, _claim: claim }
            }
            State::Connected(socket) => {
                Phase::Connected(Connection::new(Watch::new(&epoll, socket, KEY_FRONT)?))
            }
        };
        Ok(Self {
            backend: Backend::new(shape, Arc::clone(&epoll)),
            epoll,
            wake,
            phase,
            first: 0,
            kicks: 0,
            patience: Patience::default(),
        })
    }

    /// Whether a front-end is connected.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        matches!(self.phase, Phase::Connected(_))
    }

    /// The virtio features that driver and front-end use.
    #[must_use]
    pub fn features(&self) -> u64 {
        self.backend.features
    }

    /// How often the driver has kicked its queues. Kicks that are heard together count as one.
    #[must_use]
    pub const fn kicks(&self) -> u64 {
        self.kicks
    }

    /// Does what is due, a bounded piece of it, and comes back by itself for the rest.
    ///
    /// # Errors
    /// When the device cannot go on; the message says what to do where something can be done.
    pub fn turn(&mut self, device: &mut dyn Device) -> Result<Turn, Fault> {
        let mut events = Vec::with_capacity(32);
        let now = Timespec::default();
        let ready =
            epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut events), Some(&now));
        match ready {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(Fault::System("epoll_wait", error.into())),
        }
        let mut disconnected = false;
        for event in events {
            match event.data.u64() {
                KEY_FRONT => disconnected |= self.front(device)?,
                KEY_WAKE => {
                    clear(&self.wake);
                }
                KEY_REQUEST => self.backend.channels.read_answers(self.backend.shape.name),
                KEY_GPU => self.backend.channels.drain_gpu(),
                KEY_STATE => self.backend.transfer.turn(),
                key => self.kicked(key),
            }
        }
        self.process(device);
        if self.backend.rings.ram().is_lost() {
            return Err(Fault::MemoryLost);
        }
        if disconnected {
            self.backend.stop_all(device);
            self.phase = Phase::Gone;
            return Ok(Turn::Disconnected);
        }
        Ok(Turn::Waiting)
    }

    /// Lets the device work on its queues outside a turn (an input event came, a frame was
    /// presented) and interrupts the driver afterwards.
    pub fn with_rings<T>(&mut self, work: impl FnOnce(&mut Rings) -> T) -> T {
        let rings = &mut self.backend.rings;
        rings.refill(CHAINS_OUTSIDE, None);
        let result = work(rings);
        rings.notify();
        if rings.ram().is_lost() {
            // The next turn says so.
            let _ = write(&self.wake, &1u64.to_ne_bytes());
        }
        result
    }

    /// Whether the driver can be told that config space changed.
    #[must_use]
    pub fn tells_config(&self) -> bool {
        self.backend.channels.tells_config()
    }

    /// Tells the driver that config space changed. False when the front-end has no
    /// ear for it, which a device can do nothing about.
    pub fn config_changed(&mut self) -> bool {
        self.backend.channels.config_changed()
    }

    /// Accepts the front-end, or reads its messages; true when it has gone.
    fn front(&mut self, device: &mut dyn Device) -> Result<bool, Fault> {
        if let Phase::Listening { socket, .. } = &self.phase {
            let accepted = accept_from(socket)?;
            let Some(socket) = accepted else {
                return Ok(false);
            };
            let watch = Watch::new(&self.epoll, socket, KEY_FRONT)
                .map_err(|error| Fault::System("epoll", error))?;
            // One front-end in a device's life: the listener and its path go now.
            self.phase = Phase::Connected(Connection::new(watch));
            tracing::debug!(device = self.backend.shape.name, "front-end connected");
            return Ok(false);
        }
        let Phase::Connected(connection) = &mut self.phase else {
            return Ok(false);
        };
        for _ in 0..MESSAGES {
            match connection.read()? {
                Received::Empty => break,
                Received::Closed => return Ok(true),
                Received::Message(message) => {
                    if let Some(reply) = self.backend.handle(message, device)? {
                        connection.send(&reply)?;
                    }
                }
            }
        }
        Ok(false)
    }

    fn kicked(&mut self, key: u64) {
        let queue = key.checked_sub(KEY_QUEUE).and_then(|queue| usize::try_from(queue).ok());
        let Some(queue) = queue else {
            return;
        };
        if let Some(kick) = self.backend.rings.ring(queue).and_then(|ring| ring.kick()) {
            if !clear(kick) {
                // It would be ready for ever.
                self.backend.rings.fail(queue);
                return;
            }
            self.kicks = self.kicks.saturating_add(1);
        }
        if let Some(pending) = self.backend.pending.get_mut(queue) {
            *pending = true;
        }
    }

    /// Works on every queue that wants it, until all are dry or the budget is spent.
    fn process(&mut self, device: &mut dyn Device) {
        let backend = &mut self.backend;
        if !backend.pending.iter().any(|pending| *pending) {
            return;
        }
        backend.rings.refill(CHAINS, Some(Instant::now() + TURN));
        let count = backend.pending.len();
        for step in 0..count {
            // Another queue comes first after one that spent the budget.
            let queue = (self.first + step) % count;
            let runs = backend.rings.ring(queue).is_some_and(|r| r.runs());
            let Some(pending) = backend.pending.get_mut(queue) else {
                continue;
            };
            if !std::mem::take(pending) || !runs {
                continue;
            }
            backend.used = true;
            backend.rings.mute(queue);
            work(queue, &mut backend.rings, device, &mut self.patience);
            // Muted until it is dry: the turn that comes back needs no kick.
            if backend.rings.is_cut_off() || backend.rings.unmute(queue) {
                backend.want(queue);
            }
        }
        self.first = (self.first + 1) % count;
        backend.rings.notify();
        if backend.pending.iter().any(|pending| *pending) {
            let _ = write(&self.wake, &1u64.to_ne_bytes());
        }
    }
}

/// Calls the device, and looks again for a short while: a driver that has just been answered
/// often asks more at once, and a kick costs it a trip out of the guest.
fn work(queue: usize, rings: &mut Rings, device: &mut dyn Device, patience: &mut Patience) {
    loop {
        device.process(queue, rings);
        if rings.is_cut_off() {
            return;
        }
        // The driver may be waiting for just this answer.
        rings.notify();
        if !patience.look(|| rings.has_work(queue)) {
            return;
        }
    }
}

fn accept_from(listener: &Watch) -> Result<Option<OwnedFd>, Fault> {
    accept(listener).map_err(|error| Fault::System("accept", error))
}

/// Empties an eventfd; false when it cannot be emptied.
fn clear(event: &Watch) -> bool {
    let mut counter = [0; 8];
    match read(event, &mut counter) {
        Ok(count) => count > 0,
        // EAGAIN: somebody did already.
        Err(error) => matches!(error, rustix::io::Errno::AGAIN | rustix::io::Errno::INTR),
    }
}

#[cfg(test)]
mod tests;
