//! Our device as the target of a scenario.

use std::ops::Range;
use std::time::Duration;

use porthole_edid::Edid;
use porthole_pixel::Size;
use porthole_vga_device::{Memory, Source, Vga, Width};

use super::pixels::Pixels;
use super::run::{Space, Target};

/// The display that the recorded device described: 1280x800 at 75 Hz, with more blanking than ours
/// give. It is in the eighteen bytes of the first timing.
const TIMING: [u8; 18] = [
    0xea, 0x29, 0x00, 0xc0, 0x51, 0x20, 0x1c, 0x30, 0x40, 0x26, 0x44, 0x40, 0x45, 0xcb, 0x10, 0, 0,
    0x18,
];
const TIMING_AT: Range<usize> = 54..72;
const SUM_AT: usize = 127;

/// Our device, with a screen that looks only at lines that the device says have changed.
#[derive(Debug)]
pub struct Model {
    vga: Vga<Memory>,
    time: Duration,
    screen: Pixels,
}

impl Model {
    /// A device as the files name it.
    ///
    /// # Errors
    /// When there is no such device, or it cannot have such memory.
    pub fn new(kind: &str, megabytes: u32) -> Result<Self, String> {
        use porthole_vga_device::Model as Adapter;
        let model = match kind {
            "bochs-vga" | "std-vga" | "VGA" | "vga" => Adapter::Vga,
            "bochs-display" | "bochs" => Adapter::Bochs,
            "virtio-vga" => Adapter::VirtioVga,
            "acrn" => Adapter::Acrn,
            other => return Err(format!("no device {other:?} is known")),
        };
        let bytes = megabytes.checked_mul(1 << 20).ok_or("too much memory")?;
        let vga = Vga::new(model, Memory::new(bytes)).map_err(|error| error.to_string())?;
        let vga = vga.with_edid(&edid());
        Ok(Self { vga, time: Duration::ZERO, screen: Pixels::default() })
    }

    /// The device itself.
    pub fn vga(&mut self) -> &mut Vga<Memory> {
        &mut self.vga
    }

    /// Takes what changed, and checks that nothing else did.
    fn look(&mut self) -> Result<(), String> {
        self.vga.advance(self.time);
        let picture = self.vga.picture();
        let (width, height) = (picture.size.width, picture.size.height);
        let area = usize::try_from(picture.size.area()).map_err(|error| error.to_string())?;
        let resized = (self.screen.width, self.screen.height) != (width, height);
        if resized {
            self.screen = Pixels { width, height, pixels: vec![0x00ff_00ff; area] };
        }
        let stride = usize::try_from(width).unwrap_or(0);
        self.vga.convert_into(&picture.dirty, &mut self.screen.pixels, stride);
        if picture.source == Source::Held {
            return Ok(());
        }
        let mut whole = vec![0; area];
        self.vga.convert_into(std::slice::from_ref(&(0..height)), &mut whole, stride);
        let missed = whole.iter().zip(&self.screen.pixels).position(|(a, b)| a != b);
        if let Some(missed) = missed {
            let line = missed / stride.max(1);
            return Err(format!("line {line} changed, and is not among {:?}", picture.dirty));
        }
        if let Source::Vram { offset, stride } = picture.source {
            return self.check_plain(&whole, offset, stride);
        }
        Ok(())
    }

    /// What is shown straight from memory is what conversion makes.
    fn check_plain(&mut self, whole: &[u32], offset: u32, stride: u32) -> Result<(), String> {
        use porthole_vga_device::Vram;
        let width = usize::try_from(self.screen.width).unwrap_or(1).max(1);
        let mut row = vec![0; 4 * width];
        for (line, pixels) in (0..).zip(whole.chunks(width)) {
            self.vga.vram().copy_out(offset + line * stride, &mut row);
            let plain = row.as_chunks::<4>().0.iter().map(|pixel| u32::from_le_bytes(*pixel));
            if !plain.map(|pixel| pixel & 0x00ff_ffff).eq(pixels.iter().copied()) {
                return Err(format!("line {line} in memory is not what it is converted to"));
            }
        }
        Ok(())
    }
}

/// An EDID with the recorded device's timing.
#[must_use]
pub fn edid() -> Vec<u8> {
    let mut bytes = Edid::new(Size::new(1280, 800), 75_000, "vectors").to_bytes();
    if let Some(timing) = bytes.get_mut(TIMING_AT) {
        timing.copy_from_slice(&TIMING);
    }
    let sum = bytes.iter().take(SUM_AT).fold(0, |sum: u8, byte| sum.wrapping_add(*byte));
    if let Some(byte) = bytes.get_mut(SUM_AT) {
        *byte = sum.wrapping_neg();
    }
    bytes
}

impl Target for Model {
    fn io_write(&mut self, port: u16, width: Width, value: u32) -> Result<(), String> {
        self.vga.pio_write(port, width, value);
        Ok(())
    }

    fn io_read(&mut self, port: u16, width: Width) -> Result<u32, String> {
        Ok(self.vga.pio_read(port, width))
    }

    fn mem_write(&mut self, space: Space, offset: u32, bytes: &[u8]) -> Result<(), String> {
        for (at, byte) in (offset..).zip(bytes) {
            let value = u64::from(*byte);
            match space {
                Space::Legacy => self.vga.mem_write(at, Width::Byte, value),
                Space::Lfb => self.vga.lfb_write(at, Width::Byte, value),
                Space::Mmio => self.vga.mmio_write(at, Width::Byte, value),
            }
        }
        Ok(())
    }

    fn mem_read(&mut self, space: Space, offset: u32, len: usize) -> Result<Vec<u8>, String> {
        let bytes = (offset..).take(len).map(|at| {
            let value = match space {
                Space::Legacy => self.vga.mem_read(at, Width::Byte),
                Space::Lfb => self.vga.lfb_read(at, Width::Byte),
                Space::Mmio => self.vga.mmio_read(at, Width::Byte),
            };
            let [byte, ..] = value.to_le_bytes();
            byte
        });
        Ok(bytes.collect())
    }

    fn mmio_write(&mut self, offset: u32, width: Width, value: u64) -> Result<(), String> {
        self.vga.mmio_write(offset, width, value);
        Ok(())
    }

    fn mmio_read(&mut self, offset: u32, width: Width) -> Result<u64, String> {
        Ok(self.vga.mmio_read(offset, width))
    }

    fn pass(&mut self, nanoseconds: Option<u64>) -> Result<(), String> {
        match nanoseconds {
            Some(time) => self.time += Duration::from_nanos(time),
            None => self.vga.reset(),
        }
        Ok(())
    }

    fn screen(&mut self) -> Result<Pixels, String> {
        self.look()?;
        Ok(self.screen.clone())
    }
}
