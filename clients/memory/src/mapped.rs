//! A memory that somebody else writes too.

use std::io;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::mm::{MapFlags, ProtFlags};

use crate::memory::Memory;

/// Bytes of a word.
const WORD: u64 = 8;

/// A view of a [`Memory`] whose pages another process has mapped and writes at any time, as a guest
/// does with video memory. It is read and written by atomic words only, so that what is read is what was
/// there at some time during the call, and nothing else can go wrong.
///
/// The memory itself is for handing out; its own ways to read and write must not be used meanwhile.
#[derive(Debug)]
pub struct Mapped {
    /// INVARIANT: its size is sealed, so that each page of the mapping is there as long as it lives.
    memory: Arc<Memory>,
    start: NonNull<AtomicU64>,
    words: usize,
}

// SAFETY: the mapping belongs to no thread, and is used by atomic operations only.
unsafe impl Send for Mapped {}
// SAFETY: as above.
unsafe impl Sync for Mapped {}

impl Mapped {
    /// Maps a memory whose length is a multiple of eight.
    ///
    /// # Errors
    /// The system's error, and `InvalidInput` for another length.
    pub fn new(memory: Arc<Memory>) -> io::Result<Self> {
        let size = usize::try_from(memory.len()).ok().filter(|_| memory.len().is_multiple_of(WORD));
        let size = size.ok_or(io::ErrorKind::InvalidInput)?;
        let access = ProtFlags::READ | ProtFlags::WRITE;
        let hint = std::ptr::null_mut();
        // SAFETY: a null hint lets the kernel choose an address that nothing else uses.
        let start =
            unsafe { rustix::mm::mmap(hint, size, access, MapFlags::SHARED, memory.fd(), 0) }?;
        let start = NonNull::new(start.cast::<AtomicU64>());
        let start = start.ok_or_else(|| io::Error::other("mapping at address zero"))?;
        Ok(Self { memory, start, words: size / 8 })
    }

    /// The memory itself, to hand out.
    #[must_use]
    pub const fn memory(&self) -> &Arc<Memory> {
        &self.memory
    }

    /// Bytes.
    #[expect(clippy::len_without_is_empty, reason = "a memory is never empty")]
    #[must_use]
    pub fn len(&self) -> u64 {
        self.memory.len()
    }

    /// All of it.
    #[must_use]
    pub fn words(&self) -> &[AtomicU64] {
        // SAFETY: `start` points to so many mapped words, page-aligned, until this value drops; the size
        // seals keep every page present, and other processes may change atomics at any time.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.words) }
    }

    /// One byte; zero outside.
    #[must_use]
    pub fn load(&self, at: u64) -> u8 {
        let word = self.word(at).map_or(0, |word| word.load(Ordering::Relaxed));
        let [low, ..] = (word >> (8 * (at % WORD))).to_le_bytes();
        low
    }

    /// Sets one byte and leaves its neighbours as whoever else writes them wants them.
    pub fn store(&self, at: u64, value: u8) {
        self.change(at, u64::from(value), 0xff);
    }

    /// Sets four bytes at a multiple of four.
    pub fn store_four(&self, at: u64, value: u32) {
        self.change(at, u64::from(value), 0xffff_ffff);
    }

    fn change(&self, at: u64, value: u64, mask: u64) {
        let shift = 8 * (at % WORD);
        let Some(word) = self.word(at) else { return };
        let put = |old: u64| Some(old & !(mask << shift) | value << shift);
        // Always changed: the closure refuses nothing.
        let _ = word.fetch_update(Ordering::Relaxed, Ordering::Relaxed, put);
    }

    /// Copies bytes from `at` on; what lies outside is left as it was.
    pub fn copy_out(&self, at: u64, into: &mut [u8]) {
        let head = usize::try_from((WORD - at % WORD) % WORD).unwrap_or(0).min(into.len());
        let (head, rest) = into.split_at_mut(head);
        let mut at = at;
        for byte in head {
            *byte = self.load(at);
            at = at.saturating_add(1);
        }
        let first = usize::try_from(at / WORD).unwrap_or(usize::MAX);
        let words = self.words().get(first..).unwrap_or_default();
        let mut chunks = rest.chunks_exact_mut(8);
        for (chunk, word) in chunks.by_ref().zip(words) {
            chunk.copy_from_slice(&word.load(Ordering::Relaxed).to_le_bytes());
            at = at.saturating_add(WORD);
        }
        for byte in chunks.into_remainder() {
            *byte = self.load(at);
            at = at.saturating_add(1);
        }
    }

    fn word(&self, at: u64) -> Option<&AtomicU64> {
        self.words().get(usize::try_from(at / WORD).ok()?)
    }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        // SAFETY: this value made the mapping, and no reference into it can outlive the value.
        let result = unsafe { rustix::mm::munmap(self.start.as_ptr().cast(), self.words * 8) };
        debug_assert!(result.is_ok(), "a mapping that we made can be unmapped");
    }
}
