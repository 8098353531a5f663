//! The PCI function: which access goes where.
//!
//! Everything here runs while a processor of the guest stands still, so nothing waits for longer than a turn
//! of the worker, and that only where a driver sets the device up.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::Instant;

use porthole_trace::{Event, PIECE, Tap};
use porthole_vfio_device::{Description, Function, Ram, Refused, RegionSpec};
use porthole_vga_device::{Model, Region, Vram, WINDOW_LEN, Width};
use rustix::io::write;

use crate::config::{Config, MSIX_LEN, PORTS_LEN, VECTORS, is_virtio, region};
use crate::monitor::Monitor;
use crate::virtio::{Act, F_EVENT_IDX, QUEUES, Registers};
use crate::worker::Shared;

/// VFIO's legacy region: the window in memory, and ports, at their own addresses.
const LEGACY_LEN: u64 = 0xc_0000;
const WINDOW: u32 = 0xa_0000;
/// The port of the attribute controller in BAR2, and of the input state that makes it take an index.
const ATTRIBUTE: u32 = 0x400;
const STATE: u32 = 0x41a;
const DISPI_ENABLE: u32 = 0x508;
/// Attribute index bit 5: the screen shows something.
const SHOW: u64 = 0x20;

/// The function with all that its registers reach.
#[derive(Debug)]
pub(crate) struct Adapter {
    model: Model,
    config: Config,
    rom: Vec<u8>,
    pub(crate) monitor: Monitor,
    registers: Registers,
    vectors: Vec<Option<OwnedFd>>,
    shared: Arc<Shared>,
    /// The guest has done something that changes the picture, and what.
    touched: Touched,
    /// Where accesses are recorded.
    tap: Tap,
    /// There is no guest: nothing is behind the registers.
    alone: bool,
}

/// What became of the picture since this was last asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Touched {
    /// Registers or memory were written: look soon.
    pub(crate) registers: bool,
    /// A mode was set.
    pub(crate) mode: bool,
    /// virtio-gpu was reset: the VGA has the screen.
    pub(crate) reset: bool,
}

impl Adapter {
    pub(crate) fn new(model: Model, monitor: Monitor, rom: Vec<u8>, shared: Arc<Shared>) -> Self {
        let rom_len = u32::try_from(rom.len()).unwrap_or(0);
        let features = shared.engine().features();
        Self {
            model,
            config: Config::new(model, monitor.vga.vram().len(), rom_len),
            rom,
            monitor,
            registers: Registers::new(features, VECTORS),
            vectors: (0..VECTORS).map(|_| None).collect(),
            shared,
            touched: Touched::default(),
            tap: Tap::default(),
            alone: false,
        }
    }

    /// The same function without a guest, for a replay.
    pub(crate) fn alone(mut self) -> Self {
        self.alone = true;
        self
    }

    /// Records what the guest does from now on.
    pub(crate) fn trace(&mut self, tap: Tap) -> std::io::Result<()> {
        self.tap = tap.clone();
        self.monitor.trace(tap)
    }

    /// Records the whole state where the trace has a hole before. Returns whether it did: the next look is to
    /// show everything anew.
    pub(crate) fn mend_trace(&mut self) -> bool {
        let wanted = self.tap.wants_state();
        if wanted {
            let mut state = self.config.bytes().to_vec();
            state.extend(self.monitor.begin_anew());
            self.tap.state(Some(&state));
        }
        wanted
    }

    /// Whether virtio-gpu answers what is read at a place.
    pub(crate) fn is_elsewhere(&self, space: u32, address: u64) -> bool {
        let at = match space {
            region::CONFIG => {
                let window = self.config.window(address);
                window.filter(|it| it.region == region::MMIO).map(|it| it.offset)
            }
            _ => u32::try_from(address).ok(),
        };
        at.is_some_and(|at| matches!(self.model.region(at), (Region::VirtioDevice, _)))
    }

    /// Takes a state that [`Self::mend_trace`] recorded. False when it is none.
    pub(crate) fn restore(&mut self, state: &[u8]) -> bool {
        let Some((config, vga)) = state.split_first_chunk() else { return false };
        let fits = self.monitor.restore(vga).is_ok();
        if fits {
            self.config.set_bytes(config);
        }
        fits
    }

    /// Records an access. The option ROM stays as it is.
    fn record(&self, region: u32, write: bool, offset: u64, bytes: &[u8]) {
        if region == region::ROM {
            return;
        }
        let space = u8::try_from(region).unwrap_or(u8::MAX);
        let mut wide = [0; 8];
        match wide.get_mut(..bytes.len()) {
            Some(into) => {
                into.copy_from_slice(bytes);
                let (width, value) = (bytes.len().to_le_bytes()[0], u64::from_le_bytes(wide));
                self.tap.record(|| Event::Access { space, write, address: offset, width, value });
            }
            None => {
                for (bytes, number) in bytes.chunks(PIECE).zip(0_u64..) {
                    let address = offset.saturating_add(number.saturating_mul(PIECE as u64));
                    self.tap.record(|| Event::Block { space, write, address, bytes });
                }
            }
        }
    }

    /// What the transport tells the machine monitor.
    pub(crate) fn description(&self, vram: OwnedFd) -> Description {
        let spec = |size: u64| RegionSpec { size, writable: true, file: None };
        let virtio = is_virtio(self.model);
        let mut regions: Vec<RegionSpec> =
            (0..region::COUNT).map(|_| RegionSpec::default()).collect();
        let mut put = |index: u32, spec: RegionSpec| {
            if let Some(place) = usize::try_from(index).ok().and_then(|i| regions.get_mut(i)) {
                *place = spec;
            }
        };
        let memory = u64::from(self.monitor.vga.vram().len());
        put(region::VRAM, RegionSpec { file: Some(vram), ..spec(memory) });
        put(region::MMIO, spec(self.model.mmio_len().into()));
        if virtio {
            put(region::MSIX, spec(MSIX_LEN));
        }
        if self.model.has_virtio_ports() {
            put(region::PORTS, spec(PORTS_LEN.into()));
        }
        let rom = u64::try_from(self.rom.len()).unwrap_or(0);
        put(region::ROM, RegionSpec { writable: false, ..spec(rom) });
        put(region::CONFIG, spec(crate::config::LEN as u64));
        if self.model.has_legacy() {
            put(region::LEGACY, spec(LEGACY_LEN));
        }
        let vectors = if virtio { VECTORS } else { 0 };
        Description { name: "vga", regions, vectors }
    }

    /// What became of the picture since the last call.
    pub(crate) fn take_touched(&mut self) -> Touched {
        std::mem::take(&mut self.touched)
    }

    /// Tells the driver that its displays have changed.
    pub(crate) fn config_changed(&mut self) {
        self.tap.record(|| Event::Changed);
        self.registers.changed();
        if self.registers.is_ready() {
            self.raise(self.registers.config_vector());
        }
    }

    fn raise(&self, vector: u16) {
        if let Some(Some(event)) = self.vectors.get(usize::from(vector)) {
            // Full means that it is raised already.
            let _ = write(event, &1_u64.to_ne_bytes());
        }
    }

    fn event(&self, vector: u16) -> Option<OwnedFd> {
        let event = self.vectors.get(usize::from(vector)).and_then(Option::as_ref);
        event.and_then(|event| event.as_fd().try_clone_to_owned().ok())
    }

    /// Reads registers, in pieces that a bus would make.
    fn mmio_read(&mut self, offset: u32, into: &mut [u8]) {
        match self.model.region(offset) {
            (Region::VirtioCommon, at) => self.registers.read(at, into),
            // MSI-X takes the place of this.
            (Region::VirtioIsr | Region::VirtioNotify, _) => into.fill(0),
            (Region::VirtioDevice, at) => {
                let bytes = self.shared.engine().config(at, into.len());
                into.iter_mut().zip(bytes).for_each(|(into, byte)| *into = byte);
            }
            _ => pieces(offset.into(), into.len(), |at, start, width| {
                let value = self.monitor.vga.mmio_read(low(at), width);
                put(into, start, width, value);
            }),
        }
    }

    fn mmio_write(&mut self, offset: u32, bytes: &[u8]) {
        match self.model.region(offset) {
            (Region::VirtioCommon, at) => {
                if let Some(act) = self.registers.write(at, bytes) {
                    self.act(act);
                }
            }
            (Region::VirtioDevice, at) => self.shared.engine().write_config(at, bytes),
            (Region::VirtioNotify, _) => self.shared.kick(),
            (Region::VirtioIsr, _) => {}
            _ => {
                self.touched.registers = true;
                pieces(offset.into(), bytes.len(), |at, start, width| {
                    let value = get(bytes, start, width);
                    self.monitor.vga.mmio_write(low(at), width, value);
                });
                let end = offset.saturating_add(low(bytes.len() as u64));
                if offset < DISPI_ENABLE + 2 && end > DISPI_ENABLE {
                    self.mode_set();
                }
            }
        }
    }

    /// The port that notifies takes a queue's number, of any width; what is no queue's is dropped.
    fn port_write(&self, offset: u32, bytes: &[u8]) {
        let mut wide = [0; 8];
        wide.iter_mut().zip(bytes).for_each(|(into, byte)| *into = *byte);
        if offset == 0 && u64::from_le_bytes(wide) < QUEUES as u64 {
            self.shared.kick();
        }
    }

    /// The guest has written the bochs register that sets a mode. Firmware that has the registers in a
    /// BAR alone, as bochs-display has, knows nothing of a VGA that must be told to show something.
    fn mode_set(&mut self) {
        let vga = &mut self.monitor.vga;
        if vga.mmio_read(DISPI_ENABLE, Width::Word) & 1 == 0 {
            return;
        }
        self.touched.mode = true;
        if self.model.has_legacy() {
            // The next write is an index again, before and after.
            vga.mmio_read(STATE, Width::Byte);
            vga.mmio_write(ATTRIBUTE, Width::Byte, SHOW);
            vga.mmio_read(STATE, Width::Byte);
        }
    }

    fn act(&mut self, act: Act) {
        if self.alone {
            return;
        }
        match act {
            Act::Reset => self.reset_virtio(),
            Act::Start(index) => {
                let Some(queue) = self.registers.queue(index) else { return };
                let event_idx = self.registers.features() & F_EVENT_IDX != 0;
                let call = self.event(queue.vector);
                if !self.shared.engine().start(index, queue, event_idx, call) {
                    tracing::warn!(index, "a queue of the driver does not lie in its memory");
                }
                self.shared.kick();
            }
            Act::Ready => {
                self.shared.engine().ready();
                tracing::debug!("the driver is ready");
                self.shared.kick();
            }
            Act::Vector(index) => {
                let vector = self.registers.queue(index).map_or(0xffff, |queue| queue.vector);
                let call = self.event(vector);
                self.shared.engine().set_call(index, call);
            }
        }
    }

    fn reset_virtio(&mut self) {
        self.touched.reset |= self.shared.engine().reset(Instant::now());
        self.shared.wake();
    }

    fn legacy_read(&mut self, address: u32, into: &mut [u8]) {
        pieces(address.into(), into.len(), |at, start, width| {
            let at = low(at);
            let vga = &mut self.monitor.vga;
            let value = match at.checked_sub(WINDOW) {
                Some(offset) if offset < WINDOW_LEN => vga.mem_read(offset, width),
                _ => match (port(at), width) {
                    (Some(port), Width::Byte | Width::Word | Width::Dword) => {
                        vga.pio_read(port, width).into()
                    }
                    _ => width.ones(),
                },
            };
            put(into, start, width, value);
        });
    }

    fn legacy_write(&mut self, address: u32, bytes: &[u8]) {
        self.touched.registers = true;
        pieces(address.into(), bytes.len(), |at, start, width| {
            let (at, value) = (low(at), get(bytes, start, width));
            let vga = &mut self.monitor.vga;
            match at.checked_sub(WINDOW) {
                Some(offset) if offset < WINDOW_LEN => vga.mem_write(offset, width, value),
                _ => {
                    if let (Some(port), Ok(value)) = (port(at), u32::try_from(value)) {
                        vga.pio_write(port, width, value);
                    }
                }
            }
        });
    }
}

impl Function for Adapter {
    fn read(&mut self, region: u32, offset: u64, into: &mut [u8]) -> Result<(), Refused> {
        let done = self.read_region(region, offset, into);
        if done.is_ok() && self.tap.is_on() {
            self.record(region, false, offset, into);
        }
        done
    }

    fn write(&mut self, region: u32, offset: u64, bytes: &[u8]) -> Result<(), Refused> {
        if self.tap.is_on() {
            self.record(region, true, offset, bytes);
        }
        self.write_region(region, offset, bytes)
    }

    fn memory(&mut self, ram: &Ram) {
        self.shared.engine().set_ram(ram);
        self.shared.wake();
    }

    fn vector(&mut self, vector: u16, event: Option<OwnedFd>) {
        if let Some(slot) = self.vectors.get_mut(usize::from(vector)) {
            *slot = event;
        }
        for index in 0..QUEUES {
            if self.registers.queue(index).is_some_and(|queue| queue.vector == vector) {
                let call = self.event(vector);
                self.shared.engine().set_call(index, call);
            }
        }
    }

    fn reset(&mut self) {
        tracing::debug!("the machine was reset");
        self.tap.record(|| Event::Reset);
        self.registers.reset();
        self.config.reset();
        self.act(Act::Reset);
        self.monitor.vga.reset();
        self.touched.registers = true;
    }
}

impl Adapter {
    fn read_region(&mut self, region: u32, offset: u64, into: &mut [u8]) -> Result<(), Refused> {
        let at = u32::try_from(offset).map_err(|_| Refused)?;
        match region {
            region::VRAM => self.monitor.vga.vram().copy_out(at, into),
            region::MMIO => self.mmio_read(at, into),
            // The table is the machine monitor's, and no interrupt waits here.
            region::MSIX | region::PORTS => into.fill(0),
            region::ROM => {
                let start = usize::try_from(at).map_err(|_| Refused)?;
                let bytes = self.rom.iter().skip(start).chain(std::iter::repeat(&0));
                into.iter_mut().zip(bytes).for_each(|(into, byte)| *into = *byte);
            }
            region::CONFIG => match self.config.window(offset) {
                Some(window) => {
                    let mut bytes = vec![0; window.len];
                    if window.region == region::MMIO {
                        self.mmio_read(window.offset, &mut bytes);
                    }
                    into.fill(0);
                    into.iter_mut().zip(bytes).for_each(|(into, byte)| *into = byte);
                }
                None => self.config.read(offset, into),
            },
            region::LEGACY => self.legacy_read(at, into),
            _ => return Err(Refused),
        }
        Ok(())
    }

    fn write_region(&mut self, region: u32, offset: u64, bytes: &[u8]) -> Result<(), Refused> {
        let at = u32::try_from(offset).map_err(|_| Refused)?;
        match region {
            region::VRAM => {
                self.touched.registers = true;
                pieces(offset, bytes.len(), |at, start, width| {
                    self.monitor.vga.lfb_write(low(at), width, get(bytes, start, width));
                });
            }
            region::MMIO => self.mmio_write(at, bytes),
            region::MSIX => {}
            region::PORTS => self.port_write(at, bytes),
            region::CONFIG => match self.config.window(offset) {
                Some(window) => {
                    let bytes = bytes.get(..window.len.min(bytes.len())).unwrap_or_default();
                    match window.region {
                        region::PORTS => self.port_write(window.offset, bytes),
                        _ => self.mmio_write(window.offset, bytes),
                    }
                }
                None => self.config.write(offset, bytes),
            },
            region::LEGACY => self.legacy_write(at, bytes),
            _ => return Err(Refused),
        }
        Ok(())
    }
}

/// A legacy port.
fn port(address: u32) -> Option<u16> {
    let port = u16::try_from(address).ok()?;
    matches!(port, 0x1ce..=0x1cf | 0x3b0..=0x3df).then_some(port)
}

fn low(value: u64) -> u32 {
    u32::try_from(value & 0xffff_ffff).unwrap_or(0)
}

/// Cuts an access of any length into accesses that a bus makes: at its address, its place in the bytes, and
/// its width. What is 1, 2, 4 or 8 bytes long and lies at a multiple of that stays whole.
fn pieces(address: u64, len: usize, mut each: impl FnMut(u64, usize, Width)) {
    let mut done = 0;
    while done < len {
        let at = address.saturating_add(done as u64);
        let widths = [8, 4, 2, 1];
        let fits = |width: &usize| *width <= len - done && at.is_multiple_of(*width as u64);
        let bytes = widths.into_iter().find(fits).unwrap_or(1);
        // One of the four is always a width.
        if let Ok(width) = Width::try_from(bytes) {
            each(at, done, width);
        }
        done += bytes;
    }
}

fn put(into: &mut [u8], start: usize, width: Width, value: u64) {
    let bytes = into.iter_mut().skip(start).take(width.bytes() as usize);
    bytes.zip(value.to_le_bytes()).for_each(|(into, byte)| *into = byte);
}

fn get(from: &[u8], start: usize, width: Width) -> u64 {
    let mut bytes = [0; 8];
    let from = from.iter().skip(start).take(width.bytes() as usize);
    bytes.iter_mut().zip(from).for_each(|(into, byte)| *into = *byte);
    u64::from_le_bytes(bytes)
}

#[cfg(test)]
mod tests;
