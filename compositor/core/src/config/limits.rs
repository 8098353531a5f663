//! The ranges that the configuration is held to. `docs/config.md` repeats them.

use std::ops::RangeInclusive;

use porthole_pixel::Size;

use crate::refresh::Refresh;

/// The `version` that this release reads.
pub const VERSION: i64 = 1;
/// A larger file is no configuration. In bytes.
pub const FILE_BYTES: u64 = 1 << 20;
/// Each side of a port, in pixels.
pub const PORT_SIDE: RangeInclusive<i64> = 16..=16384;
/// The size of a port that takes its screen's, while there is no screen: the least that any shows.
pub const UNKNOWN_SCREEN: Size = Size::new(1024, 768);
/// The size of a window's port that is given none.
pub const NEW_WINDOW: Size = Size::new(1280, 720);
/// Bytes of a parent's socket path: what the kernel takes.
pub const PARENT_PATH: usize = 107;
/// Bytes of a window's title and application id.
pub const WINDOW_TEXT: usize = 256;
/// Types of data besides text that may be copied between a window's port and its parent.
pub const CLIPBOARD_TYPES: usize = 16;
/// Bytes of the name of such a type.
pub const CLIPBOARD_TYPE: usize = 128;
/// Characters of a connector's name.
pub const CONNECTOR_NAME: usize = 32;
/// Bytes of a device's name and of its path.
pub const DEVICE_TEXT: usize = 256;
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
/// Those that a window's port keeps besides, for the other compositor to show.
pub const FRAMES_PER_WINDOW: u64 = 3;
/// What the frames of all ports together may take, in bytes.
pub const FRAME_MEMORY: u64 = 2 << 30;
/// Entries of each kind (ports, guests, ...).
pub const ENTRIES: usize = 256;

/// What the frames of a port of this size take, in bytes.
#[must_use]
pub const fn frame_bytes(size: Size, is_window: bool) -> u64 {
    let frames = FRAMES_PER_PORT + if is_window { FRAMES_PER_WINDOW } else { 0 };
    size.area().saturating_mul(4 * frames)
}

/// How many pixels a port of this size and rate draws in a second, when all of it changes.
#[must_use]
pub fn pixel_rate(size: Size, refresh: Refresh) -> u64 {
    size.area().saturating_mul(u64::from(refresh.millihertz())).div_ceil(1000)
}

/// Connections of one socket. A desktop's programs are some ten; a guest has one.
pub const CLIENTS: RangeInclusive<i64> = 1..=64;
/// Objects of one client. A browser with many windows has some thousands.
pub const OBJECTS: RangeInclusive<i64> = 64..=16_384;
/// Surfaces of one client. A port shows 64 layers of up to 32 levels.
pub const SURFACES: RangeInclusive<i64> = 1..=1024;
/// Buffers of one client: three for each surface, and room for small ones.
pub const BUFFERS: RangeInclusive<i64> = 2..=4096;
/// Requests in a second of one client: a program that draws 60 frames each second with a thousand
/// requests each sends 60 thousand.
pub const REQUESTS: RangeInclusive<i64> = 100..=100_000;
/// Pictures in a second of one client: sixteen scanouts at 240 Hz are 3840.
pub const PICTURES: RangeInclusive<i64> = 1..=4000;
/// Bytes of the pictures of a socket's clients, and of copies of these: 128 at 3840 x 2160, and more
/// than one client alone may have.
pub const MEMORY: u64 = 4 << 30;
