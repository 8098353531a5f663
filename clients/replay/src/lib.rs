//! `replay`: the devices of a trace do again what they did, without a guest, and every answer is compared.
//!
//! GPUs and input devices are known here; a program that has another one brings it as a [`Device`].
//! A trace is read like anything hostile, behind a sandbox.
#![forbid(unsafe_code)]

mod confine;
mod displays;
mod gpu;
mod inputs;
mod list;
mod memory;
mod output;
mod report;
mod screen;
mod show;

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use porthole_trace::{Event, ReadError, Reader, Start};
use serde_json::Value;

pub use self::displays::Displays;
use self::gpu::GpuReplay;
use self::inputs::InputReplay;
use self::output::Output;
pub use self::report::Report;
use self::show::Show;

/// Records that are done before signals and the compositor are looked at.
const BATCH: usize = 256;

/// Do again what a trace recorded, and compare every answer
///
/// No guest and no QEMU is needed. Exit status: 0 when every answer, picture and event is as it was
/// recorded, 1 when something differs or the file is no trace.
#[derive(Clone, PartialEq, Eq, Debug, Args)]
pub struct Options {
    /// The trace
    #[arg(value_name = "FILE")]
    pub file: PathBuf,

    /// As fast as possible, or as slow as it was
    #[arg(long, value_name = "SPEED", default_value = "fast")]
    pub speed: Speed,

    /// Show nothing (the default)
    #[arg(long, conflicts_with = "wayland")]
    pub null: bool,

    /// Show the pictures as a guest's windows on this compositor; the last ones stay until the program
    /// is told to end
    #[arg(long, value_name = "PATH")]
    pub wayland: Option<PathBuf>,

    /// Stop behind this request of the driver, counted over all devices
    #[arg(long, value_name = "N")]
    pub until: Option<u64>,

    /// Stop behind this frame, counted over all displays as with --frames
    #[arg(long, value_name = "N")]
    pub until_frame: Option<u64>,

    /// Write what a display shows at the end into a PNG file
    #[arg(long, value_name = "OUT.png")]
    pub picture: Option<PathBuf>,

    /// Which display
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub scanout: u8,

    /// Print the summary as JSON
    #[arg(long)]
    pub json: bool,

    /// Print a line for each frame that is shown: its number, time, display, size, and the CRC-32 of its
    /// pixels (red, green, blue, row by row)
    #[arg(long, conflicts_with_all = ["json", "list"])]
    pub frames: bool,

    /// Print each record instead of doing it again
    #[arg(long)]
    pub list: bool,
}

/// How fast.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Speed {
    /// As it was recorded
    Real,
    /// As fast as possible
    Fast,
}

/// Why a replay did not come to a good end.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The file cannot be read, or is no trace.
    #[error("{0}")]
    Trace(PathBuf, #[source] ReadError),
    /// The trace's devices cannot be made.
    #[error(
        "{0} has written this trace, and has devices that are not known here: let its own replay do it"
    )]
    Devices(String),
    /// Something was not as recorded.
    #[error("{0} differences")]
    Different(u64),
    /// What is shown cannot be kept or told.
    #[error("a picture of the trace")]
    Picture(#[source] io::Error),
    /// Nothing was shown on the display whose picture is wanted.
    #[error("display {0} shows nothing at the end of the trace")]
    NoPicture(u8),
    /// A system call failed that has no reason to.
    #[error("{0}")]
    System(&'static str, #[source] io::Error),
}

/// What is read.
type Source = RefCell<Reader<Box<dyn Read>>>;

/// A device that only one program has.
pub trait Device {
    /// Does one record. What is not as recorded goes into the report; pictures go to the displays.
    fn apply(&mut self, event: &Event<'_>, report: &mut Report, displays: &mut Displays);
}

/// Makes such a device of its kind and options, as after power-on; nothing where it is not known.
pub type Make<'a> = &'a dyn Fn(&str, &Value) -> Option<Box<dyn Device>>;

/// A device of the trace.
enum Replayed {
    Gpu(Box<GpuReplay>),
    Input(Box<InputReplay>),
    Other(Box<dyn Device>),
}

/// The devices, the file and what came of it.
struct Replay {
    devices: Vec<Replayed>,
    source: Source,
    report: Report,
    displays: Displays,
    /// Requests and frames after which it ends.
    until: (u64, u64),
    speed: Speed,
    began: Instant,
}

/// Where a batch left the replay.
enum Progress {
    /// There is more, at once or after a while.
    Wait(Duration),
    Ended,
}

/// Does a trace again, behind a sandbox where that is wanted; `make` makes the devices that only the
/// calling program knows.
///
/// # Errors
/// When the file is no trace, something cannot be had, or is not as recorded.
pub fn run(options: &Options, sandbox: bool, make: Make<'_>) -> Result<(), Failure> {
    let broken = |error| Failure::Trace(options.file.clone(), error);
    let file = File::open(&options.file).map_err(|error| broken(error.into()))?;
    let output = options.picture.as_deref().map(Output::open).transpose();
    let output = output.map_err(|error| Failure::System("--picture", error))?;
    // A trace may come from anybody, and holds what a guest said.
    if sandbox {
        confine::confine(options.wayland.as_deref(), options.picture.as_deref())
            .map_err(|error| Failure::System("starting the connector", error))?;
    }
    let (start, reader) =
        Reader::open(Box::new(BufReader::new(file)) as Box<dyn Read>).map_err(broken)?;
    if options.list {
        return list::run(&start, reader, io::stdout().lock()).map_err(broken);
    }
    let devices = devices(&start, make).ok_or_else(|| Failure::Devices(start.program.clone()))?;
    let scanouts = devices.iter().map(Replayed::scanouts).max().unwrap_or(0);
    let displays = Displays::new(is_shared(&devices)).telling(options.frames);
    let mut replay = Replay {
        devices,
        source: RefCell::new(reader),
        report: Report::new(&start),
        displays: displays.seen(Show::start(options, &start.guest, scanouts)?),
        until: (options.until.unwrap_or(u64::MAX), options.until_frame.unwrap_or(u64::MAX)),
        speed: options.speed,
        began: Instant::now(),
    };
    while let Progress::Wait(duration) = replay.batch().map_err(broken)? {
        if replay.displays.turn(Some(duration))? {
            break;
        }
    }
    let differences = replay.finish(options, output)?;
    // The last pictures stay for whoever looks at them.
    while replay.displays.is_seen() && !replay.displays.turn(None)? {}
    if differences > 0 { Err(Failure::Different(differences)) } else { Ok(()) }
}

/// Does a trace again that is shown to nobody, as fast as possible, and tells how much was as recorded.
///
/// # Errors
/// When it is no trace, or has a device that nobody knows.
pub fn compare(source: Box<dyn Read>, make: Make<'_>) -> Result<Report, Failure> {
    let broken = |error| Failure::Trace(PathBuf::new(), error);
    let (start, reader) = Reader::open(source).map_err(broken)?;
    let devices = devices(&start, make).ok_or_else(|| Failure::Devices(start.program.clone()))?;
    let mut replay = Replay {
        displays: Displays::new(is_shared(&devices)),
        devices,
        source: RefCell::new(reader),
        report: Report::new(&start),
        until: (u64::MAX, u64::MAX),
        speed: Speed::Fast,
        began: Instant::now(),
    };
    while let Progress::Wait(_) = replay.batch().map_err(broken)? {}
    replay.end();
    Ok(replay.report)
}

/// Whether the GPU is not alone on the first display.
fn is_shared(devices: &[Replayed]) -> bool {
    devices.iter().any(|device| matches!(device, Replayed::Other(_)))
}

/// Makes the devices anew. Nothing when there is none.
fn devices(start: &Start, make: Make<'_>) -> Option<Vec<Replayed>> {
    let devices = start.devices.iter().map(|info| match info.kind.as_str() {
        "gpu" => Some(Replayed::Gpu(Box::new(GpuReplay::new(&info.options)?))),
        kind => match InputReplay::new(kind, &info.options) {
            Some(input) => Some(Replayed::Input(Box::new(input))),
            None => Some(Replayed::Other(make(kind, &info.options)?)),
        },
    });
    devices.collect::<Option<Vec<_>>>().filter(|devices| !devices.is_empty())
}

impl Replayed {
    fn scanouts(&self) -> usize {
        match self {
            Self::Gpu(gpu) => gpu.scanouts(),
            Self::Input(_) => 0,
            Self::Other(_) => 1,
        }
    }
}

impl Replay {
    /// Does what is due, a bounded piece of it.
    fn batch(&mut self) -> Result<Progress, ReadError> {
        for _ in 0..BATCH {
            let (requests, frames) = self.until;
            if self.report.requests() >= requests || self.displays.frames() >= frames {
                return Ok(Progress::Ended);
            }
            if let Some(duration) = self.early()? {
                return Ok(Progress::Wait(duration));
            }
            if !self.step()? {
                return Ok(Progress::Ended);
            }
        }
        Ok(Progress::Wait(Duration::ZERO))
    }

    /// How long the next record is not due yet.
    fn early(&self) -> Result<Option<Duration>, ReadError> {
        if self.speed == Speed::Fast {
            return Ok(None);
        }
        let mut source = self.source.borrow_mut();
        let Some((time_us, ..)) = source.peek()? else { return Ok(None) };
        let early = Duration::from_micros(time_us).saturating_sub(self.began.elapsed());
        Ok(Some(early).filter(|early| !early.is_zero()))
    }

    /// Does one record; false at the end.
    fn step(&mut self) -> Result<bool, ReadError> {
        let Self { devices, source, report, displays, .. } = self;
        // A request is copied: what it reads comes from the records behind it.
        let mut request = Vec::new();
        let mut reader = source.borrow_mut();
        let Some((time_us, device, event)) = reader.next()? else { return Ok(false) };
        report.record(time_us, device, &event);
        displays.set_time(time_us);
        if let Event::Lost { .. } = event {
            for device in devices {
                match device {
                    Replayed::Gpu(gpu) => gpu.lost(),
                    Replayed::Input(_) => {}
                    Replayed::Other(other) => other.apply(&event, report, displays),
                }
            }
            return Ok(true);
        }
        match devices.get_mut(usize::from(device)) {
            None => report.differs("the trace speaks of a device that it has not got"),
            Some(Replayed::Input(input)) => input.apply(&event, report),
            Some(Replayed::Other(other)) => other.apply(&event, report, displays),
            Some(Replayed::Gpu(gpu)) => match event {
                Event::Request { queue, writable, bytes, .. } => {
                    request.extend_from_slice(bytes);
                    drop(reader);
                    gpu.request(device, (queue, writable, &request), source, report)?;
                }
                event => gpu.apply(&event, report, displays),
            },
        }
        Ok(true)
    }

    /// Compares what was counted.
    fn end(&mut self) {
        let gpu = self.devices.iter_mut().find_map(|device| match device {
            Replayed::Gpu(gpu) => Some(gpu),
            _ => None,
        });
        if let Some(gpu) = gpu {
            gpu.finish(&mut self.report);
        }
    }

    /// Tells what came of it, and how much differed.
    fn finish(&mut self, options: &Options, output: Option<Output>) -> Result<u64, Failure> {
        if options.until.is_none() && options.until_frame.is_none() {
            self.end();
        }
        self.displays.check()?;
        if let Some(output) = output {
            let screen = self.displays.screen(options.scanout);
            let screen = screen.ok_or(Failure::NoPicture(options.scanout))?;
            let written = output.write(|file| screen.write(file));
            written.map_err(|error| Failure::System("--picture", error))?;
        }
        let output = io::stdout().lock();
        self.report
            .print(self.source.borrow().ending(), options.json, output)
            .map_err(|error| Failure::System("writing to standard output", error))?;
        Ok(self.report.differences())
    }
}
