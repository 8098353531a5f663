//! Reads every evdev device and tells each event as it came.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};

/// The kernel's `struct input_event` on 64-bit machines: two 8-byte times, then type, code, value.
const EVENT_BYTES: usize = 24;
/// What reading from a device answers that was plugged out: the kernel's `ENODEV`.
const GONE: i32 = 19;

/// The input devices that are open, by the kernel's name (`event0`).
#[derive(Default)]
pub(crate) struct Inputs {
    devices: BTreeMap<String, Device>,
}

struct Device {
    file: File,
    label: String,
    /// It was plugged out.
    gone: bool,
}

impl Inputs {
    /// Opens devices that appeared and returns a line for each; forgets those that are gone.
    pub(crate) fn scan(&mut self) -> Vec<String> {
        self.devices.retain(|_, device| !device.gone);
        let Ok(folder) = fs::read_dir("/dev/input") else { return Vec::new() };
        let names = folder.flatten().filter_map(|entry| entry.file_name().into_string().ok());
        let mut found = Vec::new();
        for name in names.filter(|name| name.starts_with("event")) {
            if self.devices.contains_key(&name) {
                continue;
            }
            let Ok(file) = File::open(format!("/dev/input/{name}")) else { continue };
            let label = fs::read_to_string(format!("/sys/class/input/{name}/device/name"));
            let label = label.unwrap_or_default().trim().replace(' ', "_");
            found.push(format!("INPUT {label}"));
            self.devices.insert(name, Device { file, label, gone: false });
        }
        found
    }

    /// What to wait on, in the order that `read` takes indices.
    pub(crate) fn fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.devices.values().map(|device| device.file.as_fd())
    }

    /// Reads from the device at an index of `fds` and returns a line for each event.
    pub(crate) fn read(&mut self, index: usize) -> io::Result<Vec<String>> {
        let Some(device) = self.devices.values_mut().nth(index) else { return Ok(Vec::new()) };
        let mut bytes = [0; EVENT_BYTES * 64];
        let count = match device.file.read(&mut bytes) {
            Err(error) if error.raw_os_error() == Some(GONE) => {
                device.gone = true;
                0
            }
            read => read?,
        };
        let events = bytes.iter().take(count).copied().collect::<Vec<u8>>();
        let lines = events.chunks_exact(EVENT_BYTES).filter_map(|event| {
            let (kind, rest) = event.get(16..)?.split_first_chunk::<2>()?;
            let (code, rest) = rest.split_first_chunk::<2>()?;
            let value = i32::from_le_bytes(*rest.first_chunk()?);
            let (kind, code) = (u16::from_le_bytes(*kind), u16::from_le_bytes(*code));
            Some(format!("EV {} {kind} {code} {value}", device.label))
        });
        Ok(lines.collect())
    }
}
