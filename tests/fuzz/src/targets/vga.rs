//! A guest's accesses to the VGA: ports, the window, video memory and BAR2, in any order, with looks at the
//! screen between them. The memory is watched: an access outside of it is a finding, and so is one too many.

use std::cell::Cell;
use std::time::Duration;

use porthole_pixel::Size;
use porthole_vga_device::{Behaviour, Memory, Model, Source, Vga, Vram, Width};

use crate::input::Input;

pub(crate) const MOST_STEPS: usize = 600;
/// Looks at the screen, which may be large.
const MOST_LOOKS: usize = 6;
const MOST_PIXELS: u32 = 1 << 16;
pub(crate) const MEMORY: u32 = 256 << 10;
/// What one access of a guest reads and writes at most: eight bytes, each with its cell.
const MOST_MOVED: u64 = 8 * 8;
/// What text reads of its fonts.
const FONTS: u64 = 2 * 8192 * 4;

/// What the first byte of a step means; 12 is a look too.
pub(crate) mod step {
    pub(crate) const PORT_WRITE: u8 = 0;
    pub(crate) const PORT_WRITE_WORD: u8 = 1;
    pub(crate) const DISPI: u8 = 2;
    pub(crate) const WINDOW_WRITE: u8 = 3;
    pub(crate) const WINDOW_READ: u8 = 4;
    pub(crate) const MEMORY_WRITE: u8 = 5;
    pub(crate) const MMIO_WRITE: u8 = 6;
    pub(crate) const MMIO_READ: u8 = 7;
    pub(crate) const PORT_READ: u8 = 8;
    pub(crate) const FILL: u8 = 9;
    pub(crate) const WAIT: u8 = 10;
    pub(crate) const LOOK: u8 = 11;
    pub(crate) const SAVE: u8 = 13;
    pub(crate) const RESTORE: u8 = 14;
    pub(crate) const RARE: u8 = 15;
}

const WIDTHS: [Width; 4] = [Width::Byte, Width::Word, Width::Dword, Width::Qword];

/// Video memory that notices what leaves it, and counts.
struct Watched {
    memory: Memory,
    moved: Cell<u64>,
}

impl Watched {
    fn count(&self, at: u32, len: u32) {
        assert!(
            u64::from(at) + u64::from(len) <= u64::from(self.memory.len()),
            "{at:#x} + {len:#x}"
        );
        self.moved.set(self.moved.get() + u64::from(len));
    }
}

impl Vram for Watched {
    fn len(&self) -> u32 {
        self.memory.len()
    }

    fn load(&self, at: u32) -> u8 {
        self.count(at, 1);
        self.memory.load(at)
    }

    fn store(&self, at: u32, value: u8) {
        self.count(at, 1);
        self.memory.store(at, value);
    }

    fn load_cell(&self, cell: u32) -> u32 {
        self.count(cell.checked_mul(4).unwrap(), 4);
        self.memory.load_cell(cell)
    }

    fn store_cell(&self, cell: u32, value: u32) {
        self.count(cell.checked_mul(4).unwrap(), 4);
        self.memory.store_cell(cell, value);
    }

    fn copy_out(&self, at: u32, into: &mut [u8]) {
        self.count(at, u32::try_from(into.len()).unwrap());
        self.memory.copy_out(at, into);
    }

    fn clear(&self, at: u32, len: u32) {
        self.count(at, len);
        self.memory.clear(at, len);
    }
}

type Device = Vga<Watched>;

/// The device, and whoever looks only at lines that it says have changed.
struct Machine {
    vga: Device,
    seen: Vec<u32>,
    size: Size,
    time: Duration,
    looks: usize,
}

pub(crate) fn run(bytes: &[u8]) {
    let mut machine = played(bytes);
    machine.look();
    machine.save();
}

/// The size and the first pixels of the picture after a script.
#[cfg(test)]
pub(crate) fn shown(bytes: &[u8]) -> (Size, Vec<u32>) {
    let mut machine = played(bytes);
    machine.look();
    (machine.size, machine.seen)
}

fn played(bytes: &[u8]) -> Machine {
    let mut input = Input::new(bytes);
    let model = input.one_of(&[Model::Vga, Model::Bochs, Model::VirtioVga, Model::Acrn]);
    let hardware = input.flag();
    let mut machine = Machine {
        vga: device(model, hardware),
        seen: Vec::new(),
        size: Size::new(0, 0),
        time: Duration::ZERO,
        looks: 0,
    };
    for _ in 0..MOST_STEPS {
        if input.is_empty() {
            break;
        }
        machine.step(&mut input);
    }
    machine
}

fn device(model: Model, hardware: bool) -> Device {
    let memory = Watched { memory: Memory::new(MEMORY), moved: Cell::new(0) };
    let behaviour = if hardware { Behaviour::Hardware } else { Behaviour::Qemu };
    let vga = Vga::new(model, memory).expect("memory of a right size");
    vga.with_behaviour(behaviour).with_edid(&[0x5a; 256])
}

impl Machine {
    fn step(&mut self, input: &mut Input<'_>) {
        match input.u8() % 16 {
            step::PORT_WRITE => {
                let port = 0x3b0 + u16::from(input.u8() % 0x30);
                self.access(|vga| vga.pio_write(port, Width::Byte, input.u8().into()));
            }
            step::PORT_WRITE_WORD => {
                let port = 0x3b0 + u16::from(input.u8() % 0x30);
                self.access(|vga| vga.pio_write(port, Width::Word, input.u16().into()));
            }
            step::DISPI => {
                let (index, value) = (u32::from(input.u8() % 12), input.u16());
                self.access(|vga| vga.pio_write(0x1ce, Width::Word, index));
                self.dispi(|vga| vga.pio_write(0x1cf, Width::Word, value.into()));
            }
            step::WINDOW_WRITE => {
                let (at, width) = (window(input), input.one_of(&WIDTHS));
                self.access(|vga| vga.mem_write(at, width, input.u64()));
            }
            step::WINDOW_READ => {
                let (at, width) = (window(input), input.one_of(&WIDTHS));
                self.access(|vga| assert!(vga.mem_read(at, width) <= width.ones()));
            }
            step::MEMORY_WRITE => {
                let (at, width) = (address(input), input.one_of(&WIDTHS));
                self.access(|vga| vga.lfb_write(at, width, input.u64()));
            }
            step::MMIO_WRITE => {
                let (at, width) = (u32::from(input.u16()), input.one_of(&WIDTHS));
                self.dispi(|vga| vga.mmio_write(at, width, input.u64()));
            }
            step::MMIO_READ => {
                let (at, width) = (u32::from(input.u16()), input.one_of(&WIDTHS));
                self.access(|vga| assert!(vga.mmio_read(at, width) <= width.ones()));
            }
            step::PORT_READ => {
                let (port, width) = (input.u16(), input.one_of(&WIDTHS));
                self.access(|vga| assert!(u64::from(vga.pio_read(port, width)) <= width.ones()));
            }
            step::FILL => self.fill(input),
            step::WAIT => self.time += Duration::from_millis(input.u16().into()),
            step::LOOK | 12 => self.look(),
            step::SAVE => self.save(),
            step::RESTORE => self.restore(input),
            _ => match input.u8() % 4 {
                0 => self.vga.reset(),
                1 => self.vga.mark_written(address(input)..address(input)),
                2 => self.vga.set_edid(input.bytes(32)),
                _ => {
                    let at = address(input);
                    self.access(|vga| assert!(vga.lfb_read(at, Width::Byte) <= 0xff));
                }
            },
        }
    }

    /// One access, which costs no more than its bytes.
    fn access(&mut self, act: impl FnOnce(&mut Device)) {
        self.vga.vram().moved.set(0);
        act(&mut self.vga);
        assert!(self.vga.vram().moved.get() <= MOST_MOVED, "too much is moved");
    }

    /// One access that may set a mode, for which memory is cleared; a wide one sets words in turn.
    fn dispi(&mut self, act: impl FnOnce(&mut Device)) {
        self.vga.vram().moved.set(0);
        act(&mut self.vga);
        assert!(self.vga.vram().moved.get() <= 4 * u64::from(MEMORY), "too much is cleared");
    }

    /// Memory that a guest has mapped.
    fn fill(&mut self, input: &mut Input<'_>) {
        let (start, count) = (u32::from(input.u16()) * 4 % MEMORY, u32::from(input.u8()) * 4);
        let (seed, step) = (input.u8(), input.u8());
        let end = (start + count).min(MEMORY);
        let mut value = seed;
        for at in start..end {
            self.vga.vram().memory.store(at, value);
            value = value.wrapping_add(step);
        }
        self.vga.mark_written(start..end);
    }

    fn look(&mut self) {
        self.looks += 1;
        if self.looks > MOST_LOOKS {
            return;
        }
        self.vga.advance(self.time);
        self.vga.vram().moved.set(0);
        let picture = self.vga.picture();
        let area = picture.size.area();
        assert!(picture.size.width <= 16_000 && picture.size.height <= 12_000 && area > 0);
        if picture.source == Source::Held {
            assert!(picture.dirty.is_empty(), "a held picture changes");
            return;
        }
        let same = self.size == picture.size;
        if !same {
            assert!(
                picture.dirty.iter().map(|lines| lines.end - lines.start).sum::<u32>()
                    == picture.size.height
            );
            let kept = usize::try_from(area.min(MOST_PIXELS.into())).unwrap();
            (self.size, self.seen) = (picture.size, vec![0x5a5a_5a5a; kept]);
        }
        let ends: Vec<u32> =
            picture.dirty.iter().flat_map(|lines| [lines.start, lines.end]).collect();
        assert!(ends.is_sorted() && ends.last().is_none_or(|end| *end <= picture.size.height));
        let stride = usize::try_from(picture.size.width).unwrap();
        // Of a large picture only the first lines are drawn: what goes wrong there does so in a small one.
        let drawn = picture.size.height.min((MOST_PIXELS / picture.size.width).max(1));
        let changed: Vec<_> = picture
            .dirty
            .iter()
            .map(|lines| lines.start.min(drawn)..lines.end.min(drawn))
            .filter(|lines| !lines.is_empty())
            .collect();
        self.vga.convert_into(&changed, &mut self.seen, stride);
        let whole = self.draw(drawn);
        // Twice at most what a picture has, and text's cells and fonts.
        let most = 2 * (area * 4 + u64::from(picture.size.height) * 64) + 4 * 17_000 + FONTS;
        let moved = self.vga.vram().moved.get();
        assert!(moved <= most, "{moved} bytes for a picture of {:?}", picture.size);
        if let Some(at) = whole.iter().zip(&self.seen).position(|(a, b)| a != b) {
            panic!("line {} changed unseen, told were {:?}", at / stride, picture.dirty);
        }
        if let Some(next) = self.vga.next_change() {
            assert!(next > self.time, "it changes at once by itself");
        }
        if let Source::Vram { offset, stride } = picture.source {
            let end = u64::from(offset) + u64::from(stride) * u64::from(picture.size.height);
            assert!(end <= u64::from(MEMORY), "a picture outside of memory");
        }
    }

    /// So many lines, drawn anew.
    fn draw(&mut self, lines: u32) -> Vec<u32> {
        let stride = usize::try_from(self.size.width).unwrap();
        let mut whole = vec![0; stride * usize::try_from(lines).unwrap()];
        self.vga.convert_into(std::slice::from_ref(&(0..lines)), &mut whole, stride);
        assert!(whole.iter().all(|pixel| *pixel <= 0x00ff_ffff), "more than colours");
        whole
    }

    /// A device made of the snapshot is this one.
    fn save(&mut self) {
        let snapshot = self.vga.snapshot();
        let mut other = device(self.vga.model(), self.vga.behaviour() == Behaviour::Hardware);
        other.restore(&snapshot).expect("our own snapshot");
        assert!(other.snapshot() == snapshot, "a snapshot is saved otherwise");
    }

    /// What somebody made of a snapshot: refused, and nothing has changed, or a device like any other.
    fn restore(&mut self, input: &mut Input<'_>) {
        let was = self.vga.snapshot();
        let mut snapshot = was.clone();
        for _ in 0..=input.u8() % 4 {
            let at = usize::from(input.u16()) % snapshot.len();
            snapshot[at] ^= input.u8();
        }
        match self.vga.restore(&snapshot) {
            Ok(()) => assert!(self.vga.snapshot() == snapshot, "another device was restored"),
            Err(_) => assert!(self.vga.snapshot() == was, "a refused snapshot changed something"),
        }
    }
}

/// An offset in the window at 0xA0000, and a little beyond it.
fn window(input: &mut Input<'_>) -> u32 {
    let (high, low) = (input.u8(), input.u16());
    match high {
        0xff => u32::MAX - u32::from(low),
        high => u32::from(high % 3) << 16 | u32::from(low),
    }
}

/// An offset in video memory, and beyond it.
fn address(input: &mut Input<'_>) -> u32 {
    let (high, low) = (input.u8(), input.u16());
    match high {
        0xff => u32::MAX - u32::from(low),
        high => u32::from(high % 5) << 16 | u32::from(low),
    }
}
