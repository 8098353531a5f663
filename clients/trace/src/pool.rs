//! What is between a device and the thread that writes: records go into a buffer, and the buffer into a queue.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender, SyncSender};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::event::Event;
use crate::format::{Record, append, append_time, append_untimed, begin_chunk, fits};

/// A chunk goes to the writer when it has so many bytes, or soon after the end of the turn.
const FULL: usize = 1 << 18;
/// Chunks on their way at most, however small.
const CHUNKS: usize = 4096;

/// What a record is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// One by itself.
    Whole,
    /// The first one of a request.
    Opens,
    /// One inside, whose time is the request's.
    Part,
    /// The last one of a request.
    Closes,
}

/// How much a trace may take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Bytes of the file.
    pub file: u64,
    /// Bytes on their way to the disk; what comes on top is left out.
    pub queued: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { file: 1 << 30, queued: 64 << 20 }
    }
}

/// What the writer is told.
#[derive(Debug)]
pub(crate) enum Job {
    /// To write this.
    Chunk(Vec<u8>),
    /// That there is something to be written soon.
    Soon,
}

/// What the two threads both know.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    /// Bytes on their way to the disk.
    pub(crate) queued: AtomicUsize,
    /// Nothing more will be written.
    pub(crate) full: AtomicBool,
}

/// What is on its way to the writer.
#[derive(Debug)]
pub(crate) struct Pool {
    buffer: Mutex<Buffer>,
    began: Instant,
    /// Something was lost, and of these devices no whole state was recorded since: a bit for each.
    incomplete: AtomicU64,
    /// That was told, and no state was recorded since of any.
    told: AtomicBool,
    shared: Shared,
    limits: Limits,
}

/// The chunk that is being filled.
#[derive(Debug)]
struct Buffer {
    /// The writer will take it soon.
    awaited: bool,
    chunk: Vec<u8>,
    records: u64,
    last_us: u64,
    lost: Lost,
    /// What this chunk says to be lost.
    told: Lost,
    /// The device in the middle of a request.
    open: Option<u8>,
    /// What other devices did meanwhile: when, and the record without its time.
    aside: Vec<(u64, Vec<u8>)>,
    aside_bytes: usize,
    /// Nothing once the trace ends.
    chunks: Option<SyncSender<Job>>,
    spent: Receiver<Vec<u8>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Lost {
    records: u64,
    bytes: u64,
}

impl Pool {
    /// With what the writer hears, and where it gives spent buffers back.
    pub(crate) fn new(limits: Limits) -> (Self, Receiver<Job>, Sender<Vec<u8>>) {
        let (chunks, jobs) = mpsc::sync_channel(CHUNKS);
        let (give_back, spent) = mpsc::channel();
        let buffer = Buffer {
            awaited: false,
            chunk: Vec::new(),
            records: 0,
            last_us: 0,
            lost: Lost::default(),
            told: Lost::default(),
            open: None,
            aside: Vec::new(),
            aside_bytes: 0,
            chunks: Some(chunks),
            spent,
        };
        let pool = Self {
            buffer: Mutex::new(buffer),
            began: Instant::now(),
            incomplete: AtomicU64::new(0),
            told: AtomicBool::new(false),
            shared: Shared::default(),
            limits,
        };
        (pool, jobs, give_back)
    }

    /// Nothing more will be written.
    pub(crate) fn is_full(&self) -> bool {
        self.shared.full.load(Ordering::Relaxed)
    }

    /// Most bytes of a state that can be recorded.
    pub(crate) const fn state_limit(&self) -> usize {
        self.limits.queued / 2
    }

    /// Little is on its way to the disk.
    pub(crate) fn has_caught_up(&self) -> bool {
        self.shared.queued.load(Ordering::Relaxed) <= self.limits.queued / 4
    }

    /// Something was lost since the whole state of a device was last recorded.
    pub(crate) fn misses_state(&self, device: u8) -> bool {
        self.incomplete.load(Ordering::Relaxed) & bit(device) != 0
    }

    /// The whole state of a device is recorded next.
    pub(crate) fn begin_state(&self, device: u8) {
        self.incomplete.fetch_and(!bit(device), Ordering::Relaxed);
        self.told.store(false, Ordering::Relaxed);
    }

    /// Has the writer ask for what was recorded, soon.
    pub(crate) fn hand_over_soon(&self) {
        let mut buffer = self.buffer();
        // It wakes up once for all turns of a while, and the device wakes it up no more often.
        if !buffer.chunk.is_empty() && !buffer.awaited {
            let sent = buffer.chunks.as_ref().map(|to| to.try_send(Job::Soon));
            buffer.awaited = matches!(sent, Some(Ok(())));
        }
    }

    /// Hands over what there is. The writer ends when nobody can send it more.
    pub(crate) fn end(&self) {
        self.hand_over();
        self.buffer().chunks = None;
    }

    fn buffer(&self) -> MutexGuard<'_, Buffer> {
        self.buffer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    pub(crate) fn record(&self, device: u8, event: Event<'_>, kind: Kind) {
        if self.is_full() {
            return;
        }
        let mut buffer = self.buffer();
        let now_us = if kind == Kind::Part && !buffer.chunk.is_empty() {
            buffer.last_us
        } else {
            u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX)
        };
        if buffer.open.is_some_and(|open| open != device) {
            self.put_aside(&mut buffer, now_us, (device, event));
            return;
        }
        self.put(&mut buffer, now_us, |buffer, after_us| {
            buffer.append(&Record { after_us, device, event });
        });
        match kind {
            Kind::Opens => buffer.open = Some(device),
            Kind::Closes => {
                buffer.open = None;
                buffer.aside_bytes = 0;
                for (time_us, record) in std::mem::take(&mut buffer.aside) {
                    self.put(&mut buffer, time_us, |buffer, after_us| {
                        buffer.append_bytes(after_us, &record);
                    });
                }
            }
            Kind::Whole | Kind::Part => {}
        }
    }

    /// Lets a record be appended that happened at a time, at a place that has it be so.
    fn put(&self, buffer: &mut Buffer, now_us: u64, append: impl FnOnce(&mut Buffer, u64)) {
        if buffer.chunk.is_empty() {
            buffer.begin(now_us);
        }
        let after_us = now_us.saturating_sub(buffer.last_us);
        append(buffer, after_us);
        buffer.last_us = buffer.last_us.max(now_us);
        if buffer.chunk.len() >= FULL {
            self.send(buffer);
        }
    }

    /// Keeps what another device did until the request is whole.
    fn put_aside(&self, buffer: &mut Buffer, now_us: u64, (device, event): (u8, Event<'_>)) {
        let mut bytes = Vec::new();
        let fits = append_untimed(device, event, &mut bytes)
            && buffer.aside_bytes.saturating_add(bytes.len()) <= self.limits.queued;
        if fits {
            buffer.aside_bytes = buffer.aside_bytes.saturating_add(bytes.len());
            buffer.aside.push((now_us, bytes));
        } else {
            buffer.lost.records = buffer.lost.records.saturating_add(1);
            buffer.lost.bytes = buffer.lost.bytes.saturating_add(bytes.len() as u64);
            self.tell_of_hole();
        }
    }

    /// Every device's state is wanted. A hole is told of once, and so is the next one behind a state.
    fn tell_of_hole(&self) {
        self.incomplete.store(u64::MAX, Ordering::Relaxed);
        if !self.told.swap(true, Ordering::Relaxed) {
            tracing::warn!("the disk is too slow for the trace, which has a hole here");
        }
    }

    /// Puts what was recorded into the writer's queue.
    pub(crate) fn hand_over(&self) {
        let mut buffer = self.buffer();
        buffer.awaited = false;
        if !buffer.chunk.is_empty() {
            self.send(&mut buffer);
        }
    }

    fn send(&self, buffer: &mut Buffer) {
        let chunk = std::mem::take(&mut buffer.chunk);
        let records = std::mem::take(&mut buffer.records);
        let length = chunk.len();
        let queued = self.shared.queued.load(Ordering::Relaxed);
        let fits = fits(&chunk) && queued.saturating_add(length) <= self.limits.queued;
        let sent = fits && {
            self.shared.queued.fetch_add(length, Ordering::Relaxed);
            let sent =
                buffer.chunks.as_ref().is_some_and(|to| to.try_send(Job::Chunk(chunk)).is_ok());
            if !sent {
                self.shared.queued.fetch_sub(length, Ordering::Relaxed);
            }
            sent
        };
        if !sent {
            let told = std::mem::take(&mut buffer.told);
            buffer.lost.records = told.records.saturating_add(records);
            buffer.lost.bytes = told.bytes.saturating_add(length as u64);
            self.tell_of_hole();
        }
    }
}

impl Buffer {
    fn begin(&mut self, now_us: u64) {
        self.chunk = self.spent.try_recv().unwrap_or_else(|_| Vec::with_capacity(FULL * 2));
        begin_chunk(&mut self.chunk, now_us);
        self.last_us = now_us;
        // When this chunk is lost too, so is what it said.
        self.told = std::mem::take(&mut self.lost);
        let Lost { records, bytes } = self.told;
        if records > 0 {
            let event = Event::Lost { records, bytes };
            append(&Record { after_us: 0, device: 0, event }, &mut self.chunk);
        }
    }

    fn append(&mut self, record: &Record<'_>) {
        if append(record, &mut self.chunk) {
            self.records = self.records.saturating_add(1);
        }
    }

    /// Appends a record that was made without its time.
    fn append_bytes(&mut self, after_us: u64, record: &[u8]) {
        append_time(after_us, &mut self.chunk);
        self.chunk.extend_from_slice(record);
        self.records = self.records.saturating_add(1);
    }
}

/// A device's bit in sets of devices.
fn bit(device: u8) -> u64 {
    1_u64.checked_shl(device.into()).unwrap_or(0)
}
