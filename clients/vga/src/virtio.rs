//! virtio over PCI: the registers by which a driver agrees on features and sets up queues.
//!
//! Reads and writes are of a field's own width, as the specification wants of drivers; a field of eight
//! bytes may be written by halves. Anything else writes nothing.

/// Queues of a GPU: control and cursor.
pub(crate) const QUEUES: usize = 2;
/// Entries of each, as QEMU's device has them.
const SIZES: [u16; QUEUES] = [64, 16];
/// No MSI-X vector.
pub(crate) const NO_VECTOR: u16 = 0xffff;

/// The device follows virtio 1.
const F_VERSION_1: u64 = 1 << 32;
/// Interrupts and kicks by index.
pub(crate) const F_EVENT_IDX: u64 = 1 << 29;
/// Tables of descriptors.
const F_INDIRECT: u64 = 1 << 28;

const DRIVER_OK: u8 = 4;
const FEATURES_OK: u8 = 8;

/// What a write asks the owner to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Act {
    /// The driver wants the device as after power-on.
    Reset,
    /// The driver has set up a queue.
    Start(usize),
    /// The driver is ready.
    Ready,
    /// A queue has another vector.
    Vector(usize),
}

/// A queue as the driver sets it up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Queue {
    pub(crate) size: u16,
    pub(crate) vector: u16,
    pub(crate) enabled: bool,
    /// Descriptor table, available ring, used ring; guest physical.
    pub(crate) addresses: [u64; 3],
}

/// The registers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Registers {
    offered: u64,
    accepted: u64,
    device_select: u32,
    driver_select: u32,
    config_vector: u16,
    vectors: u16,
    status: u8,
    generation: u8,
    queue_select: u16,
    queues: [Queue; QUEUES],
}

const fn fresh(size: u16) -> Queue {
    Queue { size, vector: NO_VECTOR, enabled: false, addresses: [0; 3] }
}

impl Registers {
    /// A device with these features of its own and so many MSI-X vectors.
    pub(crate) const fn new(features: u64, vectors: u16) -> Self {
        Self {
            offered: features | F_VERSION_1 | F_EVENT_IDX | F_INDIRECT,
            accepted: 0,
            device_select: 0,
            driver_select: 0,
            config_vector: NO_VECTOR,
            vectors,
            status: 0,
            generation: 0,
            queue_select: 0,
            queues: [fresh(SIZES[0]), fresh(SIZES[1])],
        }
    }

    /// As after power-on. The generation goes on, for who reads the configuration meanwhile.
    pub(crate) fn reset(&mut self) {
        let generation = self.generation;
        *self = Self { offered: self.offered, generation, ..Self::new(0, self.vectors) };
    }

    /// What driver and device agreed on.
    pub(crate) const fn features(&self) -> u64 {
        self.accepted
    }

    /// The driver is ready.
    pub(crate) const fn is_ready(&self) -> bool {
        self.status & DRIVER_OK != 0
    }

    /// The vector of changes of the configuration.
    pub(crate) const fn config_vector(&self) -> u16 {
        self.config_vector
    }

    /// A queue.
    pub(crate) fn queue(&self, index: usize) -> Option<Queue> {
        self.queues.get(index).copied()
    }

    /// The configuration has changed.
    pub(crate) const fn changed(&mut self) {
        self.generation = self.generation.wrapping_add(1);
    }

    /// Reads some of the common configuration.
    pub(crate) fn read(&self, offset: u32, into: &mut [u8]) {
        let image = self.image();
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let bytes = image.iter().skip(start).chain(std::iter::repeat(&0));
        into.iter_mut().zip(bytes).for_each(|(into, byte)| *into = *byte);
    }

    fn image(&self) -> Vec<u8> {
        let half = |bits: u64, select: u32| {
            let [low, high] = [bits & 0xffff_ffff, bits >> 32];
            u32::try_from(match select {
                0 => low,
                1 => high,
                _ => 0,
            })
            .unwrap_or(0)
        };
        let queue = self.queue(self.queue_select.into()).unwrap_or(fresh(0));
        let mut image = Vec::with_capacity(0x40);
        image.extend(self.device_select.to_le_bytes());
        image.extend(half(self.offered, self.device_select).to_le_bytes());
        image.extend(self.driver_select.to_le_bytes());
        image.extend(half(self.accepted, self.driver_select).to_le_bytes());
        image.extend(self.config_vector.to_le_bytes());
        image.extend(u16::try_from(QUEUES).unwrap_or(0).to_le_bytes());
        image.extend([self.status, self.generation]);
        image.extend(self.queue_select.to_le_bytes());
        image.extend(queue.size.to_le_bytes());
        image.extend(queue.vector.to_le_bytes());
        image.extend(u16::from(queue.enabled).to_le_bytes());
        // The place of a queue's notification is its number.
        image.extend(self.queue_select.to_le_bytes());
        image.extend(queue.addresses.map(u64::to_le_bytes).concat());
        image
    }

    /// Writes a field of the common configuration.
    pub(crate) fn write(&mut self, offset: u32, bytes: &[u8]) -> Option<Act> {
        let mut wide = [0; 8];
        wide.iter_mut().zip(bytes).for_each(|(into, byte)| *into = *byte);
        let value = u64::from_le_bytes(wide);
        let word = u32::try_from(value & 0xffff_ffff).unwrap_or(0);
        let half = u16::try_from(value & 0xffff).unwrap_or(0);
        match (offset, bytes.len()) {
            (0x00, 4) => self.device_select = word,
            (0x08, 4) => self.driver_select = word,
            (0x0c, 4) => self.accept(word),
            (0x10, 2) => self.config_vector = self.vector(half),
            (0x14, 1) => return self.set_status(wide[0]),
            (0x16, 2) => self.queue_select = half,
            (0x18..0x38, _) => return self.write_queue(offset, bytes.len(), value),
            _ => {}
        }
        None
    }

    fn accept(&mut self, word: u32) {
        if self.status & FEATURES_OK != 0 {
            return;
        }
        let shift = match self.driver_select {
            0 => 0,
            1 => 32,
            _ => return,
        };
        let kept = self.accepted & !(0xffff_ffff << shift);
        self.accepted = (kept | u64::from(word) << shift) & self.offered;
    }

    const fn vector(&self, wanted: u16) -> u16 {
        if wanted < self.vectors { wanted } else { NO_VECTOR }
    }

    fn set_status(&mut self, status: u8) -> Option<Act> {
        if status == 0 {
            self.reset();
            return Some(Act::Reset);
        }
        let was_ready = self.is_ready();
        // A driver from before virtio 1 is not for this device.
        let legacy = self.accepted & F_VERSION_1 == 0;
        self.status = if legacy { status & !FEATURES_OK } else { status };
        (self.is_ready() && !was_ready).then_some(Act::Ready)
    }

    fn write_queue(&mut self, offset: u32, len: usize, value: u64) -> Option<Act> {
        let index = usize::from(self.queue_select);
        let half = u16::try_from(value & 0xffff).unwrap_or(0);
        let vector = self.vector(half);
        let most = SIZES.get(index).copied()?;
        let queue = self.queues.get_mut(index)?;
        if (offset, len) == (0x1a, 2) {
            queue.vector = vector;
            return Some(Act::Vector(index));
        }
        // What a running queue is made of stays.
        if queue.enabled {
            return None;
        }
        match (offset, len) {
            (0x18, 2) if half.is_power_of_two() && half <= most => queue.size = half,
            (0x1c, 2) if half == 1 => {
                queue.enabled = true;
                return Some(Act::Start(index));
            }
            (0x20..0x38, 4 | 8) => {
                let place = usize::try_from((offset - 0x20) / 8).unwrap_or(usize::MAX);
                let address = queue.addresses.get_mut(place)?;
                let low = 0xffff_ffff;
                match (offset % 8, len) {
                    (0, 8) => *address = value,
                    (0, _) => *address = *address & !low | value & low,
                    (4, 4) => *address = *address & low | (value & low) << 32,
                    _ => {}
                }
            }
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(registers: &Registers, offset: u32, len: usize) -> u64 {
        let mut bytes = [0; 8];
        registers.read(offset, &mut bytes[..len]);
        u64::from_le_bytes(bytes)
    }

    fn put(registers: &mut Registers, offset: u32, len: usize, value: u64) -> Option<Act> {
        registers.write(offset, &value.to_le_bytes()[..len])
    }

    /// As Linux does it.
    #[test]
    fn a_driver_sets_the_device_up() {
        let mut registers = Registers::new(2, 3);
        assert_eq!(put(&mut registers, 0x14, 1, 0), Some(Act::Reset));
        put(&mut registers, 0x14, 1, 3);
        assert_eq!(read(&registers, 4, 4), F_EVENT_IDX | F_INDIRECT | 2);
        put(&mut registers, 0, 4, 1);
        assert_eq!(read(&registers, 4, 4), 1);
        for (select, bits) in [(0, u64::MAX), (1, 1)] {
            put(&mut registers, 8, 4, select);
            put(&mut registers, 0xc, 4, bits);
        }
        put(&mut registers, 0x14, 1, 11);
        assert_eq!(read(&registers, 0x14, 1), 11);
        assert_eq!(registers.features(), F_VERSION_1 | F_EVENT_IDX | F_INDIRECT | 2);
        put(&mut registers, 0x10, 2, 0);
        assert_eq!((read(&registers, 0x10, 2), read(&registers, 0x12, 2)), (0, 2));
        put(&mut registers, 0x16, 2, 1);
        assert_eq!((read(&registers, 0x18, 2), read(&registers, 0x1e, 2)), (16, 1));
        assert_eq!(put(&mut registers, 0x1a, 2, 2), Some(Act::Vector(1)));
        put(&mut registers, 0x20, 4, 0x1000);
        put(&mut registers, 0x24, 4, 1);
        put(&mut registers, 0x28, 8, 0x2000);
        put(&mut registers, 0x30, 4, 0x3000);
        assert_eq!(put(&mut registers, 0x1c, 2, 1), Some(Act::Start(1)));
        let addresses = [0x1_0000_1000, 0x2000, 0x3000];
        let queue = Queue { size: 16, vector: 2, enabled: true, addresses };
        assert_eq!(registers.queue(1), Some(queue));
        // It runs: nothing of it changes, and it does not start twice.
        assert_eq!(put(&mut registers, 0x1c, 2, 1), None);
        put(&mut registers, 0x20, 8, 0);
        put(&mut registers, 0x18, 2, 8);
        assert_eq!(registers.queue(1), Some(queue));
        assert_eq!(put(&mut registers, 0x14, 1, 15), Some(Act::Ready));
        assert_eq!(put(&mut registers, 0x14, 1, 15), None);
        assert!(registers.is_ready());
        registers.changed();
        assert_eq!(put(&mut registers, 0x14, 1, 0), Some(Act::Reset));
        let fresh = Registers { generation: 1, ..Registers::new(2, 3) };
        assert_eq!(registers, fresh);
    }

    #[test]
    fn what_is_not_offered_is_not_had() {
        let mut registers = Registers::new(2, 3);
        put(&mut registers, 8, 4, 7);
        put(&mut registers, 0xc, 4, 0xff);
        assert_eq!(registers.features(), 0);
        // Without virtio 1 there is no agreement.
        put(&mut registers, 0x14, 1, 11);
        assert_eq!(read(&registers, 0x14, 1), 3);
        put(&mut registers, 0x10, 2, 3);
        assert_eq!(registers.config_vector(), NO_VECTOR);
        put(&mut registers, 0x16, 2, 2);
        for (offset, len) in [(0x18, 2), (0x1a, 2), (0x1c, 2), (0x20, 8), (0x24, 4)] {
            assert_eq!(put(&mut registers, offset, len, 1), None);
        }
        assert_eq!((read(&registers, 0x18, 2), read(&registers, 0x20, 8)), (0, 0));
        put(&mut registers, 0x16, 2, 0);
        for size in [0, 3, 128, 0xffff] {
            put(&mut registers, 0x18, 2, size);
            assert_eq!(read(&registers, 0x18, 2), 64);
        }
        // Accesses across fields, and behind the end.
        put(&mut registers, 0x17, 2, 0xffff);
        put(&mut registers, 0x22, 4, 0xffff);
        put(&mut registers, 0x36, 8, 0xffff);
        assert_eq!(registers.queue(0).unwrap().addresses, [0; 3]);
        assert_eq!(read(&registers, 0x38, 8), 0);
        assert_eq!(read(&registers, 0x7ff, 8), 0);
    }
}
