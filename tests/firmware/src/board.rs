//! An emulated PC: an 80486 (of the crate `rsemu`), memory, and our VGA.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use porthole_vectors::vga::{Model, Pixels, Target as _};
use porthole_vga_device::{Vram as _, WINDOW_LEN, Width};
use rsemu::core::space::{
    AccessConstraints, AddressSpace, MemAttrs, MemOps, MemResult, RamStore, Region,
};
use rsemu::cpu::x86::{Config, Variant, X86};

use crate::devices::{BUS_ADDRESS, Bars, Devices};

/// Memory below the window, and from behind it to 1 MiB.
pub(crate) const LOW: u32 = 0xa_0000;
pub(crate) const HIGH: u32 = 0xc_0000;
const MEGABYTE: u32 = 0x10_0000;
/// Where the VGA's BIOS is.
const ROM: u32 = HIGH;
/// What a BIOS leaves at an interrupt that nobody serves: a return.
const RETURN: u32 = 0xf_ff53;
/// Where it says how much memory there is, in KiB.
const MEMORY_SIZE: u32 = 0x413;
/// Where code of our own is run, and the stack.
const STUB: u32 = 0x600;
const STACK: u64 = 0x7c00;
/// Cycles after which we look whether anything has come of it, and after which nothing will.
const SLICE: u64 = 50_000;
const PATIENCE: u64 = 4_000_000_000;

/// The machine.
pub struct Board {
    devices: Arc<Mutex<Devices>>,
    low: Arc<RamStore>,
    high: Arc<RamStore>,
    cpu: X86,
}

impl std::fmt::Debug for Board {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Board").finish_non_exhaustive()
    }
}

/// What is behind an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Ports,
    Window,
    Memory,
    Registers,
}

#[derive(Debug)]
struct Window {
    devices: Arc<Mutex<Devices>>,
    part: Part,
}

fn lock(devices: &Mutex<Devices>) -> MutexGuard<'_, Devices> {
    devices.lock().unwrap_or_else(PoisonError::into_inner)
}

impl MemOps for Window {
    fn read(&self, offset: u64, into: &mut [u8], attributes: MemAttrs) -> MemResult {
        if attributes.debug {
            into.fill(0xff);
            return Ok(());
        }
        let mut devices = lock(&self.devices);
        let Ok(at) = u32::try_from(offset) else { return Ok(()) };
        // An access of no width that there is goes byte by byte.
        let width = Width::try_from(into.len()).unwrap_or(Width::Byte);
        let step = usize::try_from(width.bytes()).unwrap_or(1);
        for (at, into) in (at..).step_by(step).zip(into.chunks_mut(step)) {
            let value = match self.part {
                Part::Ports => devices.input(port(at), width).into(),
                Part::Window => devices.model.vga().mem_read(at, width),
                Part::Memory => devices.model.vga().lfb_read(at, width),
                Part::Registers => devices.model.vga().mmio_read(at, width),
            };
            for (into, byte) in into.iter_mut().zip(value.to_le_bytes()) {
                *into = byte;
            }
        }
        Ok(())
    }

    fn write(&self, offset: u64, from: &[u8], _: MemAttrs) -> MemResult {
        let mut devices = lock(&self.devices);
        let Ok(at) = u32::try_from(offset) else { return Ok(()) };
        let width = Width::try_from(from.len()).unwrap_or(Width::Byte);
        let step = usize::try_from(width.bytes()).unwrap_or(1);
        for (at, from) in (at..).step_by(step).zip(from.chunks(step)) {
            let value = from.iter().rev().fold(0, |value: u64, byte| value << 8 | u64::from(*byte));
            match self.part {
                Part::Ports => {
                    let value = u32::try_from(value & u64::from(u32::MAX)).unwrap_or(0);
                    devices.output(port(at), width, value);
                }
                Part::Window => devices.model.vga().mem_write(at, width, value),
                Part::Memory => devices.model.vga().lfb_write(at, width, value),
                Part::Registers => devices.model.vga().mmio_write(at, width, value),
            }
        }
        Ok(())
    }

    fn constraints(&self) -> AccessConstraints {
        AccessConstraints::ANY
    }
}

fn port(offset: u32) -> u16 {
    u16::try_from(offset & 0xffff).unwrap_or(0)
}

impl Board {
    /// A machine that was just switched on, with a VGA of 16 MiB whose memory is there.
    ///
    /// # Errors
    /// When the emulator refuses its memory map.
    pub fn new(bars: Bars, edid: &[u8]) -> Result<Self, String> {
        let mut model = Model::new("VGA", 16)?;
        model.vga().set_edid(edid);
        let memory_len = u64::from(model.vga().vram().len());
        let devices = Arc::new(Mutex::new(Devices::new(model, bars)));
        let low = Arc::new(RamStore::new(LOW.into()));
        let high = Arc::new(RamStore::new((MEGABYTE - HIGH).into()));
        let window = |name: &str, len: u64, part| {
            Region::io(name, len, Arc::new(Window { devices: Arc::clone(&devices), part }))
        };
        let memory = AddressSpace::new("memory", 32);
        let mut map = memory.topology();
        for (region, at) in [
            (Region::ram("low", Arc::clone(&low)), 0),
            (window("window", WINDOW_LEN.into(), Part::Window), LOW),
            (Region::ram("high", Arc::clone(&high)), HIGH),
            (window("bar0", memory_len, Part::Memory), bars.memory),
            (window("bar2", 0x1000, Part::Registers), bars.registers),
        ] {
            map.map(region, at.into()).map_err(|error| error.to_string())?;
        }
        drop(map);
        let ports = AddressSpace::new("ports", 16);
        let region = window("ports", 0x1_0000, Part::Ports);
        ports.topology().map(region, 0).map_err(|error| error.to_string())?;
        let cpu = X86::new(Config::default().with_variant(Variant::I80486));
        cpu.attach_space(Arc::new(memory));
        cpu.attach_io_space(Arc::new(ports));
        // The first step is the reset.
        cpu.step();
        Ok(Self { devices, low, high, cpu })
    }

    /// Puts bytes into memory, not into the window.
    ///
    /// # Errors
    /// When there is no memory.
    pub fn load(&self, at: u32, bytes: &[u8]) -> Result<(), String> {
        let (store, offset) = if at < LOW { (&self.low, at) } else { (&self.high, at - HIGH) };
        store.write_at(offset.into(), bytes).map_err(|fault| format!("{at:#x}: {fault:?}"))
    }

    /// What a BIOS leaves for that of the VGA: vectors, and the size of memory.
    ///
    /// # Errors
    /// When there is no memory.
    pub fn load_bios_data(&self) -> Result<(), String> {
        let [low, high, segment, _] = RETURN.to_le_bytes();
        for vector in 0..256 {
            self.load(4 * vector, &[low, high, 0, segment << 4])?;
        }
        self.load(RETURN, &[0xcf])?;
        self.load(MEMORY_SIZE, &640_u16.to_le_bytes())
    }

    /// Starts a VGA's BIOS as the machine's own does, and sets the mode of text with it.
    ///
    /// # Errors
    /// When it does not come to an end.
    pub fn start_rom(&self, rom: &[u8]) -> Result<(), String> {
        self.load(ROM, rom)?;
        let [low, high] = BUS_ADDRESS.to_le_bytes();
        // mov ax, address; call C000:0003; mov ax, 3; int 10h; then a byte over the line, and a loop: a processor that halts waits for an interrupt.
        let stub = [
            &[0xb8, low, high, 0x9a, 3, 0, 0, 0xc0, 0xb8, 3, 0, 0xcd, 0x10][..],
            &[0xba, 0xf8, 3, 0xee, 0xeb, 0xfe],
        ];
        self.load(STUB, &stub.concat())?;
        self.jump(STUB);
        self.wait(1).map(drop)
    }

    /// Goes on at an address, in a real mode without limits as BIOSes leave it.
    pub fn jump(&self, address: u32) {
        let mut registers = self.cpu.regs();
        (registers.cs, registers.ds, registers.es, registers.ss) = (0, 0, 0, 0);
        (registers.rip, registers.rsp, registers.eflags) = (address.into(), STACK, 2);
        self.cpu.set_regs(registers);
        let mut system = self.cpu.sys();
        for segment in &mut system.segs {
            segment.limit = u32::MAX;
        }
        self.cpu.set_sys(system);
    }

    /// Sends bytes over the line.
    pub fn send(&self, bytes: &[u8]) {
        lock(&self.devices).unread.extend(bytes);
    }

    /// Runs until so many bytes came over the line, and takes them.
    ///
    /// # Errors
    /// When the processor halts before, or too long nothing comes.
    pub fn wait(&self, count: usize) -> Result<Vec<u8>, String> {
        let mut left = PATIENCE;
        loop {
            let mut devices = lock(&self.devices);
            if devices.said.len() >= count {
                let rest = devices.said.split_off(count);
                return Ok(std::mem::replace(&mut devices.said, rest));
            }
            drop(devices);
            let used = self.cpu.run(SLICE);
            left = left.saturating_sub(used.max(1));
            if used == 0 || left == 0 {
                let registers = self.cpu.regs();
                let (segment, offset) = (registers.cs, registers.rip);
                let came = lock(&self.devices).said.len();
                return Err(format!(
                    "the processor stopped at {segment:04x}:{offset:04x} after {came} bytes of {count}"
                ));
            }
        }
    }

    /// A line of text that the guest says.
    ///
    /// # Errors
    /// When none comes.
    pub fn line(&self) -> Result<String, String> {
        let mut line = String::new();
        loop {
            match self.wait(1)?.first() {
                Some(b'\n') => return Ok(line),
                Some(byte) => line.push(char::from(*byte)),
                None => {}
            }
        }
    }

    /// What was written to and read from the VGA's ports since the last time.
    pub fn take_log(&self) -> String {
        std::mem::take(&mut lock(&self.devices).log)
    }

    /// Does something with the device.
    pub fn with<T>(&self, act: impl FnOnce(&mut Model) -> T) -> T {
        act(&mut lock(&self.devices).model)
    }

    /// What is shown now.
    ///
    /// # Errors
    /// When what changed was not told to have changed.
    pub fn screen(&self) -> Result<Pixels, String> {
        self.with(|model| model.screen())
    }

    /// The first bytes of video memory.
    #[must_use]
    pub fn video_memory(&self, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        self.with(|model| model.vga().vram().copy_out(0, &mut bytes));
        bytes
    }
}
