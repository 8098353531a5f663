//! What the device tells its presenter.

use std::sync::Arc;

use porthole_memory::Memory;
use porthole_pixel::{Layout, Region, Size};

use porthole_picture::BufferId;

/// A picture to be shown on a scanout.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Which scanout, from 0.
    pub scanout: usize,
    /// Number of this frame; later frames have larger numbers. Goes back with
    /// [`crate::Gpu::buffer_released`], [`crate::Gpu::presented`] and [`crate::Gpu::discarded`].
    pub serial: u64,
    /// The buffer. It must not be changed while the presenter holds it.
    pub buffer: BufferId,
    /// Its memory: the whole resource, of which `layout` shows a part.
    pub memory: Arc<Memory>,
    /// Where the pixels lie in the memory. Always opaque, as a screen is.
    pub layout: Layout,
    /// Pixels that differ from the scanout's frame before, in coordinates of `layout`.
    pub damage: Region,
}

/// Something that changed on a scanout.
#[derive(Clone, Debug)]
pub enum Event {
    /// Show this, in place of what was shown before.
    Frame(Frame),
    /// Show nothing on this scanout.
    Disabled {
        /// Which scanout, from 0.
        scanout: usize,
    },
    /// These buffers will not be shown again; their memory can be let go once it is released.
    Retired(Vec<BufferId>),
    /// The cursor has a new image, and is visible.
    CursorImage {
        /// Which scanout, from 0.
        scanout: usize,
        /// Size of the image.
        size: Size,
        /// Packed `Argb8888` with premultiplied alpha.
        pixels: Arc<[u8]>,
        /// The hot spot, inside the image.
        hot: (u32, u32),
    },
    /// The top left corner of the cursor's image is here now, in pixels of the scanout; may be
    /// outside. (Linux sends the place of the image, not that of the hot spot.)
    CursorMoved {
        /// Which scanout, from 0.
        scanout: usize,
        /// From the left.
        x: i32,
        /// From the top.
        y: i32,
    },
    /// The cursor is not visible.
    CursorHidden {
        /// Which scanout, from 0.
        scanout: usize,
    },
}
