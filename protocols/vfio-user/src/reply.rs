//! What is answered.

use crate::header::Header;
use crate::request::{Access, DmaMap, DmaUnmap};

/// Bits of the device's description.
pub mod device {
    /// It can be reset.
    pub const RESET: u32 = 1;
    /// It is a PCI function.
    pub const PCI: u32 = 2;
}

/// Bits of a region's description.
pub mod region {
    /// It can be read.
    pub const READ: u32 = 1;
    /// It can be written.
    pub const WRITE: u32 = 2;
    /// Parts of it can be mapped.
    pub const MMAP: u32 = 4;
    /// More is told behind the fixed part.
    pub(crate) const CAPABILITIES: u32 = 8;
}

/// Bits of the description of a kind of interrupts.
pub mod irq {
    /// Raised by eventfds.
    pub const EVENTFD: u32 = 1;
    /// Can be masked.
    pub const MASKABLE: u32 = 2;
    /// Masked by itself when raised.
    pub const AUTOMASKED: u32 = 4;
    /// All must be set up at once.
    pub const NORESIZE: u32 = 8;
}

/// A part of a region that the client may map.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Area {
    /// The first byte in the region.
    pub offset: u64,
    /// Bytes.
    pub size: u64,
}

/// About a region.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RegionInfo {
    /// Which one.
    pub index: u32,
    /// See [`region`].
    pub flags: u32,
    /// Bytes; 0 when there is none.
    pub size: u64,
    /// Where it begins in the descriptor that goes along.
    pub offset: u64,
    /// Parts that may be mapped; all of it when there are none and the flags say so.
    pub areas: Vec<Area>,
}

/// About a kind of interrupts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct IrqInfo {
    /// Which kind.
    pub index: u32,
    /// See [`irq`].
    pub flags: u32,
    /// How many.
    pub count: u32,
}

/// An answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reply {
    /// Done; nothing to tell.
    Done,
    /// An `errno`.
    Error(u32),
    /// The answer to a version.
    Version(Vec<u8>),
    /// About the device.
    Device {
        /// See [`device`].
        flags: u32,
        /// How many regions.
        regions: u32,
        /// How many kinds of interrupts.
        irqs: u32,
    },
    /// About a region, and how many bytes of reply the client has room for.
    Region(RegionInfo, u32),
    /// About a kind of interrupts.
    Irq(IrqInfo),
    /// Bytes of a region.
    Read(Access, Vec<u8>),
    /// So much was written.
    Written(Access),
    /// So many writes were done.
    WrittenMulti(u64),
    /// Guest memory is mapped.
    Mapped(DmaMap),
    /// Guest memory is let go.
    Unmapped(DmaUnmap),
}

impl Reply {
    /// Whether a region's description has no room for what may be mapped; then no descriptor may go
    /// along, and the client asks again.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        matches!(self, Self::Region(info, room) if u64::from(*room) < info.wire_len())
    }

    /// The whole message.
    #[must_use]
    pub fn to_bytes(&self, id: u16, command: u16) -> Vec<u8> {
        let body = self.body();
        let size = u32::try_from(body.len() + Header::LEN).unwrap_or(u32::MAX);
        let error = if let Self::Error(errno) = self { Some(*errno) } else { None };
        let header = Header { id, command, size, reply: true, no_reply: false, error };
        let mut bytes = header.to_bytes().to_vec();
        bytes.extend(body);
        bytes
    }

    fn body(&self) -> Vec<u8> {
        match self {
            Self::Done | Self::Error(_) => Vec::new(),
            Self::Version(bytes) => bytes.clone(),
            Self::Device { flags, regions, irqs } => words(&[16, *flags, *regions, *irqs]),
            Self::Region(info, room) => info.body(*room),
            Self::Irq(IrqInfo { index, flags, count }) => words(&[16, *flags, *index, *count]),
            Self::Read(access, data) => [access_bytes(access), data.clone()].concat(),
            Self::Written(access) => access_bytes(access),
            Self::WrittenMulti(count) => count.to_le_bytes().to_vec(),
            Self::Mapped(map) => {
                let flags = u32::from(map.readable) | u32::from(map.writable) << 1;
                let mut bytes = words(&[32, flags]);
                bytes.extend([map.offset, map.address, map.size].map(u64::to_le_bytes).concat());
                bytes
            }
            Self::Unmapped(unmap) => {
                let mut bytes = words(&[24, u32::from(unmap.all) << 1]);
                bytes.extend([unmap.address, unmap.size].map(u64::to_le_bytes).concat());
                bytes
            }
        }
    }
}

impl RegionInfo {
    const FIXED: u64 = 32;

    fn wire_len(&self) -> u64 {
        const HEAD: u64 = 16;
        match self.areas.len() as u64 {
            0 => Self::FIXED,
            count => Self::FIXED + HEAD + count.saturating_mul(16),
        }
    }

    fn body(&self, room: u32) -> Vec<u8> {
        const SPARSE_MMAP: u32 = 1;
        const VERSION: u32 = 1;
        let fits = !self.areas.is_empty() && u64::from(room) >= self.wire_len();
        // QEMU takes a flag without a place for a mistake; the length alone says that there is more.
        let (more, at) = if fits { (region::CAPABILITIES, 32) } else { (0, 0) };
        let len = u32::try_from(self.wire_len()).unwrap_or(u32::MAX);
        let mut bytes = words(&[len, self.flags | more, self.index, at]);
        bytes.extend([self.size, self.offset].map(u64::to_le_bytes).concat());
        if fits {
            let count = u32::try_from(self.areas.len()).unwrap_or(u32::MAX);
            bytes.extend(words(&[SPARSE_MMAP | VERSION << 16, 0, count, 0]));
            for area in &self.areas {
                bytes.extend([area.offset, area.size].map(u64::to_le_bytes).concat());
            }
        }
        bytes
    }
}

fn access_bytes(access: &Access) -> Vec<u8> {
    let mut bytes = access.offset.to_le_bytes().to_vec();
    bytes.extend(words(&[access.region, access.count]));
    bytes
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}
