//! Guest RAM as the front-end shares it.
//!
//! Every access goes through [`GuestRam`], which knows RAM and nothing else: an address
//! that no shared region covers is an error, so a descriptor can never reach the registers of a
//! device (CVE-2024-3446) or our own memory. Guests write to their RAM at any time; all
//! reads copy, nothing is read twice.
//!
//! A front-end that cuts the file short after it was mapped does not end this process by SIGBUS:
//! `guard.rs` notices, and the connection ends with a message.

mod guard;

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use porthole_vhost_user::MemoryRegion;
use thiserror::Error;
use vm_memory::{
    Bytes, FileOffset, GuestAddress, GuestMemory, GuestMemoryBackend, GuestMemoryMmap,
    GuestMemoryRegion, GuestRegionMmap, Permissions,
};

use self::guard::Guard;

/// Guest RAM at one moment: cheap to clone, and stays mapped while a clone lives.
#[derive(Clone, Debug, Default)]
pub struct GuestRam {
    /// One for each region. INVARIANT: before the map, so that they are dropped first.
    guards: Vec<Arc<Guard>>,
    map: GuestMemoryMmap,
}

/// An address range of a guest that is not RAM.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("{len} bytes at guest address {address:#x} are not all RAM")]
pub struct OutsideRam {
    /// First address.
    pub address: u64,
    /// Bytes.
    pub len: usize,
}

impl GuestRam {
    /// Copies guest memory into `into`.
    ///
    /// # Errors
    /// When a byte of the range is not RAM; `into` may be partly written then.
    pub fn read(&self, address: u64, into: &mut [u8]) -> Result<(), OutsideRam> {
        let len = into.len();
        self.map.read_slice(into, GuestAddress(address)).map_err(|_| OutsideRam { address, len })
    }

    /// Copies `from` into guest memory.
    ///
    /// # Errors
    /// When a byte of the range is not RAM; a part may have been written then.
    pub fn write(&self, address: u64, from: &[u8]) -> Result<(), OutsideRam> {
        let len = from.len();
        self.map.write_slice(from, GuestAddress(address)).map_err(|_| OutsideRam { address, len })
    }

    /// Whether every byte of the range is RAM.
    #[must_use]
    pub fn contains(&self, address: u64, len: usize) -> bool {
        GuestMemory::check_range(&self.map, GuestAddress(address), len, Permissions::ReadWrite)
    }

    /// The mapping, for ring structures.
    pub(crate) fn map(&self) -> &GuestMemoryMmap {
        &self.map
    }

    /// A mapping made elsewhere, for tests of devices.
    #[must_use]
    pub fn from_map(map: GuestMemoryMmap) -> Self {
        Self { guards: Vec::new(), map }
    }

    /// Whether the lowest 16 MiB hold nothing but zeros. No running guest looks like that
    /// (firmware, boot data and kernel live there): the front-end has a private mapping
    /// of the same file, and what the guest writes stays in it.
    pub(crate) fn is_blank(&self) -> bool {
        const STEP: usize = 4096;
        const LIMIT: u64 = 16 << 20;
        let Some(lowest) = self.map.iter().map(GuestMemoryRegion::start_addr).min() else {
            return true;
        };
        let mut page = [0; STEP];
        let mut offset = 0;
        while offset < LIMIT {
            let Some(address) = lowest.0.checked_add(offset) else {
                break;
            };
            if self.read(address, &mut page).is_ok() && page.iter().any(|byte| *byte != 0) {
                return false;
            }
            offset += STEP as u64;
        }
        true
    }
}

/// The regions as the front-end named them, and their mapping.
#[derive(Debug, Default)]
pub(crate) struct Table {
    regions: Vec<MemoryRegion>,
    ram: GuestRam,
}

/// Most regions at a time; `GET_MAX_MEM_SLOTS` tells it.
pub(crate) const MAX_SLOTS: usize = 64;

/// Why the table stays as it is.
#[derive(Debug, Error)]
pub(crate) enum TableError {
    #[error("mapping a region of guest memory failed")]
    Map(#[source] io::Error),
    #[error("more than {MAX_SLOTS} memory regions")]
    Slots,
    #[error("regions of guest memory overlap")]
    Overlap,
    #[error("no such region of guest memory")]
    Missing,
}

impl Table {
    pub(crate) fn ram(&self) -> &GuestRam {
        &self.ram
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.regions.is_empty()
    }

    /// Whether some of the memory was taken away by the front-end while it was mapped.
    pub(crate) fn is_lost(&self) -> bool {
        self.ram.guards.iter().any(|guard| guard.is_lost())
    }

    /// Replaces all regions; on an error the old ones stay.
    pub(crate) fn replace(
        &mut self,
        regions: Vec<MemoryRegion>,
        fds: Vec<OwnedFd>,
    ) -> Result<(), TableError> {
        let mut ram = GuestRam::default();
        for (region, fd) in regions.iter().zip(fds) {
            ram = insert(&ram, *region, fd)?;
        }
        self.regions = regions;
        self.ram = ram;
        Ok(())
    }

    /// Adds a region.
    pub(crate) fn add(&mut self, region: MemoryRegion, fd: OwnedFd) -> Result<(), TableError> {
        if self.regions.len() >= MAX_SLOTS {
            return Err(TableError::Slots);
        }
        self.ram = insert(&self.ram, region, fd)?;
        self.regions.push(region);
        Ok(())
    }

    /// Takes a region away; the front-end names it by its addresses and size.
    pub(crate) fn remove(&mut self, region: MemoryRegion) -> Result<(), TableError> {
        let position = self
            .regions
            .iter()
            .position(|known| {
                known.guest_address == region.guest_address
                    && known.user_address == region.user_address
                    && known.size == region.size
            })
            .ok_or(TableError::Missing)?;
        let (map, _) = self
            .ram
            .map
            .remove_region(GuestAddress(region.guest_address), region.size)
            .map_err(|_| TableError::Missing)?;
        self.regions.remove(position);
        let mut guards = self.ram.guards.clone();
        guards.remove(position);
        self.ram = GuestRam { guards, map };
        Ok(())
    }

    /// Guest physical address of a front-end address.
    pub(crate) fn translate(&self, user_address: u64) -> Option<u64> {
        self.regions.iter().find_map(|region| region.translate(user_address))
    }
}

/// The memory with one more region, whose guard is the last.
fn insert(ram: &GuestRam, region: MemoryRegion, fd: OwnedFd) -> Result<GuestRam, TableError> {
    let size = usize::try_from(region.size)
        .map_err(|_| TableError::Map(io::ErrorKind::OutOfMemory.into()))?;
    let file = File::from(fd);
    let metadata = file.metadata().map_err(TableError::Map)?;
    let end = region.file_offset.checked_add(region.size);
    // Reading a mapping past its file's end raises SIGBUS. A device node has no length.
    if metadata.is_file() && end.is_none_or(|end| end > metadata.len()) {
        return Err(TableError::Map(io::ErrorKind::UnexpectedEof.into()));
    }
    let file = FileOffset::new(file, region.file_offset);
    let mapped = GuestRegionMmap::from_range(GuestAddress(region.guest_address), size, Some(file))
        .map_err(|error| TableError::Map(io::Error::other(error)))?;
    let guard = Guard::new(mapped.as_ptr(), size).map_err(TableError::Map)?;
    let map = ram.map.insert_region(Arc::new(mapped)).map_err(|_| TableError::Overlap)?;
    let mut guards = ram.guards.clone();
    guards.push(Arc::new(guard));
    Ok(GuestRam { guards, map })
}

#[cfg(test)]
mod tests {
    use rustix::fs::{MemfdFlags, ftruncate, memfd_create};

    use super::*;

    fn memfd(len: u64) -> OwnedFd {
        let fd = memfd_create("ram", MemfdFlags::CLOEXEC).unwrap();
        ftruncate(&fd, len).unwrap();
        fd
    }

    fn region(guest_address: u64, size: u64) -> MemoryRegion {
        MemoryRegion {
            guest_address,
            size,
            user_address: 0x7000_0000_0000 + guest_address,
            file_offset: 0,
        }
    }

    #[test]
    fn access_is_bounded_by_regions() {
        let mut table = Table::default();
        table.replace(vec![region(0, 0x1000)], vec![memfd(0x1000)]).unwrap();
        table.add(region(0x1000, 0x1000), memfd(0x1000)).unwrap();
        let ram = table.ram().clone();
        // A range may cross regions that touch.
        ram.write(0xff0, &[7; 32]).unwrap();
        let mut back = [0; 32];
        ram.read(0xff0, &mut back).unwrap();
        assert_eq!(back, [7; 32]);
        ram.read(0x1ff0, &mut back).unwrap_err();
        ram.write(u64::MAX, &[1]).unwrap_err();
        assert!(!ram.contains(0x2000, 1));
        table.remove(region(0x1000, 0x1000)).unwrap();
        assert!(!table.ram().contains(0x1000, 1));
        // The clone keeps its mapping.
        ram.read(0x1000, &mut back).unwrap();
    }

    #[test]
    fn refusals_leave_the_table_alone() {
        let mut table = Table::default();
        table.replace(vec![region(0, 0x2000)], vec![memfd(0x2000)]).unwrap();
        let overlap = table.add(region(0x1000, 0x1000), memfd(0x1000));
        assert!(matches!(overlap, Err(TableError::Overlap)));
        // A file shorter than it is said to be would end in SIGBUS.
        let short = table.add(region(0x4000, 0x2000), memfd(0x1000));
        assert!(matches!(short, Err(TableError::Map(_))));
        assert!(matches!(table.remove(region(0x9000, 1)), Err(TableError::Missing)));
        assert!(table.ram().contains(0, 0x2000));
        assert_eq!(table.translate(0x7000_0000_1fff), Some(0x1fff));
        assert_eq!(table.translate(0x7000_0000_2000), None);
    }

    #[test]
    fn blank_memory_is_noticed() {
        let mut table = Table::default();
        table.replace(vec![region(0, 0x4000)], vec![memfd(0x4000)]).unwrap();
        assert!(table.ram().is_blank());
        table.ram().write(0x3000, &[1]).unwrap();
        assert!(!table.ram().is_blank());
    }
}
