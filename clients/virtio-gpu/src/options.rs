//! What a device is made with.

use porthole_pixel::Size;
use porthole_virtio_gpu::MAX_SCANOUTS;
use porthole_virtio_gpu::wire::feature;

/// The size of a scanout until somebody asks for another.
pub const DEFAULT_SIZE: Size = Size::new(1280, 800);

/// How much of the host a guest may use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Quotas {
    /// Bytes of all pictures; their sum stays below. Copies that the compositor keeps us from
    /// drawing into come on top, at most twice as much for pictures that are shown.
    pub bytes: u64,
    /// Number of resources.
    pub resources: usize,
    /// Pieces of guest memory behind all resources together; each costs 24 bytes here.
    pub entries: usize,
}

impl Default for Quotas {
    fn default() -> Self {
        Self { bytes: 256 << 20, resources: 1024, entries: 1 << 18 }
    }
}

/// What a device is made with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Options {
    /// The guest's name, for the EDID.
    pub name: String,
    /// The wanted size of each scanout; nothing where no display is plugged in. As many scanouts as
    /// elements, cut or filled up to 1 to 16.
    pub scanouts: Vec<Option<Size>>,
    /// Limits.
    pub quotas: Quotas,
    /// Whether the guest may show its own memory without a transfer.
    pub blob: bool,
    /// The first half of all UUIDs of this device, random, if it shall have any.
    pub uuids: Option<u64>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            name: String::new(),
            scanouts: vec![Some(DEFAULT_SIZE)],
            quotas: Quotas::default(),
            blob: false,
            uuids: None,
        }
    }
}

impl Options {
    /// The device's own feature bits, to be offered to the guest.
    #[must_use]
    pub const fn features(&self) -> u64 {
        let blob = if self.blob { feature::RESOURCE_BLOB } else { 0 };
        let uuid = if self.uuids.is_some() { feature::RESOURCE_UUID } else { 0 };
        feature::EDID | blob | uuid
    }

    /// The scanouts, one at least and no more than the wire can tell.
    pub(crate) fn sizes(&self) -> Vec<Option<Size>> {
        let count = self.scanouts.len().clamp(1, MAX_SCANOUTS);
        let given = self.scanouts.iter().copied();
        given.chain(std::iter::once(Some(DEFAULT_SIZE))).take(count).collect()
    }
}
