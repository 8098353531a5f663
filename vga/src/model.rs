//! Which adapter the device is: what its second BAR holds, and what answers where nothing is.
//!
//! | BAR2 | `Vga` | `Bochs` | `VirtioVga` | `Acrn`, `Combined` |
//! |---|---|---|---|---|
//! | EDID | 000–17F | 000–0FF | none, reads 00 | 000–3FF |
//! | VGA ports 3C0–3DF | 400–41F | none, reads FF | 400–41F | 400–41F |
//! | bochs words | 500–515 | 500–515 | 500–515 | 500–515 |
//! | 600 size, 604 byte order | yes | yes | yes | `Combined` only, else reads 00 |
//! | virtio: common, ISR, device, notify | none | none | 1000, 1800, 2000, 3000 | 1000, 1800, 2000, 3000 |
//! | anything else | reads FF | reads FF | reads 00 | reads 00 |
//! | size | 4 KiB | 4 KiB | 16 KiB | 16 KiB |
//!
//! Writes to nothing are dropped. `Vga` and `VirtioVga` are QEMU's `VGA` and `virtio-vga`, and `Acrn` is
//! laid out as the adapter of ACRN's device model. `Bochs` is laid out as QEMU's `bochs-display`; its words
//! are put right and clear the memory as those of the others do, which QEMU's device leaves to the
//! driver.

use std::ops::Range;

/// The adapter.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Model {
    /// PCI 1234:1111, class 0300: VGA with the bochs interface, as QEMU's `VGA`.
    #[default]
    Vga,
    /// PCI 1234:1111, class 0380: the bochs interface without any VGA, as QEMU's `bochs-display`.
    Bochs,
    /// PCI 1af4:1050, class 0300: VGA beside virtio-gpu, as QEMU's `virtio-vga`.
    VirtioVga,
    /// PCI 1af4:1050, class 0300: VGA beside virtio-gpu, laid out as ACRN does.
    Acrn,
    /// The same with QEMU's extended registers: whatever driver comes finds what it looks for.
    Combined,
}

/// What is at an offset of BAR2.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Region {
    /// The display's EDID.
    Edid,
    /// The ports 3C0–3DF.
    Ports,
    /// The bochs interface, a word an index.
    Dispi,
    /// QEMU's extended registers: their size, and the byte order of pixels.
    Extended,
    /// virtio's common configuration, which its owner serves.
    VirtioCommon,
    /// virtio's interrupt state, which its owner serves.
    VirtioIsr,
    /// virtio's device configuration, which its owner serves.
    VirtioDevice,
    /// virtio's notification, which its owner serves.
    VirtioNotify,
    /// Nothing.
    Unmapped,
}

/// Bytes between the notification addresses of virtio's queues.
pub const NOTIFY_MULTIPLIER: u32 = 4;

/// The part of the bochs words that is there.
const DISPI: Range<u32> = 0x500..0x516;
const PORTS: Range<u32> = 0x400..0x420;
const EXTENDED: Range<u32> = 0x600..0x608;

const VGA: &[(Range<u32>, Region)] = &[
    (0x000..0x180, Region::Edid),
    (PORTS, Region::Ports),
    (DISPI, Region::Dispi),
    (EXTENDED, Region::Extended),
];
const BOCHS: &[(Range<u32>, Region)] =
    &[(0x000..0x100, Region::Edid), (DISPI, Region::Dispi), (EXTENDED, Region::Extended)];
const VIRTIO_VGA: &[(Range<u32>, Region)] = &[
    (PORTS, Region::Ports),
    (DISPI, Region::Dispi),
    (EXTENDED, Region::Extended),
    (0x1000..0x1800, Region::VirtioCommon),
    (0x1800..0x2000, Region::VirtioIsr),
    (0x2000..0x3000, Region::VirtioDevice),
    (0x3000..0x4000, Region::VirtioNotify),
];
const COMBINED: &[(Range<u32>, Region)] = &[
    (0x000..0x400, Region::Edid),
    (PORTS, Region::Ports),
    (DISPI, Region::Dispi),
    (EXTENDED, Region::Extended),
    (0x1000..0x1800, Region::VirtioCommon),
    (0x1800..0x2000, Region::VirtioIsr),
    (0x2000..0x3000, Region::VirtioDevice),
    (0x3000..0x4000, Region::VirtioNotify),
];
const ACRN: &[(Range<u32>, Region)] = &[
    (0x000..0x400, Region::Edid),
    (PORTS, Region::Ports),
    (DISPI, Region::Dispi),
    (0x1000..0x1800, Region::VirtioCommon),
    (0x1800..0x2000, Region::VirtioIsr),
    (0x2000..0x3000, Region::VirtioDevice),
    (0x3000..0x4000, Region::VirtioNotify),
];

impl Model {
    /// Whether the legacy ports and the window at 0xA0000 answer.
    #[must_use]
    pub const fn has_legacy(self) -> bool {
        !matches!(self, Model::Bochs)
    }

    /// Whether there is a BAR5 of four ports: a write of a queue's number to the first one notifies that queue,
    /// and all read as 0. ACRN's adapter alone has it, beside the notification in BAR2.
    #[must_use]
    pub const fn has_virtio_ports(self) -> bool {
        matches!(self, Model::Acrn)
    }

    /// Bytes of BAR2.
    #[must_use]
    pub const fn mmio_len(self) -> u32 {
        match self {
            Model::Vga | Model::Bochs => 0x1000,
            Model::VirtioVga | Model::Acrn | Model::Combined => 0x4000,
        }
    }

    /// What is at an offset of BAR2, and the offset in it. The owner routes virtio's parts itself.
    #[must_use]
    pub fn region(self, offset: u32) -> (Region, u32) {
        let map = match self {
            Model::Vga => VGA,
            Model::Bochs => BOCHS,
            Model::VirtioVga => VIRTIO_VGA,
            Model::Acrn => ACRN,
            Model::Combined => COMBINED,
        };
        let found = map.iter().find(|(range, _)| range.contains(&offset));
        found.map_or((Region::Unmapped, offset), |(range, region)| (*region, offset - range.start))
    }

    /// What a byte of BAR2 reads where nothing is.
    #[must_use]
    pub const fn unmapped(self) -> u8 {
        match self {
            Model::Vga | Model::Bochs => 0xff,
            Model::VirtioVga | Model::Acrn | Model::Combined => 0,
        }
    }

    /// The mark of a snapshot.
    pub(crate) const fn mark(self) -> u8 {
        match self {
            Model::Vga => 0,
            Model::Bochs => 1,
            Model::VirtioVga => 2,
            Model::Acrn => 3,
            Model::Combined => 4,
        }
    }
}

/// Whose rules decide where QEMU does less than the chip.
///
/// The default is QEMU's, for guests and recorded pictures are tested with it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Behaviour {
    /// As QEMU 11.1 does it.
    #[default]
    Qemu,
    /// As the chip does it: the DAC's mask at 3C6, screen off by sequencer 1 bit 5, underlining in
    /// mono text, the ninth column doubled for C0–DF alone, and in text panning, preset rows and a
    /// split at any line.
    Hardware,
}
