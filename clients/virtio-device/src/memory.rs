//! Guest RAM as a peer (QEMU) shares it.
//!
//! Every access goes through [`GuestRam`], which knows RAM and nothing else: an address
//! that no shared region covers is an error, so a descriptor can never reach the registers of a
//! device (CVE-2024-3446) or our own memory. Guests write to their RAM at any time; all
//! reads copy, nothing is read twice.
//!
//! A peer that cuts the file short after it was mapped does not end this process by SIGBUS:
//! `guard.rs` notices, and [`GuestRam::is_lost`] says so.

mod guard;

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::mm::{MapFlags, ProtFlags};
use thiserror::Error;
use vm_memory::mmap::MmapRegionBuilder;
use vm_memory::{
    Bytes, FileOffset, GuestAddress, GuestMemory, GuestMemoryBackend, GuestMemoryMmap,
    GuestMemoryRegion, GuestRegionMmap, Permissions,
};

use self::guard::Guard;

/// Guest RAM at one moment: cheap to clone, and stays mapped while a clone lives.
#[derive(Clone, Debug, Default)]
pub struct GuestRam {
    /// One for each region, by its address. INVARIANT: before the map, so that they are dropped first.
    guards: BTreeMap<u64, Arc<Guard>>,
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
    pub(crate) const fn map(&self) -> &GuestMemoryMmap {
        &self.map
    }

    /// A mapping made elsewhere, for tests of devices.
    #[must_use]
    pub fn from_map(map: GuestMemoryMmap) -> Self {
        Self { guards: BTreeMap::new(), map }
    }

    /// Whether the lowest 16 MiB hold nothing but zeros. No running guest looks like that
    /// (firmware, boot data and kernel live there): the front-end has a private mapping
    /// of the same file, and what the guest writes stays in it.
    #[must_use]
    pub fn is_blank(&self) -> bool {
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

    /// Whether a peer has taken some of the memory away while it was mapped.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.guards.values().any(|guard| guard.is_lost())
    }

    /// How many regions there are.
    #[must_use]
    pub fn regions(&self) -> usize {
        self.map.num_regions()
    }

    /// The memory with one more region, which is mapped here.
    ///
    /// # Errors
    /// When the file is shorter than it is said to be, cannot be mapped, or the region overlaps another.
    pub fn with(&self, region: Region, fd: OwnedFd) -> Result<Self, MemoryError> {
        let size = usize::try_from(region.size)
            .map_err(|_| MemoryError::Map(io::ErrorKind::OutOfMemory.into()))?;
        let file = File::from(fd);
        let metadata = file.metadata().map_err(MemoryError::Map)?;
        let end = region.file_offset.checked_add(region.size);
        // Reading a mapping past its file's end raises SIGBUS. A device node has no length.
        if metadata.is_file() && end.is_none_or(|end| end > metadata.len()) {
            return Err(MemoryError::Map(io::ErrorKind::UnexpectedEof.into()));
        }
        let other = |error| MemoryError::Map(io::Error::other(error));
        // Where the guest may not write neither may we, but a write must not be a fault: it goes into
        // a copy of the page that nobody else sees.
        let sharing = if region.writable { MapFlags::SHARED } else { MapFlags::PRIVATE };
        let flags = (sharing | MapFlags::NORESERVE).bits().cast_signed();
        let access = (ProtFlags::READ | ProtFlags::WRITE).bits().cast_signed();
        let mapped = MmapRegionBuilder::new(size)
            .with_mmap_prot(access)
            .with_mmap_flags(flags)
            .with_file_offset(FileOffset::new(file, region.file_offset))
            .build()
            .map_err(|error| other(error.to_string()))?;
        let mapped = GuestRegionMmap::new(mapped, GuestAddress(region.address));
        let mapped = mapped.ok_or_else(|| other("the addresses have no end".to_owned()))?;
        let guard = Guard::new(mapped.as_ptr(), size).map_err(MemoryError::Map)?;
        let map = self.map.insert_region(Arc::new(mapped)).map_err(|_| MemoryError::Overlap)?;
        let mut guards = self.guards.clone();
        guards.insert(region.address, Arc::new(guard));
        Ok(Self { guards, map })
    }

    /// The memory without the region of this address and size.
    ///
    /// # Errors
    /// When there is no such region.
    pub fn without(&self, address: u64, size: u64) -> Result<Self, MemoryError> {
        let (map, _) = self
            .map
            .remove_region(GuestAddress(address), size)
            .map_err(|_| MemoryError::Missing)?;
        let mut guards = self.guards.clone();
        guards.remove(&address);
        Ok(Self { guards, map })
    }
}

/// A piece of a guest's addresses that lies in a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Region {
    /// First guest physical address.
    pub address: u64,
    /// Bytes.
    pub size: u64,
    /// Where it begins in the file.
    pub file_offset: u64,
    /// Whether devices may write there.
    pub writable: bool,
}

/// Most regions at a time that a vhost-user front-end may pass.
pub const MAX_SLOTS: usize = 64;

/// Why memory stays as it is.
#[derive(Debug, Error)]
pub enum MemoryError {
    /// The system refuses.
    #[error("mapping a region of guest memory failed")]
    Map(#[source] io::Error),
    /// Too many of them.
    #[error("too many memory regions")]
    Slots,
    /// Two at one address.
    #[error("regions of guest memory overlap")]
    Overlap,
    /// Not the one that was named.
    #[error("no such region of guest memory")]
    Missing,
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

    fn region(address: u64, size: u64) -> Region {
        Region { address, size, file_offset: 0, writable: true }
    }

    #[test]
    fn access_is_bounded_by_regions() {
        let ram = GuestRam::default().with(region(0, 0x1000), memfd(0x1000)).unwrap();
        let ram = ram.with(region(0x1000, 0x1000), memfd(0x1000)).unwrap();
        // A range may cross regions that touch.
        ram.write(0xff0, &[7; 32]).unwrap();
        let mut back = [0; 32];
        ram.read(0xff0, &mut back).unwrap();
        assert_eq!(back, [7; 32]);
        ram.read(0x1ff0, &mut back).unwrap_err();
        ram.write(u64::MAX, &[1]).unwrap_err();
        assert!(!ram.contains(0x2000, 1));
        let less = ram.without(0x1000, 0x1000).unwrap();
        assert!(!less.contains(0x1000, 1));
        // What was there before keeps its mapping.
        ram.read(0x1000, &mut back).unwrap();
    }

    #[test]
    fn refusals_leave_memory_alone() {
        let ram = GuestRam::default().with(region(0, 0x2000), memfd(0x2000)).unwrap();
        let overlap = ram.with(region(0x1000, 0x1000), memfd(0x1000));
        assert!(matches!(overlap, Err(MemoryError::Overlap)));
        // A file shorter than it is said to be would end in SIGBUS.
        let short = ram.with(region(0x4000, 0x2000), memfd(0x1000));
        assert!(matches!(short, Err(MemoryError::Map(_))));
        let wrapped = ram.with(Region { file_offset: u64::MAX, ..region(0x4000, 1) }, memfd(1));
        assert!(matches!(wrapped, Err(MemoryError::Map(_))));
        assert!(matches!(ram.without(0x9000, 1), Err(MemoryError::Missing)));
        assert!(ram.contains(0, 0x2000));
    }

    #[test]
    fn what_may_not_be_written_stays_as_it_is() {
        let file = memfd(0x1000);
        let copy = file.try_clone().unwrap();
        let locked = Region { writable: false, ..region(0, 0x1000) };
        let ram = GuestRam::default().with(locked, copy).unwrap();
        ram.write(0, &[1; 16]).unwrap();
        let mut bytes = [9; 16];
        rustix::io::pread(&file, &mut bytes, 0).unwrap();
        assert_eq!(bytes, [0; 16]);
    }

    #[test]
    fn blank_memory_is_noticed() {
        let ram = GuestRam::default().with(region(0, 0x4000), memfd(0x4000)).unwrap();
        assert!(ram.is_blank());
        ram.write(0x3000, &[1]).unwrap();
        assert!(!ram.is_blank());
    }
}
