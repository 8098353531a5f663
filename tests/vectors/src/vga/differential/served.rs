//! The same through the BARs of a PCI function that another process serves to a QEMU: BAR0, and of BAR2 the
//! ports, the bochs words and QEMU's extended registers. Ports and the window at 0xA0000 are not to be had
//! there.
//!
//! What our function does apart, and QEMU's devices do not, is left out: a screen that the attribute
//! controller switches off keeps its last picture, and a bochs mode that is set by BAR2 switches it on.

use std::path::Path;

use porthole_vga_device::{Model as Adapter, Region, Width};

use super::{Pair, Random};
use crate::vga::modes::{MODES, set_mode};
use crate::vga::{Pixels, Qemu, Space, Target};

/// No picture of a round is larger: random registers of the CRT controller can make lines of 100 characters.
pub const LARGEST: (u32, u32) = (1000, 600);

/// Accesses of a round, and looks at the screen.
const LOOKS: u32 = 6;
const BETWEEN_LOOKS: u64 = 10;
/// Memory that is filled, and compared at the end.
const FILLED: u32 = 256 << 10;
/// The port of the attribute controller, and of the input state, in BAR2.
const ATTRIBUTE: u32 = 0x400;
const STATE: u32 = 0x41a;
const DISPI: u32 = 0x500;
const ENABLE: u16 = 4;
const VIRTUAL_HEIGHT: u32 = 7;

/// A function that is served, and a device of QEMU's that is the judge of it.
#[derive(Debug)]
pub struct Round {
    pair: Pair<Qemu>,
    adapter: Adapter,
    random: Random,
    /// The bochs interface alone has no other byte order for pixels of 16 bits.
    has_order: bool,
}

/// Waits until what our process shows is this picture.
pub type Shows<'a> = dyn FnMut(&Pixels) -> Result<(), String> + 'a;

impl Round {
    /// A round of a seed, with a QEMU whose display is ours and one whose display is its own of the same
    /// kind.
    #[must_use]
    pub fn new(ours: Qemu, judge: Qemu, adapter: Adapter, seed: u64) -> Self {
        let pair = Pair { ours, judge, done: Vec::new() };
        Self { pair, adapter, random: Random(seed), has_order: adapter.has_legacy() }
    }

    /// Runs it. What was done is left in a file when something differs.
    ///
    /// # Errors
    /// When something differs, or one of both is gone.
    pub fn run(mut self, shows: &mut Shows<'_>, record: &Path) -> Result<(), String> {
        let Err(why) = self.play(shows) else { return Ok(()) };
        let steps = self.pair.done.len();
        let folder = record.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder)
            .and_then(|()| std::fs::write(record, self.pair.done.join(",\n")))
            .map_err(|error| format!("{}: {error}", record.display()))?;
        Err(format!("{why} (step {steps}, see {})", record.display()))
    }

    fn play(&mut self, shows: &mut Shows<'_>) -> Result<(), String> {
        let memory: Vec<u8> = (0..FILLED).map(|_| self.random.byte()).collect();
        self.pair.write(Space::Lfb, 0, &memory)?;
        self.pair.done.pop();
        self.start()?;
        for _ in 0..LOOKS {
            self.look(shows)?;
            for _ in 0..=self.random.below(BETWEEN_LOOKS) {
                self.act()?;
            }
        }
        self.look(shows)?;
        self.pair.read(Space::Lfb, 0, FILLED as usize)
    }

    const fn has_ports(&self) -> bool {
        self.adapter.has_legacy()
    }

    /// Sets a mode, with random colours where there are any.
    fn start(&mut self) -> Result<(), String> {
        if !self.has_ports() {
            return self.bochs_mode();
        }
        self.port(0x3c8, Width::Byte, 0)?;
        for _ in 0..768 {
            let part = self.random.byte();
            self.port(0x3c9, Width::Byte, part.into())?;
        }
        let Some(mode) = self.random.of(MODES) else { return Ok(()) };
        self.pair.mmio_read(STATE, Width::Byte)?;
        for (port, width, value) in set_mode(mode) {
            self.port(port, width, value)?;
        }
        // What blinks does so by another clock than QEMU's, which stands still here.
        self.port(0x3d4, Width::Word, 0x200a)?;
        self.attribute(0x10, 0x01)?;
        if self.random.below(2) == 0 { self.bochs_mode() } else { Ok(()) }
    }

    fn port(&mut self, port: u16, width: Width, value: u32) -> Result<(), String> {
        self.pair.mmio_write(u32::from(port) - 0x3c0 + ATTRIBUTE, width, value.into())
    }

    fn attribute(&mut self, index: u8, value: u8) -> Result<(), String> {
        self.pair.mmio_read(STATE, Width::Byte)?;
        for byte in [index, value, 0x20] {
            self.port(0x3c0, Width::Byte, byte.into())?;
        }
        Ok(())
    }

    fn dispi(&mut self, index: u16, value: u16) -> Result<(), String> {
        self.pair.mmio_write(DISPI + 2 * u32::from(index), Width::Word, value.into())?;
        if index == ENABLE && self.has_ports() {
            self.pair.mmio_read(STATE, Width::Byte)?;
            self.port(0x3c0, Width::Byte, 0x20)?;
            self.pair.mmio_read(STATE, Width::Byte)?;
        }
        Ok(())
    }

    fn bochs_mode(&mut self) -> Result<(), String> {
        // The bochs interface alone has two formats, and takes what it is told as it is.
        let depths = if self.has_ports() { &[4, 8, 15, 16, 24, 32][..] } else { &[16, 32] };
        let bits = self.random.of(depths).unwrap_or(32);
        self.has_order |= bits == 32;
        let keeps = if self.has_ports() { &[0, 0x80][..] } else { &[0x80] };
        let random = &mut self.random;
        let size = (64 + 8 * (random.word() % 100), 64 + random.word() % 500);
        let keep = random.of(keeps).unwrap_or(0x80);
        for (index, value) in
            [(ENABLE, 0), (1, size.0), (2, size.1), (3, bits), (6, size.0), (8, 0), (9, 0)]
        {
            self.dispi(index, value)?;
        }
        self.dispi(ENABLE, 0x41 | keep)
    }

    /// Has QEMU draw all anew, which some accesses do not make it do, and waits for its picture.
    fn look(&mut self, shows: &mut Shows<'_>) -> Result<(), String> {
        if self.has_ports() {
            for index in 4..8 {
                let colour = self.random.byte();
                self.attribute(index, colour)?;
            }
            self.port(0x3c8, Width::Byte, 40)?;
            for _ in 0..3 {
                let part = self.random.byte();
                self.port(0x3c9, Width::Byte, part.into())?;
            }
        }
        self.pair.done.push("\"look\"".to_owned());
        // Where QEMU's screen gets a new surface, its first picture is still of the old one.
        self.pair.judge.screen()?;
        let want = self.pair.judge.screen()?;
        if want.width > LARGEST.0 || want.height > LARGEST.1 {
            return Err(format!("a picture of {}x{}", want.width, want.height));
        }
        // What came before it is not waited for by the adapter: an answer says that it is done.
        self.pair.mmio_read(DISPI, Width::Word)?;
        shows(&want)
    }

    fn act(&mut self) -> Result<(), String> {
        let kinds = if self.has_ports() { 12 } else { 6 };
        let random = &mut self.random;
        match random.below(kinds) {
            0 | 1 => {
                let len = usize::try_from(1 + random.below(64)).unwrap_or(1);
                let bytes: Vec<u8> = (0..len).map(|_| random.byte()).collect();
                // Not plane 2 alone: QEMU does not see that fonts are written here.
                let at = u32::from(random.word()) * random.of(&[1, 4]).unwrap_or(1);
                let planes = if self.has_ports() { 2 } else { len };
                let bytes = bytes.get(..planes.min(len)).unwrap_or_default();
                self.pair.write(Space::Lfb, at & !3, bytes)
            }
            2 => {
                let at = u32::from(random.word()) * 4;
                let len = 1 + usize::from(random.byte());
                self.pair.read(Space::Lfb, at, len)
            }
            3 => self.word(),
            4 | 5 => self.look_up(),
            6 => {
                let index = random.of(&[1, 2, 3, 4, 0]).unwrap_or(0);
                let value = random.byte();
                self.indexed(0x3c4, index, value)
            }
            7 => {
                let index = random.of(&[0, 1, 2, 3, 4, 5, 7, 8]).unwrap_or(0);
                let value = random.byte();
                self.indexed(0x3ce, index, value)
            }
            8 | 9 => {
                const CRTC: &[u8] =
                    &[0x01, 0x08, 0x0c, 0x0d, 0x0e, 0x0f, 0x11, 0x13, 0x14, 0x17, 0x18];
                let index = random.of(CRTC).unwrap_or(0x0d);
                let value = random.byte();
                let value = if index == 1 { value % 100 } else { value };
                self.indexed(0x3d4, index, value)
            }
            10 => {
                let index = random.of(&[0, 3, 8, 15, 0x11, 0x12, 0x13, 0x14]).unwrap_or(0);
                let value = random.byte();
                self.attribute(index, value)
            }
            _ => {
                let colour = random.byte();
                self.port(0x3c8, Width::Byte, colour.into())?;
                for _ in 0..4 {
                    let part = self.random.byte();
                    self.port(0x3c9, Width::Byte, part.into())?;
                }
                Ok(())
            }
        }
    }

    fn indexed(&mut self, port: u16, index: u8, value: u8) -> Result<(), String> {
        self.port(port, Width::Word, u32::from(value) << 8 | u32::from(index))
    }

    /// One of the bochs words, and what it reads afterwards.
    fn word(&mut self) -> Result<(), String> {
        let choices =
            if self.has_ports() { &[1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 10][..] } else { &[8, 9] };
        let random = &mut self.random;
        let index = random.of(choices).unwrap_or(1);
        let value = match index {
            1 | 6 => 8 * (random.word() % 125),
            2 => random.word() % 600,
            3 => random.of(&[4, 8, 15, 16, 24, 32, 7]).unwrap_or(32),
            4 => random.of(&[0, 0x41, 0xc1, 0x61, 1, 3, 2, 0x81]).unwrap_or(0),
            // Pictures begin at four bytes, but for QEMU's bochs interface alone.
            8 | 9 => 2 * (random.word() % 32),
            _ => random.word(),
        };
        self.dispi(index, value)?;
        self.pair.mmio_read(DISPI + 2 * u32::from(index), Width::Word)
    }

    /// Reads a register of a place of BAR2 that both devices have, at any width.
    fn look_up(&mut self) -> Result<(), String> {
        if self.has_order && self.random.below(4) == 0 {
            let order = self.random.of(&[0xbebe_bebe, 0x1e1e_1e1e, 0]).unwrap_or(0);
            self.pair.mmio_write(0x604, Width::Dword, order)?;
        }
        let random = &mut self.random;
        let width = random.of(&[Width::Byte, Width::Word, Width::Dword]).unwrap_or(Width::Byte);
        let place =
            random.of(&[0x1c0, 0x300, 0x3f0, 0x400, 0x410, 0x500, 0x510, 0x5f8, 0x600, 0xff0]);
        let at = place.unwrap_or(0) + u32::try_from(random.below(0x10)).unwrap_or(0);
        // Displays are described in other words, and QEMU's bochs interface alone has no virtual height.
        let differs = |at: u32| match self.adapter.region(at) {
            (Region::Edid, _) => true,
            (Region::Dispi, at) => at / 2 == VIRTUAL_HEIGHT && !self.has_ports(),
            _ => false,
        };
        if (at..at + width.bytes()).any(differs) { Ok(()) } else { self.pair.mmio_read(at, width) }
    }
}
