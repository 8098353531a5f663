//! A VGA with the bochs display interface, for any machine monitor: accesses of the guest go in, a
//! picture and the lines of it that changed come out.
//!
//! The device does no I/O, has no clock and holds no memory of the guest: the owner lends it video
//! memory as a [`Vram`], passes on accesses to ports ([`Vga::pio_read`]), to the window at 0xA0000
//! ([`Vga::mem_read`]), to BAR0 where it is not mapped ([`Vga::lfb_read`]) and to BAR2
//! ([`Vga::mmio_read`]), and tells the time ([`Vga::advance`]).
//!
//! ```
//! use porthole_vga_device::{Memory, Model, Source, Vga, Width};
//!
//! let mut vga = Vga::new(Model::Vga, Memory::new(16 << 20))?;
//! // A driver sets 640x480 with 32 bits a pixel and draws a red pixel.
//! for (index, value) in [(1_u32, 640_u64), (2, 480), (3, 32), (4, 0x41)] {
//!     vga.mmio_write(0x500 + 2 * index, Width::Word, value);
//! }
//! vga.mmio_write(0x400, Width::Byte, 0x20);
//! vga.lfb_write(4, Width::Dword, 0x00ff_0000);
//!
//! let picture = vga.picture();
//! // Such a picture needs no conversion: the memory is it.
//! assert_eq!(picture.source, Source::Vram { offset: 0, stride: 2560 });
//! // Any other is made line by line, and this one can be too.
//! let mut pixels = vec![0; 640 * 480];
//! vga.convert_into(&picture.dirty, &mut pixels, 640);
//! assert_eq!(pixels[1], 0x00ff_0000);
//! # Ok::<(), porthole_vga_device::Unfit>(())
//! ```
//!
//! Registers are described by the files that are named like the chip's parts. Where QEMU 11.1 does
//! less than the chip, [`Behaviour`] says whose rules hold; the default is QEMU's.
#![forbid(unsafe_code)]

mod access;
mod attribute;
mod blink;
mod crtc;
mod dac;
mod device;
mod dirty;
mod dispi;
mod general;
mod graphics;
mod lines;
mod mmio;
mod model;
mod picture;
mod ports;
mod registers;
mod rows;
mod screen;
mod sequencer;
mod snapshot;
mod text;
mod vram;
mod window;

pub use access::{OddWidth, Width};
pub use device::{Unfit, Vga};
pub use model::{Behaviour, Model, NOTIFY_MULTIPLIER, Region};
pub use picture::{Picture, Source};
pub use snapshot::Bad;
pub use vram::{Memory, Vram};
pub use window::WINDOW_LEN;

#[cfg(test)]
mod tests;
