//! The picture that is shown, as the caller holds it.

use porthole_pixel::{Rect, Size};

use crate::cursor::CursorImage;

/// RFB counts pixels in 16 bits.
pub const MAX_SIDE: u32 = 65535;

/// A view of one finished picture: 32 bit little-endian words `0xXXRRGGBB` (DRM `XR24`).
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    size: Size,
    stride: usize,
    bytes: &'a [u8],
    overlay: Option<Overlay<'a>>,
}

/// A cursor that is painted into the picture, for viewers that cannot draw one themselves.
#[derive(Clone, Copy, Debug)]
pub struct Overlay<'a> {
    /// The image; its hotspot lies at `x`, `y`.
    pub image: &'a CursorImage,
    /// Column of the hotspot in the picture.
    pub x: i32,
    /// Row of the hotspot in the picture.
    pub y: i32,
}

/// Why memory cannot be a picture.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FrameError {
    /// A side is 0 or above [`MAX_SIDE`].
    #[error("a picture of {0} pixels cannot be sent (sides are 1 to 65535)")]
    Size(Size),
    /// Rows overlap, or the memory ends before the last row does.
    #[error("{len} bytes of memory with {stride} bytes per row cannot hold a picture of {size}")]
    Memory {
        /// The size in pixels.
        size: Size,
        /// Bytes from one row to the next.
        stride: usize,
        /// Bytes of memory.
        len: usize,
    },
}

impl<'a> Frame<'a> {
    /// Checks and makes a view.
    ///
    /// # Errors
    /// [`FrameError`] where the numbers do not describe a picture inside `bytes`.
    pub fn new(size: Size, stride: usize, bytes: &'a [u8]) -> Result<Self, FrameError> {
        check_size(size)?;
        let row = size.width as usize * 4;
        let needed = stride.checked_mul(size.height as usize - 1).and_then(|n| n.checked_add(row));
        if stride < row || needed.is_none_or(|needed| needed > bytes.len()) {
            return Err(FrameError::Memory { size, stride, len: bytes.len() });
        }
        Ok(Self { size, stride, bytes, overlay: None })
    }

    /// The same picture with a cursor painted into it.
    #[must_use]
    pub const fn with_overlay(self, overlay: Overlay<'a>) -> Self {
        Self { overlay: Some(overlay), ..self }
    }

    /// Size in pixels.
    #[must_use]
    pub const fn size(&self) -> Size {
        self.size
    }

    /// True where [`Frame::with_overlay`] was used.
    pub(crate) const fn has_overlay(&self) -> bool {
        self.overlay.is_some()
    }

    /// The bytes of row `y` from column `x`, `width` pixels; empty where that is outside.
    pub(crate) fn row(&self, x: i32, y: i32, width: i32) -> &'a [u8] {
        let inside = || {
            let (x, y) = (usize::try_from(x).ok()?, usize::try_from(y).ok()?);
            let width = usize::try_from(width).ok()?;
            if y >= self.size.height as usize || x + width > self.size.width as usize {
                return None;
            }
            let start = y * self.stride + x * 4;
            self.bytes.get(start..start + width * 4)
        };
        inside().unwrap_or_default()
    }

    /// Replaces `out` by the pixels of `rect` in rows, `0x00RRGGBB` each, black outside of the
    /// picture.
    pub(crate) fn fetch(&self, rect: Rect, out: &mut Vec<u32>) {
        out.clear();
        let visible = rect.intersect(Rect::from_size(self.size)).unwrap_or_default();
        let blank = |pixels: i32| std::iter::repeat_n(0, usize::try_from(pixels).unwrap_or(0));
        for y in rect.top()..rect.bottom() {
            if y < visible.top() || y >= visible.bottom() {
                out.extend(blank(rect.width));
                continue;
            }
            out.extend(blank(visible.left() - rect.left()));
            let (pixels, _) = self.row(visible.x, y, visible.width).as_chunks::<4>();
            out.extend(pixels.iter().map(|pixel| u32::from_le_bytes(*pixel) & 0x00ff_ffff));
            out.extend(blank(rect.right() - visible.right()));
        }
        if let Some(overlay) = &self.overlay {
            overlay.blend(rect, out);
        }
    }
}

impl Overlay<'_> {
    /// What the cursor covers.
    #[must_use]
    pub fn area(&self) -> Rect {
        let (hot_x, hot_y) = self.image.hotspot();
        Rect::from_size(self.image.size())
            .translate(self.x.saturating_sub(hot_x), self.y.saturating_sub(hot_y))
    }

    /// Blends the cursor over the fetched pixels of `rect`.
    fn blend(&self, rect: Rect, pixels: &mut [u32]) {
        let area = self.area();
        let Some(common) = area.intersect(rect) else { return };
        let index = |outer: Rect, y: i32| {
            let row = i64::from(y - outer.y) * i64::from(outer.width);
            usize::try_from(row + i64::from(common.x - outer.x)).unwrap_or(usize::MAX)
        };
        let width = usize::try_from(common.width).unwrap_or(0);
        for y in common.top()..common.bottom() {
            let below = pixels.get_mut(index(rect, y)..).unwrap_or_default();
            let above = self.image.pixels().get(index(area, y)..).unwrap_or_default();
            for (below, above) in below.iter_mut().zip(above).take(width) {
                *below = over(*above, *below);
            }
        }
    }
}

/// Premultiplied `above` over opaque `below`.
fn over(above: u32, below: u32) -> u32 {
    let [.., alpha] = above.to_le_bytes();
    let rest = 255 - u32::from(alpha);
    let mut channels = [0; 4];
    let parts = above.to_le_bytes().into_iter().zip(below.to_le_bytes());
    for (channel, (above, below)) in channels.iter_mut().zip(parts).take(3) {
        let sum = u32::from(above) + (u32::from(below) * rest + 127) / 255;
        *channel = u8::try_from(sum).unwrap_or(u8::MAX);
    }
    u32::from_le_bytes(channels)
}

/// Checks that RFB can name this size.
pub(crate) fn check_size(size: Size) -> Result<(), FrameError> {
    let side = 1..=MAX_SIDE;
    if side.contains(&size.width) && side.contains(&size.height) {
        Ok(())
    } else {
        Err(FrameError::Size(size))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    #[test]
    fn memory_that_cannot_hold_the_picture_is_refused() {
        let bytes = [0; 28];
        let size = Size::new(3, 2);
        Frame::new(size, 16, &bytes).unwrap();
        Frame::new(size, 17, &bytes).unwrap_err();
        Frame::new(size, 11, &bytes).unwrap_err();
        Frame::new(size, usize::MAX, &bytes).unwrap_err();
        Frame::new(Size::new(0, 2), 16, &bytes).unwrap_err();
        Frame::new(Size::new(65536, 1), 1 << 20, &bytes).unwrap_err();
    }

    #[test]
    fn outside_of_the_picture_is_black() {
        let bytes = words(&[0xff00_0001, 2, 3, 4]);
        let frame = Frame::new(Size::new(2, 2), 8, &bytes).unwrap();
        let mut out = Vec::new();
        frame.fetch(Rect::new(-1, 1, 4, 2), &mut out);
        assert_eq!(out, [0, 3, 4, 0, 0, 0, 0, 0]);
        frame.fetch(Rect::new(0, 0, 1, 1), &mut out);
        assert_eq!(out, [1]);
    }

    #[test]
    fn a_cursor_is_blended_where_it_lies() {
        let bytes = words(&[0x0010_2030; 6]);
        let frame = Frame::new(Size::new(3, 2), 12, &bytes).unwrap();
        let image = CursorImage::new(
            Size::new(2, 2),
            (1, 1),
            vec![0xffaa_bbcc, 0, 0x8080_0000, 0xff00_0000],
        )
        .unwrap();
        let frame = frame.with_overlay(Overlay { image: &image, x: 1, y: 1 });
        let mut out = Vec::new();
        frame.fetch(Rect::new(0, 0, 3, 2), &mut out);
        assert_eq!(out, [0xaa_bbcc, 0x10_2030, 0x10_2030, 0x88_1018, 0, 0x10_2030]);
        let moved = frame.with_overlay(Overlay { image: &image, x: i32::MIN, y: i32::MAX });
        moved.fetch(Rect::new(0, 0, 3, 2), &mut out);
        assert_eq!(out, [0x10_2030; 6]);
    }
}
