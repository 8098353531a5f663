//! Guest memory as the device sees it, and the lists of it that stand behind resources.

use porthole_virtio_gpu::Entry;

/// An address that is not guest RAM, or a range that does not lie in RAM as a whole.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not guest RAM")]
pub struct NotRam;

/// The RAM of the guest. Implemented by the transport.
///
/// Only RAM: an address of a device's registers, this device's own among them, is an error and is
/// never accessed (CVE-2024-3446).
pub trait GuestMemory {
    /// Whether all bytes of the range are RAM.
    fn contains(&self, address: u64, length: u64) -> bool;

    /// Copies RAM into `into`. The guest may write meanwhile; any mix of old and new bytes will do.
    ///
    /// # Errors
    /// [`NotRam`] when not all of the range is RAM; `into` may then be partly written.
    fn read(&self, address: u64, into: &mut [u8]) -> Result<(), NotRam>;
}

/// The guest memory behind one resource: pieces that follow each other.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Backing {
    entries: Vec<Entry>,
    /// For each entry, the offset of the first byte behind it.
    ends: Vec<u64>,
    /// Whether all of it was RAM when it was given.
    in_ram: bool,
}

impl Backing {
    /// Takes a list. Addresses outside RAM are accepted, as drivers may find with other devices; but
    /// nothing is ever read there. An entry without bytes is refused.
    pub(crate) fn new(entries: Vec<Entry>, memory: &dyn GuestMemory) -> Result<Self, NotRam> {
        let ram = |entry: &Entry| memory.contains(entry.address, u64::from(entry.length));
        let in_ram = entries.iter().all(ram);
        if entries.iter().any(|entry| entry.length == 0) {
            return Err(NotRam);
        }
        Ok(Self { in_ram, ..Self::unchecked(entries) })
    }

    /// Takes a list of which nothing is known.
    fn unchecked(entries: Vec<Entry>) -> Self {
        let sum = |end: &mut u64, entry: &Entry| {
            *end = end.saturating_add(u64::from(entry.length));
            Some(*end)
        };
        let ends = entries.iter().scan(0, sum).collect();
        let mut backing = Self { entries, ends, in_ram: false };
        // They may live long, and there may be many.
        backing.entries.shrink_to_fit();
        backing.ends.shrink_to_fit();
        backing
    }

    /// A list from a snapshot. Whether it was in RAM is taken as it is said: reads find out.
    pub(crate) fn restored(entries: Vec<Entry>, in_ram: bool) -> Self {
        Self { in_ram, ..Self::unchecked(entries) }
    }

    /// Whether reads can be expected to succeed.
    pub(crate) const fn in_ram(&self) -> bool {
        self.in_ram
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Bytes in all.
    pub(crate) fn len(&self) -> u64 {
        self.ends.last().copied().unwrap_or(0)
    }

    /// Copies from `offset` on into `into` and returns how many bytes there were: fewer than asked
    /// for, when the backing ends.
    pub(crate) fn read(
        &self,
        offset: u64,
        into: &mut [u8],
        memory: &dyn GuestMemory,
    ) -> Result<usize, NotRam> {
        let first = self.ends.partition_point(|end| *end <= offset);
        let pieces = self.entries.iter().zip(&self.ends).skip(first);
        let mut done = 0;
        for (entry, end) in pieces {
            let at = offset.saturating_add(u64::try_from(done).unwrap_or(u64::MAX));
            let left = end.saturating_sub(at);
            let skip = u64::from(entry.length).saturating_sub(left);
            let wanted = into.len() - done;
            let here = usize::try_from(left).unwrap_or(usize::MAX).min(wanted);
            let Some(part) = into.get_mut(done..done + here) else { break };
            memory.read(entry.address.checked_add(skip).ok_or(NotRam)?, part)?;
            done += here;
            if done == into.len() {
                break;
            }
        }
        Ok(done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Ram(Vec<u8>);

    impl GuestMemory for Ram {
        fn contains(&self, address: u64, length: u64) -> bool {
            address.checked_add(length).is_some_and(|end| end <= self.0.len() as u64)
        }

        fn read(&self, address: u64, into: &mut [u8]) -> Result<(), NotRam> {
            let start = usize::try_from(address).map_err(|_| NotRam)?;
            let end = start.checked_add(into.len()).ok_or(NotRam)?;
            into.copy_from_slice(self.0.get(start..end).ok_or(NotRam)?);
            Ok(())
        }
    }

    fn entry(address: u64, length: u32) -> Entry {
        Entry { address, length }
    }

    #[test]
    fn pieces_are_joined_in_order() {
        let ram = Ram((0..100).collect());
        let list = vec![entry(50, 3), entry(10, 2), entry(90, 10)];
        let backing = Backing::new(list, &ram).unwrap();
        assert_eq!(backing.len(), 15);
        let read = |offset, length| {
            let mut bytes = vec![0xff; length];
            let done = backing.read(offset, &mut bytes, &ram).unwrap();
            (done, bytes)
        };
        assert_eq!(read(0, 6), (6, vec![50, 51, 52, 10, 11, 90]));
        assert_eq!(read(2, 2), (2, vec![52, 10]));
        assert_eq!(read(4, 1), (1, vec![11]));
        assert_eq!(read(14, 3), (1, vec![99, 0xff, 0xff]));
        assert_eq!(read(15, 2), (0, vec![0xff; 2]));
        assert_eq!(read(u64::MAX, 2), (0, vec![0xff; 2]));
        assert_eq!(read(0, 0), (0, vec![]));
    }

    #[test]
    fn addresses_outside_ram_are_never_read() {
        let ram = Ram(vec![7; 100]);
        assert_eq!(Backing::new(vec![entry(0, 0)], &ram), Err(NotRam));
        assert!(Backing::new(vec![entry(0, 10), entry(94, 6)], &ram).unwrap().in_ram());
        for bad in [entry(95, 6), entry(u64::MAX, 2), entry(1 << 40, 4096)] {
            let backing = Backing::new(vec![entry(0, 10), bad], &ram).unwrap();
            assert!(!backing.in_ram());
            let all = usize::try_from(backing.len()).unwrap();
            assert_eq!(backing.read(0, &mut vec![0; all], &ram), Err(NotRam));
            assert_eq!(backing.read(0, &mut [0; 10], &ram), Ok(10));
        }
    }
}
