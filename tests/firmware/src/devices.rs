//! What the emulated processor reaches beside memory: our VGA, its PCI registers, and a serial port. What
//! goes to the VGA's ports is written down as QEMU traces it.

use std::collections::VecDeque;
use std::fmt::Write as _;

use porthole_vectors::vga::Model;
use porthole_vga_device::{Vga, Width};

/// Where the device is on the bus; a BIOS is told.
pub(crate) const BUS_ADDRESS: u16 = 0x10;
const CONFIGURATION: u32 = 0x8000_0000;
/// PCI registers that are not the addresses: id, command, class, subsystem.
const IDENTITY: [(u32, u32); 4] =
    [(0x00, 0x1111_1234), (0x04, 0x0000_0007), (0x08, 0x0300_0002), (0x2c, 0x1100_1af4)];

const SERIAL: u16 = 0x3f8;
/// The transmitter is empty, and whether a byte was received.
const EMPTY: u8 = 0x60;
const RECEIVED: u8 = 1;

/// Where the device's memory is, as its BIOS finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bars {
    /// Video memory.
    pub memory: u32,
    /// Its registers.
    pub registers: u32,
}

/// All devices of the emulated machine.
#[derive(Debug)]
pub(crate) struct Devices {
    pub(crate) model: Model,
    pub(crate) bars: Bars,
    /// Accesses to the VGA's ports, a line each.
    pub(crate) log: String,
    /// What the guest said over the line, and what it has yet to read.
    pub(crate) said: Vec<u8>,
    pub(crate) unread: VecDeque<u8>,
    address: u32,
    /// The line's rate is set where its bytes are otherwise.
    sets_rate: bool,
}

impl Devices {
    pub(crate) fn new(model: Model, bars: Bars) -> Self {
        let (log, said, unread) = (String::new(), Vec::new(), VecDeque::new());
        Self { model, bars, log, said, unread, address: 0, sets_rate: false }
    }

    fn note(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = self.log.write_fmt(line);
        self.log.push('\n');
    }

    /// Reads a port.
    pub(crate) fn input(&mut self, port: u16, width: Width) -> u32 {
        match port {
            0x1ce..=0x1d0 => self.dispi_read(port, width),
            0x3b0..=0x3df => self.vga_read(port, width),
            0xcf8 => self.address,
            0xcfc..=0xcff => self.configuration() >> (8 * (port & 3)),
            SERIAL => self.unread.pop_front().map_or(0, u32::from),
            _ if port == SERIAL + 5 => {
                u32::from(EMPTY | if self.unread.is_empty() { 0 } else { RECEIVED })
            }
            _ => u32::MAX,
        }
    }

    /// Writes a port.
    pub(crate) fn output(&mut self, port: u16, width: Width, value: u32) {
        let [low, ..] = value.to_le_bytes();
        match port {
            0x1ce..=0x1d0 => self.dispi_write(port, width, value),
            0x3b0..=0x3df => self.vga_write(port, width, value),
            0xcf8 => self.address = value,
            0xcfc..=0xcff => self.configure(value),
            SERIAL if !self.sets_rate => self.said.push(low),
            _ if port == SERIAL + 3 => self.sets_rate = low & 0x80 != 0,
            _ => {}
        }
    }

    fn dispi_read(&mut self, port: u16, width: Width) -> u32 {
        let index = index(self.model.vga());
        let value = self.model.vga().pio_read(port, width);
        if port > 0x1ce && width == Width::Word {
            self.note(format_args!("vga_vbe_read index 0x{index:x}, val 0x{value:x}"));
        }
        value
    }

    fn dispi_write(&mut self, port: u16, width: Width, value: u32) {
        let index = index(self.model.vga());
        if port > 0x1ce && width == Width::Word {
            let value = value & 0xffff;
            self.note(format_args!("vga_vbe_write index 0x{index:x}, val 0x{value:x}"));
        }
        self.model.vga().pio_write(port, width, value);
    }

    fn vga_read(&mut self, port: u16, width: Width) -> u32 {
        let value = self.model.vga().pio_read(port, width);
        for (port, byte) in bytes(port, width, value) {
            self.note(format_args!("vga_std_read_io addr 0x{port:x}, val 0x{byte:x}"));
        }
        value
    }

    fn vga_write(&mut self, port: u16, width: Width, value: u32) {
        // Of the two sets of ports, that which does not answer is not traced.
        let [miscellaneous, ..] = self.model.vga().pio_read(0x3cc, Width::Byte).to_le_bytes();
        let colour = miscellaneous & 1 != 0;
        for (port, byte) in bytes(port, width, value) {
            if !(0x3b0..0x3c0).contains(&port) && !(0x3d0..).contains(&port)
                || (port >= 0x3d0) == colour
            {
                self.note(format_args!("vga_std_write_io addr 0x{port:x}, val 0x{byte:x}"));
            }
        }
        self.model.vga().pio_write(port, width, value);
    }

    fn register(&self) -> Option<u32> {
        let [register, function, bus, _] = self.address.to_le_bytes();
        let here = self.address & CONFIGURATION != 0 && bus == 0;
        (here && u16::from(function) == BUS_ADDRESS).then_some(u32::from(register & 0xfc))
    }

    fn configuration(&self) -> u32 {
        match self.register() {
            // Memory that may be fetched ahead.
            Some(0x10) => self.bars.memory | 8,
            Some(0x18) => self.bars.registers,
            Some(register) => {
                let known = IDENTITY.iter().find(|(at, _)| *at == register);
                known.map_or(0, |(_, value)| *value)
            }
            None => u32::MAX,
        }
    }

    /// A BIOS for video reads addresses and sets none: others have done it.
    fn configure(&mut self, value: u32) {
        match self.register() {
            Some(0x10) => self.bars.memory = value & !0xf,
            Some(0x18) => self.bars.registers = value & !0xf,
            _ => {}
        }
    }
}

fn index<V: porthole_vga_device::Vram>(vga: &mut Vga<V>) -> u32 {
    vga.pio_read(0x1ce, Width::Word)
}

/// The bytes of an access, of those ports that there are.
fn bytes(port: u16, width: Width, value: u32) -> impl Iterator<Item = (u16, u8)> {
    let count = usize::try_from(width.bytes()).unwrap_or(0);
    (port..).zip(value.to_le_bytes()).take(count).filter(|(port, _)| {
        matches!(port, 0x3b4 | 0x3b5 | 0x3ba | 0x3c0..=0x3cf | 0x3d4 | 0x3d5 | 0x3da)
    })
}
