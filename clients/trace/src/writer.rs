//! The thread that writes.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use crate::disk::Sink;
use crate::event::Event;
use crate::format::{Record, append, begin_chunk, finish_chunk};
use crate::pool::{Job, Pool};

/// Room that the last chunk takes, which says that the limit was reached.
const LAST: u64 = 64;

/// How long records wait until they are written, so that those of many turns are written at once.
const SOON: Duration = Duration::from_millis(20);

/// Bytes in front of the disk with which it is too slow.
const BEHIND: usize = 16 << 20;

/// Writes chunks until there are no more, or no more may be written.
pub(crate) struct Writer<W> {
    pub(crate) file: W,
    pub(crate) jobs: Receiver<Job>,
    /// Buffers go back this way.
    pub(crate) spent: Sender<Vec<u8>>,
    pub(crate) pool: Arc<Pool>,
    /// Bytes that the file has.
    pub(crate) written: u64,
    pub(crate) limit: u64,
}

impl<W: Sink> Writer<W> {
    pub(crate) fn run(mut self) {
        let mut due: Option<Instant> = None;
        loop {
            let job = match due {
                None => self.jobs.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(due) => self.jobs.recv_timeout(due.saturating_duration_since(Instant::now())),
            };
            match job {
                Ok(Job::Chunk(chunk)) => self.take(chunk),
                Ok(Job::Soon) => due = Some(Instant::now() + SOON),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            // Also where there is always a next chunk.
            if due.is_some_and(|due| due <= Instant::now()) {
                self.pool.hand_over();
                due = self.take_all();
                self.settle();
            }
        }
        self.settle();
    }

    /// Writes what is there to be written, up to what was handed over last; tells when there will be more.
    fn take_all(&mut self) -> Option<Instant> {
        let mut due = None;
        let mut left = self.pool.shared().queued.load(Ordering::Relaxed);
        while left > 0
            && let Ok(job) = self.jobs.try_recv()
        {
            match job {
                Job::Chunk(chunk) => {
                    left = left.saturating_sub(chunk.len());
                    self.take(chunk);
                }
                Job::Soon => due = Some(Instant::now() + SOON),
            }
        }
        due
    }

    fn settle(&mut self) {
        if !self.pool.shared().full.load(Ordering::Relaxed)
            && let Err(error) = self.file.settle()
        {
            self.fail(&error);
        }
    }

    fn fail(&self, error: &io::Error) {
        tracing::warn!(%error, bytes = self.written, "the trace cannot be written and ends here");
        self.pool.shared().full.store(true, Ordering::Relaxed);
    }

    fn take(&mut self, mut chunk: Vec<u8>) {
        let length = chunk.len();
        // Its checksum is made here, where no guest waits for it.
        if !self.pool.shared().full.load(Ordering::Relaxed) && finish_chunk(&mut chunk) {
            self.write(&chunk);
        }
        self.pool.shared().queued.fetch_sub(length, Ordering::Relaxed);
        // The device's end may be gone; then nobody needs the buffer.
        let _ = self.spent.send(chunk);
    }

    fn write(&mut self, chunk: &[u8]) {
        let after = self.written.saturating_add(chunk.len() as u64);
        if after.saturating_add(LAST) > self.limit {
            tracing::warn!(bytes = self.written, "the trace has reached its limit and ends here");
            self.pool.shared().full.store(true, Ordering::Relaxed);
            self.say_limit();
            return;
        }
        // A disk that is slower than the guest is helped by the system's cache.
        let hurry = self.pool.shared().queued.load(Ordering::Relaxed) > BEHIND;
        match self.file.put(chunk, hurry) {
            Ok(()) => self.written = after,
            Err(error) => self.fail(&error),
        }
    }

    fn say_limit(&mut self) {
        let mut chunk = Vec::new();
        begin_chunk(&mut chunk, 0);
        let event = Event::Limit { bytes: self.limit };
        append(&Record { after_us: 0, device: 0, event }, &mut chunk);
        if finish_chunk(&mut chunk) {
            // The disk may be full; what was written before counts.
            let _ = self.file.put(&chunk, true).and_then(|()| self.file.settle());
        }
    }
}
