//! What a process holds, as the kernel counts it.

use std::fs;

use porthole_tests::failure::OrFail;
use porthole_tests::{Failure, Process, Result};

/// One look at a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reading {
    /// Which process it is: another number after a restart.
    pub(crate) id: u32,
    /// Its share of memory in KiB: what only it has, and its part of what it shares.
    pub(crate) memory: u64,
    /// Open descriptors.
    pub(crate) descriptors: u64,
    /// Threads.
    pub(crate) threads: u64,
    /// How often it has gone to sleep and woken up so far.
    pub(crate) wake_ups: u64,
}

/// Looks at a process.
pub(crate) fn read(process: &Process) -> Result<Reading> {
    let descriptors = u64::try_from(process.descriptors()?).unwrap_or(u64::MAX);
    let threads = process.status("Threads")?;
    let memory = share(process.id())?;
    let wake_ups = process.wake_ups()?;
    Ok(Reading { id: process.id(), memory, descriptors, threads, wake_ups })
}

/// The proportional share of a process, in KiB.
fn share(id: u32) -> Result<u64> {
    let text = fs::read_to_string(format!("/proc/{id}/smaps_rollup")).or_fail("read memory")?;
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.ok_or_else(|| Failure::new("the kernel tells no share of memory"))
}
