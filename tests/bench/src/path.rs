//! The whole way of a picture: from a guest through device, service and VNC server to a viewer, beside
//! the same guest in a QEMU that does all of it by itself.

mod canvas;
mod crowd;
mod first;
mod line;
mod parts;
mod program;
mod run;
mod screen;
mod stamps;
mod still;
mod system;
mod viewer;
mod window;

use std::collections::BTreeMap;

use porthole_rfb::Encoding;
use porthole_rig::progress::{Step, say};
use porthole_rig::{Result, RigError};

use self::crowd::{Crowd, Together};
use self::run::Outcome;
use self::system::{System, Who};
use self::window::Toolkit;

use crate::measure::{Bench, Samples, milliseconds, number, quantile};

pub(crate) use self::canvas::Canvas;
pub(crate) use self::first::{Firmware, first_pixel};
pub(crate) use self::run::Load;
pub(crate) use self::still::{Still, measure_still};
pub(crate) use self::system::Plainly;

/// What is asked of runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Metric {
    /// Milliseconds below which such a part of the frames was seen, or a newer one.
    Latency(f64),
    /// Frames in a second that the viewer saw.
    Rate,
    /// Milliseconds of processor time for each frame that the viewer saw.
    Cost,
    /// The same of the program alone that takes pictures from a VNC server.
    Decoding,
    /// Frames in a second that the guest drew, by its own clock.
    GuestRate,
    /// Interrupts of the guest for each of its frames.
    Interrupts,
    /// Kicks of the device for each of the guest's frames.
    Kicks,
    /// MB that our programs copied for each of the guest's frames.
    Copied,
}

/// Which runs are asked for what.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Question {
    pub(crate) machine: Machine,
    pub(crate) load: Load,
    pub(crate) coding: Coding,
    pub(crate) metric: Metric,
}

/// The machine that a guest has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Machine {
    /// One with our display device, beside one with QEMU's virtio-gpu.
    Ours,
    /// One of QEMU's own devices, shown by our bridge or by QEMU.
    Plain(Plainly),
    /// The same behind QEMU's VNC server, from which we take it, or another viewer does.
    Served(Plainly, Coding),
    /// One with our adapter, beside one with QEMU's VGA.
    Canvas(Canvas),
}

impl Machine {
    /// Who shows it.
    fn shown_by(self) -> Vec<Who> {
        match self {
            Self::Ours => vec![Who::Porthole, Who::Qemu],
            Self::Canvas(canvas) => vec![Who::Adapter(canvas), Who::Standard(canvas)],
            // The newest QEMU's windows are not here.
            Self::Plain(newest @ Plainly::NewestText) => {
                vec![Who::Bridge(newest), Who::Alone(newest)]
            }
            Self::Served(plainly, coding) => {
                vec![Who::Source(plainly, coding), Who::Peer(plainly, coding)]
            }
            Self::Plain(plainly) => {
                let windows = [Toolkit::Gtk, Toolkit::Sdl].map(|kind| Who::Window(kind, plainly));
                [Who::Bridge(plainly), Who::Alone(plainly)].into_iter().chain(windows).collect()
            }
        }
    }
}

/// How a viewer wants the pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Coding {
    /// As they are: the viewer is on this machine.
    Raw,
    /// Compressed without loss: the viewer is elsewhere.
    Zrle,
}

impl Coding {
    const fn encoding(self) -> Encoding {
        match self {
            Self::Raw => Encoding::Raw,
            Self::Zrle => Encoding::Zrle,
        }
    }

    /// What TigerVNC's viewer calls it.
    const fn name(self) -> &'static str {
        match self {
            Self::Raw => "Raw",
            Self::Zrle => "ZRLE",
        }
    }
}

/// The two systems, and the runs that were made: several rows tell of the same ones.
#[derive(Debug, Default)]
pub(crate) struct Path {
    systems: BTreeMap<Who, std::result::Result<System, String>>,
    runs: BTreeMap<(Machine, Load, Coding), Runs>,
    /// With a trace, and without.
    traced: BTreeMap<Load, Runs>,
    /// Pictures that stay.
    rests: Vec<(Who, std::result::Result<still::Rest, String>)>,
    crowd: Option<Crowd>,
    crowds: BTreeMap<usize, Vec<Together>>,
    /// The number of the next run's first frame.
    next: u32,
}

/// Who, and what came of it or why nothing did.
type Runs = Vec<(Who, std::result::Result<Outcome, String>)>;

/// Frames that a run may have.
const MOST_FRAMES: u32 = 1 << 18;

/// Answers a question: a number for each round and system.
pub(crate) fn measure(bench: &Bench, question: Question) -> Result<Samples> {
    let mut path = bench.path.borrow_mut();
    let mut samples = Samples::default();
    let key = (question.machine, question.load, question.coding);
    if !path.runs.contains_key(&key) {
        let whose = question.machine.shown_by();
        let runs = path.run(bench, question.load, question.coding, &whose);
        for (who, outcome) in &runs {
            samples.note(describe(*who, outcome));
        }
        path.runs.insert(key, runs);
    }
    for (who, outcome) in path.runs.get(&key).into_iter().flatten() {
        let answer = outcome.as_ref().map_err(|error| RigError::failed(error.clone()));
        match answer.and_then(|outcome| question.metric.of(outcome)) {
            Ok(Some(answer)) => samples.add(who.name(), answer),
            Ok(None) => {}
            Err(error) if who.is_ours() => return Err(error),
            Err(error) => samples.note(format!("{} failed: {error}", who.name())),
        }
    }
    Ok(samples)
}

/// What a trace costs: in each round, a number of the run with one as part of that without.
pub(crate) fn measure_trace(bench: &Bench, load: Load, metric: Metric) -> Result<Samples> {
    let mut path = bench.path.borrow_mut();
    let mut samples = Samples::default();
    if !path.traced.contains_key(&load) {
        let runs = path.run(bench, load, Coding::Raw, &Who::TRACED);
        for (who, outcome) in &runs {
            samples.note(describe(*who, outcome));
        }
        path.traced.insert(load, runs);
    }
    let answer = |(_, outcome): &(_, std::result::Result<Outcome, String>)| -> Result<f64> {
        let outcome = outcome.as_ref().map_err(|error| RigError::failed(error.clone()))?;
        Ok(metric.of(outcome)?.unwrap_or(f64::NAN))
    };
    for round in path.traced.get(&load).into_iter().flat_map(|runs| runs.as_chunks::<2>().0) {
        let [without, with] = round;
        samples.add(Who::Porthole.name(), answer(with)? / answer(without)?);
    }
    Ok(samples)
}

/// What is asked of many guests.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Many {
    /// Milliseconds below which such a part of the first guest's frames was seen, or a newer one.
    Latency(f64),
    /// Milliseconds of processor time of service, devices and VNC server for each frame of any guest.
    Cost,
    /// MiB that only one process uses, for each guest.
    Memory,
    /// Milliseconds from the start of a service that takes the place of a dead one until all guests are
    /// shown.
    Restart,
}

/// The number of one process kind, of so many guests.
pub(crate) fn measure_many(bench: &Bench, count: usize, many: Many) -> Result<Samples> {
    let mut path = bench.path.borrow_mut();
    let mut samples = Samples::default();
    let name = Who::Porthole.name();
    let path = &mut *path;
    path.quiet();
    let crowd = path.crowd(count)?;
    match many {
        Many::Memory => {
            let (device, service) = crowd.memory();
            samples.note(format!("{device:.2} MiB of the device, {service:.2} in the service"));
            samples.add(name, device + service);
        }
        Many::Restart => {
            for round in 1..=bench.rounds {
                let time = crowd.restart()?;
                say(&format!("  round {round}: {time:.1} ms"));
                samples.add(name, time);
            }
        }
        Many::Latency(_) | Many::Cost => {
            for together in path.together(bench, count)? {
                let Together { first, frames } = together;
                if many == Many::Cost {
                    samples.note(format!("{frames} frames: {}", shares(first, *frames)));
                }
                samples.add(
                    name,
                    match many {
                        Many::Latency(part) => quantile(&first.latencies, part)?,
                        _ => {
                            let spent = first.spent.iter().map(|(_, spent)| *spent).sum();
                            milliseconds(spent) / number((*frames).max(1) as u64)
                        }
                    },
                );
            }
        }
    }
    Ok(samples)
}

impl Path {
    /// So many guests on one port.
    fn crowd(&mut self, count: usize) -> Result<&mut Crowd> {
        if self.crowd.is_none() {
            self.crowd = Some(Crowd::start()?);
        }
        let crowd = self.crowd.as_mut().ok_or_else(|| RigError::failed("there is no service"))?;
        crowd.grow(count)?;
        Ok(crowd)
    }

    /// The single guests are not needed any more.
    fn quiet(&mut self) {
        self.systems.clear();
    }

    fn together(&mut self, bench: &Bench, count: usize) -> Result<&Vec<Together>> {
        if !self.crowds.contains_key(&count) {
            let mut runs = Vec::new();
            for _ in 0..bench.rounds {
                let first = self.next;
                self.next = self.next.wrapping_add(MOST_FRAMES) & 0xff_ffff;
                runs.push(self.crowd(count)?.run(first, bench.span)?);
            }
            self.crowds.insert(count, runs);
        }
        self.crowds.get(&count).ok_or_else(|| RigError::failed("nothing was measured"))
    }

    /// A system, started when it is first needed.
    fn system(&mut self, who: Who) -> std::result::Result<&mut System, String> {
        let system = self.systems.entry(who).or_insert_with(|| {
            let _step = Step::start(format!("booting a guest for {}", who.name()));
            System::start(who).map_err(|error| error.to_string())
        });
        system.as_mut().map_err(|error| error.clone())
    }

    fn run(&mut self, bench: &Bench, load: Load, coding: Coding, whose: &[Who]) -> Runs {
        let mut runs = Vec::new();
        for round in 1..=bench.rounds {
            for who in whose.iter().copied() {
                let first = self.next;
                self.next = self.next.wrapping_add(MOST_FRAMES) & 0xff_ffff;
                let outcome = self.system(who).and_then(|system| {
                    system.pause(false);
                    let outcome = run::run(system, load, coding.encoding(), first, bench.span);
                    system.pause(true);
                    outcome.map_err(|error| error.to_string())
                });
                say(&format!("  round {round}: {}", describe(who, &outcome)));
                runs.push((who, outcome));
            }
        }
        runs
    }
}

impl Metric {
    /// The number of one run; none where nobody counts it.
    fn of(self, outcome: &Outcome) -> Result<Option<f64>> {
        let frames = number(outcome.guest_frames.max(1));
        let each = |spent: u64| milliseconds(spent) / number(outcome.seen.max(1) as u64);
        Ok(Some(match self {
            Self::Latency(part) => quantile(&outcome.latencies, part)?,
            Self::Rate => number(outcome.seen as u64) / outcome.seconds,
            Self::Cost => each(outcome.spent.iter().map(|(_, spent)| *spent).sum()),
            Self::Decoding => {
                let decoders = ["porthole-rfb", "vncviewer"];
                let decoder = outcome.spent.iter().find(|(who, _)| decoders.contains(who));
                let Some((_, spent)) = decoder else { return Ok(None) };
                each(*spent)
            }
            Self::GuestRate => outcome.guest_rate,
            Self::Interrupts => number(outcome.interrupts) / frames,
            Self::Copied if outcome.copied.is_empty() => return Ok(None),
            Self::Copied => {
                let bytes = outcome.copied.iter().map(|(_, bytes)| *bytes).sum();
                number(bytes) / 1e6 / frames
            }
            Self::Kicks => match outcome.kicks {
                Some(kicks) => number(kicks) / frames,
                None => return Ok(None),
            },
        }))
    }
}

/// What a reader of the numbers should know of a run.
fn describe(who: Who, outcome: &std::result::Result<Outcome, String>) -> String {
    let outcome = match outcome {
        Ok(outcome) => outcome,
        Err(error) => return format!("{} failed: {error}", who.name()),
    };
    let part = |part| quantile(&outcome.latencies, part).unwrap_or(f64::NAN);
    let frames = number(outcome.guest_frames.max(1));
    let copied = outcome.copied.iter();
    let copied = copied
        .map(|(who, bytes)| format!(", {who} copies {:.3} MB", number(*bytes) / 1e6 / frames));
    let copies: String = copied.collect();
    let kicks = outcome.kicks.map(|kicks| format!(", {:.2} kicks", number(kicks) / frames));
    format!(
        "{}: {:.2} ms in the middle, {:.2} of 99 in 100, {} of {} frames seen in {:.1} s, {:.1} MB; {}; \
         guest: {:.1} frames/s, a frame has {:.2} interrupts{}{}",
        who.name(),
        part(0.5),
        part(0.99),
        outcome.seen,
        outcome.drawn,
        outcome.seconds,
        number(outcome.bytes) / 1e6,
        shares(outcome, outcome.seen),
        outcome.guest_rate,
        number(outcome.interrupts) / frames,
        kicks.unwrap_or_default(),
        copies,
    )
}

/// The processor time of each frame, by who spent it.
fn shares(outcome: &Outcome, frames: usize) -> String {
    let frames = number(frames.max(1) as u64);
    let share = |(who, spent): &(_, u64)| format!("{who} {:.2}", milliseconds(*spent) / frames);
    let shares: Vec<String> = outcome.spent.iter().map(share).collect();
    format!("ms of CPU/frame: {}", shares.join(", "))
}
