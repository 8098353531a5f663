//! Guest memory as a vfio-user client passes it: one range after another, by guest address.
//!
//! Clients also pass ranges that lie in no file (ROMs, BARs of other devices, our own BARs among them).
//! Those are known, so that they can go again, and no device ever reads or writes there.
//!
//! A client that moves its memory map around (QEMU does at each write to a PAM register) takes all ranges
//! away and passes them anew. What a driver has in its queues meanwhile must wait, not fail: see
//! [`Ram::whole`].

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;

use porthole_vfio_user::{DmaMap, DmaUnmap};
use porthole_virtio_device::{GuestRam, MemoryError, Region};

/// Most ranges at a time. QEMU's machines have a few dozen.
pub(crate) const MAX_RANGES: usize = 512;

/// Guest memory at one moment.
#[derive(Clone, Debug, Default)]
pub struct Ram {
    /// What can be reached.
    pub ram: GuestRam,
    /// Whether it is as much as there ever was: if not, the client is probably about to pass the rest.
    pub whole: bool,
}

/// All ranges by their first address.
#[derive(Debug, Default)]
pub(crate) struct Table {
    ranges: BTreeMap<u64, Range>,
    ram: GuestRam,
    /// Bytes that can be reached, and the most that ever could.
    bytes: u64,
    most: u64,
}

#[derive(Clone, Copy, Debug)]
struct Range {
    size: u64,
    mapped: bool,
}

impl Table {
    pub(crate) fn is_lost(&self) -> bool {
        self.ram.is_lost()
    }

    pub(crate) fn ram(&self) -> Ram {
        Ram { ram: self.ram.clone(), whole: self.bytes >= self.most }
    }

    /// A range is there. On an error nothing has changed.
    pub(crate) fn map(&mut self, map: DmaMap, file: Option<OwnedFd>) -> Result<(), MemoryError> {
        let DmaMap { offset, address, size, readable, writable } = map;
        if self.ranges.len() >= MAX_RANGES {
            return Err(MemoryError::Slots);
        }
        let last = address.saturating_add(size - 1);
        let below = self.ranges.range(..=last).next_back();
        if below.is_some_and(|(start, range)| start.saturating_add(range.size - 1) >= address) {
            return Err(MemoryError::Overlap);
        }
        let mut mapped = false;
        if let Some(file) = file.filter(|_| readable) {
            let region = Region { address, size, file_offset: offset, writable };
            self.ram = self.ram.with(region, file)?;
            mapped = true;
            self.bytes = self.bytes.saturating_add(size);
            self.most = self.most.max(self.bytes);
        }
        self.ranges.insert(address, Range { size, mapped });
        Ok(())
    }

    /// Ranges go that lie in this one as a whole.
    pub(crate) fn unmap(&mut self, unmap: DmaUnmap) -> Result<(), MemoryError> {
        if unmap.all {
            *self = Self { most: self.most, ..Self::default() };
            return Ok(());
        }
        let end = unmap.address.checked_add(unmap.size).ok_or(MemoryError::Missing)?;
        let inside = self.ranges.range(unmap.address..end);
        let inside: Vec<(u64, Range)> = inside
            .filter(|(start, range)| start.saturating_add(range.size) <= end)
            .map(|(start, range)| (*start, *range))
            .collect();
        if inside.is_empty() {
            return Err(MemoryError::Missing);
        }
        for (start, Range { size, mapped }) in inside {
            self.ranges.remove(&start);
            if mapped {
                self.ram = self.ram.without(start, size)?;
                self.bytes = self.bytes.saturating_sub(size);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use rustix::fs::{MemfdFlags, ftruncate, memfd_create};

    use super::*;

    fn memfd(len: u64) -> Option<OwnedFd> {
        let fd = memfd_create("ram", MemfdFlags::CLOEXEC).unwrap();
        ftruncate(&fd, len).unwrap();
        Some(fd)
    }

    fn range(address: u64, size: u64) -> DmaMap {
        DmaMap { offset: 0, address, size, readable: true, writable: true }
    }

    const fn hole(address: u64, size: u64) -> DmaUnmap {
        DmaUnmap { address, size, all: false }
    }

    #[test]
    fn ranges_come_and_go_by_their_addresses() {
        let mut table = Table::default();
        table.map(range(0, 0x10000), memfd(0x10000)).unwrap();
        // A range in no file is known, and nobody gets there.
        table.map(range(0x20000, 0x1000), None).unwrap();
        assert!(table.ram().ram.contains(0, 0x10000) && !table.ram().ram.contains(0x20000, 1));
        for bad in [range(0xffff, 2), range(0, 1), range(0x20800, 0x10000), range(0x1f000, 0x1001)]
        {
            let refused = table.map(bad, memfd(0x20000));
            assert!(matches!(refused, Err(MemoryError::Overlap)), "{bad:?}");
        }
        assert!(matches!(table.unmap(hole(0, 0x8000)), Err(MemoryError::Missing)));
        assert!(matches!(table.unmap(hole(u64::MAX, 2)), Err(MemoryError::Missing)));
        table.unmap(hole(0, 0x30000)).unwrap();
        assert!(!table.ram().ram.contains(0, 1) && !table.ram().whole);
        table.map(range(0x4000, 0x10000), memfd(0x10000)).unwrap();
        assert!(table.ram().whole);
        table.unmap(DmaUnmap { address: 0, size: 0, all: true }).unwrap();
        assert!(!table.ram().ram.contains(0x4000, 1));
    }

    #[test]
    fn ranges_are_bounded() {
        let mut table = Table::default();
        for index in 0..MAX_RANGES as u64 {
            table.map(range(index << 12, 0x1000), None).unwrap();
        }
        assert!(matches!(table.map(range(1 << 40, 1), None), Err(MemoryError::Slots)));
    }

    #[test]
    fn what_may_not_be_read_is_not_mapped() {
        let mut table = Table::default();
        table.map(DmaMap { readable: false, ..range(0, 0x1000) }, memfd(0x1000)).unwrap();
        assert!(!table.ram().ram.contains(0, 1));
        table.map(range(u64::MAX - 0xfff, 0x1000), None).unwrap();
        assert!(table.map(range(0x10000, 0x1000), memfd(0x800)).is_err());
        assert!(table.ram().whole);
    }
}
