//! What becomes of guest memory that is taken away while it is mapped.
//!
//! A peer may cut the file short that it shared, or the machine may run out of the huge pages
//! behind it. The next access to such memory raises SIGBUS, which would end the process without a
//! word. The handler here puts zeros in the place of the region that was hit and marks it as
//! lost; the access goes on, and the transport ends the connection with a message before the next turn.
//! A seal against shrinking would be simpler, but memory that lies in a file cannot have one.
//!
//! The handler works on a fixed table of numbers, allocates nothing and takes no lock. A bus error
//! anywhere else ends the process as it always did.

use std::ffi::{c_int, c_void};
use std::io;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use nix::libc::siginfo_t;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous};

/// Regions that can be mapped at a time: those of five devices with room for memory that is replaced
/// while an older mapping of it lives.
const SLOTS: usize = 1024;

/// One guarded mapping; an `end` of 0 is a free slot.
struct Slot {
    taken: AtomicBool,
    start: AtomicUsize,
    end: AtomicUsize,
    lost: AtomicBool,
}

static TABLE: [Slot; SLOTS] = [const {
    Slot {
        taken: AtomicBool::new(false),
        start: AtomicUsize::new(0),
        end: AtomicUsize::new(0),
        lost: AtomicBool::new(false),
    }
}; SLOTS];

/// What was done about bus errors before; nothing when the handler could not be set.
static BEFORE: OnceLock<Option<SigAction>> = OnceLock::new();

/// Guards a mapping as long as it lives; must be dropped before the mapping goes.
#[derive(Debug)]
pub(super) struct Guard {
    slot: usize,
}

impl Guard {
    /// Guards `len` bytes from `start` on, which are one mapping with a page's alignment.
    pub(super) fn new(start: *const u8, len: usize) -> io::Result<Self> {
        if BEFORE.get_or_init(install).is_none() {
            return Err(io::Error::other("bus errors cannot be handled"));
        }
        let end = start.addr().checked_add(len).ok_or(io::ErrorKind::InvalidInput)?;
        for (slot, entry) in TABLE.iter().enumerate() {
            if entry.taken.swap(true, Ordering::AcqRel) {
                continue;
            }
            entry.lost.store(false, Ordering::Relaxed);
            entry.start.store(start.addr(), Ordering::Relaxed);
            entry.end.store(end, Ordering::Release);
            return Ok(Self { slot });
        }
        Err(io::ErrorKind::QuotaExceeded.into())
    }

    /// Whether the memory was taken away; all of it reads as zero then.
    pub(super) fn is_lost(&self) -> bool {
        TABLE.get(self.slot).is_some_and(|entry| entry.lost.load(Ordering::Acquire))
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(entry) = TABLE.get(self.slot) {
            entry.end.store(0, Ordering::Release);
            entry.taken.store(false, Ordering::Release);
        }
    }
}

fn install() -> Option<SigAction> {
    let flags = SaFlags::SA_SIGINFO | SaFlags::SA_ONSTACK;
    let action = SigAction::new(SigHandler::SigAction(bus_error), flags, SigSet::empty());
    // SAFETY: the handler calls nothing that is not async-signal-safe: it reads and writes atomics
    // and makes two system calls.
    unsafe { sigaction(Signal::SIGBUS, &action) }.ok()
}

/// Called by the kernel on the thread that touched the memory.
extern "C" fn bus_error(_signal: c_int, info: *mut siginfo_t, _context: *mut c_void) {
    // SAFETY: with SA_SIGINFO the kernel passes a siginfo that lives until the handler returns.
    let info = unsafe { &*info };
    // SAFETY: that of a bus error has an address.
    let address = unsafe { info.si_addr() }.addr();
    if !replace(address)
        && let Some(Some(before)) = BEFORE.get()
    {
        // SAFETY: this action was in force before. The access is tried again, and dealt with by it.
        let _ = unsafe { sigaction(Signal::SIGBUS, before) };
    }
}

/// Puts zeros in the place of the guarded region that holds the address; false when none does.
fn replace(address: usize) -> bool {
    for entry in &TABLE {
        let end = entry.end.load(Ordering::Acquire);
        let start = entry.start.load(Ordering::Relaxed);
        if !(start..end).contains(&address) {
            continue;
        }
        entry.lost.store(true, Ordering::Release);
        let place = std::ptr::with_exposed_provenance_mut(start);
        let flags = MapFlags::PRIVATE | MapFlags::FIXED | MapFlags::NORESERVE;
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: the range is a mapping that `Guard::new` was given and that lives as long as its
        // guard. It is only ever read and written as plain bytes that may change at any time, so other
        // bytes in their place break no rule.
        return unsafe { mmap_anonymous(place, end - start, access, flags) }.is_ok();
    }
    false
}

#[cfg(test)]
mod tests {
    use std::os::fd::OwnedFd;

    use rustix::fs::{MemfdFlags, ftruncate, memfd_create};

    use super::super::{GuestRam, Region};

    fn ram(file: OwnedFd) -> GuestRam {
        let region = Region { address: 0, size: 0x10_0000, file_offset: 0, writable: true };
        GuestRam::default().with(region, file).unwrap()
    }

    /// The file is cut short after it was mapped: reads give zeros, and the loss is told.
    #[test]
    fn memory_that_is_taken_away_reads_as_zero_and_is_told() {
        let file = memfd_create("ram", MemfdFlags::CLOEXEC).unwrap();
        ftruncate(&file, 0x10_0000).unwrap();
        let lost = ram(file.try_clone().unwrap());
        lost.write(0x8000, &[7; 16]).unwrap();
        assert!(!lost.is_lost());
        ftruncate(&file, 0x1000).unwrap();
        let mut bytes = [1; 16];
        lost.read(0x8000, &mut bytes).unwrap();
        assert_eq!(bytes, [0; 16]);
        lost.write(0xf_0000, &[9; 16]).unwrap();
        assert!(lost.is_lost());
        // Another mapping is none the worse, also in the slot that is free again.
        drop(lost);
        let file = memfd_create("ram", MemfdFlags::CLOEXEC).unwrap();
        ftruncate(&file, 0x10_0000).unwrap();
        let sound = ram(file);
        sound.write(0x8000, &[7; 16]).unwrap();
        assert!(!sound.is_lost());
    }

    #[test]
    fn guards_come_and_go() {
        for _ in 0..super::SLOTS * 2 {
            super::Guard::new(std::ptr::without_provenance(0x1000), 0x1000).unwrap();
        }
    }
}
