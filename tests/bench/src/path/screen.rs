//! What is on an X server without a screen: its pixels lie in a file, where looking costs it nothing.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use porthole_rig::command::capture;
use porthole_rig::error::Context;
use porthole_rig::{Result, RigError};

use super::system::TEXT;
use super::viewer::{Film, Mark, Seen, is_shown};
use super::window;
use crate::clock::{pause, wait_until};

/// How often the pixels are looked at while a frame is missing, which is how exact the times are, and
/// otherwise.
const BUSY: Duration = Duration::from_micros(300);
const REST: Duration = Duration::from_millis(2);
/// How long a window may take to have the picture's size.
const PATIENCE: Duration = Duration::from_secs(30);
/// What a window may have above the picture.
const MENU: u32 = 100;
/// Words of a dump's head, all big-endian: its own length, the length of a row, and how many colours
/// follow it, each of twelve bytes.
const LENGTH: u64 = 0;
const ROW: u64 = 12;
const COLOURS: u64 = 19;

/// An X server's pixels, as `-fbdir` leaves them: a dump of the root window.
#[derive(Debug)]
pub(crate) struct Screen {
    display: String,
    file: File,
    /// Where the pixels begin, and bytes from row to row.
    start: u64,
    row: u64,
}

impl Screen {
    /// Opens what a server of this display writes into a folder.
    pub(crate) fn open(display: &str, folder: &Path) -> Result<Self> {
        let path = folder.join("Xvfb_screen0");
        let file = File::open(&path).at("open", &path)?;
        let word = |index: u64| -> Result<u64> {
            let mut word = [0; 4];
            file.read_exact_at(&mut word, index * 4).at("read", &path)?;
            Ok(u32::from_be_bytes(word).into())
        };
        let (start, row) = (word(LENGTH)? + word(COLOURS)? * 12, word(ROW)?);
        Ok(Self { display: display.to_owned(), file, start, row })
    }

    /// The colour of a pixel.
    fn pixel(&self, x: u32, y: u32) -> Option<u32> {
        let mut value = [0; 4];
        let place = self.start + u64::from(y) * self.row + u64::from(x) * 4;
        self.file.read_exact_at(&mut value, place).ok()?;
        Some(u32::from_le_bytes(value) & 0xff_ffff)
    }

    /// Where the window is that shows a picture of this size, which may lie below a menu.
    fn find(&self, size: (u32, u32)) -> Result<(u32, u32)> {
        let mut found = None;
        wait_until(PATIENCE, || {
            let mut command = Command::new("xwininfo");
            let said = capture(command.args(["-display", &self.display, "-root", "-tree"]));
            let text = said.map(|said| String::from_utf8_lossy(&said.stdout).into_owned());
            found = text.ok().and_then(|text| text.lines().find_map(|line| place(line, size)));
            found.is_some()
        });
        found.ok_or_else(|| {
            RigError::failed(format!("no window on {} has {size:?} pixels", self.display))
        })
    }
}

/// Where a line of `xwininfo` has a window whose lower part has this size.
fn place(line: &str, (width, height): (u32, u32)) -> Option<(u32, u32)> {
    let mut words = line.split_whitespace().rev();
    let place = words.next()?.strip_prefix('+')?;
    let (x, y) = place.split_once('+')?;
    let (wide, rest) = words.next()?.split_once('x')?;
    let high: u32 = rest.split(['+', '-']).next()?.parse().ok()?;
    let above = high.checked_sub(height).filter(|above| *above < MENU)?;
    (wide.parse() == Ok(width)).then_some(())?;
    Some((x.parse().ok()?, y.parse::<u32>().ok()? + above))
}

/// One who looks at a window.
#[derive(Debug)]
pub(crate) struct Watcher {
    screen: Arc<Screen>,
    origin: (u32, u32),
    size: (u32, u32),
    film: Film,
    pub(crate) seen: Seen,
    /// Frames below this number were seen, or something newer was.
    next: usize,
}

impl Watcher {
    /// Looks for the window.
    pub(crate) fn new(screen: Arc<Screen>, film: Film) -> Result<Self> {
        let size = if film.mark == Mark::Letters { TEXT } else { window::PICTURE };
        let origin = screen.find(size)?;
        Ok(Self { screen, origin, size, film, seen: Seen::default(), next: 0 })
    }

    /// Looks once, and lets time pass.
    pub(crate) fn look(&mut self) {
        let newest = self.film.stamps.count();
        let (x, y) = self.origin;
        let at = |right: u32, down: u32| self.screen.pixel(x + right, y + down);
        let shows = |frame: &usize| is_shown(at, self.size, &self.film, *frame);
        // Whoever shows it may skip some, but not as many as there may be of one colour.
        let oldest = self.next.max(newest.saturating_sub(128));
        if let Some(frame) = (oldest..newest).rev().find(shows) {
            self.next = frame + 1;
            self.seen.updates += 1;
            self.seen.sights.push((frame, Instant::now()));
        }
        pause(if self.next < newest { BUSY } else { REST });
    }
}

#[cfg(test)]
mod tests {
    use super::place;

    #[test]
    fn a_window_is_found_by_its_size() {
        let line = r#"     0x200009 "QEMU": ("qemu" "Qemu")  720x425+5+0  +5+7"#;
        assert_eq!(place(line, (720, 400)), Some((5, 32)));
        assert_eq!(place(line, (720, 425)), Some((5, 7)));
        for size in [(721, 400), (720, 426), (720, 300)] {
            assert_eq!(place(line, size), None);
        }
        assert_eq!(place("  Root window id: 0x50f (the root window) (has no name)", (1, 1)), None);
        assert_eq!(place(r#" 0x1 (has no name): ()  10x10+-1+-1  +-1+-1"#, (10, 10)), None);
    }
}
