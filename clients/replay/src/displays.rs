//! What the displays of a trace show, whichever of its devices shows it.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::Duration;

use porthole_client::present::Show as Order;

use crate::Failure;
use crate::screen::Screen;
use crate::show::Show;

/// The displays of a replay.
#[derive(Debug)]
pub struct Displays {
    screens: BTreeMap<usize, Screen>,
    show: Option<Show>,
    /// A device beside the GPU shares the first display with it.
    shared: bool,
    frames: u64,
    /// Whether each frame is told.
    tells: bool,
    time_us: u64,
    /// The first failure; nothing is shown behind it.
    failed: Option<io::Error>,
}

impl Displays {
    /// Displays that nobody sees.
    pub(crate) const fn new(shared: bool) -> Self {
        let screens = BTreeMap::new();
        Self { screens, show: None, shared, frames: 0, tells: false, time_us: 0, failed: None }
    }

    /// The same displays, with a line for each frame where that is wanted.
    pub(crate) fn telling(self, tells: bool) -> Self {
        Self { tells, ..self }
    }

    /// The same displays, which somebody may see.
    pub(crate) fn seen(self, show: Show) -> Self {
        Self { show: Some(show), ..self }
    }

    pub(crate) const fn set_time(&mut self, time_us: u64) {
        self.time_us = time_us;
    }

    /// How many frames were shown.
    pub(crate) const fn frames(&self) -> u64 {
        self.frames
    }

    /// Whether the first display is not the GPU's alone: what the GPU switches off may go on.
    pub(crate) const fn is_shared(&self) -> bool {
        self.shared
    }

    /// Whether anything is shown to anybody.
    pub(crate) fn is_seen(&self) -> bool {
        self.show.as_ref().is_some_and(Show::is_on)
    }

    /// Waits so long at most; true when the program is to end.
    pub(crate) fn turn(&mut self, at_most: Option<Duration>) -> Result<bool, Failure> {
        self.show.as_mut().map_or(Ok(false), |show| show.turn(at_most))
    }

    pub(crate) fn screen(&self, scanout: u8) -> Option<&Screen> {
        self.screens.get(&usize::from(scanout))
    }

    /// Whether all could be shown.
    pub(crate) fn check(&mut self) -> Result<(), Failure> {
        self.failed.take().map_or(Ok(()), |error| Err(Failure::Picture(error)))
    }

    /// Nothing of before is shown any more.
    pub(crate) fn clear(&mut self) {
        self.screens.clear();
    }

    /// Shows what a device shows. A failure is told at the end.
    pub fn show(&mut self, order: &Order) {
        if self.failed.is_none() {
            self.failed = self.try_show(order).err();
        }
    }

    fn try_show(&mut self, order: &Order) -> io::Result<()> {
        match order {
            Order::Frame(frame) => {
                let screen = Screen::show(self.screens.remove(&frame.scanout), frame)?;
                self.frames = self.frames.saturating_add(1);
                if self.tells {
                    let (number, seconds) = (self.frames, self.time_us as f64 / 1e6);
                    let size = frame.layout.size();
                    let (scanout, width, height) = (frame.scanout, size.width, size.height);
                    let crc = screen.checksum();
                    let mut output = io::stdout().lock();
                    writeln!(output, "{number} {seconds:.6} {scanout} {width}x{height} {crc:08x}")?;
                }
                if let Some(show) = &mut self.show {
                    show.show(order, Some(&screen))?;
                }
                self.screens.insert(frame.scanout, screen);
                return Ok(());
            }
            Order::Disabled { scanout } => drop(self.screens.remove(scanout)),
            _ => {}
        }
        self.show.as_mut().map_or(Ok(()), |show| show.show(order, None))
    }
}
