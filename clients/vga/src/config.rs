//! The PCI configuration space: what the function is, where its BARs are, and its capabilities.
//!
//! The machine monitor keeps BAR addresses and the MSI-X table that a guest sees; this side tells their
//! kinds and takes every write that a guest may make, by a mask of bits that can change.

use porthole_vga_device::{Model, NOTIFY_MULTIPLIER};

/// Bytes of the space: that of a conventional PCI function.
pub(crate) const LEN: usize = 256;
/// MSI-X vectors: changes of the configuration, and one for each queue.
pub(crate) const VECTORS: u16 = 3;
/// Bytes of the BAR with the MSI-X table, and where its pending bits are.
pub(crate) const MSIX_LEN: u64 = 4096;
const MSIX_PENDING: u32 = 0x800;
/// Ports of the BAR by which a driver notifies queues.
pub(crate) const PORTS_LEN: u32 = 4;

const CAP_MSIX: u8 = 0x40;
const CAP_COMMON: u8 = 0x50;
const CAP_ISR: u8 = 0x60;
const CAP_DEVICE: u8 = 0x70;
const CAP_NOTIFY: u8 = 0x80;
const CAP_WINDOW: u8 = 0x94;
/// The last one, where there is a BAR of ports: drivers take the first notification that they can reach.
const CAP_PORTS: u8 = 0xa8;

/// Which BARs hold what, in VFIO's numbers.
pub(crate) mod region {
    /// Video memory.
    pub(crate) const VRAM: u32 = 0;
    /// Registers.
    pub(crate) const MMIO: u32 = 2;
    /// The MSI-X table.
    pub(crate) const MSIX: u32 = 4;
    /// Ports that notify virtio's queues, on ACRN's adapter.
    pub(crate) const PORTS: u32 = 5;
    /// The option ROM.
    pub(crate) const ROM: u32 = 6;
    /// The configuration space.
    pub(crate) const CONFIG: u32 = 7;
    /// The VGA's legacy memory and ports.
    pub(crate) const LEGACY: u32 = 8;
    /// How many there are.
    pub(crate) const COUNT: usize = 9;
}

/// The window through which a guest without BARs reaches registers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Window {
    /// Which BAR.
    pub(crate) region: u32,
    /// Where in it.
    pub(crate) offset: u32,
    /// 1, 2 or 4 bytes.
    pub(crate) len: usize,
}

/// The configuration space.
#[derive(Debug)]
pub(crate) struct Config {
    bytes: [u8; LEN],
    writable: [u8; LEN],
    has_window: bool,
    has_ports: bool,
}

/// Vendor and device.
pub(crate) const fn ids(model: Model) -> (u16, u16) {
    match model {
        Model::Vga | Model::Bochs => (0x1234, 0x1111),
        Model::VirtioVga | Model::Acrn | Model::Combined => (0x1af4, 0x1050),
    }
}

/// Whether the function is a virtio-gpu too.
pub(crate) const fn is_virtio(model: Model) -> bool {
    !matches!(model, Model::Vga | Model::Bochs)
}

impl Config {
    /// The space of a function with so much video memory and an option ROM of so many bytes.
    pub(crate) fn new(model: Model, vram: u32, rom: u32) -> Self {
        let mut config = Self {
            bytes: [0; LEN],
            writable: [0; LEN],
            has_window: is_virtio(model),
            has_ports: model.has_virtio_ports(),
        };
        let (vendor, device) = ids(model);
        config.set(0x00, &vendor.to_le_bytes());
        config.set(0x02, &device.to_le_bytes());
        // I/O, memory, bus master; no legacy interrupt.
        config.allow(0x04, &[0x07, 0x04]);
        let class = if model == Model::Bochs { 0x80 } else { 0x00 };
        let revision = if is_virtio(model) { 1 } else { 2 };
        config.set(0x08, &[revision, 0, class, 3]);
        config.allow(0x0c, &[0xff, 0xff]);
        config.set(0x2c, &0x1af4_u16.to_le_bytes());
        let subsystem: u16 = if model == Model::Acrn { 0x0010 } else { 0x1100 };
        config.set(0x2e, &subsystem.to_le_bytes());
        config.allow(0x3c, &[0xff]);
        const PREFETCHABLE: u32 = 8;
        config.bar(0, vram, PREFETCHABLE);
        config.bar(2, model.mmio_len(), 0);
        if rom > 0 {
            config.allow(0x30, &(!(rom - 1) | 1).to_le_bytes());
        }
        if is_virtio(model) {
            config.bar(4, 4096, 0);
            config.capabilities();
        }
        if model.has_virtio_ports() {
            const PORTS: u32 = 1;
            config.bar(5, PORTS_LEN, PORTS);
            config.set(CAP_WINDOW + 1, &[CAP_PORTS]);
            config.set(CAP_PORTS, &[9, 0, 20, 2, 5]);
            // All queues have the same port: the multiplier stays 0.
            config.set(CAP_PORTS + 12, &PORTS_LEN.to_le_bytes());
        }
        config
    }

    fn capabilities(&mut self) {
        // There are capabilities.
        self.set(0x06, &[0x10]);
        self.set(0x34, &[CAP_MSIX]);
        let [last, _] = (VECTORS - 1).to_le_bytes();
        let pending = (MSIX_PENDING | 4).to_le_bytes();
        self.set(CAP_MSIX, &[0x11, CAP_COMMON, last, 0, 4, 0, 0, 0]);
        self.set(CAP_MSIX + 8, &pending);
        self.allow(CAP_MSIX + 3, &[0xc0]);
        let parts: [(u8, u8, u8, u32, u32); 4] = [
            (CAP_COMMON, CAP_ISR, 1, 0x1000, 0x800),
            (CAP_ISR, CAP_DEVICE, 3, 0x1800, 0x800),
            (CAP_DEVICE, CAP_NOTIFY, 4, 0x2000, 0x1000),
            (CAP_NOTIFY, CAP_WINDOW, 2, 0x3000, 0x1000),
        ];
        for (at, next, kind, offset, len) in parts {
            let size = if kind == 2 { 20 } else { 16 };
            self.set(at, &[9, next, size, kind, 2, 0, 0, 0]);
            self.set(at + 8, &offset.to_le_bytes());
            self.set(at + 12, &len.to_le_bytes());
        }
        self.set(CAP_NOTIFY + 16, &NOTIFY_MULTIPLIER.to_le_bytes());
        self.set(CAP_WINDOW, &[9, 0, 20, 5]);
        self.allow(CAP_WINDOW + 4, &[0xff]);
        self.allow(CAP_WINDOW + 8, &[0xff; 12]);
    }

    fn bar(&mut self, index: u8, len: u32, kind: u32) {
        let at = 0x10 + 4 * index;
        self.set(at, &kind.to_le_bytes());
        self.allow(at, &(!(len - 1)).to_le_bytes());
    }

    fn set(&mut self, at: u8, values: &[u8]) {
        let bytes = self.bytes.iter_mut().skip(at.into());
        bytes.zip(values).for_each(|(byte, value)| *byte = *value);
    }

    fn allow(&mut self, at: u8, masks: &[u8]) {
        let bytes = self.writable.iter_mut().skip(at.into());
        bytes.zip(masks).for_each(|(byte, mask)| *byte = *mask);
    }

    /// Reads some of it; zeros behind its end.
    pub(crate) fn read(&self, offset: u64, into: &mut [u8]) {
        let start = usize::try_from(offset).unwrap_or(LEN);
        let bytes = self.bytes.iter().skip(start).chain(std::iter::repeat(&0));
        into.iter_mut().zip(bytes).for_each(|(into, byte)| *into = *byte);
    }

    /// Writes the bits that can be written.
    pub(crate) fn write(&mut self, offset: u64, from: &[u8]) {
        let start = usize::try_from(offset).unwrap_or(LEN);
        let bytes = self.bytes.iter_mut().zip(&self.writable).skip(start);
        for ((byte, mask), value) in bytes.zip(from) {
            *byte = *byte & !mask | value & mask;
        }
    }

    /// All of it.
    pub(crate) const fn bytes(&self) -> &[u8; LEN] {
        &self.bytes
    }

    /// Takes what can be written of such bytes.
    pub(crate) fn set_bytes(&mut self, bytes: &[u8; LEN]) {
        self.write(0, bytes);
    }

    /// The reset of the machine: what a guest wrote is gone.
    pub(crate) fn reset(&mut self) {
        // Where BARs are stays: their owner is the machine monitor.
        self.clear(0x04, 2);
        self.clear(CAP_MSIX + 3, 1);
        self.clear(CAP_WINDOW + 4, 1);
        self.clear(CAP_WINDOW + 8, 12);
    }

    fn clear(&mut self, at: u8, len: usize) {
        let bytes = self.bytes.iter_mut().zip(&self.writable).skip(at.into()).take(len);
        bytes.for_each(|(byte, mask)| *byte &= !mask);
    }

    /// Where an access at this offset goes through the window, if it does.
    pub(crate) fn window(&self, offset: u64) -> Option<Window> {
        let data = u64::from(CAP_WINDOW) + 16;
        if !self.has_window || offset != data {
            return None;
        }
        let mut fields = [0; 12];
        self.read(u64::from(CAP_WINDOW) + 4, &mut fields);
        let [bar, _, _, _, a, b, c, d, len, ..] = fields;
        let offset = u32::from_le_bytes([a, b, c, d]);
        let region = u32::from(bar);
        let there = region == region::MMIO || region == region::PORTS && self.has_ports;
        let fits = there && matches!(len, 1 | 2 | 4);
        fits.then_some(Window { region, offset, len: len.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(config: &Config, offset: u64, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        config.read(offset, &mut bytes);
        bytes
    }

    #[test]
    fn each_model_is_what_its_drivers_look_for() {
        let all = [Model::Vga, Model::Bochs, Model::VirtioVga, Model::Acrn, Model::Combined];
        for model in all {
            let config = Config::new(model, 16 << 20, 0x8000);
            let (vendor, device) = ids(model);
            let ids = [vendor.to_le_bytes(), device.to_le_bytes()].concat();
            assert_eq!(read(&config, 0, 4), ids);
            assert_eq!(read(&config, 11, 1), [3], "a display");
            assert_eq!(read(&config, 6, 1), [if is_virtio(model) { 0x10 } else { 0 }]);
            assert_eq!(read(&config, 0x3d, 1), [0], "no legacy interrupt");
        }
    }

    /// Kind and BAR of each capability of virtio, behind the one of MSI-X.
    fn capabilities(model: Model) -> Vec<(u8, u8)> {
        let config = Config::new(model, 16 << 20, 0x8000);
        let mut at = read(&config, 0x34, 1)[0];
        let mut kinds = Vec::new();
        while at != 0 {
            assert!(kinds.len() < 8, "the list has no end");
            let head = read(&config, at.into(), 5);
            kinds.push((head[0], head[3], head[4]));
            at = head[1];
        }
        assert_eq!(kinds.remove(0).0, 0x11);
        assert!(kinds.iter().all(|(id, ..)| *id == 9));
        kinds.into_iter().map(|(_, kind, bar)| (kind, bar)).collect()
    }

    #[test]
    fn capabilities_are_a_list_with_an_end() {
        let usual = [(1, 2), (3, 2), (4, 2), (2, 2), (5, 0)];
        assert_eq!(capabilities(Model::Combined), usual);
        assert_eq!(capabilities(Model::Acrn), [&usual[..], &[(2, 5)]].concat());
    }

    /// Virtio 1.3, 4.1.4.4: where to notify queues, which is the same port for all of them.
    #[test]
    fn acrns_adapter_has_a_port_to_notify_queues_by() {
        let mut config = Config::new(Model::Acrn, 16 << 20, 0);
        let fields = [0, 4, 0].map(u32::to_le_bytes).concat();
        assert_eq!(read(&config, u64::from(CAP_PORTS) + 8, 12), fields);
        assert_eq!(read(&config, 0x24, 4), [1, 0, 0, 0]);
        config.write(0x24, &[0xff; 4]);
        assert_eq!(read(&config, 0x24, 4), 0xffff_fffd_u32.to_le_bytes(), "four ports");
        let data = u64::from(CAP_WINDOW) + 16;
        config.write(data - 12, &[5, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0]);
        let (region, offset, len) = (region::PORTS, 0, 2);
        assert_eq!(config.window(data), Some(Window { region, offset, len }));
    }

    #[test]
    fn only_what_may_change_does() {
        let mut config = Config::new(Model::Combined, 16 << 20, 0x8000);
        let before = read(&config, 0, LEN);
        config.write(0, &[0xff; LEN]);
        // The size of a BAR is what does not change.
        assert_eq!(read(&config, 0x10, 4), (!((16_u32 << 20) - 1) | 8).to_le_bytes());
        assert_eq!(read(&config, 0x30, 4), (!0x7fff_u32 | 1).to_le_bytes());
        assert_eq!(read(&config, 0, 4), before[..4]);
        assert_eq!(read(&config, 0x14, 4), [0; 4]);
        config.write(0, &[0; LEN]);
        assert_eq!(read(&config, 0, LEN), before);
        config.write(u64::MAX, &[1]);
        config.write(250, &[0xff; 20]);
        assert_eq!(read(&config, 250, 20), [0; 20]);
    }

    #[test]
    fn the_window_is_for_registers_only() {
        let mut config = Config::new(Model::Combined, 16 << 20, 0);
        let data = u64::from(CAP_WINDOW) + 16;
        assert_eq!(config.window(data), None);
        config.write(data - 12, &[2, 0, 0, 0, 0x14, 0x10, 0, 0, 1, 0, 0, 0]);
        let region = region::MMIO;
        assert_eq!(config.window(data), Some(Window { region, offset: 0x1014, len: 1 }));
        assert_eq!(config.window(data - 4), None);
        config.write(data - 12, &[5]);
        assert_eq!(config.window(data), None, "there is no such BAR");
        config.write(data - 12, &[2]);
        config.write(data - 4, &[3]);
        assert_eq!(config.window(data), None);
        config.write(data - 12, &[0, 0, 0, 0, 0, 0, 0, 0, 4]);
        assert_eq!(config.window(data), None);
        config.write(data - 12, &[2]);
        config.reset();
        assert_eq!(config.window(data), None);
        assert_eq!(Config::new(Model::Bochs, 16 << 20, 0).window(data), None);
    }
}
