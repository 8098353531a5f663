//! Masks: how much of each pixel of a layer is seen.

use std::sync::Arc;

use porthole_pixel::{Rect, Size};

/// A byte for each pixel: 0 is nothing, 255 is all.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Coverage {
    size: Size,
    bytes: Vec<u8>,
}

#[cfg_attr(not(test), expect(dead_code, reason = "no layer has a mask yet"))]
impl Coverage {
    /// Rows without gaps; `None` when there are not as many bytes as pixels.
    pub(crate) fn new(size: Size, bytes: Vec<u8>) -> Option<Self> {
        (bytes.len() as u64 == size.area()).then_some(Self { size, bytes })
    }
}

/// A mask in its place on the port.
#[derive(Clone, Debug)]
pub(crate) struct DrawMask {
    pub(crate) coverage: Arc<Coverage>,
    /// The port pixel of its top left corner.
    pub(crate) origin: (i32, i32),
}

impl DrawMask {
    /// The bytes for a row of `rect`; `None` where it does not reach.
    pub(super) fn row(&self, rect: Rect, y: i32) -> Option<&[u8]> {
        let width = self.coverage.size.width as usize;
        let left = usize::try_from(rect.x.checked_sub(self.origin.0)?).ok()?;
        let top = usize::try_from(y.checked_sub(self.origin.1)?).ok()?;
        let right = left.checked_add(rect.size().width as usize)?;
        if right > width {
            return None;
        }
        let start = top.checked_mul(width)?;
        self.coverage.bytes.get(start + left..start + right)
    }
}
