//! Masks: how much of each pixel of a layer is seen.

use std::sync::Arc;

use porthole_core::scene::{Mapping, Point, SourceRect, Transform};
use porthole_pixel::{Rect, Size};

/// A byte for each pixel: 0 is nothing, 255 is all.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Coverage {
    size: Size,
    bytes: Vec<u8>,
}

impl Coverage {
    /// Rows without gaps; `None` when there are not as many bytes as pixels.
    pub(crate) fn new(size: Size, bytes: Vec<u8>) -> Option<Self> {
        (bytes.len() as u64 == size.area()).then_some(Self { size, bytes })
    }

    pub(crate) const fn size(&self) -> Size {
        self.size
    }

    /// All rows, from the top.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// As it lies on a port that turns its picture.
    pub(crate) fn turned(&self, by: Transform) -> Self {
        let Size { width, height } = self.size;
        let size = if by.swaps_sides() { Size::new(height, width) } else { self.size };
        let mapping = Mapping {
            source: SourceRect::from_size(self.size),
            destination: Rect::from_size(size),
            transform: by,
        };
        let columns = width as usize;
        let byte = |x: u32, y: u32| {
            let middle = Point { x: f64::from(x) + 0.5, y: f64::from(y) + 0.5 };
            let from = mapping.to_source(middle);
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "the middle of a pixel of ours"
            )]
            let at = from.y as usize * columns + from.x as usize;
            self.bytes.get(at).copied().unwrap_or_default()
        };
        let bytes = (0..size.height).flat_map(|y| (0..size.width).map(move |x| (x, y)));
        Self { size, bytes: bytes.map(|(x, y)| byte(x, y)).collect() }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_is_turned_with_its_port() {
        let mask = Coverage::new(Size::new(3, 2), vec![1, 2, 3, 4, 5, 6]).unwrap();
        let turned = mask.turned(Transform::Rotate90);
        assert_eq!((turned.size(), turned.bytes()), (Size::new(2, 3), &[4, 1, 5, 2, 6, 3][..]));
        let mirrored = mask.turned(Transform::Flipped);
        assert_eq!(mirrored.bytes(), [3, 2, 1, 6, 5, 4]);
    }
}
