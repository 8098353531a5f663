//! Guest RAM as a vhost-user front-end names it: by its own addresses.

use std::os::fd::OwnedFd;

use porthole_vhost_user::MemoryRegion;
use porthole_virtio_device::{GuestRam, MAX_SLOTS, MemoryError, Region};

/// The regions as the front-end named them, and their mapping.
#[derive(Debug, Default)]
pub(crate) struct Table {
    regions: Vec<MemoryRegion>,
    ram: GuestRam,
}

impl Table {
    pub(crate) fn ram(&self) -> &GuestRam {
        &self.ram
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.regions.is_empty()
    }

    /// Replaces all regions; on an error the old ones stay.
    pub(crate) fn replace(
        &mut self,
        regions: Vec<MemoryRegion>,
        fds: Vec<OwnedFd>,
    ) -> Result<(), MemoryError> {
        let mut ram = GuestRam::default();
        for (region, fd) in regions.iter().zip(fds) {
            ram = ram.with(mapped(*region), fd)?;
        }
        self.regions = regions;
        self.ram = ram;
        Ok(())
    }

    /// Adds a region.
    pub(crate) fn add(&mut self, region: MemoryRegion, fd: OwnedFd) -> Result<(), MemoryError> {
        if self.regions.len() >= MAX_SLOTS {
            return Err(MemoryError::Slots);
        }
        self.ram = self.ram.with(mapped(region), fd)?;
        self.regions.push(region);
        Ok(())
    }

    /// Takes a region away; the front-end names it by its addresses and size.
    pub(crate) fn remove(&mut self, region: MemoryRegion) -> Result<(), MemoryError> {
        let position = self
            .regions
            .iter()
            .position(|known| {
                known.guest_address == region.guest_address
                    && known.user_address == region.user_address
                    && known.size == region.size
            })
            .ok_or(MemoryError::Missing)?;
        self.ram = self.ram.without(region.guest_address, region.size)?;
        self.regions.remove(position);
        Ok(())
    }

    /// Guest physical address of a front-end address.
    pub(crate) fn translate(&self, user_address: u64) -> Option<u64> {
        self.regions.iter().find_map(|region| region.translate(user_address))
    }
}

const fn mapped(region: MemoryRegion) -> Region {
    let MemoryRegion { guest_address, size, file_offset, .. } = region;
    Region { address: guest_address, size, file_offset, writable: true }
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
    fn refusals_leave_the_table_alone() {
        let mut table = Table::default();
        table.replace(vec![region(0, 0x2000)], vec![memfd(0x2000)]).unwrap();
        let overlap = table.add(region(0x1000, 0x1000), memfd(0x1000));
        assert!(matches!(overlap, Err(MemoryError::Overlap)));
        assert!(matches!(table.remove(region(0x9000, 1)), Err(MemoryError::Missing)));
        assert!(table.ram().contains(0, 0x2000));
        assert_eq!(table.translate(0x7000_0000_1fff), Some(0x1fff));
        assert_eq!(table.translate(0x7000_0000_2000), None);
        table.add(region(0x2000, 0x1000), memfd(0x1000)).unwrap();
        table.remove(region(0x2000, 0x1000)).unwrap();
        assert_eq!(table.translate(0x7000_0000_2000), None);
    }
}
