//! What one display shows.

use std::fs::File;
use std::io::{self, Write};
use std::sync::Arc;

use image::{ImageFormat, RgbImage};
use porthole_client::present::Frame;
use porthole_memory::Memory;
use porthole_pixel::{Format, Layout, Rect, Size};

/// Bytes of a pixel, in every format of virtio-gpu.
const PIXEL: usize = 4;

/// The newest picture of a display, apart from the device's own buffers: those change when the trace
/// says so, not when whoever looks has had enough.
#[derive(Debug)]
pub(super) struct Screen {
    size: Size,
    format: Format,
    /// Packed.
    pixels: Vec<u8>,
}

impl Screen {
    /// A screen that shows a frame. `old` is what it showed before.
    pub(super) fn show(old: Option<Self>, frame: &Frame) -> io::Result<Self> {
        let (size, format) = (frame.layout.size(), frame.layout.format());
        let fresh = || Self { size, format, pixels: Vec::new() };
        let mut screen = old.filter(|old| old.size == size && old.format == format);
        let screen_was = screen.is_some();
        let mut screen = screen.take().unwrap_or_else(fresh);
        let bytes =
            (size.width as usize).saturating_mul(size.height as usize).saturating_mul(PIXEL);
        screen.pixels.resize(bytes, 0);
        let all = [Rect::from_size(size)];
        let damage = if screen_was { frame.damage.rects() } else { &all };
        for rect in damage {
            screen.copy(frame, *rect)?;
        }
        Ok(screen)
    }

    fn copy(&mut self, frame: &Frame, rect: Rect) -> io::Result<()> {
        let outside = || io::Error::other("damage reaches outside the picture");
        let inside = rect.intersect(Rect::from_size(self.size)).ok_or_else(outside)?;
        let bytes = inside.size().width as usize * PIXEL;
        let left = inside.x.unsigned_abs() as usize * PIXEL;
        for y in inside.top().unsigned_abs()..inside.bottom().unsigned_abs() {
            let start = y as usize * self.size.width as usize * PIXEL + left;
            let row = frame.layout.row_offset(y).ok_or_else(outside)? + left as u64;
            let into = self.pixels.get_mut(start..start + bytes).ok_or_else(outside)?;
            frame.memory.read_at(row, into)?;
        }
        Ok(())
    }

    /// A copy that can be given away.
    pub(super) fn share(&self) -> io::Result<(Arc<Memory>, Layout)> {
        let bytes = self.pixels.len() as u64;
        let memory = Memory::create("porthole-replay", bytes)?;
        memory.write_at(0, &self.pixels).map_err(io::Error::other)?;
        let stride = self.size.width.saturating_mul(4);
        let layout = Layout::new(self.format, self.size, stride, 0, bytes);
        Ok((Arc::new(memory), layout.map_err(io::Error::other)?))
    }

    fn rgb(&self) -> Vec<u8> {
        let rgb = self.pixels.chunks_exact(PIXEL).flat_map(|pixel| {
            let [red, green, blue, _] = self.format.rgba(pixel).unwrap_or_default();
            [red, green, blue]
        });
        rgb.collect()
    }

    /// CRC-32 of the pixels as red, green and blue.
    pub(super) fn checksum(&self) -> u32 {
        crc32fast::hash(&self.rgb())
    }

    /// Writes the picture as PNG.
    pub(super) fn write(&self, file: &File) -> io::Result<()> {
        let Size { width, height } = self.size;
        let image = RgbImage::from_raw(width, height, self.rgb());
        let image = image.ok_or_else(|| io::Error::other("the picture is cut short"))?;
        let mut bytes = io::Cursor::new(Vec::new());
        image.write_to(&mut bytes, ImageFormat::Png).map_err(io::Error::other)?;
        let mut file = file;
        file.write_all(bytes.get_ref())
    }
}
