//! The configuration space: `virtio_gpu_config`.

/// Bytes of the configuration space.
pub const CONFIG_LEN: usize = 16;

/// Where `events_clear` lies.
const EVENTS_CLEAR: u64 = 4;

/// The device's configuration space.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Config {
    /// Events that the guest has not cleared, bits of [`crate::wire::event`].
    pub events_read: u32,
    /// Number of scanouts, 1 to 16.
    pub num_scanouts: u32,
}

impl Config {
    /// What a read of `len` bytes at `offset` gives. Bytes behind the structure are zero: front-ends
    /// ask for more than this device has (later versions of the structure are longer).
    #[must_use]
    pub fn read(&self, offset: u64, len: usize) -> Vec<u8> {
        // `events_clear` reads as zero, and there are no capability sets.
        let words = [self.events_read, 0, self.num_scanouts, 0];
        let bytes = words.iter().flat_map(|word| word.to_le_bytes());
        let skip = usize::try_from(offset).unwrap_or(usize::MAX);
        bytes.chain(std::iter::repeat(0)).skip(skip.min(CONFIG_LEN)).take(len).collect()
    }

    /// A write by the guest. Ones in `events_clear` clear events; all else is read only. Front-ends
    /// may write the whole space at once.
    pub fn write(&mut self, offset: u64, bytes: &[u8]) {
        let mut clear = [0; 4];
        let places = (0..).map_while(|index: u64| offset.checked_add(index));
        for (byte, at) in bytes.iter().zip(places) {
            let index = at.checked_sub(EVENTS_CLEAR).and_then(|index| usize::try_from(index).ok());
            if let Some(slot) = index.and_then(|index| clear.get_mut(index)) {
                *slot = *byte;
            }
        }
        self.events_read &= !u32::from_le_bytes(clear);
    }
}
