//! The ranges that the configuration is held to. `docs/config.md` repeats them.

use std::ops::RangeInclusive;

use porthole_pixel::Size;

/// The `version` that this release reads.
pub const VERSION: i64 = 1;
/// A larger file is no configuration. In bytes.
pub const FILE_BYTES: u64 = 1 << 20;
/// Each side of a port, in pixels.
pub const PORT_SIDE: RangeInclusive<i64> = 16..=16384;
/// Repeats of a held key in a second.
pub const REPEAT_RATE: RangeInclusive<i64> = 0..=100;
/// Milliseconds before the first.
pub const REPEAT_DELAY: RangeInclusive<i64> = 50..=5000;
/// Layers that a port can have.
pub const PIPELINES: RangeInclusive<i64> = 1..=64;
/// Layers that a port can have when the file does not say.
pub const DEFAULT_PIPELINES: u32 = 8;
/// Scanouts of a guest; the upper end is virtio-gpu's.
pub const SCANOUTS: RangeInclusive<i64> = 1..=16;
/// Frames that a port keeps in memory: one shown, one drawn, one held by a capture.
pub const FRAMES_PER_PORT: u64 = 3;
/// What the frames of all ports together may take, in bytes.
pub const FRAME_MEMORY: u64 = 2 << 30;
/// Entries of each kind (ports, guests, ...).
pub const ENTRIES: usize = 256;

/// What the frames of a port of this size take, in bytes.
#[must_use]
pub const fn frame_bytes(size: Size) -> u64 {
    size.area().saturating_mul(4 * FRAMES_PER_PORT)
}
