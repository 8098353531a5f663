//! The thread that writes.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender};

use crate::event::Event;
use crate::format::{Record, append, begin_chunk, finish_chunk};

/// Room that the last chunk takes, which says that the limit was reached.
const LAST: u64 = 64;

/// What the two threads both know.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    /// Bytes on their way to the disk.
    pub(crate) queued: AtomicUsize,
    /// Nothing more will be written.
    pub(crate) full: AtomicBool,
}

/// Writes chunks until there are no more, or no more may be written.
pub(crate) struct Writer<W> {
    pub(crate) file: W,
    pub(crate) chunks: Receiver<Vec<u8>>,
    /// Buffers go back this way.
    pub(crate) spent: Sender<Vec<u8>>,
    pub(crate) shared: Arc<Shared>,
    /// Bytes that the file has.
    pub(crate) written: u64,
    pub(crate) limit: u64,
}

impl<W: Write> Writer<W> {
    pub(crate) fn run(mut self) {
        while let Ok(mut chunk) = self.chunks.recv() {
            let length = chunk.len();
            // Its checksum is made here, where no guest waits for it.
            if !self.shared.full.load(Ordering::Relaxed) && finish_chunk(&mut chunk) {
                self.write(&chunk);
            }
            self.shared.queued.fetch_sub(length, Ordering::Relaxed);
            // The device's end may be gone; then nobody needs the buffer.
            let _ = self.spent.send(chunk);
        }
        if let Err(error) = self.file.flush() {
            tracing::warn!(%error, "the end of the trace cannot be written");
        }
    }

    fn write(&mut self, chunk: &[u8]) {
        let after = self.written.saturating_add(chunk.len() as u64);
        if after.saturating_add(LAST) > self.limit {
            tracing::warn!(bytes = self.written, "the trace has reached its limit and ends here");
            self.shared.full.store(true, Ordering::Relaxed);
            self.say_limit();
            return;
        }
        match self.file.write_all(chunk) {
            Ok(()) => self.written = after,
            Err(error) => {
                tracing::warn!(%error, bytes = self.written, "the trace cannot be written and ends here");
                self.shared.full.store(true, Ordering::Relaxed);
            }
        }
    }

    fn say_limit(&mut self) {
        let mut chunk = Vec::new();
        begin_chunk(&mut chunk, 0);
        let event = Event::Limit { bytes: self.limit };
        append(&Record { after_us: 0, device: 0, event }, &mut chunk);
        if finish_chunk(&mut chunk) {
            // The disk may be full; what was written before counts.
            let _ = self.file.write_all(&chunk);
        }
    }
}
