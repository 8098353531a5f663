//! The structures that requests carry.

use porthole_framing::Bytes;

/// Most regions that one `SET_MEM_TABLE` may hold (`VHOST_MEMORY_BASELINE_NREGIONS`).
pub const MAX_REGIONS: usize = 8;

/// Most bytes of config space that one `GET_CONFIG` or `SET_CONFIG` may name.
pub const MAX_CONFIG: u32 = 256;

/// A piece of guest memory that the front-end shares by a file descriptor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MemoryRegion {
    /// Where the guest sees it: its guest physical address.
    pub guest_address: u64,
    /// Bytes; never 0, and `guest_address + size` and `user_address + size` fit in 64 bits.
    pub size: u64,
    /// Where the front-end has it mapped; ring addresses are given in these terms.
    pub user_address: u64,
    /// Where the region starts in the file.
    pub file_offset: u64,
}

impl MemoryRegion {
    pub(crate) fn parse(bytes: &mut Bytes<'_>) -> Option<Self> {
        let region = Self {
            guest_address: bytes.u64()?,
            size: bytes.u64()?,
            user_address: bytes.u64()?,
            file_offset: bytes.u64()?,
        };
        let fits = |start: u64| start.checked_add(region.size).is_some();
        let valid = region.size != 0
            && fits(region.guest_address)
            && fits(region.user_address)
            && fits(region.file_offset);
        valid.then_some(region)
    }

    /// Guest physical address of a front-end address, when it lies in this region.
    #[must_use]
    pub fn translate(&self, user_address: u64) -> Option<u64> {
        let offset = user_address.checked_sub(self.user_address)?;
        if offset >= self.size {
            return None;
        }
        self.guest_address.checked_add(offset)
    }
}

/// A ring's index and one number: its size, its base, or whether it is enabled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct VringState {
    /// Which ring.
    pub index: u32,
    /// The number that the request is about.
    pub value: u32,
}

/// Where a ring's three parts lie, in the front-end's addresses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct VringAddress {
    /// Which ring.
    pub index: u32,
    /// Bit 0: log writes (never, as `F_LOG_ALL` is not offered).
    pub flags: u32,
    /// The descriptor table.
    pub descriptors: u64,
    /// The used ring.
    pub used: u64,
    /// The available ring.
    pub available: u64,
}

/// A span of config space, at most [`MAX_CONFIG`] bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ConfigSpan {
    /// First byte.
    pub offset: u32,
    /// Bytes.
    pub size: u32,
    /// 0 for a write of the guest, 1 while migrating.
    pub flags: u32,
}

impl ConfigSpan {
    pub(crate) const LEN: usize = 12;

    pub(crate) fn parse(bytes: &mut Bytes<'_>) -> Option<Self> {
        let span = Self { offset: bytes.u32()?, size: bytes.u32()?, flags: bytes.u32()? };
        let end = span.offset.checked_add(span.size)?;
        (end <= MAX_CONFIG).then_some(span)
    }

    pub(crate) fn to_bytes(self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        let words = [self.offset, self.size, self.flags];
        for (into, word) in bytes.chunks_exact_mut(4).zip(words) {
            into.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn translation_stays_inside() {
        let region = MemoryRegion {
            guest_address: 0x1000,
            size: 0x100,
            user_address: 0x7000_0000,
            file_offset: 0,
        };
        assert_eq!(region.translate(0x7000_0000), Some(0x1000));
        assert_eq!(region.translate(0x7000_00ff), Some(0x10ff));
        assert_eq!(region.translate(0x7000_0100), None);
        assert_eq!(region.translate(0x6fff_ffff), None);
    }

    #[test]
    fn regions_that_wrap_are_refused() {
        let words = |guest: u64, size: u64, user: u64, offset: u64| {
            let mut bytes = Vec::new();
            for word in [guest, size, user, offset] {
                bytes.extend_from_slice(&word.to_le_bytes());
            }
            MemoryRegion::parse(&mut Bytes::new(&bytes))
        };
        assert!(words(0, 0x1000, 0, 0).is_some());
        assert!(words(0, 0, 0, 0).is_none());
        assert!(words(u64::MAX, 2, 0, 0).is_none());
        assert!(words(0, 2, u64::MAX, 0).is_none());
        assert!(words(0, 2, 0, u64::MAX).is_none());
    }
}
