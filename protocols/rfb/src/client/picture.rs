//! The viewer's picture: pixel values as they came.

use porthole_pixel::{Rect, Size};

use super::DecodeError;

/// Larger pictures are refused: 16384 by 16384 pixels are a gigabyte.
pub const MAX_PICTURE: u64 = 1 << 28;

/// Pixel values of the format that was asked for.
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

    /// Fails where `rect` leaves the picture.
    pub(super) fn check(&self, rect: Rect) -> Result<(), DecodeError> {
        if Rect::from_size(self.size).contains_rect(rect) {
            Ok(())
        } else {
            Err(DecodeError::Outside(rect))
        }
    }

    fn row(&mut self, x: i32, y: i32, width: i32) -> &mut [u32] {
        let start = i64::from(y) * i64::from(self.size.width) + i64::from(x);
        let range = usize::try_from(start)
            .and_then(|start| Ok(start..start + usize::try_from(width)?))
            .unwrap_or_default();
        self.values.get_mut(range).unwrap_or_default()
    }

    /// Writes rows of values into a checked rectangle.
    pub(super) fn write(&mut self, rect: Rect, values: &[u32]) {
        let width = usize::try_from(rect.width).unwrap_or(0).max(1);
        for (y, row) in (rect.top()..rect.bottom()).zip(values.chunks(width)) {
            for (to, from) in self.row(rect.x, y, rect.width).iter_mut().zip(row) {
                *to = *from;
            }
        }
    }

    /// Moves what lies at `from` to the checked rectangle `to`; they may overlap.
    pub(super) fn copy(&mut self, to: Rect, from: Rect) {
        let mut values = Vec::with_capacity(usize::try_from(from.area()).unwrap_or(0));
        for y in from.top()..from.bottom() {
            values.extend_from_slice(self.row(from.x, y, from.width));
        }
        self.write(to, &values);
    }
}

pub(super) fn check_size(size: Size) -> Result<(), DecodeError> {
    if size.is_empty() || size.area() > MAX_PICTURE {
        return Err(DecodeError::Size(size));
    }
    Ok(())
}
