//! What goes into a trace, and its file.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use porthole_client::present;
use porthole_gpu_device::{Event as Shown, Frame, GuestMemory, NotRam, Options};
use porthole_input_device::{Event as Word, Input, PenPlace};
use porthole_pixel::Rect;
use porthole_trace::{DeviceInfo, Event, Input as Done, Limits, Start, Tap, Tracer};
use porthole_virtio_device::{Chain, GuestRam};
use rustix::fs::OFlags;
use serde_json::json;

/// The file of a trace and what it begins with.
#[derive(Debug)]
pub struct Opened {
    file: File,
    /// The same file past the system's cache.
    direct: Option<File>,
    start: Start,
    limits: Limits,
}

/// Makes the file of the trace that the command line asks for. A trace that was there before is kept
/// beside it.
///
/// # Errors
/// The system's, when there can be no such file.
pub fn open(
    program: &str,
    guest: &str,
    path: &Path,
    limit_mib: u32,
    devices: Vec<DeviceInfo>,
) -> io::Result<Opened> {
    let file = create(path)?;
    let flags = i32::try_from(OFlags::DIRECT.bits()).unwrap_or(0);
    // Not every file system has it.
    let direct = OpenOptions::new().write(true).custom_flags(flags).open(path).ok();
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let start = Start {
        program: program.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        guest: guest.to_owned(),
        started_ms: u64::try_from(since.as_millis()).unwrap_or(u64::MAX),
        devices,
    };
    let limits = Limits { file: u64::from(limit_mib) << 20, ..Limits::default() };
    tracing::info!(path = %path.display(), "everything that the guest does and shows is recorded");
    Ok(Opened { file, direct, start, limits })
}

/// Begins the trace, with a thread that writes it.
///
/// # Errors
/// When the system has no thread left.
pub fn start(opened: Opened) -> io::Result<Tracer> {
    let Opened { file, direct, start, limits } = opened;
    Tracer::start_on_disk(file, direct, &start, limits)
}

/// A new file that only this user reads: it holds the guest's pictures and what is typed.
fn create(path: &Path) -> io::Result<File> {
    let mut old = path.as_os_str().to_owned();
    old.push(".old");
    match std::fs::rename(path, old) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// How a GPU is made, for a trace.
#[must_use]
pub fn gpu_info(options: &Options) -> DeviceInfo {
    let sizes = options.scanouts.iter().map(|size| size.map(|size| [size.width, size.height]));
    let quotas = &options.quotas;
    DeviceInfo {
        kind: "gpu".to_owned(),
        options: json!({
            "name": options.name,
            "scanouts": sizes.collect::<Vec<_>>(),
            "blob": options.blob,
            "uuids": options.uuids,
            "max_bytes": quotas.bytes,
            "max_resources": quotas.resources,
            "max_entries": quotas.entries,
        }),
    }
}

/// Guest RAM as the GPU wants to see it, with a record of what it saw.
#[derive(Debug)]
pub struct Ram<'a> {
    /// The memory.
    pub ram: &'a GuestRam,
    /// Where it is recorded.
    pub tap: &'a Tap,
}

impl GuestMemory for Ram<'_> {
    fn contains(&self, address: u64, length: u64) -> bool {
        let inside = usize::try_from(length).is_ok_and(|bytes| self.ram.contains(address, bytes));
        if !inside {
            self.tap.record(|| Event::NotRam { address, length, read: false });
        }
        inside
    }

    fn read(&self, address: u64, into: &mut [u8]) -> Result<(), NotRam> {
        let length = into.len() as u64;
        let read = self.ram.read(address, into);
        match read {
            Ok(()) => self.tap.memory(address, into),
            Err(_) => self.tap.record(|| Event::NotRam { address, length, read: true }),
        }
        read.map_err(|_| NotRam)
    }
}

/// A request of the driver, as a record.
#[must_use]
pub fn request(queue: usize, chain: &Chain) -> Event<'_> {
    Event::Request {
        queue: small(queue),
        writable: u32::try_from(chain.buffer.writable()).unwrap_or(u32::MAX),
        truncated: chain.truncated,
        bytes: &chain.request,
    }
}

/// The number of a display or queue: there are few.
#[must_use]
pub fn small(scanout: usize) -> u8 {
    u8::try_from(scanout).unwrap_or(u8::MAX)
}

/// Four numbers for a rectangle.
#[must_use]
pub fn numbers(rect: &Rect) -> [i32; 4] {
    [rect.x, rect.y, rect.width, rect.height]
}

/// What a GPU shows, as a record.
#[must_use]
pub fn shown(event: &Shown) -> Event<'_> {
    match event {
        Shown::Frame(Frame { scanout, serial, buffer, layout, damage, .. }) => Event::Frame {
            scanout: small(*scanout),
            serial: *serial,
            buffer: buffer.get(),
            size: (layout.size().width, layout.size().height),
            damage: damage.rects().iter().map(numbers).collect(),
        },
        Shown::Disabled { scanout } => Event::Disabled { scanout: small(*scanout) },
        Shown::Retired(buffers) => {
            Event::Retired { buffers: buffers.iter().map(|buffer| buffer.get()).collect() }
        }
        Shown::CursorImage { scanout, pixels, hot, .. } => {
            Event::CursorImage { scanout: small(*scanout), hot: *hot, pixels }
        }
        Shown::CursorMoved { scanout, x, y } => {
            Event::CursorMoved { scanout: small(*scanout), x: *x, y: *y }
        }
        Shown::CursorHidden { scanout } => Event::CursorHidden { scanout: small(*scanout) },
    }
}

/// What a presenter is given, as a record.
#[must_use]
pub fn frame(frame: &present::Frame) -> Event<'_> {
    Event::Frame {
        scanout: small(frame.scanout),
        serial: frame.serial,
        buffer: frame.buffer,
        size: (frame.layout.size().width, frame.layout.size().height),
        damage: frame.damage.rects().iter().map(numbers).collect(),
    }
}

/// What a person did, as a record.
#[must_use]
pub const fn done(input: Input) -> Event<'static> {
    Event::Input(match input {
        Input::Key { code, pressed } => Done::Key { code, pressed },
        Input::Pointer { x, y } => Done::Pointer { x, y },
        Input::Motion { dx, dy } => Done::Motion { dx, dy },
        Input::Wheel { vertical, horizontal } => Done::Wheel { vertical, horizontal },
        Input::TouchDown { id, x, y } => Done::TouchDown { id, x, y },
        Input::TouchMotion { id, x, y } => Done::TouchMotion { id, x, y },
        Input::TouchUp { id } => Done::TouchUp { id },
        Input::Pen(PenPlace { rubber, x, y, pressure, distance, tilt }) => {
            Done::Pen { rubber, place: (x, y), pressure, distance, tilt }
        }
        Input::PenLeft => Done::PenLeft,
    })
}

/// A packet for the driver, as a record.
#[must_use]
pub fn packet(events: &[Word]) -> Event<'static> {
    let word = |event: &Word| (event.kind, event.code, event.value);
    Event::Packet { events: events.iter().map(word).collect() }
}
