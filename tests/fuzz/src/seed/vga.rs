//! Seeds from traces of `porthole-vga`: what a real guest did to the VGA, as scripts for the target `vga`.
//!
//! The target has [`MEMORY`] bytes of video memory, so places in it are moved there. What a guest does, and
//! in which order, stays; between two looks the clock goes on as it did.

use std::io::Read;

use porthole_trace::{Event, ReadError, Reader};

use super::LONGEST;
use crate::targets::vga::{MEMORY, MOST_STEPS, step};

/// Regions of the PCI function, as the trace numbers them (VFIO's numbers).
const VRAM: u8 = 0;
const MMIO: u8 = 2;
const LEGACY: u8 = 8;
/// The window of 128 KiB in the first megabyte.
const WINDOW: u64 = 0xa_0000;
const WINDOW_END: u64 = 0xc_0000;
/// The VGA's ports.
const PORTS: u64 = 0x3b0;
const PORTS_END: u64 = 0x3e0;
/// The ports of the bochs registers: which one, and its value, at the odd and at the even address.
const DISPI_INDEX: u64 = 0x1ce;
const DISPI_DATA: [u64; 2] = [0x1cf, 0x1d0];
/// Of a long access so much is kept.
const LONGEST_BLOCK: usize = 128;

/// The scripts of a trace: each goes on where the one before it ended, with a device of its own.
///
/// # Errors
/// When the file is none; one that was cut gives what is there.
pub fn of_trace(source: impl Read) -> Result<Vec<Vec<u8>>, ReadError> {
    let (start, mut reader) = Reader::open(source)?;
    let Some(at) = start.devices.iter().position(|device| device.kind == "vga") else {
        return Ok(Vec::new());
    };
    let model = start.devices.get(at).and_then(|device| device.options.get("model")?.as_str());
    let mut scripts = Scripts::new(model.unwrap_or_default());
    while let Ok(Some((_, device, event))) = reader.next() {
        if usize::from(device) == at {
            scripts.take(&event);
        }
    }
    Ok(scripts.end())
}

struct Scripts {
    done: Vec<Vec<u8>>,
    script: Vec<u8>,
    steps: usize,
    /// Which model, and that it is QEMU's.
    head: [u8; 2],
    /// The bochs register that the next value is for.
    index: u8,
    time_us: u64,
}

impl Scripts {
    fn new(model: &str) -> Self {
        let number = match model {
            "vga" => 0,
            "bochs" => 1,
            "acrn" => 3,
            _ => 2,
        };
        let head = [number, 0];
        Self { done: Vec::new(), script: head.to_vec(), steps: 0, head, index: 0, time_us: 0 }
    }

    fn take(&mut self, event: &Event<'_>) {
        match *event {
            Event::Access { space, write, address, width, value } => {
                self.access((space, write), address, width, value);
            }
            Event::Block { space, write, address, bytes } => {
                let kept = bytes.get(..bytes.len().min(LONGEST_BLOCK)).unwrap_or_default();
                for (bytes, number) in kept.as_chunks::<8>().0.iter().zip(0_u64..) {
                    let at = address.wrapping_add(8 * number);
                    self.access((space, write), at, 8, u64::from_le_bytes(*bytes));
                }
            }
            // What the guest wrote into memory that it has mapped.
            Event::Memory { address, bytes } => {
                let first = bytes.first().copied().unwrap_or(0);
                let second = bytes.get(1).copied().unwrap_or(first);
                let [low, high, ..] = (address % u64::from(MEMORY) / 4).to_le_bytes();
                let count = u8::try_from(bytes.len() / 4).unwrap_or(u8::MAX);
                self.step(&[step::FILL, low, high, count, first, second.wrapping_sub(first)]);
            }
            Event::Look { time_us, .. } => {
                let passed = time_us.saturating_sub(self.time_us) / 1000;
                self.time_us = time_us;
                let [low, high] = u16::try_from(passed).unwrap_or(u16::MAX).to_le_bytes();
                self.step(&[step::WAIT, low, high]);
                self.step(&[step::LOOK]);
            }
            Event::Reset => self.step(&[step::RARE, 0]),
            _ => {}
        }
    }

    /// One access; those of a width that no bus has, and those of others than the VGA, are left out.
    fn access(&mut self, (space, write): (u8, bool), address: u64, width: u8, value: u64) {
        let Some(code) = [1, 2, 4, 8].iter().position(|known| *known == width) else { return };
        let code = u8::try_from(code).unwrap_or(0);
        let [low, high, bank, ..] = address.to_le_bytes();
        let place = [low, high];
        let bytes = value.to_le_bytes();
        match (space, write) {
            (MMIO, true) => self.step(&[&[step::MMIO_WRITE, low, high, code], &bytes[..]].concat()),
            (MMIO, false) => self.step(&[step::MMIO_READ, low, high, code]),
            (VRAM, true) => {
                let [.., bank] = ((address % u64::from(MEMORY)) >> 16).to_be_bytes();
                self.step(&[&[step::MEMORY_WRITE, bank, low, high, code], &bytes[..]].concat());
            }
            (LEGACY, _) if (WINDOW..WINDOW_END).contains(&address) => {
                let head = [bank - 0xa, place[0], place[1], code];
                if write {
                    self.step(&[&[step::WINDOW_WRITE], &head[..], &bytes[..]].concat());
                } else {
                    self.step(&[&[step::WINDOW_READ], &head[..]].concat());
                }
            }
            (LEGACY, false) => self.step(&[step::PORT_READ, low, high, code]),
            (LEGACY, true) if address == DISPI_INDEX => self.index = bytes[0],
            (LEGACY, true) if DISPI_DATA.contains(&address) => {
                self.step(&[step::DISPI, self.index, bytes[0], bytes[1]]);
            }
            (LEGACY, true) if (PORTS..PORTS_END).contains(&address) => {
                let port = (address - PORTS).to_le_bytes()[0];
                match width {
                    1 => self.step(&[step::PORT_WRITE, port, bytes[0]]),
                    _ => self.step(&[step::PORT_WRITE_WORD, port, bytes[0], bytes[1]]),
                }
            }
            _ => {}
        }
    }

    fn step(&mut self, step: &[u8]) {
        if self.script.len() + step.len() > LONGEST || self.steps == MOST_STEPS {
            self.done.push(std::mem::replace(&mut self.script, self.head.to_vec()));
            self.steps = 0;
        }
        self.script.extend(step);
        self.steps += 1;
    }

    fn end(mut self) -> Vec<Vec<u8>> {
        if self.steps > 0 {
            self.done.push(self.script);
        }
        self.done
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::{Seek, SeekFrom};

    use porthole_trace::{DeviceInfo, Limits, Start, Tracer};

    use super::*;
    use crate::targets::vga::shown;

    /// What firmware does until there is a picture of 320x200 with 32 bits, and a guest that draws on it.
    fn trace() -> File {
        let mut file = tempfile::tempfile().unwrap();
        let options = serde_json::json!({"model": "combined"});
        let start = Start {
            program: "porthole-vga".to_owned(),
            version: "0".to_owned(),
            guest: "ivi".to_owned(),
            started_ms: 0,
            devices: vec![DeviceInfo { kind: "vga".to_owned(), options }],
        };
        let tracer = Tracer::start(file.try_clone().unwrap(), &start, Limits::default()).unwrap();
        let tap = tracer.tap(0);
        let write = |space, address, width, value| {
            tap.record(|| Event::Access { space, write: true, address, width, value });
        };
        for (index, value) in [(4, 0), (1, 320), (2, 200), (3, 32), (4, 0x41)] {
            write(LEGACY, 0x1ce, 2, index);
            write(LEGACY, 0x1d0, 2, value);
        }
        write(LEGACY, 0x3c0, 1, 0x20);
        tap.record(|| Event::Access {
            space: LEGACY,
            write: false,
            address: 0x3da,
            width: 1,
            value: 0,
        });
        write(VRAM, 0x100_0000, 4, 0x0012_3456);
        tap.record(|| Event::Memory { address: 16, bytes: &[0x77; 16] });
        tap.record(|| Event::Block { space: VRAM, write: true, address: 64, bytes: &[0x55; 24] });
        write(VRAM, 0, 3, 0);
        tap.record(|| Event::Look { time_us: 20_000, anew: false });
        tracer.flush();
        drop(tap);
        drop(tracer);
        file.seek(SeekFrom::Start(0)).unwrap();
        file
    }

    #[test]
    fn what_a_guest_did_is_a_script_that_shows_its_picture() {
        let scripts = of_trace(trace()).unwrap();
        let [script] = &scripts[..] else { panic!("{} scripts", scripts.len()) };
        let (size, pixels) = shown(script);
        assert_eq!((size.width, size.height), (320, 200));
        assert_eq!(pixels[0], 0x0012_3456, "a write, moved into the target's memory");
        assert_eq!(pixels[4..8], [0x0077_7777; 4], "mapped memory");
        assert_eq!(pixels[16..23], [&[0x0055_5555; 6][..], &[0]].concat(), "a long access");
        (crate::target("vga").unwrap().run)(script);
    }

    #[test]
    fn a_long_trace_gives_scripts_that_fit() {
        let mut scripts = Scripts::new("vga");
        for address in 0..5000 {
            scripts.take(&Event::Access {
                space: LEGACY,
                write: true,
                address: PORTS + address % 48,
                width: 1,
                value: 3,
            });
        }
        let scripts = scripts.end();
        assert_eq!(scripts.len(), 9);
        assert!(scripts.iter().all(|script| script.len() <= LONGEST && script[..2] == [0, 0]));
    }

    #[test]
    fn a_trace_without_a_vga_gives_nothing() {
        let start = Start {
            program: "porthole-gpu".to_owned(),
            version: "0".to_owned(),
            guest: "ivi".to_owned(),
            started_ms: 0,
            devices: Vec::new(),
        };
        let mut file = tempfile::tempfile().unwrap();
        drop(Tracer::start(file.try_clone().unwrap(), &start, Limits::default()).unwrap());
        file.seek(SeekFrom::Start(0)).unwrap();
        assert!(of_trace(file).unwrap().is_empty());
    }
}
