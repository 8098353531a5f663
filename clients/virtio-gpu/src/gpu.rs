//! The device as its transport and its presenter see it.

use std::collections::BTreeMap;

use porthole_memory::Copies;
use porthole_pixel::Size;
use porthole_virtio_gpu::wire::event;
use porthole_virtio_gpu::{Config, MAX_ENTRIES};

use crate::event::Event;
use crate::options::{Options, Quotas};
use crate::resource::Resource;
use crate::scanout::Scanout;
use porthole_picture::{BufferId, Holds, Ledger};

/// Bytes of the longest request that means anything; a transport may refuse longer ones.
pub const MAX_REQUEST: usize = 56 + 16 * MAX_ENTRIES as usize;

/// Names a fence that waits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Token(pub(crate) u64);

impl Token {
    /// Its number; later fences of a device have larger ones.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

/// What to write back for a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    /// These bytes, at once. No longer than what the guest made writable, possibly empty.
    Now(Vec<u8>),
    /// These bytes, when [`Gpu::take_completed`] names the token, or after two refresh periods,
    /// whichever is first.
    WhenPresented {
        /// The response.
        bytes: Vec<u8>,
        /// What to wait for.
        token: Token,
    },
}

/// Counters since the device was made, and what is in use now.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Statistics {
    /// Requests on the control queue.
    pub commands: u64,
    /// How many of them were refused.
    pub errors: u64,
    /// Frames handed to the presenter.
    pub frames: u64,
    /// Bytes copied.
    pub copies: Copies,
    /// Copies of which a part was left out, because it was not RAM.
    pub unreadable: u64,
    /// Times that a buffer was changed although the compositor held it, because it held all.
    pub overdrawn: u64,
    /// Resources in use.
    pub resources: usize,
    /// Bytes counted against the quota.
    pub bytes: u64,
}

/// The device.
#[derive(Debug)]
pub struct Gpu {
    pub(crate) name: String,
    pub(crate) features: u64,
    pub(crate) quotas: Quotas,
    pub(crate) uuids: Option<u64>,
    pub(crate) next_uuid: u64,
    pub(crate) config: Config,
    pub(crate) resources: BTreeMap<u32, Resource>,
    pub(crate) scanouts: Vec<Scanout>,
    pub(crate) holds: Holds,
    /// INVARIANT: the sum of what all resources and all shown blobs count.
    pub(crate) bytes: u64,
    /// INVARIANT: the sum of the entries of all backings.
    pub(crate) entries: usize,
    pub(crate) serial: u64,
    pub(crate) next_token: u64,
    pub(crate) completed: Vec<Token>,
    pub(crate) retired: Vec<BufferId>,
    pub(crate) counters: Statistics,
}

impl Gpu {
    /// A device as after power-on.
    #[must_use]
    pub fn new(options: &Options) -> Self {
        let scanouts: Vec<Scanout> = options.sizes().into_iter().map(Scanout::new).collect();
        let num_scanouts = u32::try_from(scanouts.len()).unwrap_or(1);
        Self {
            name: options.name.clone(),
            features: options.features(),
            quotas: options.quotas,
            uuids: options.uuids,
            next_uuid: 1,
            config: Config { events_read: 0, num_scanouts },
            resources: BTreeMap::new(),
            scanouts,
            holds: Holds::default(),
            bytes: 0,
            entries: 0,
            serial: 0,
            next_token: 0,
            completed: Vec::new(),
            retired: Vec::new(),
            counters: Statistics::default(),
        }
    }

    /// The device's own feature bits, to be offered to the guest.
    #[must_use]
    pub const fn features(&self) -> u64 {
        self.features
    }

    /// Number of scanouts, 1 to 16.
    #[must_use]
    pub const fn scanouts(&self) -> usize {
        self.scanouts.len()
    }

    /// What a read of the configuration space gives; zeros behind its end.
    #[must_use]
    pub fn config(&self, offset: u64, len: usize) -> Vec<u8> {
        self.config.read(offset, len)
    }

    /// A write into the configuration space; only clearing events has an effect.
    pub fn write_config(&mut self, offset: u64, bytes: &[u8]) {
        self.config.write(offset, bytes);
    }

    /// Asks the guest to use another size, or unplugs the display. Returns true when the transport
    /// must tell the guest that the configuration has changed.
    pub fn set_size(&mut self, scanout: usize, size: Option<Size>) -> bool {
        let news = self.scanouts.get_mut(scanout).is_some_and(|scanout| scanout.want(size));
        if news {
            self.config.events_read |= event::DISPLAY;
        }
        news
    }

    /// The size that the guest was asked to use last.
    #[must_use]
    pub fn last_size(&self, scanout: usize) -> Size {
        self.scanouts.get(scanout).map(|scanout| scanout.last_wanted).unwrap_or_default()
    }

    /// Tells the guest another refresh rate and physical size (0 where it is not known) of a display.
    /// Returns true when the transport must tell the guest that the configuration has changed.
    pub fn describe(&mut self, scanout: usize, refresh_mhz: u32, millimetres: (u32, u32)) -> bool {
        let scanout = self.scanouts.get_mut(scanout);
        let news = scanout.is_some_and(|scanout| scanout.describe(refresh_mhz, millimetres));
        if news {
            self.config.events_read |= event::DISPLAY;
        }
        news
    }

    /// Tells whether anybody sees a scanout. While nobody does, no fence waits for it.
    pub fn set_visible(&mut self, scanout: usize, visible: bool) {
        if let Some(scanout) = self.scanouts.get_mut(scanout) {
            scanout.visible = visible;
            if !visible {
                self.completed.extend(scanout.finished(u64::MAX));
            }
        }
    }

    /// The presenter no longer holds this buffer for this scanout. `serial` is that of the last
    /// frame with this buffer that it got.
    pub fn buffer_released(&mut self, scanout: usize, buffer: BufferId, serial: u64) {
        self.holds.release(buffer, scanout, serial);
        let pending = self.scanouts.get_mut(scanout).and_then(|scanout| scanout.pending.as_mut());
        if let Some(pending) = pending.filter(|pending| pending.buffer == buffer) {
            pending.held_before = pending.held_before.filter(|held| *held > serial);
        }
    }

    /// The frame with this serial, or a later one, is on the screen.
    pub fn presented(&mut self, scanout: usize, serial: u64) {
        if let Some(scanout) = self.scanouts.get_mut(scanout) {
            self.completed.extend(scanout.finished(serial));
        }
    }

    /// The frame with this serial will never be on the screen.
    pub fn discarded(&mut self, scanout: usize, serial: u64) {
        self.presented(scanout, serial);
    }

    /// The transport has completed a fence by itself.
    pub fn expired(&mut self, token: Token) {
        self.scanouts.iter_mut().for_each(|scanout| scanout.forget(token));
    }

    /// Fences whose answers are to be written now, oldest first. To be asked after every call that
    /// changes something.
    pub fn take_completed(&mut self) -> Vec<Token> {
        std::mem::take(&mut self.completed)
    }

    /// What the presenter is to be told. Frames of one scanout are merged: the newest wins, and has
    /// the damage of all. To be asked at the end of each turn.
    pub fn take_events(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        for (index, scanout) in self.scanouts.iter_mut().enumerate() {
            if let Some(frame) = scanout.take_frame(index) {
                self.counters.frames += 1;
                scanout.cleared = false;
                events.push(Event::Frame(frame));
            } else if std::mem::take(&mut scanout.cleared) {
                events.push(Event::Disabled { scanout: index });
            }
            scanout.cursor.take_events(index, &mut events);
        }
        if !self.retired.is_empty() {
            events.push(Event::Retired(std::mem::take(&mut self.retired)));
        }
        events
    }

    /// Back to the state after power-on. Wanted sizes and what the presenter holds stay. Answers
    /// that wait are forgotten: their queue is gone.
    pub fn reset(&mut self) {
        for index in 0..self.scanouts.len() {
            self.disable(index);
        }
        for resource in std::mem::take(&mut self.resources).values() {
            self.retire(resource);
        }
        for scanout in &mut self.scanouts {
            scanout.cursor.reset();
        }
        self.bytes = 0;
        self.entries = 0;
        self.config.events_read = 0;
        self.completed.clear();
    }

    /// Counters and what is in use.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        Statistics { resources: self.resources.len(), bytes: self.bytes, ..self.counters }
    }
}

/// Lends what drawing needs, apart from the picture itself.
pub(crate) const fn ledger<'a>(holds: &'a Holds, counters: &'a mut Statistics) -> Ledger<'a> {
    let Statistics { copies, overdrawn, .. } = counters;
    Ledger { holds, copies, overdrawn }
}
