//! The device's end: records go into a buffer, and the buffer to the thread that writes.

use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use crate::disk::{Disk, Sink};
use crate::event::Event;
use crate::format::{
    PIECE, Record, Start, append, append_time, append_untimed, begin_chunk, fits, head,
};
use crate::writer::{Job, Shared, Writer};

/// A chunk goes to the writer when it has so many bytes, or soon after the end of the turn.
const FULL: usize = 1 << 18;
/// Chunks on their way at most, however small.
const CHUNKS: usize = 4096;

/// What a record is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
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

/// A trace that is being written. Clones write into the same one; it ends with the last of them.
#[derive(Clone, Debug)]
pub struct Tracer(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    pool: Arc<Pool>,
    thread: Option<JoinHandle<()>>,
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
    shared: Arc<Shared>,
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

impl Tracer {
    /// Begins a trace in a file, which is open already and empty.
    ///
    /// # Errors
    /// When nothing can be written into the file, or no thread can be started.
    pub fn start(file: File, start: &Start, limits: Limits) -> io::Result<Self> {
        Self::start_with(file, start, limits)
    }

    /// The same for a file on a disk, which is open a second time for direct writes (`O_DIRECT`) where that is
    /// to be had: they cost a tenth of others.
    ///
    /// # Errors
    /// As for [`Self::start`].
    pub fn start_on_disk(
        file: File,
        direct: Option<File>,
        start: &Start,
        limits: Limits,
    ) -> io::Result<Self> {
        Self::start_with(Disk::new(file, direct), start, limits)
    }

    pub(crate) fn start_with(
        mut file: impl Sink + Send + 'static,
        start: &Start,
        limits: Limits,
    ) -> io::Result<Self> {
        let head = head(start).ok_or(io::ErrorKind::InvalidInput)?;
        file.put(&head, true)?;
        file.settle()?;
        let (chunks, from_device) = mpsc::sync_channel(CHUNKS);
        let (give_back, spent) = mpsc::channel();
        let shared = Arc::new(Shared::default());
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
        let pool = Arc::new(Pool {
            buffer: Mutex::new(buffer),
            began: Instant::now(),
            incomplete: AtomicU64::new(0),
            told: AtomicBool::new(false),
            shared,
            limits,
        });
        let writer = Writer {
            file,
            jobs: from_device,
            spent: give_back,
            pool: Arc::clone(&pool),
            written: head.len() as u64,
            limit: limits.file,
        };
        let thread =
            std::thread::Builder::new().name("trace".to_owned()).spawn(move || writer.run())?;
        Ok(Self(Arc::new(Inner { pool, thread: Some(thread) })))
    }

    /// The tap of one device.
    #[must_use]
    pub fn tap(&self, device: u8) -> Tap {
        Tap { tracer: Some(self.clone()), device }
    }

    /// Has the writer take what was recorded, soon. To be called at the end of each turn.
    pub fn flush(&self) {
        let mut buffer = self.0.pool.buffer();
        // It wakes up once for all turns of a while, and the device wakes it up no more often.
        if !buffer.chunk.is_empty() && !buffer.awaited {
            let sent = buffer.chunks.as_ref().map(|to| to.try_send(Job::Soon));
            buffer.awaited = matches!(sent, Some(Ok(())));
        }
    }
}

impl Pool {
    fn buffer(&self) -> MutexGuard<'_, Buffer> {
        self.buffer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }
    fn record(&self, device: u8, event: Event<'_>, kind: Kind) {
        if self.shared.full.load(Ordering::Relaxed) {
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

impl Drop for Inner {
    fn drop(&mut self) {
        self.pool.hand_over();
        // The writer ends when nobody can send it more.
        self.pool.buffer().chunks = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::warn!("the trace's writer has failed");
        }
    }
}

/// Where a device's records go; by default nowhere.
#[derive(Clone, Debug, Default)]
pub struct Tap {
    tracer: Option<Tracer>,
    device: u8,
}

impl Tap {
    /// Records an event, which is made only when there is a trace.
    pub fn record<'a>(&self, event: impl FnOnce() -> Event<'a>) {
        if let Some(tracer) = &self.tracer {
            tracer.0.pool.record(self.device, event(), Kind::Whole);
        }
    }

    /// Records a request that is worked on. Up to [`Self::close`] all records are this device's; those of
    /// others, whose threads need not wait for it, follow behind.
    pub fn open<'a>(&self, event: impl FnOnce() -> Event<'a>) {
        if let Some(tracer) = &self.tracer {
            tracer.0.pool.record(self.device, event(), Kind::Opens);
        }
    }

    /// Records the answer to the request.
    pub fn close<'a>(&self, event: impl FnOnce() -> Event<'a>) {
        if let Some(tracer) = &self.tracer {
            tracer.0.pool.record(self.device, event(), Kind::Closes);
        }
    }

    /// Records what was read from guest memory, in pieces.
    pub fn memory(&self, address: u64, bytes: &[u8]) {
        let Some(tracer) = &self.tracer else { return };
        for (index, bytes) in bytes.chunks(PIECE).enumerate() {
            let skip = (index as u64).saturating_mul(PIECE as u64);
            let address = address.saturating_add(skip);
            // Its time is that of the request that it belongs to.
            tracer.0.pool.record(self.device, Event::Memory { address, bytes }, Kind::Part);
        }
    }

    /// Whether there is a trace, and more may be written.
    #[must_use]
    pub fn is_on(&self) -> bool {
        let full = |tracer: &Tracer| tracer.0.pool.shared.full.load(Ordering::Relaxed);
        self.tracer.as_ref().is_some_and(|tracer| !full(tracer))
    }

    /// Whether something was lost since the whole state of the device was last recorded.
    #[must_use]
    pub fn has_hole(&self) -> bool {
        let incomplete = |tracer: &Tracer| tracer.0.pool.incomplete.load(Ordering::Relaxed);
        self.tracer.as_ref().map_or(0, incomplete) & self.bit() != 0
    }

    /// Whether the trace has a hole and the writer has caught up: then the whole state of a device, of at
    /// most [`Self::state_limit`] bytes, lets a replay go on behind the hole.
    #[must_use]
    pub fn wants_state(&self) -> bool {
        let inner = self.tracer.as_ref().map(|tracer| &tracer.0.pool);
        self.is_on()
            && self.has_hole()
            && inner.is_some_and(|inner| {
                inner.shared.queued.load(Ordering::Relaxed) <= inner.limits.queued / 4
            })
    }

    /// Most bytes of a state that can be recorded.
    #[must_use]
    pub fn state_limit(&self) -> usize {
        self.tracer.as_ref().map_or(0, |tracer| tracer.0.pool.limits.queued / 2)
    }

    /// Records the whole state of the device, or that there is none to be had.
    pub fn state(&self, state: Option<&[u8]>) {
        let Some(tracer) = &self.tracer else { return };
        tracer.0.pool.incomplete.fetch_and(!self.bit(), Ordering::Relaxed);
        tracer.0.pool.told.store(false, Ordering::Relaxed);
        let Some(state) = state.filter(|state| state.len() <= self.state_limit()) else { return };
        let mut pieces = state.chunks(PIECE).peekable();
        while let Some(bytes) = pieces.next() {
            let last = pieces.peek().is_none();
            tracer.0.pool.record(self.device, Event::State { last, bytes }, Kind::Whole);
        }
    }

    fn bit(&self) -> u64 {
        1_u64.checked_shl(self.device.into()).unwrap_or(0)
    }
}
