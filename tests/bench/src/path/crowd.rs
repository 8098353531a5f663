//! Many guests on one port: what each costs, how long its pictures take, what memory it needs, and how
//! soon all are back when the service is started again.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use porthole_guest::commands::Command as Order;
use porthole_guest::motion::Motion;
use porthole_guest::pattern::Pattern;
use porthole_rfb::Encoding;
use porthole_rig::error::Context;
use porthole_rig::progress::Step;
use porthole_rig::{Result, RigError};
use rustix::process::Signal;
use tempfile::TempDir;

use super::parts::{Guest, Place, SIZE, Service};
use super::program::Program;
use super::run::{self, Outcome};
use super::viewer::{Film, Mark, Viewer};
use crate::capture::{self, Picture};
use crate::clock::{pause, pause_until, wait_until};
use crate::counters::{self, Counters};
use crate::measure::number;

/// Guests stand in rows of four.
const EACH: (u32, u32) = (480, 270);
/// Places for so many are made; a layer whose guest is not there shows nothing.
pub(crate) const MOST: usize = 16;
/// Megabytes of a guest.
const MEMORY: u32 = 128;
/// Microseconds from frame to frame of each guest.
const INTERVAL: u32 = 100_000;
const WARM_UP: Duration = Duration::from_millis(700);
const PATIENCE: Duration = Duration::from_secs(20);
/// How long nothing happens before memory is counted.
const REST: Duration = Duration::from_millis(500);

/// The guests that run, and all that shows them.
#[derive(Debug)]
pub(crate) struct Crowd {
    guests: Vec<(Guest, Program)>,
    server: Program,
    service: Service,
    vnc: PathBuf,
    /// What the service needs without any guest, in bytes.
    empty: u64,
    // Removed last: all of the above use it.
    folder: TempDir,
}

/// What a run of many brought: as of one guest, and the processor time of all.
#[derive(Debug)]
pub(crate) struct Together {
    pub(crate) first: Outcome,
    /// Frames of all guests.
    pub(crate) frames: usize,
}

fn place(number: usize) -> Place {
    let number = u32::try_from(number).unwrap_or(0);
    let (column, row) = (number % 4, number / 4);
    (format!("guest{number}"), (column * EACH.0, row * EACH.1), EACH)
}

impl Crowd {
    /// Starts the service, with nobody on it.
    pub(crate) fn start() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("bench-").tempdir();
        let folder = folder.context(|| "make a folder".to_owned())?;
        let places: Vec<_> = (0..MOST).map(place).collect();
        let service = Service::start(folder.path(), &places)?;
        let vnc = folder.path().join("vnc.sock");
        let server = service.vnc(&vnc)?;
        pause(REST);
        let empty = counters::private_memory(&[service.program.id()]);
        Ok(Self { guests: Vec::new(), server, service, vnc, empty, folder })
    }

    /// Boots guests until there are so many.
    pub(crate) fn grow(&mut self, count: usize) -> Result<()> {
        let before = self.guests.len();
        let _step = (before < count)
            .then(|| Step::start(format!("booting {} guests more", count.saturating_sub(before))));
        for number in before..count.min(MOST) {
            let (name, _, size) = place(number);
            let folder = self.folder.path().join(&name);
            std::fs::create_dir(&folder).at("make", &folder)?;
            let (device, mut machine) = self.service.device(&folder, &name, size, None)?;
            machine.memory = MEMORY;
            self.guests.push((Guest::power_on(&folder, &name, machine)?, device));
        }
        for (number, (guest, device)) in self.guests.iter_mut().enumerate().skip(before) {
            guest.wait()?;
            let seed = u32::try_from(number).unwrap_or(0);
            let order = Order::Draw { head: 0, pattern: Pattern::Bars, seed, area: None };
            let answer = guest.line.order(&order);
            let answer = answer.map_err(|error| device.failure(&format!("({error}) says")))?;
            if answer != [format!("{}x{}", EACH.0, EACH.1)] {
                return Err(RigError::failed(format!("the guest's picture is {answer:?}")));
            }
        }
        Ok(())
    }

    /// Has all guests draw a small change ten times a second, and looks at the first one.
    pub(crate) fn run(&mut self, first: u32, span: Duration) -> Result<Together> {
        let milliseconds = u32::try_from((WARM_UP * 2 + span).as_millis()).unwrap_or(u32::MAX);
        let (motion, interval, spread) = (Motion::Small, INTERVAL, INTERVAL / 10);
        let order = Order::Animate { head: 0, motion, first, milliseconds, interval, spread };
        self.guests.iter().for_each(|(guest, _)| guest.stamps.begin());
        let Some((guest, _)) = self.guests.first() else {
            return Err(RigError::failed("there is no guest"));
        };
        let film = Film {
            mark: Mark::Motion(motion),
            first,
            stamps: guest.stamps.clone(),
            part: Some(EACH),
        };
        let viewer = Viewer::start(&self.vnc, Encoding::Raw, film)?;
        for (guest, _) in &mut self.guests {
            guest.line.give(&order)?;
        }
        let start = Instant::now() + WARM_UP;
        pause_until(start);
        let before = self.spent();
        pause_until(start + span);
        let end = Instant::now();
        let after = self.spent();
        let mut frames = 0;
        let mut stamps = Vec::new();
        for (index, (guest, _)) in self.guests.iter_mut().enumerate() {
            guest.line.answer()?;
            let list = guest.stamps.take();
            frames += list.iter().filter(|(_, time)| (start..end).contains(time)).count();
            if index == 0 {
                stamps = list;
            }
        }
        pause(WARM_UP);
        let counted = (start, end);
        let mut first = run::outcome(&stamps, first, &viewer.finish()?, counted)?;
        let spent = before.iter().zip(&after);
        first.spent = spent.map(|((who, a), (_, b))| (*who, b.since(*a).cpu)).collect();
        Ok(Together { first, frames })
    }

    /// Service and devices; QEMUs cost the same whoever shows them.
    fn spent(&self) -> Vec<(&'static str, Counters)> {
        let devices: Vec<u32> = self.guests.iter().map(|(_, device)| device.id()).collect();
        vec![
            ("porthole", Counters::of(&[self.service.program.id()])),
            ("porthole-vnc", Counters::of(&[self.server.id()])),
            ("porthole-gpu", Counters::of(&devices)),
        ]
    }

    /// MiB that each guest needs beside its QEMU: of its device alone, and in the service.
    pub(crate) fn memory(&self) -> (f64, f64) {
        pause(REST);
        let count = number(self.guests.len().max(1) as u64);
        let devices: Vec<u32> = self.guests.iter().map(|(_, device)| device.id()).collect();
        let service = counters::private_memory(&[self.service.program.id()]);
        let mebibytes = |bytes: u64| number(bytes) / f64::from(1 << 20) / count;
        (
            mebibytes(counters::private_memory(&devices)),
            mebibytes(service.saturating_sub(self.empty)),
        )
    }

    /// Ends the service at once, starts it again, and tells after how many milliseconds from its start
    /// the port shows every guest as before.
    pub(crate) fn restart(&mut self) -> Result<f64> {
        let before = self.picture()?;
        self.service.program.signal(Signal::KILL);
        wait_until(PATIENCE, || !self.service.program.runs());
        let start = Instant::now();
        self.service.start_again()?;
        let same = wait_until(PATIENCE, || self.picture().is_ok_and(|now| now == before));
        if !same {
            return Err(self.service.program.failure("does not show the guests again, it says"));
        }
        let time = start.elapsed().as_secs_f64() * 1e3;
        if !self.server.runs() {
            self.server = self.service.vnc(&self.vnc)?;
        }
        Ok(time)
    }

    fn picture(&self) -> Result<Picture> {
        let picture = capture::take(&self.service.socket("viewer")?)?;
        if picture.size == SIZE {
            return Ok(picture);
        }
        Err(RigError::failed(format!("the port is {:?}", picture.size)))
    }
}
