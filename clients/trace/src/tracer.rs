//! The device's end: what it records, and the thread that writes it.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;

use crate::disk::{Disk, Sink};
use crate::event::Event;
use crate::format::{PIECE, Start, head};
use crate::pool::{Kind, Limits, Pool};
use crate::writer::Writer;

/// A trace that is being written. Clones write into the same one; it ends with the last of them.
#[derive(Clone, Debug)]
pub struct Tracer(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    pool: Arc<Pool>,
    thread: Option<JoinHandle<()>>,
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
        let (pool, jobs, spent) = Pool::new(limits);
        let pool = Arc::new(pool);
        let writer = Writer {
            file,
            jobs,
            spent,
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
        self.0.pool.hand_over_soon();
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.pool.end();
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
        let full = |tracer: &Tracer| tracer.0.pool.is_full();
        self.tracer.as_ref().is_some_and(|tracer| !full(tracer))
    }

    /// Whether something was lost since the whole state of the device was last recorded.
    #[must_use]
    pub fn has_hole(&self) -> bool {
        self.tracer.as_ref().is_some_and(|tracer| tracer.0.pool.misses_state(self.device))
    }

    /// Whether the trace has a hole and the writer has caught up: then the whole state of a device, of at
    /// most [`Self::state_limit`] bytes, lets a replay go on behind the hole.
    #[must_use]
    pub fn wants_state(&self) -> bool {
        let caught_up = |tracer: &Tracer| tracer.0.pool.has_caught_up();
        self.is_on() && self.has_hole() && self.tracer.as_ref().is_some_and(caught_up)
    }

    /// Most bytes of a state that can be recorded.
    #[must_use]
    pub fn state_limit(&self) -> usize {
        self.tracer.as_ref().map_or(0, |tracer| tracer.0.pool.state_limit())
    }

    /// Records the whole state of the device, or that there is none to be had.
    pub fn state(&self, state: Option<&[u8]>) {
        let Some(tracer) = &self.tracer else { return };
        tracer.0.pool.begin_state(self.device);
        let Some(state) = state.filter(|state| state.len() <= self.state_limit()) else { return };
        let mut pieces = state.chunks(PIECE).peekable();
        while let Some(bytes) = pieces.next() {
            let last = pieces.peek().is_none();
            tracer.0.pool.record(self.device, Event::State { last, bytes }, Kind::Whole);
        }
    }
}
