//! `porthole-gpu replay`: the devices of a trace do again what they did, without a guest.

mod confine;
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
use std::io::{self, BufReader};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use porthole_trace::{Event, ReadError, Reader, Start};

use self::gpu::GpuReplay;
use self::inputs::InputReplay;
use self::output::Output;
use self::report::Report;
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

    /// Write what a display shows at the end into a PNG file
    #[arg(long, value_name = "OUT.png")]
    pub picture: Option<PathBuf>,

    /// Which display
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub scanout: u8,

    /// Print the summary as JSON
    #[arg(long)]
    pub json: bool,

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
    #[error("the trace has no devices that are known here")]
    Devices,
    /// Something was not as recorded.
    #[error("{0} differences")]
    Different(u64),
    /// Nothing was shown on the display whose picture is wanted.
    #[error("display {0} shows nothing at the end of the trace")]
    NoPicture(u8),
    /// A system call failed that has no reason to.
    #[error("{0}")]
    System(&'static str, #[source] io::Error),
}

/// What is read.
type Source = RefCell<Reader<BufReader<File>>>;

/// A device of the trace.
enum Replayed {
    Gpu(Box<GpuReplay>),
    Input(Box<InputReplay>),
}

/// The devices, the file and what came of it.
struct Replay {
    devices: Vec<Replayed>,
    source: Source,
    report: Report,
    /// Requests after which it ends.
    until: u64,
    speed: Speed,
    began: Instant,
}

/// Where a batch left the replay.
enum Progress {
    /// There is more, at once or after a while.
    Wait(Duration),
    Ended,
}

pub(crate) fn run(options: &Options, sandbox: bool) -> Result<(), Failure> {
    let broken = |error| Failure::Trace(options.file.clone(), error);
    let file = File::open(&options.file).map_err(|error| broken(error.into()))?;
    let output = options.picture.as_deref().map(Output::open).transpose();
    let output = output.map_err(|error| Failure::System("--picture", error))?;
    // A trace may come from anybody, and holds what a guest said.
    if sandbox {
        confine::confine(options.wayland.as_deref(), options.picture.as_deref())
            .map_err(|error| Failure::System("starting the connector", error))?;
    }
    let (start, reader) = Reader::open(BufReader::new(file)).map_err(broken)?;
    if options.list {
        return list::run(&start, reader, io::stdout().lock()).map_err(broken);
    }
    let devices = devices(&start).ok_or(Failure::Devices)?;
    let scanouts = devices.iter().map(Replayed::scanouts).max().unwrap_or(0);
    let mut show = Show::start(options, &start.guest, scanouts)?;
    let mut replay = Replay {
        devices,
        source: RefCell::new(reader),
        report: Report::new(&start),
        until: options.until.unwrap_or(u64::MAX),
        speed: options.speed,
        began: Instant::now(),
    };
    while let Progress::Wait(duration) = replay.batch(&mut show).map_err(broken)? {
        if show.turn(Some(duration))? {
            break;
        }
    }
    let differences = replay.finish(options, output)?;
    // The last pictures stay for whoever looks at them.
    while show.is_on() && !show.turn(None)? {}
    if differences > 0 { Err(Failure::Different(differences)) } else { Ok(()) }
}

/// Makes the devices anew. Nothing when there is none.
fn devices(start: &Start) -> Option<Vec<Replayed>> {
    let devices = start.devices.iter().map(|info| match info.kind.as_str() {
        "gpu" => Some(Replayed::Gpu(Box::new(GpuReplay::new(&info.options)?))),
        kind => Some(Replayed::Input(Box::new(InputReplay::new(kind, &info.options)?))),
    });
    devices.collect::<Option<Vec<_>>>().filter(|devices| !devices.is_empty())
}

impl Replayed {
    fn scanouts(&self) -> usize {
        match self {
            Self::Gpu(gpu) => gpu.scanouts(),
            Self::Input(_) => 0,
        }
    }
}

impl Replay {
    /// Does what is due, a bounded piece of it.
    fn batch(&mut self, show: &mut Show) -> Result<Progress, ReadError> {
        for _ in 0..BATCH {
            if self.report.requests() >= self.until {
                return Ok(Progress::Ended);
            }
            if let Some(duration) = self.early()? {
                return Ok(Progress::Wait(duration));
            }
            if !self.step(show)? {
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
    fn step(&mut self, show: &mut Show) -> Result<bool, ReadError> {
        let Self { devices, source, report, .. } = self;
        // A request is copied: what it reads comes from the records behind it.
        let mut request = Vec::new();
        let mut reader = source.borrow_mut();
        let Some((time_us, device, event)) = reader.next()? else { return Ok(false) };
        report.record(time_us, &event);
        let Some(target) = devices.get_mut(usize::from(device)) else {
            report.differs("the trace speaks of a device that it has not got");
            return Ok(true);
        };
        match target {
            Replayed::Input(input) => input.apply(&event, report),
            Replayed::Gpu(gpu) => match event {
                Event::Request { queue, writable, bytes, .. } => {
                    request.extend_from_slice(bytes);
                    drop(reader);
                    gpu.request(device, (queue, writable, &request), source, report)?;
                }
                event => gpu.apply(&event, report, show),
            },
        }
        Ok(true)
    }

    /// Tells what came of it, and how much differed.
    fn finish(&mut self, options: &Options, output: Option<Output>) -> Result<u64, Failure> {
        let reader = self.source.borrow();
        let gpu = self.devices.iter_mut().find_map(|device| match device {
            Replayed::Gpu(gpu) => Some(gpu),
            Replayed::Input(_) => None,
        });
        if let Some(gpu) = gpu {
            if options.until.is_none() {
                gpu.finish(&mut self.report);
            }
            if let Some(output) = output {
                let screen = gpu.screen(options.scanout);
                let screen = screen.ok_or(Failure::NoPicture(options.scanout))?;
                let written = output.write(|file| screen.write(file));
                written.map_err(|error| Failure::System("--picture", error))?;
            }
        }
        let output = io::stdout().lock();
        self.report
            .print(reader.ending(), options.json, output)
            .map_err(|error| Failure::System("writing to standard output", error))?;
        Ok(self.report.differences())
    }
}
