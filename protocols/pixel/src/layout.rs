//! How a picture lies in memory, checked once.

use crate::{Format, Size};

/// The widest and the highest picture anything here accepts, in pixels.
///
/// It keeps every product of two sides and four bytes inside 31 bits times a small factor, and is
/// twice the largest mode in use.
pub const MAX_DIMENSION: u32 = 16384;

/// Why a layout was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum LayoutError {
    /// A side is 0.
    #[error("the picture is empty ({0}); both sides must be at least 1")]
    Empty(Size),
    /// A side is above [`MAX_DIMENSION`].
    #[error("the picture is too large ({0}); no side may exceed {MAX_DIMENSION}")]
    TooLarge(Size),
    /// A row does not fit into the stride.
    #[error("the stride of {stride} bytes is shorter than a row of {row} bytes")]
    Stride {
        /// Bytes from row to row.
        stride: u32,
        /// Bytes of one row.
        row: u32,
    },
    /// The last row ends behind the memory.
    #[error("the picture ends at byte {end}, behind the memory's {memory} bytes")]
    OutOfMemory {
        /// First byte behind the picture.
        end: u64,
        /// Bytes of memory.
        memory: u64,
    },
}

/// Where the pixels of a picture lie in a block of memory.
///
/// A value of this type was checked against that block's length: every row lies inside.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Layout {
    format: Format,
    size: Size,
    stride: u32,
    offset: u64,
}

impl Layout {
    /// Checks a picture of `size` whose rows start every `stride` bytes from byte `offset` of a
    /// block of `memory_len` bytes.
    ///
    /// # Errors
    /// Says which of the rules is broken; see [`LayoutError`].
    pub fn new(
        format: Format,
        size: Size,
        stride: u32,
        offset: u64,
        memory_len: u64,
    ) -> Result<Self, LayoutError> {
        if size.is_empty() {
            return Err(LayoutError::Empty(size));
        }
        if size.width > MAX_DIMENSION || size.height > MAX_DIMENSION {
            return Err(LayoutError::TooLarge(size));
        }
        let row = size.width * format.bytes_per_pixel();
        if stride < row {
            return Err(LayoutError::Stride { stride, row });
        }
        let layout = Self { format, size, stride, offset };
        match layout.offset.checked_add(layout.byte_len()) {
            Some(end) if end <= memory_len => Ok(layout),
            end => {
                Err(LayoutError::OutOfMemory { end: end.unwrap_or(u64::MAX), memory: memory_len })
            }
        }
    }

    /// A picture without gaps from byte 0 of a block that is just large enough.
    ///
    /// # Errors
    /// When a side is 0 or too large.
    pub fn packed(format: Format, size: Size) -> Result<Self, LayoutError> {
        let stride = size.width.saturating_mul(format.bytes_per_pixel());
        Self::new(format, size, stride, 0, u64::MAX)
    }

    /// The pixel format.
    #[must_use]
    pub const fn format(&self) -> Format {
        self.format
    }

    /// Width and height in pixels.
    #[must_use]
    pub const fn size(&self) -> Size {
        self.size
    }

    /// Bytes from one row to the next.
    #[must_use]
    pub const fn stride(&self) -> u32 {
        self.stride
    }

    /// The first pixel's byte in the block.
    #[must_use]
    pub const fn offset(&self) -> u64 {
        self.offset
    }

    /// Bytes of one row's pixels, without the gap behind it.
    #[must_use]
    pub const fn row_bytes(&self) -> u32 {
        self.size.width * self.format.bytes_per_pixel()
    }

    /// Bytes from the first pixel to behind the last one.
    #[must_use]
    pub fn byte_len(&self) -> u64 {
        u64::from(self.stride) * u64::from(self.size.height - 1) + u64::from(self.row_bytes())
    }

    /// The byte in the block at which row `y` starts; `None` below the picture.
    #[must_use]
    pub fn row_offset(&self, y: u32) -> Option<u64> {
        (y < self.size.height).then(|| self.offset + u64::from(self.stride) * u64::from(y))
    }

    /// The same memory read without alpha.
    #[must_use]
    pub const fn without_alpha(self) -> Self {
        Self { format: self.format.without_alpha(), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const F: Format = Format::Xrgb8888;

    #[test]
    fn last_row_needs_no_gap() {
        let l = Layout::new(F, Size::new(3, 2), 100, 8, 8 + 100 + 12).unwrap();
        assert_eq!(l.byte_len(), 112);
        assert_eq!(l.row_offset(1), Some(108));
        assert_eq!(l.row_offset(2), None);
    }

    #[test]
    fn every_way_to_be_wrong_has_its_error() {
        let s = Size::new(4, 4);
        assert_eq!(
            Layout::new(F, Size::new(0, 4), 16, 0, 64),
            Err(LayoutError::Empty(Size::new(0, 4)))
        );
        let big = Size::new(MAX_DIMENSION + 1, 1);
        assert_eq!(Layout::new(F, big, u32::MAX, 0, u64::MAX), Err(LayoutError::TooLarge(big)));
        assert_eq!(Layout::new(F, s, 15, 0, 64), Err(LayoutError::Stride { stride: 15, row: 16 }));
        assert_eq!(
            Layout::new(F, s, 16, 1, 64),
            Err(LayoutError::OutOfMemory { end: 65, memory: 64 })
        );
        assert_eq!(
            Layout::new(F, s, u32::MAX, u64::MAX - 3, u64::MAX),
            Err(LayoutError::OutOfMemory { end: u64::MAX, memory: u64::MAX })
        );
    }
}
