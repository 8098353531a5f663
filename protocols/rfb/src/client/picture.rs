//! The viewer's picture: pixel values as they came.

use porthole_pixel::{Rect, Size};

use super::{Canvas, CanvasError};

/// Larger pictures are refused: 16384 by 16384 pixels are a gigabyte.
pub const MAX_PICTURE: u64 = 1 << 28;

/// Pixel values of the format that was asked for; black until they are told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Picture {
    size: Size,
    values: Vec<u32>,
}

impl Picture {
    pub(super) fn new(size: Size) -> Self {
        Self { size, values: vec![0; usize::try_from(size.area()).unwrap_or(0)] }
    }

    /// Size in pixels.
    #[must_use]
    pub const fn size(&self) -> Size {
        self.size
    }

    /// All values in rows.
    #[must_use]
    pub fn values(&self) -> &[u32] {
        &self.values
    }

    fn row(&mut self, x: i32, y: i32, width: i32) -> &mut [u32] {
        let start = i64::from(y) * i64::from(self.size.width) + i64::from(x);
        let range = usize::try_from(start)
            .and_then(|start| Ok(start..start + usize::try_from(width)?))
            .unwrap_or_default();
        self.values.get_mut(range).unwrap_or_default()
    }
}

impl Canvas for Picture {
    fn size(&self) -> Size {
        self.size
    }

    fn resize(&mut self, size: Size) -> Result<(), CanvasError> {
        if size.area() > MAX_PICTURE {
            return Err(CanvasError(format!("{size} pixels are too many")));
        }
        *self = Self::new(size);
        Ok(())
    }

    fn begin(&mut self, _rect: Rect) {
        // There is one copy only, so there is nothing to keep.
    }

    fn write(&mut self, rect: Rect, values: &[u32]) {
        let width = usize::try_from(rect.width).unwrap_or(0).max(1);
        for (y, row) in (rect.top()..rect.bottom()).zip(values.chunks(width)) {
            for (to, from) in self.row(rect.x, y, rect.width).iter_mut().zip(row) {
                *to = *from;
            }
        }
    }

    fn put(&mut self, rect: Rect, bytes: &[u8]) {
        let width = usize::try_from(rect.width).unwrap_or(0).max(1);
        let (pixels, _) = bytes.as_chunks::<4>();
        for (y, row) in (rect.top()..rect.bottom()).zip(pixels.chunks(width)) {
            for (to, from) in self.row(rect.x, y, rect.width).iter_mut().zip(row) {
                *to = u32::from_le_bytes(*from);
            }
        }
    }

    fn fill(&mut self, rect: Rect, value: u32) {
        for y in rect.top()..rect.bottom() {
            self.row(rect.x, y, rect.width).fill(value);
        }
    }

    fn copy(&mut self, to: Rect, from: Rect) {
        let mut values = Vec::with_capacity(usize::try_from(from.area()).unwrap_or(0));
        for y in from.top()..from.bottom() {
            values.extend_from_slice(self.row(from.x, y, from.width));
        }
        self.write(to, &values);
    }
}
