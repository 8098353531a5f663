//! A VNC viewer that notes when it sees which frame.
//!
//! It behaves as TigerVNC does: it asks for the next update as soon as one begins to arrive.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use porthole_guest::motion::{MARK, Motion, mark};
use porthole_rfb::client::{Client, Event};
use porthole_rfb::{Encoding, PixelFormat};
use porthole_rig::error::Context;
use porthole_rig::{Result, RigError};

use super::screen::{Screen, Watcher};
use super::stamps::Stamps;

/// How often a viewer that hears nothing looks whether it should end.
const LOOK: Duration = Duration::from_millis(20);
/// Bytes of one read.
const CHUNK: usize = 256 * 1024;
/// Beyond the picture's encoding, what every viewer of today understands.
const EXTRAS: [Encoding; 6] = [
    Encoding::CopyRect,
    Encoding::Cursor,
    Encoding::DesktopSize,
    Encoding::ExtendedDesktopSize,
    Encoding::LastRect,
    Encoding::QemuLeds,
];

/// A frame that was seen: its number, counted from the first one, and when all of it was there.
pub(crate) type Sight = (usize, Instant);

/// What is to be seen.
#[derive(Clone, Debug)]
pub(crate) struct Film {
    /// By what a frame is known.
    pub(crate) mark: Mark,
    pub(crate) first: u32,
    pub(crate) stamps: Stamps,
    /// The guest's size, if it is but the upper left part of the port.
    pub(crate) part: Option<(u32, u32)>,
}

/// Where the number of a frame is in its picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// In the colour of a square that is on what moves.
    Motion(Motion),
    /// In the colours of the first two letters of the last line but one, of a VGA's text.
    Letters,
    /// In the colours of two squares in the upper left corner.
    Squares,
}

/// Pixels of such a square's side.
const SQUARE: u32 = 16;

/// What a viewer saw.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) sights: Vec<Sight>,
    pub(crate) updates: u64,
    pub(crate) bytes: u64,
}

/// A viewer's thread.
#[derive(Debug)]
pub(crate) struct Viewer {
    thread: JoinHandle<Result<Seen>>,
    end: Arc<AtomicBool>,
}

impl Viewer {
    /// Connects and waits for the first whole picture.
    pub(crate) fn start(socket: &Path, encoding: Encoding, film: Film) -> Result<Self> {
        let mut eye = Eye::connect(socket, encoding, film)?;
        let end = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&end);
        let thread = std::thread::spawn(move || {
            while !told.load(Ordering::Relaxed) {
                eye.look()?;
            }
            Ok(eye.seen)
        });
        Ok(Self { thread, end })
    }

    /// Looks at a window instead.
    pub(crate) fn watch(screen: Arc<Screen>, film: Film) -> Result<Self> {
        let mut watcher = Watcher::new(screen, film)?;
        let end = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&end);
        let thread = std::thread::spawn(move || {
            while !told.load(Ordering::Relaxed) {
                watcher.look();
            }
            Ok(watcher.seen)
        });
        Ok(Self { thread, end })
    }

    /// Ends the viewer and tells what it saw.
    pub(crate) fn finish(self) -> Result<Seen> {
        self.end.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| RigError::failed("the viewer panicked"))?
    }
}

struct Eye {
    stream: UnixStream,
    client: Client,
    buffer: Vec<u8>,
    film: Film,
    seen: Seen,
    /// An update is arriving, and the next one was asked for.
    inside: bool,
    /// Frames below this number were seen, or something newer was.
    next: usize,
}

impl Eye {
    fn connect(socket: &Path, encoding: Encoding, film: Film) -> Result<Self> {
        let stream = UnixStream::connect(socket).at("connect to", socket)?;
        stream.set_read_timeout(Some(LOOK)).context(|| "set a time limit".to_owned())?;
        let mut eye = Self {
            stream,
            client: Client::new(None, true),
            buffer: vec![0; CHUNK],
            film,
            seen: Seen::default(),
            inside: false,
            next: 0,
        };
        let deadline = Instant::now() + Duration::from_secs(20);
        while eye.client.picture().size().is_empty() {
            eye.look()?;
            if Instant::now() > deadline {
                return Err(RigError::failed("the VNC server does not greet"));
            }
        }
        eye.client.set_format(PixelFormat::BGRX);
        let encodings: Vec<_> = std::iter::once(encoding).chain(EXTRAS).collect();
        eye.client.set_encodings(&encodings);
        eye.client.request_update(false);
        eye.say()?;
        while eye.seen.updates == 0 {
            eye.look()?;
            if Instant::now() > deadline {
                return Err(RigError::failed("the VNC server sends no picture"));
            }
        }
        Ok(eye)
    }

    fn say(&mut self) -> Result<()> {
        let bytes = self.client.take_output();
        self.stream.write_all(&bytes).context(|| "write to the VNC server".to_owned())
    }

    /// Reads once and takes note of what came.
    fn look(&mut self) -> Result<()> {
        let count = match self.stream.read(&mut self.buffer) {
            Ok(0) => return Err(RigError::failed("the VNC server hung up")),
            Ok(count) => count,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                return Ok(());
            }
            Err(error) => return Err(RigError::failed(format!("the viewer: {error}"))),
        };
        let now = Instant::now();
        self.seen.bytes += count as u64;
        self.client.feed(self.buffer.get(..count).unwrap_or_default());
        loop {
            let event = self.client.next_event().map_err(|e| RigError::failed(e.to_string()))?;
            if self.client.is_updating() && !self.inside {
                self.inside = true;
                self.client.request_update(true);
                self.say()?;
            }
            match event {
                Some(Event::UpdateDone) => self.note(now),
                Some(_) => {}
                None => break,
            }
        }
        self.say()
    }

    /// An update is complete.
    fn note(&mut self, now: Instant) {
        self.seen.updates += 1;
        // One that says nothing at all was never seen to begin.
        if !std::mem::take(&mut self.inside) {
            self.client.request_update(true);
        }
        let newest = self.film.stamps.count();
        let picture = self.client.picture();
        let size = picture.size();
        let at = |x: u32, y: u32| {
            let value = picture.values().get(y as usize * size.width as usize + x as usize);
            value.map(|value| value & 0xff_ffff)
        };
        let size = (size.width, size.height);
        let shows = |frame: &usize| is_shown(at, size, &self.film, *frame);
        let shown = (self.next..newest).rev().find(shows);
        if let Some(frame) = shown {
            self.next = frame + 1;
            self.seen.sights.push((frame, now));
        }
    }
}

/// Whether a picture of this size, whose pixels are these, shows a frame.
pub(crate) fn is_shown(
    at: impl Fn(u32, u32) -> Option<u32>,
    size: (u32, u32),
    film: &Film,
    frame: usize,
) -> bool {
    let Ok(frame) = u32::try_from(frame) else { return false };
    let frame = film.first.wrapping_add(frame);
    let (width, height) = film.part.unwrap_or(size);
    let [number, ..] = frame.to_le_bytes();
    let sixteen = |y: u32, high: u32, low: u32| {
        at(high, y) == Some(colour(number >> 4)) && at(low, y) == Some(colour(number & 15))
    };
    let motion = match film.mark {
        Mark::Motion(motion) => motion,
        // Each letter has 9 by 16 pixels.
        Mark::Letters => return sixteen(16 * 23 + 8, 4, 9 + 4),
        Mark::Squares => return sixteen(SQUARE / 2, SQUARE / 2, SQUARE + SQUARE / 2),
    };
    let area = motion.area(frame, width, height);
    let [red, green, blue] = mark(frame);
    at(area.x + MARK / 2, area.y + MARK / 2) == Some(u32::from_le_bytes([blue, green, red, 0]))
}

/// One of the sixteen colours of text, as QEMU makes 8 bits of the six that a VGA has.
fn colour(number: u8) -> u32 {
    let bit = |which: u8, value: u32| if number & 1 << which == 0 { 0 } else { value };
    let bright = bit(3, 0x57);
    // Dark yellow is brown: half as green.
    let green = if number == 6 { 0x57 } else { bit(1, 0xa8) };
    (bit(2, 0xa8) + bright) << 16 | (green + bright) << 8 | (bit(0, 0xa8) + bright)
}

#[cfg(test)]
mod tests {
    use super::colour;

    #[test]
    fn the_sixteen_colours_are_those_of_a_vga() {
        let known =
            [(0, 0), (1, 0xa8), (6, 0xa8_5700), (7, 0xa8_a8a8), (8, 0x57_5757), (15, 0xff_ffff)];
        assert!(known.iter().all(|(number, value)| colour(*number) == *value));
    }
}
